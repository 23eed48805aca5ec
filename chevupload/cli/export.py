"""The command ``export``: all that is known of a user, in one file."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from chevupload.cli.command_line import Report, SiteCommand
from chevupload.cli.selection import cached_urls, searchable
from chevupload.cli.sites import ChosenSite
from chevupload.cli.stop_flag import stop_signals
from chevupload.cli.terminal import counted, progress_bar
from chevupload.cli.values import TEXT
from chevupload.filesystem import new_file
from chevupload.records.selection import Selection
from chevupload.uploads.exporting import Export


@click.command("export", cls=SiteCommand, help="Write all that is known of USER into FILE, a new ZIP archive.")
@click.argument("user", type=TEXT)
@click.argument("file", type=click.Path(path_type=Path))
def export(site: ChosenSite, user: str, file: Path) -> Report:
    """Export a user: every original, and the records in ``manifest.json``."""
    with site.open_component() as component, new_file(file) as archive, stop_signals() as ending:
        user_id = site.user_id(component, user)
        account = site.account(component, user)
        count = searchable(component).count(Selection(owner_id=user_id)).files
        context, urls = component.context, partial(cached_urls, component)
        part = Export(context, component.uploads, context.key_store, urls)
        uploads, missing = 0, []
        with progress_bar("export", count) as bar:
            for exported in part.write(user_id, archive, account={} if account is None else asdict(account)):
                uploads += 1
                if exported.file is None:
                    missing.append(exported.upload.id)
                bar.update(1)
                if ending.is_set():
                    raise KeyboardInterrupt
    lines = [f"missing: the original of upload {upload_id}" for upload_id in missing]
    text = "\n".join([*lines, f"exported {counted(uploads, 'upload')} of {user} into {file}"])
    return Report({"user_id": user_id, "uploads": uploads, "missing": missing}, text, status=1 if missing else 0)
