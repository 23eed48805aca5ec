"""What the commands share: how they are added, the options that name a site, and output for people or programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import SplitResult, urlsplit

from chevupload.config import Routes
from chevupload.errors import ConfigError

Commands: TypeAlias = "argparse._SubParsersAction[Any]"
Command = Callable[[argparse.Namespace], int]

DEFAULT_FOLDER = "./chevupload-data"
SERVER_URL = "http://127.0.0.1:8080"
SERVER_HELP = "the server, with or without /api/1/upload (CHEVUPLOAD_URL, or %(default)s)"


def add_command(
    commands: Commands, name: str, run: Command, help_text: str, *, site: bool = True, json_output: bool = True
) -> argparse.ArgumentParser:
    """Add one command, with what names its site and with ``--json`` where they make sense."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    parser.set_defaults(run=run)
    if site:
        add_site_options(parser)
    if json_output:
        parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def add_site_options(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """Add ``--data`` and ``--app``, and return the group of which only one may be given."""
    group = parser.add_mutually_exclusive_group()
    add_data_option(group)
    group.add_argument(
        "--app", metavar="MODULE:NAME", help="a component, or a Flask or Pyramid application with one; NAME() makes it"
    )
    return group


def add_data_option(parser: argparse._ActionsContainer) -> None:
    """Add ``--data``."""
    parser.add_argument("--data", default=DEFAULT_FOLDER, metavar="FOLDER", help="data folder (%(default)s)")


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


def line(value: str) -> str:
    """Take an argument that is one line of text.

    Raises:
        ConfigError: it holds a line break or another control character, or is not UTF-8.
    """
    if not text(value).isprintable():
        raise ConfigError(f"not one line of printable text: {value!a}")
    return value


def name(value: str) -> str:
    """Take an argument that names something, without the white space around it.

    Raises:
        ConfigError: there is nothing to see, or it is not one line of text.
    """
    if not line(value).strip():
        raise ConfigError("a name must not be empty")
    return value.strip()


def confirm(options: argparse.Namespace, question: str) -> None:
    """Ask on the terminal whether to go on; ``--yes`` has answered already.

    Raises:
        ConfigError: the answer is no, or there is no terminal to ask on.
    """
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("--yes is needed where nobody can be asked")
    # What a program reads stays free of it.
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ConfigError("nothing was changed")


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


def show(options: argparse.Namespace, value: Any, text: str) -> None:
    """Print ``value`` as JSON when asked to, else ``text``."""
    print(json.dumps(value, ensure_ascii=False, default=_spelled) if options.json else text)


def _spelled(value: Any) -> str:
    """Spell what JSON has no word for; times in whole seconds."""
    return str(value.replace(microsecond=0) if isinstance(value, datetime) else value)
