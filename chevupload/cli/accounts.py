"""Commands for users, keys, albums and categories."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chevupload.cli.common import Commands, add_command, confirm, line, name, show, text
from chevupload.cli.sites import open_accounts, open_component
from chevupload.errors import ConfigError, InvalidParameter, NameTaken
from chevupload.uploads.parameters import add_months, parse_expiration

if TYPE_CHECKING:
    from chevupload.db.accounts import AccountKey

_KEY_HEADER = ("ID", "USER", "STATE", "MADE", "EXPIRES", "LABEL")


def add_commands(commands: Commands) -> None:
    """Add ``user``, ``key``, ``album`` and ``category``."""
    users = _group(commands, "user", "manage users")
    add = add_command(users, "add", add_user, "add a user")
    add.add_argument("name", type=name)
    add.add_argument("--admin", action="store_true", help="may use use_file_date and upload duplicates")
    add_command(users, "list", list_users, "list users")
    for word, command, help_text in (
        ("disable", disable_user, "make a user's keys useless"),
        ("enable", enable_user, "make a disabled user's keys useful again"),
    ):
        add_command(users, word, command, help_text).add_argument("name", type=text)
    delete = add_command(users, "delete", delete_user, "remove a user, with keys, albums and uploads")
    delete.add_argument("name", type=text)
    delete.add_argument("--yes", action="store_true", help="do not ask")

    keys = _group(commands, "key", "manage keys")
    add = add_command(keys, "add", add_key, "make a key, which is shown this once")
    add.add_argument("user", type=text)
    add.add_argument("--label", type=line, default="", help="what the key is for")
    add.add_argument("--style", choices=("chevereto", "imgbb"), default="chevereto", help="spelling (%(default)s)")
    add.add_argument(
        "--expires", metavar="DURATION", help="end the key after this ISO 8601 duration, such as P90D for 90 days"
    )
    add_command(keys, "list", list_keys, "list keys, never their texts")
    revoke = add_command(keys, "revoke", revoke_key, "end a key for good")
    revoke.add_argument("id", type=text, help="the key's id, from key list")

    albums = _group(commands, "album", "manage albums")
    add = add_command(albums, "add", add_album, "add an album and print the id that album_id takes")
    add.add_argument("user", type=text)
    add.add_argument("title", type=name)
    add_command(albums, "list", list_albums, "list a user's albums").add_argument("user", type=text)

    categories = _group(commands, "category", "manage categories")
    add = add_command(categories, "add", add_category, "add a category and print the id that category_id takes")
    add.add_argument("name", type=name)
    add_command(categories, "list", list_categories, "list categories")


def _group(commands: Commands, word: str, help_text: str) -> Commands:
    parser: argparse.ArgumentParser = commands.add_parser(word, help=help_text)
    return parser.add_subparsers(required=True, metavar="COMMAND")


def add_user(options: argparse.Namespace) -> int:
    """Add a user."""
    with open_accounts(options, make=True) as accounts:
        try:
            user_id = accounts.add_user(options.name, is_admin=options.admin)
        except NameTaken:
            raise NameTaken(f"there is a user {options.name!r} already") from None
    show(options, {"id": user_id, "name": options.name, "is_admin": options.admin}, f"added user {options.name}")
    return 0


def list_users(options: argparse.Namespace) -> int:
    """List users."""
    with open_accounts(options) as accounts:
        users = accounts.list_users()
    lines = (
        f"{user.name}{'  admin' if user.is_admin else ''}{'  disabled' if user.disabled_at else ''}" for user in users
    )
    show(options, [dataclasses.asdict(user) for user in users], "\n".join(lines))
    return 0


def disable_user(options: argparse.Namespace) -> int:
    """Make a user's keys useless."""
    return _switch(options, disabled=True)


def enable_user(options: argparse.Namespace) -> int:
    """Make a disabled user's keys useful again."""
    return _switch(options, disabled=False)


def _switch(options: argparse.Namespace, *, disabled: bool) -> int:
    with open_accounts(options) as accounts:
        accounts.disable_user(options.name, disabled=disabled)
    said = f"{'disabled' if disabled else 'enabled'} {options.name}"
    show(options, {"name": options.name, "disabled": disabled}, said)
    return 0


