"""The command line of the uploads as a group of commands of a Flask application: ``flask chevupload``."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import click
import flask
from flask.cli import with_appcontext


class Commands(click.Group):
    """``flask chevupload``: its commands are loaded when somebody uses it, which a server never does."""

    @cached_property
    def _loaded(self) -> click.Group:
        from chevupload.cli import host_commands, hosted  # noqa: PLC0415 - the whole command line comes with it
        from chevupload.cli.command_line import CommandLine  # noqa: PLC0415

        @click.group(self.name, cls=CommandLine, commands=host_commands.commands, help=host_commands.help)
        @with_appcontext
        @click.pass_context
        def commands(ctx: click.Context) -> None:
            """Have the component of the current application at hand."""
            ctx.obj = hosted(flask.current_app.extensions["chevupload"])

        return commands

    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:
        """See click.Group, as all here: the group that has the commands goes on."""
        return self._loaded.make_context(*arguments, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        """See click.Group."""
        return self._loaded.invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See click.Group."""
        return self._loaded.list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See click.Group."""
        return self._loaded.get_command(ctx, cmd_name)
