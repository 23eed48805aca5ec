"""The command line: serve, manage accounts, sweep and check, migrate, upload, set up clients.

Each command is a function of the parsed arguments that returns its exit status; what a program would read goes to
standard output, as JSON with ``--json``, everything else to standard error.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from chevupload.cli import accounts, client, client_config, database, hosted, maintenance, serve
from chevupload.errors import ChevuploadError

if TYPE_CHECKING:
    from chevupload.app import ChevUpload


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 when it failed, 2 for wrong usage.

    With ``--json``, what went wrong is JSON on standard output, too: ``{"error": {"message": "..."}}``.
    """
    return _run(build_parser(), sys.argv[1:] if arguments is None else arguments)


def host_main(component: ChevUpload, arguments: Sequence[str], *, prog: str) -> int:
    """Run one of the commands that a host has for its component, and return its exit status, as :func:`main` does.

    ``prog`` is how the host calls them, for the help.
    """
    parser = _Parser(prog=prog, description="Look after the uploads of this application.")
    hosted.add_commands(parser, component)
    return _run(parser, arguments)


def _run(parser: argparse.ArgumentParser, words: Sequence[str]) -> int:
    as_json = "--json" in words
    try:
        options = parser.parse_args(words)
        return int(options.run(options))
    except _WrongUsage as error:
        _tell(str(error), as_json=as_json, usage=error.usage)
        return 2
    except ChevuploadError as error:
        _tell(str(error), as_json=as_json)
    except OSError as error:
        subject = f"{error.filename}: " if error.filename else ""
        _tell(f"{subject}{error.strerror or error}", as_json=as_json)
    except KeyboardInterrupt:
        return 130
    return 1


def _tell(message: str, *, as_json: bool, usage: str = "") -> None:
    """Say what went wrong, to a program or to a person."""
    if as_json:
        print(json.dumps({"error": {"message": message}}, ensure_ascii=False))
    else:
        print(f"{usage}chevupload: {message}", file=sys.stderr)


class _WrongUsage(Exception):
    """A command that there is not, or options that do not fit it."""

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


class _Parser(argparse.ArgumentParser):
    """A parser that leaves it to its caller to say what is wrong."""

    def error(self, message: str) -> NoReturn:
        raise _WrongUsage(message, self.format_usage())


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = _Parser(prog="chevupload", description="A Chevereto-compatible upload server.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve.add_commands(commands)
    accounts.add_commands(commands)
    maintenance.add_commands(commands)
    database.add_commands(commands)
    client.add_commands(commands)
    client_config.add_commands(commands)
    return parser


def _version() -> str:
    try:
        return importlib.metadata.version("chevupload")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
