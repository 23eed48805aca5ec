"""What the commands share: the data folder, and output that people or programs read.

May know: the embedded site.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from chevupload.errors import ConfigError
from chevupload.site import DATABASE, Site

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Command = Callable[[argparse.Namespace], int]

DEFAULT_FOLDER = "./chevupload-data"


def add_command(
    commands: Commands, name: str, run: Command, help_text: str, *, data: bool = True, json_output: bool = True
) -> argparse.ArgumentParser:
    """Add one command, with ``--data`` and ``--json`` where they make sense."""
    parser = commands.add_parser(name, help=help_text, description=help_text)
    parser.set_defaults(run=run)
    if data:
        parser.add_argument("--data", default=DEFAULT_FOLDER, metavar="FOLDER", help="data folder (%(default)s)")
    if json_output:
        parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


@contextlib.contextmanager
def open_site(options: argparse.Namespace, *, make: bool = False) -> Iterator[Site]:
    """Open the data folder for one command, which makes it only when it is a first one's to make.

    Raises:
        ConfigError: there is no site in it.
    """
    if not make and not (Path(options.data) / DATABASE).exists():
        raise ConfigError(f"there is no site in {options.data}; serve or user add makes one")
    site = Site(options.data)
    try:
        yield site
    finally:
        site.close()


def show(options: argparse.Namespace, value: Any, text: str) -> None:
    """Print ``value`` as JSON when asked to, else ``text``."""
    print(json.dumps(value, ensure_ascii=False, default=str) if options.json else text)