def delete_user(options: argparse.Namespace) -> int:
    """Remove a user, with keys and uploads."""
    with open_accounts(options) as accounts, open_component(options) as component:
        if accounts.find_user(options.name) is not None:
            confirm(options, f"Delete the user {options.name}, with all keys, albums and uploads?")
        user_id = accounts.delete_user(options.name)
        component.forget(user_id)
    show(options, {"id": user_id, "name": options.name}, f"deleted user {options.name}, with keys and uploads")
    return 0


def add_key(options: argparse.Namespace) -> int:
    """Make a key."""
    expires_at = _end(options.expires, datetime.now(UTC).replace(microsecond=0))
    with open_accounts(options) as accounts:
        made = accounts.add_key(options.user, label=options.label, style=options.style, expires_at=expires_at)
    show(options, {"id": made.id, "key": made.key, "expires_at": expires_at}, made.key)
    return 0


def _end(duration: str | None, now: datetime) -> datetime | None:
    if duration is None:
        return None
    try:
        # The API takes a number for seconds; who ends a key after "90" means days.
        expiration = None if duration.strip().isdecimal() else parse_expiration(duration)
        if expiration is None:
            # Nothing, where an end was asked for, must not make a key without end.
            raise ValueError(duration)
        return add_months(now, expiration.months) + timedelta(seconds=expiration.seconds)
    except (InvalidParameter, ValueError, OverflowError):
        raise ConfigError(f"not an ISO 8601 duration, such as P90D for 90 days: {duration}") from None


def list_keys(options: argparse.Namespace) -> int:
    """List keys."""
    now = datetime.now(UTC)
    with open_accounts(options) as accounts:
        keys = accounts.list_keys()
    rows = [_key_row(key, now) for key in keys]
    document = [dataclasses.asdict(key) | {"state": _key_state(key, now)} for key in keys]
    show(options, document, _table([_KEY_HEADER, *rows]))
    return 0


def _key_state(key: AccountKey, now: datetime) -> str:
    if key.is_usable(now):
        return "usable"
    return "revoked" if key.revoked_at else "expired"


def _key_row(key: AccountKey, now: datetime) -> tuple[str, ...]:
    expires = f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "never"
    return key.id, key.user, _key_state(key, now), f"{key.created_at:%Y-%m-%d}", expires, key.label


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Set rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def revoke_key(options: argparse.Namespace) -> int:
    """End a key."""
    with open_accounts(options) as accounts:
        revoked = accounts.revoke_key(options.id)
        is_known = revoked or any(key.id == options.id for key in accounts.list_keys())
    if revoked:
        said = f"revoked {options.id}"
    else:
        said = f"{options.id} was revoked already" if is_known else f"there is no key {options.id}"
    show(options, {"id": options.id, "revoked": revoked}, said)
    return 0 if revoked else 1


def add_album(options: argparse.Namespace) -> int:
    """Add an album."""
    with open_accounts(options) as accounts:
        album_id = accounts.add_album(options.user, options.title)
    show(options, {"id": album_id, "title": options.title}, album_id)
    return 0


def list_albums(options: argparse.Namespace) -> int:
    """List a user's albums."""
    with open_accounts(options) as accounts:
        albums = accounts.list_albums(options.user)
    lines = (f"{album.id}  {album.title}" for album in albums)
    show(options, [dataclasses.asdict(album) for album in albums], "\n".join(lines))
    return 0


def add_category(options: argparse.Namespace) -> int:
    """Add a category."""
    with open_accounts(options, make=True) as accounts:
        try:
            category_id = accounts.add_category(options.name)
        except NameTaken:
            raise NameTaken(f"there is a category {options.name!r} already") from None
    show(options, {"id": category_id, "name": options.name}, str(category_id))
    return 0


def list_categories(options: argparse.Namespace) -> int:
    """List categories."""
    with open_accounts(options) as accounts:
        categories = accounts.list_categories()
    lines = (f"{category.id}  {category.name}" for category in categories)
    show(options, [dataclasses.asdict(category) for category in categories], "\n".join(lines))
    return 0
