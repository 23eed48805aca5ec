"""The command line of the uploads as a group of commands of a Flask application: ``flask chevupload``."""

from __future__ import annotations

import click
import flask
from flask.cli import with_appcontext

from chevupload.cli import host_commands, hosted
from chevupload.cli.command_line import CommandLine


@click.group("chevupload", cls=CommandLine, commands=host_commands.commands, help=host_commands.help)
@with_appcontext
@click.pass_context
def commands(ctx: click.Context) -> None:
    """Have the component of the current application at hand."""
    ctx.obj = hosted(flask.current_app.extensions["chevupload"])
