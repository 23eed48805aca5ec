"""The command line: one group of commands, alone and in every host.

A command is a function that returns what it did; :mod:`~chevupload.cli.command_line` prints it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from chevupload.cli.accounts import album_commands, category_commands, key_commands, user_commands
from chevupload.cli.client import upload
from chevupload.cli.client_config import client_config
from chevupload.cli.command_line import CommandLine
from chevupload.cli.config import config_commands
from chevupload.cli.database import database_commands
from chevupload.cli.erase import erase
from chevupload.cli.events import event_commands
from chevupload.cli.export import export
from chevupload.cli.jobs import move, render, verify
from chevupload.cli.maintenance import check, create_tables, sweep
from chevupload.cli.serve import serve
from chevupload.cli.sites import ChosenSite
from chevupload.cli.stats import stats
from chevupload.cli.uploads import upload_commands
from chevupload.cli.usage import usage

if TYPE_CHECKING:
    from chevupload.app import ChevUpload

__all__ = ["commands", "host_commands", "hosted", "main"]

_SITE = [
    *(user_commands, key_commands, album_commands, category_commands, upload_commands),
    *(create_tables, sweep, check, usage, stats, render, move, verify),
    *(export, erase, event_commands, database_commands, config_commands),
]

host_commands = CommandLine("chevupload", commands=_SITE, help="Look after the uploads of this application.")
"""The commands on a site. A host runs them with :func:`hosted` as the object of their context."""

commands = CommandLine(
    "chevupload", commands=[serve, *_SITE, upload, client_config], help="A Chevereto-compatible upload server."
)
click.version_option(package_name="chevupload", message="%(prog)s %(version)s")(commands)


def hosted(component: ChevUpload) -> ChosenSite:
    """Return what commands of a host work on."""
    return ChosenSite(component=component)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of the program's arguments, and return its exit status."""
    try:
        commands.main(arguments, prog_name="chevupload")
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
