"""The commands that every host has for its own component: ``create-tables``, ``sweep`` and ``check``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from chevupload.cli import maintenance
from chevupload.cli.common import add_command
from chevupload.cli.sites import open_component
from chevupload.errors import ConfigError

if TYPE_CHECKING:
    from chevupload.app import ChevUpload


def add_commands(parser: argparse.ArgumentParser, component: ChevUpload) -> None:
    """Add the commands, all of which work on ``component``, to the parser of a host."""
    parser.set_defaults(component=component)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    help_text = "make the tables that are missing"
    add_command(commands, "create-tables", create_tables, help_text, site=False, json_output=False)
    maintenance.add_commands(commands, site=False)


def create_tables(options: argparse.Namespace) -> int:
    """Make the tables that are missing."""
    with open_component(options) as component:
        create = getattr(component.catalog, "create_tables", None)
        if create is None:
            raise ConfigError("this catalog has no tables")
        create()
    return 0
