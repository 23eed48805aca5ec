"""What the commands share: the data folder, and output that people or programs read.

May know: the embedded site, which is loaded by the commands that open one, and by no others.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import SplitResult, urlsplit

from chevupload.config import Routes
from chevupload.errors import ConfigError

if TYPE_CHECKING:
    from chevupload.site import Site

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Command = Callable[[argparse.Namespace], int]

DEFAULT_FOLDER = "./chevupload-data"
SERVER_URL = "http://127.0.0.1:8080"
SERVER_HELP = "the server, with or without /api/1/upload (CHEVUPLOAD_URL, or %(default)s)"


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


def text(value: str) -> str:
    """Take an argument that is text.

    Raises:
        ConfigError: it is not UTF-8, so that no database could keep it.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"not text in UTF-8: {value!a}") from None
    return value


def name(value: str) -> str:
    """Take an argument that names something.

    Raises:
        ConfigError: there is nothing to see, or it is not UTF-8.
    """
    if not text(value).strip():
        raise ConfigError("a name must not be empty")
    return value


def upload_address(url: str) -> SplitResult:
    """Return the address of a server's upload route; of the server's itself, the route is added.

    Raises:
        ConfigError: it is no address of a server.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            path = parts.path.rstrip("/")
            path = path if path.endswith("/upload") else f"{path}/{Routes().upload}"
            return parts._replace(path=path, query="", fragment="")
    except ValueError:
        pass
    raise ConfigError(f"not the address of a server: {url}")


@contextlib.contextmanager
def open_site(options: argparse.Namespace, *, make: bool = False) -> Iterator[Site]:
    """Open the data folder for one command, which makes it only when it is a first one's to make.

    Raises:
        ConfigError: there is no site in it.
    """
    from chevupload.site import DATABASE, Site  # noqa: PLC0415  # SQLAlchemy comes with it

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
