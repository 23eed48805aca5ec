"""The command line: serve, manage accounts, sweep and check, migrate, upload, set up clients.

May know: everything. Each command is a function of the parsed arguments that returns its exit status; what a program
would read goes to standard output, as JSON with ``--json``, everything else to standard error.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence

from chevupload.cli import accounts, client, client_config, database, maintenance, serve
from chevupload.errors import ChevuploadError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 when it failed, 2 for wrong usage."""
    try:
        options = build_parser().parse_args(arguments)
        return int(options.run(options))
    except ChevuploadError as error:
        print(f"chevupload: {error}", file=sys.stderr)
    except OSError as error:
        subject = f"{error.filename}: " if error.filename else ""
        print(f"chevupload: {subject}{error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = argparse.ArgumentParser(prog="chevupload", description="A Chevereto-compatible upload server.")
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
