"""The commands ``flask chevupload …``."""

from __future__ import annotations

from typing import Any, cast

import click
import flask
from flask.cli import AppGroup

from chevupload.app import ChevUpload
from chevupload.clock import utc_now
from chevupload.errors import ChevuploadError
from chevupload.model import KeyStyle
from chevupload.protocols import UserKeyBackend


class _Group(AppGroup):
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what its parts refuse is said without a traceback."""
        try:
            return super().invoke(ctx)
        except ChevuploadError as error:
            raise click.ClickException(str(error)) from error


commands = _Group("chevupload", help="Uploads: tables, keys and maintenance.")
keys = AppGroup("key", help="Keys of the application's users, who are named by their ids.")
commands.add_command(keys)


def _component() -> ChevUpload:
    return cast(ChevUpload, flask.current_app.extensions["chevupload"])


def _add_host_command(name: str, help_text: str) -> None:
    """Add a command that is the same in every host; its options are read there, and so is ``--help``."""

    @commands.command(name, help=help_text, add_help_option=False, context_settings={"ignore_unknown_options": True})
    @click.argument("options", nargs=-1, type=click.UNPROCESSED)
    def command(options: tuple[str, ...]) -> None:
        from chevupload.cli import host_main  # noqa: PLC0415  # servers need no command line

        status = host_main(_component(), [name, *options], prog="flask chevupload")
        click.get_current_context().exit(status)


_add_host_command("create-tables", "Make the tables that are missing.")
_add_host_command("sweep", "Remove expired, abandoned and half-deleted uploads.")
_add_host_command("check", "Compare records with files, and mend them with --repair.")


@keys.command("add", help="Make a key, and print it this once.")
@click.argument("user_id")
@click.option("--label", default="", help="a name, so that it is known again")
@click.option("--style", type=click.Choice(["chevereto", "imgbb"]), default="chevereto", show_default=True)
def add_key(user_id: str, label: str, style: KeyStyle) -> None:
    """Make a key, and print it this once."""
    store = _component().key_store
    if isinstance(store, UserKeyBackend) and store.principal(user_id) is None:
        raise click.ClickException("there is no such user, or not any more")
    click.echo(store.add_key(user_id, label=label, style=style).key)


@keys.command("list", help="List a user's keys.")
@click.argument("user_id")
def list_keys(user_id: str) -> None:
    """List a user's keys."""
    now = utc_now()
    for key in _component().key_store.keys_of(user_id):
        state = "usable" if key.is_usable(now) else "revoked" if key.revoked_at else "expired"
        click.echo(f"{key.id}  {state:7}  {key.created_at:%Y-%m-%d}  {key.label}".rstrip())


@keys.command("revoke", help="End a key for good.")
@click.argument("user_id")
@click.argument("key_id")
def revoke_key(user_id: str, key_id: str) -> None:
    """End a key for good."""
    if not _component().key_store.revoke_key(key_id, user_id=user_id):
        raise click.ClickException("this user has no such key, or not any more")
