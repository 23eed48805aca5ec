"""Options that say which uploads are meant, and what is printed of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chevupload.cli.sites import ChosenSite
from chevupload.cli.values import MD5, MOMENT, TEXT
from chevupload.errors import ConfigError
from chevupload.model import Upload
from chevupload.protocols import SearchableRecords
from chevupload.records.selection import Selection

if TYPE_CHECKING:
    from chevupload.app import ChevUpload

F = TypeVar("F", bound=Callable[..., Any])

_PAGE = 200
_OPTIONS = (
    click.option("--user", type=TEXT, metavar="USER", help="Uploads of this user."),
    click.option("--guests", "of_guests", is_flag=True, help="Uploads of guests."),
    click.option("--from", "received_from", type=MOMENT, help="That came then or later, in UTC without a zone."),
    click.option("--to", "received_before", type=MOMENT, help="That came before then."),
    click.option("--min-bytes", type=click.IntRange(0), help="With originals of this size or larger."),
    click.option("--max-bytes", type=click.IntRange(0), help="With originals of this size or smaller."),
    click.option("--md5", type=MD5, help="With this hash, of the original or of the file that was sent."),
    click.option("--album", "album_id", type=TEXT, metavar="ID", help="In this album."),
    click.option("--type", type=click.Choice(["image", "video"]), help="Of this type."),
)


def selection_options(command: F) -> F:
    """Give a command the options that select uploads; :func:`selection_of` takes their values."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selection_of(site: ChosenSite, component: ChevUpload, *, user: str | None, **values: Any) -> Selection:
    """Return what the values of the options select.

    Raises:
        BackendError: the catalog is away.
        ConfigError: there is no such user or album, or nobody could have such uploads.
    """
    if user is not None and values["of_guests"]:
        raise ConfigError("--user and --guests exclude each other")
    owner_id = None if user is None else site.user_id(component, user)
    if owner_id is None and (album_id := values["album_id"]) is not None:
        # Of an owner, uploads are found by an index.
        if (album := component.albums.get(album_id)) is None:
            raise ConfigError(f"there is no album {album_id}")
        owner_id = album.owner_id
    return Selection(owner_id=owner_id, **values)


def searchable(component: ChevUpload) -> SearchableRecords:
    """Return the records of a site.

    Raises:
        ConfigError: the catalog cannot search.
    """
    if not isinstance(component.catalog, SearchableRecords):
        raise ConfigError("this catalog cannot search: it has none of the methods of SearchableRecords")
    return component.catalog


def pages(uploads: Iterable[Upload]) -> Iterator[list[Upload]]:
    """Yield uploads together that are deleted together."""
    rest = iter(uploads)
    while page := list(islice(rest, _PAGE)):
        yield page


def cached_urls(component: ChevUpload, upload: Upload) -> Mapping[str, str]:
    """Return every URL under which a cache may hold something of an upload; none on a site without ``base_url``."""
    return {} if component.config.base_url is None else component.links().cached(upload)


def upload_document(component: ChevUpload, upload: Upload, names: Mapping[str | None, str]) -> dict[str, Any]:
    """Return all that is known of an upload; ``names`` has those of users by their ids."""
    user = names.get(upload.owner_id, upload.owner_id)
    return dataclasses.asdict(upload) | {"user": user, "urls": cached_urls(component, upload)}


def printable(text: str) -> str:
    """Return a client's text as one line without anything that a terminal would take for a command."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
