"""The command ``erase``: everything of a user goes, and a report says what it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from chevupload.cli.command_line import Report, SiteCommand, json_line
from chevupload.cli.jobs import INTERRUPTED, work_on
from chevupload.cli.selection import cached_urls, searchable
from chevupload.cli.sites import ChosenSite
from chevupload.cli.stop_flag import StopFlag, stop_signals
from chevupload.cli.terminal import confirm, counted, yes_option
from chevupload.cli.values import TEXT
from chevupload.model import Upload
from chevupload.policy.quota import Usage
from chevupload.protocols import EditableAlbumRecords
from chevupload.records.selection import Selection
from chevupload.uploads.erasing import revoke_keys

if TYPE_CHECKING:
    from chevupload.app import ChevUpload


@click.command("erase", cls=SiteCommand, help="Take everything of USER away, and report what went and which URLs.")
@click.argument("user", type=TEXT)
@click.option("--report", type=click.Path(path_type=Path), help="Write what goes into this new file, as lines of JSON.")
@yes_option
def erase(site: ChosenSite, user: str, *, report: Path | None, yes: bool) -> Iterator[Report]:
    """Erase a user. The same command goes on where it was stopped."""
    with site.open_component() as component, stop_signals() as ending:
        user_id, account = site.user_id(component, user), site.account(component, user)
        selection = Selection(owner_id=user_id)
        if not yes:
            uploads = counted(searchable(component).count(selection).files, "upload")
            confirm(f"Erase {user}, with {uploads}, all keys and albums? Nothing of this can be undone.")
        keys, albums = component.context.key_store, component.catalog
        summary: dict[str, Any] = {
            "user_id": user_id,
            "begun_at": datetime.now(UTC),
            "keys": 0,
            "albums": albums.count_albums(user_id) if isinstance(albums, EditableAlbumRecords) else 0,
        }
        # A file that cannot be made costs nobody a key.
        with _opened(report) as file:
            # First, so that nothing follows that the report does not name.
            if account is not None:
                site.accounts(component).disable_user(account.name)
            if keys is not None:
                summary["keys"] = revoke_keys(keys, user_id)
            total = Usage()
            for upload in searchable(component).search(selection):
                total += Usage.of(upload, "all")
                went = _went(component, upload)
                if file is None:
                    yield went
                else:
                    file.write(f"{json_line(went.value)}\n")
            if file is not None:
                file.flush()
            job = work_on(component, "erase", ending, owner_id=user_id)
            if job.ended_at is not None and account is not None:
                site.accounts(component).delete_user(account.name)
            summary |= {
                "ended_at": job.ended_at,
                "uploads": total.files,
                "bytes": total.bytes,
                "events_left": _tell(component, ending),
            }
            if file is not None:
                file.write(f"{json_line(summary)}\n")
    parts = {"upload": total.files, "byte": total.bytes, "key": summary["keys"], "album": summary["albums"]}
    what = f"{', '.join(counted(number, noun) for noun, number in parts.items())} of {user}"
    if job.ended_at is None:
        yield Report(summary, f"{what} are to go; the same command goes on from here", status=INTERRUPTED)
        return
    left = f"; {summary['events_left']} events are still to be told" if summary["events_left"] else ""
    yield Report(summary, f"erased {what}{left}")


def _went(component: ChevUpload, upload: Upload) -> Report:
    """Say what goes of an upload, and nothing about what is in it."""
    urls = cached_urls(component, upload)
    document = {
        "upload": upload.id,
        "received_at": upload.received_at,
        "bytes": sum(upload.sizes.values()),
        "files": upload.sizes,
        "urls": urls,
    }
    lines = [f"{upload.id}  {upload.received_at:%Y-%m-%d %H:%M}  {document['bytes']} bytes"]
    return Report(document, "\n    ".join([*lines, *(urls.values() or upload.paths)]))


def _tell(component: ChevUpload, ending: StopFlag) -> int:
    """Tell the events of deletions, such as to caches, and return how many are to be told again."""
    return component.events.deliver(ending=ending).postponed if component.context.hooks.on_event else 0


@contextmanager
def _opened(path: Path | None) -> Iterator[IO[str] | None]:
    """Give a new file, for its owner's eyes only; None without a path."""
    if path is None:
        yield None
        return
    with open(path, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        yield file
