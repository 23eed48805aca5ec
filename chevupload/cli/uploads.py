"""Commands of ``uploads``: list, show, change and delete them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from chevupload.cli.command_line import Report, SiteGroup
from chevupload.cli.selection import (
    pages,
    printable,
    searchable,
    selection_of,
    selection_options,
    upload_document,
)
from chevupload.cli.sites import ChosenSite
from chevupload.cli.terminal import OPERATOR, confirm, counted, progress_bar, yes_option
from chevupload.cli.values import TEXT
from chevupload.errors import ConfigError, ForeignAlbum
from chevupload.model import Rendition, Upload
from chevupload.policy.quota import Usage
from chevupload.records.files import upload_with_file
from chevupload.spool import format_bytes

if TYPE_CHECKING:
    from chevupload.app import ChevUpload

_NAMED = 10
"""How many of the uploads that are to be deleted are named."""
_TOLD = frozenset({"urls", "extra_paths"})
"""What a table has in other rows."""
_ROW = "{:11}  {:16}  {:>12}  {:>11}  {:5}  {:12}  {}"
_HEADER = _ROW.format("ID", "RECEIVED", "BYTES", "PIXELS", "KIND", "USER", "TITLE")

upload_commands = SiteGroup("uploads", help="List, show, change and delete uploads.")


@upload_commands.command("list", help="List uploads: a user's in their order, the oldest first, others in any.")
@selection_options
def _list(site: ChosenSite, **values: Any) -> Iterator[Report]:
    with site.open_component() as component:
        names, header = site.user_names(component), f"{_HEADER}\n"
        for upload in searchable(component).search(selection_of(site, component, **values)):
            yield Report(upload_document(component, upload, names), header + _row(upload, names))
            header = ""


@upload_commands.command(
    "show", help="Show all that is known of an upload, by its id or the address of its viewer or of a file."
)
@click.argument("upload", type=TEXT, metavar="ID")
def _show(site: ChosenSite, upload: str) -> Report:
    with site.open_component() as component:
        document = upload_document(component, _found(component, upload), site.user_names(component))
    urls = {f"url of {name}": url for name, url in document["urls"].items()}
    rows = {
        name: value for name, value in (document | urls).items() if value not in (None, "", ()) and name not in _TOLD
    }
    width = max(map(len, rows))
    return Report(document, "\n".join(f"{name:{width}}  {printable(_shown(value))}" for name, value in rows.items()))


@upload_commands.command(
    "edit", help="Change what is kept with an upload. An empty text clears; what is not given stays."
)
@click.argument("upload", type=TEXT, metavar="ID")
@click.option("--title", type=TEXT, help="As the parameter of this name.")
@click.option("--description", type=TEXT, help="As the parameter of this name.")
@click.option("--tags", type=TEXT, help="With commas between them, in place of all that there are.")
@click.option("--album", "album_id", type=TEXT, metavar="ID", help="One of its owner's.")
@click.option("--category", "category_id", type=TEXT, metavar="ID", help="From category list.")
@click.option("--nsfw/--sfw", default=None, help="Whether it may offend.")
@click.option("--expiration", type=TEXT, help="When it ends, from now on: as the parameter of this name, such as P90D.")
def _edit(site: ChosenSite, upload: str, **values: Any) -> Report:
    changes: Any = {name: value for name, value in values.items() if value is not None}
    if not changes:
        raise click.UsageError("give what is to be changed")
    with site.open_component() as component:
        found = _found(component, upload)
        try:
            changed = component.uploads.update(found, by=OPERATOR, **changes)
        except ForeignAlbum:
            raise ConfigError(f"the owner of upload {found.id} has no album {values['album_id']}") from None
        if changed is None:
            raise ConfigError(f"there is no upload {upload} any more")
        return Report(upload_document(component, changed, site.user_names(component)), f"changed {changed.id}")


@upload_commands.command("delete", help="Delete the uploads with these ids, or those that the options select.")
@click.argument("ids", nargs=-1, type=TEXT, metavar="[ID]...")
@selection_options
@yes_option
def _delete(site: ChosenSite, ids: tuple[str, ...], *, yes: bool, **values: Any) -> Report:
    is_selected = any(value not in (None, False) for value in values.values())
    if bool(ids) == is_selected:
        raise click.UsageError("give either ids or options that select uploads")
    # What comes after the question was not asked about.
    values["received_before"] = min(filter(None, (values["received_before"], datetime.now(UTC))))
    with site.open_component() as component:
        chosen: Iterable[Upload] = [_found(component, given) for given in dict.fromkeys(ids)]
        total = sum((Usage.of(upload, "all") for upload in chosen), Usage())
        if not ids:
            records, selection = searchable(component), selection_of(site, component, **values)
            total, chosen = records.count(selection), records.search(selection)
        if total.files and not yes:
            names, rest = site.user_names(component), iter(chosen)
            shown = [*islice(rest, _NAMED)]
            chosen = chain(shown, rest)
            for upload in shown:
                click.echo(_row(upload, names), err=True)
            more = f"... and {total.files - len(shown)} more\n" if total.files > len(shown) else ""
            confirm(f"{more}Delete {counted(total.files, 'upload')}, {format_bytes(total.bytes)}?")
        deleted = 0
        with progress_bar("delete", total.files) as bar:
            for page in pages(chosen):
                deleted += component.uploads.delete_page(page, by=OPERATOR)
                bar.update(len(page))
    return Report({"deleted": deleted}, f"deleted {counted(deleted, 'upload')}")


def _found(component: ChevUpload, given: str) -> Upload:
    """Return the upload of an id, of the path of a file in the storage, or of the address of its viewer or a file.

    Raises:
        BackendError: the catalog is away.
        ConfigError: there is none.
    """
    upload_id, path, advice = given, given, ""
    if "://" in given:
        base_url = component.config.base_url
        if base_url is None:
            raise ConfigError(f"{given}: on a site without base_url, give an id, or a path such as 2026/01/31/name.jpg")
        links = component.links()
        upload_id, path = links.viewed_id(given) or "", links.file_path(given) or ""
        advice = "" if upload_id or path else f"; the addresses of viewers and files begin with {base_url}/"
    upload = component.catalog.get(upload_id) if upload_id else None
    if upload is None and (upload := upload_with_file(component.catalog, path)) is None:
        raise ConfigError(f"there is no upload {given}{advice}")
    return upload


def _shown(value: object) -> str:
    """Spell a value as people read it."""
    if isinstance(value, Rendition):
        return f"{value.name} {value.width}x{value.height} {value.size} bytes"
    return ", ".join(map(_shown, value)) if isinstance(value, tuple) else str(value)


def _row(upload: Upload, names: Mapping[str | None, str]) -> str:
    user = names.get(upload.owner_id, upload.owner_id) or "guest"
    received, pixels = f"{upload.received_at:%Y-%m-%d %H:%M}", f"{upload.width}x{upload.height}"
    title = printable(upload.title or upload.original_filename)
    return _ROW.format(upload.id, received, upload.size, pixels, upload.extension, user, title).rstrip()
