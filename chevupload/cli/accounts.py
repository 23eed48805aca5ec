"""Commands for users, keys, albums and categories."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from chevupload.cli.command_line import Report, SiteGroup
from chevupload.cli.sites import ChosenSite
from chevupload.cli.terminal import OPERATOR, confirm, table, yes_option
from chevupload.cli.values import END, LINE, NAME, TEXT, setting, words_option
from chevupload.errors import ConfigError, NameTaken
from chevupload.model import Album, KeyStyle
from chevupload.policy.restrictions import ALBUM_ID, RESTRICTION_KINDS, SCOPES, KeyRestrictions
from chevupload.protocols import AlbumRecords
from chevupload.spool import format_bytes

if TYPE_CHECKING:
    from chevupload.app import ChevUpload
    from chevupload.db.accounts import AccountKey

_KEY_HEADER = ("ID", "USER", "STATE", "MADE", "EXPIRES", "USED", "FOR", "LABEL")

user_commands = SiteGroup("user", help="Manage users.")
key_commands = SiteGroup("key", help="Manage keys.")
album_commands = SiteGroup("album", help="Manage albums.")
category_commands = SiteGroup("category", help="Manage categories.")


@user_commands.command("add", help="Add a user.")
@click.argument("name", type=NAME)
@click.option("--admin", is_flag=True, help="May use use_file_date and upload duplicates.")
def _add_user(site: ChosenSite, name: str, *, admin: bool) -> Report:
    with site.open_accounts(make=True) as accounts:
        try:
            user_id = accounts.add_user(name, is_admin=admin)
        except NameTaken:
            raise NameTaken(f"there is a user {name!r} already") from None
    return Report({"id": user_id, "name": name, "is_admin": admin}, f"added user {name}")


@user_commands.command("list", help="List users.")
def _list_users(site: ChosenSite) -> Report:
    with site.open_accounts() as accounts:
        users = accounts.list_users()
    lines = (
        f"{user.name}{'  admin' if user.is_admin else ''}{'  disabled' if user.disabled_at else ''}" for user in users
    )
    return Report([dataclasses.asdict(user) for user in users], "\n".join(lines))


@user_commands.command("disable", help="Make a user's keys useless.")
@click.argument("name", type=TEXT)
def _disable_user(site: ChosenSite, name: str) -> Report:
    return _switch(site, name, disabled=True)


@user_commands.command("enable", help="Make a disabled user's keys useful again.")
@click.argument("name", type=TEXT)
def _enable_user(site: ChosenSite, name: str) -> Report:
    return _switch(site, name, disabled=False)


def _switch(site: ChosenSite, name: str, *, disabled: bool) -> Report:
    with site.open_accounts() as accounts:
        accounts.disable_user(name, disabled=disabled)
    return Report({"name": name, "disabled": disabled}, f"{'disabled' if disabled else 'enabled'} {name}")


@user_commands.command("delete", help="Remove a user, with keys, albums and uploads.")
@click.argument("name", type=TEXT)
@yes_option
def _delete_user(site: ChosenSite, name: str, *, yes: bool) -> Report:
    with site.open_accounts() as accounts, site.open_component() as component:
        if accounts.find_user(name) is not None and not yes:
            confirm(f"Delete the user {name}, with all keys, albums and uploads?")
        user_id = accounts.delete_user(name)
        component.forget(user_id, by=OPERATOR)
    return Report({"id": user_id, "name": name}, f"deleted user {name}, with keys and uploads")


@key_commands.command("add", help="Make a key for USER, which is shown this once.")
@click.argument("user", type=TEXT)
@click.option("--label", type=LINE, default="", help="What the key is for.")
@click.option("--style", type=click.Choice(["chevereto", "imgbb"]), default="chevereto", show_default=True)
@click.option("--expires", type=END, help="End the key after this ISO 8601 duration, such as P90D for 90 days.")
@words_option(
    "--scope",
    "scopes",
    RESTRICTION_KINDS["scopes"],
    default=["upload"],
    show_default=True,
    help=f"What can be done with the key: {', '.join(SCOPES)}. With commas between, or once for each.",
)
@click.option("--album", "album_id", type=setting("id", ALBUM_ID), help="Upload to this album of USER's only.")
@click.option("--max-bytes", type=click.IntRange(1), help="Largest file, where the user's limit is not lower.")
@words_option("--format", "formats", RESTRICTION_KINDS["formats"], help="Upload these formats only, such as PNG,JPEG.")
@words_option(
    "--origin",
    "origins",
    RESTRICTION_KINDS["origins"],
    help="Take the key from pages of these origins only, such as https://forum.example.",
)
def _add_key(
    site: ChosenSite, user: str, *, label: str, style: KeyStyle, expires: datetime | None, **restrictions: Any
) -> Report:
    try:
        narrowed = KeyRestrictions(**restrictions)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    if narrowed.album_id is not None:
        with site.open_component() as component:
            _check_album(component, site.user_id(component, user), narrowed.album_id, user)
    with site.open_keys() as keys:
        owner_id = keys.user_id(user)
        made = keys.add_key(user, label=label, style=style, expires_at=expires, restrictions=narrowed)
    with site.open_audit() as audit:
        audit.record("key_made", user_id=owner_id, key_id=made.id, detail=OPERATOR.note)
    document = {"id": made.id, "key": made.key, "expires_at": expires, "restrictions": dataclasses.asdict(narrowed)}
    return Report(document, made.key)


def _check_album(component: ChevUpload, owner_id: str, album_id: str, user: str) -> None:
    """Refuse an album that a key could never upload to.

    Raises:
        ConfigError: it is not one of this user's.
    """
    if isinstance(component.catalog, AlbumRecords):
        album = component.catalog.album(album_id)
        if album is None or album.owner_id != owner_id:
            raise ConfigError(f"{user} has no album {album_id}")


@key_commands.command("list", help="List keys, those of USER or all, never their texts.")
@click.argument("user", type=TEXT, required=False)
def _list_keys(site: ChosenSite, user: str | None) -> Report:
    now = datetime.now(UTC)
    with site.open_keys() as keys:
        found = keys.list_keys(user)
    document = [dataclasses.asdict(key) | {"state": _key_state(key, now)} for key in found]
    return Report(document, table([_KEY_HEADER, *(_key_row(key, now) for key in found)]))


def _key_state(key: AccountKey, now: datetime) -> str:
    if key.is_usable(now):
        return "usable"
    return "revoked" if key.revoked_at else "expired"


def _key_row(key: AccountKey, now: datetime) -> tuple[str, ...]:
    expires = f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "never"
    used, made = str(key.last_used_on or "never"), f"{key.created_at:%Y-%m-%d}"
    return key.id, key.user, _key_state(key, now), made, expires, used, _purpose(key.restrictions), key.label


def _purpose(key: KeyRestrictions) -> str:
    """Say what a key is for."""
    parts = [
        "everything" if key.scopes is None else " ".join(sorted(key.scopes)) or "nothing",
        "" if key.album_id is None else f"album {key.album_id}",
        "" if key.max_bytes is None else f"up to {format_bytes(key.max_bytes)}",
        *("" if words is None else " ".join(sorted(words)) or "nothing" for words in (key.formats, key.origins)),
    ]
    return ", ".join(filter(None, parts))


@key_commands.command("revoke", help="End the key ID, from key list, for good. USER's, where a host has the users.")
@click.argument("words", nargs=-1, type=TEXT, required=True, metavar="[USER] ID")
@click.pass_context
def _revoke_key(ctx: click.Context, site: ChosenSite, words: tuple[str, ...]) -> Report:
    *users, key_id = words
    if len(users) > 1:
        ctx.fail("too many words: a user and an id are all it takes")
    user = users[0] if users else None
    with site.open_keys() as keys:
        if (key := next((one for one in keys.list_keys(user) if one.id == key_id), None)) is None:
            raise ConfigError(f"there is no key {key_id}")
        if not keys.revoke_key(key_id, user):
            raise ConfigError(f"{key_id} was revoked already")
    with site.open_audit() as audit:
        audit.record("key_revoked", user_id=key.user_id, key_id=key_id, detail=OPERATOR.note)
    return Report({"id": key_id, "revoked": True}, f"revoked {key_id}")


@album_commands.command("add", help="Add an album and print the id that album_id takes.")
@click.argument("user", type=TEXT)
@click.argument("title", type=NAME)
def _add_album(site: ChosenSite, user: str, title: str) -> Report:
    with site.open_accounts() as accounts, site.open_component() as component:
        album = component.albums.add(accounts.user_id(user), title)
    return Report({"id": album.id, "title": album.title}, album.id)


@album_commands.command("list", help="List a user's albums.")
@click.argument("user", type=TEXT)
def _list_albums(site: ChosenSite, user: str) -> Report:
    with site.open_accounts() as accounts, site.open_component() as component:
        owner_id, albums = accounts.user_id(user), list[Album]()
        while page := component.albums.list(owner_id, after=albums[-1] if albums else None):
            albums += page
    return Report(
        [dataclasses.asdict(album) for album in albums], "\n".join(f"{album.id}  {album.title}" for album in albums)
    )


@album_commands.command("rename", help="Give the album ID, from album list, another title.")
@click.argument("album_id", type=TEXT, metavar="ID")
@click.argument("title", type=NAME)
def _rename_album(site: ChosenSite, album_id: str, title: str) -> Report:
    with site.open_component() as component:
        if (album := component.albums.rename(album_id, title)) is None:
            raise ConfigError(f"there is no album {album_id}")
    return Report({"id": album.id, "title": album.title}, f"renamed {album.id}")


@album_commands.command("delete", help="Remove the album ID, from album list; its uploads stay, without an album.")
@click.argument("album_id", type=TEXT, metavar="ID")
@yes_option
def _delete_album(site: ChosenSite, album_id: str, *, yes: bool) -> Report:
    with site.open_component() as component:
        album = component.albums.get(album_id)
        if album is not None and not yes:
            confirm(f"Delete the album {album.title}?")
        if not component.albums.delete(album_id):
            raise ConfigError(f"there is no album {album_id}")
    return Report({"id": album_id, "deleted": True}, f"deleted {album_id}")


@category_commands.command("add", help="Add a category and print the id that category_id takes.")
@click.argument("name", type=NAME)
def _add_category(site: ChosenSite, name: str) -> Report:
    with site.open_accounts(make=True) as accounts:
        try:
            category_id = accounts.add_category(name)
        except NameTaken:
            raise NameTaken(f"there is a category {name!r} already") from None
    return Report({"id": category_id, "name": name}, str(category_id))


@category_commands.command("list", help="List categories.")
def _list_categories(site: ChosenSite) -> Report:
    with site.open_accounts() as accounts:
        categories = accounts.list_categories()
    return Report(
        [dataclasses.asdict(category) for category in categories],
        "\n".join(f"{category.id}  {category.name}" for category in categories),
    )
