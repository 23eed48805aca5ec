"""What the commands share: the data folder, and output that people or programs read.

May know: the embedded site.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from chevupload.site import Site

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
def open_site(options: argparse.Namespace) -> Iterator[Site]:
    """Open the data folder for one command."""
    site = Site(options.data)
    try:
        yield site
    finally:
        site.close()


def show(options: argparse.Namespace, value: Any, text: str) -> None:
    """Print ``value`` as JSON when asked to, else ``text``."""
    print(json.dumps(value, ensure_ascii=False, default=str) if options.json else text)
