"""The commands ``flask chevupload …``.

May know: Flask's commands, and the component.
"""

from __future__ import annotations

import click
from flask.cli import AppGroup

from chevupload.app import ChevUpload
from chevupload.clock import utc_now
from chevupload.interfaces import KeyStore
from chevupload.model import KeyStyle


def commands(component: ChevUpload) -> AppGroup:
    """Return the commands on ``component``."""
    group = AppGroup("chevupload", help="Uploads: tables, keys and upkeep.")

    @group.command("create-tables")
    def create_tables() -> None:
        """Make the tables that are missing."""
        create = getattr(component.catalog, "create_tables", None)
        if create is None:
            raise click.ClickException("this catalog has no tables")
        create()

    @group.command()
    def sweep() -> None:
        """Remove expired, abandoned and half-deleted uploads."""
        report = component.upkeep.sweep()
        click.echo(f"removed {report.uploads} uploads and {report.temporary_files} temporary files")
        if report.failed:
            raise click.ClickException(f"{report.failed} uploads could not be removed; see the log")

    @group.command()
    def check() -> None:
        """Look for every file of every upload."""
        report = component.upkeep.check()
        for upload_id, path in report.missing:
            click.echo(f"{upload_id}: {path} is missing")
        if report.missing:
            raise click.ClickException(f"{len(report.missing)} files of {report.uploads} uploads are missing")
        click.echo(f"{report.uploads} uploads, all there")

    if component.key_store is not None:
        group.add_command(_key_commands(component.key_store))
    return group


def _key_commands(keys: KeyStore) -> AppGroup:
    group = AppGroup("key", help="Keys of the application's users, who are named by their ids.")

    @group.command()
    @click.argument("user_id")
    @click.option("--label", default="", help="a name, so that it is known again")
    @click.option("--style", type=click.Choice(["chevereto", "imgbb"]), default="chevereto", show_default=True)
    def add(user_id: str, label: str, style: KeyStyle) -> None:
        """Make a key, and print it this once."""
        click.echo(keys.add_key(user_id, label=label, style=style).key)

    @group.command("list")
    @click.argument("user_id")
    def list_keys(user_id: str) -> None:
        """List a user's keys."""
        now = utc_now()
        for key in keys.keys_of(user_id):
            state = "usable" if key.is_usable(now) else "revoked" if key.revoked_at else "expired"
            click.echo(f"{key.id}  {state:7}  {key.created_at:%Y-%m-%d}  {key.label}".rstrip())

    @group.command()
    @click.argument("user_id")
    @click.argument("key_id")
    def revoke(user_id: str, key_id: str) -> None:
        """End a key for good."""
        if not keys.revoke_key(key_id, user_id=user_id):
            raise click.ClickException("this user has no such key, or not any more")

    return group
