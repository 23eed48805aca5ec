"""The command ``stats``: what a site keeps."""

from __future__ import annotations

from dataclasses import asdict

import click

from chevupload.cli.command_line import Report, SiteCommand
from chevupload.cli.selection import searchable
from chevupload.cli.sites import ChosenSite
from chevupload.cli.terminal import table
from chevupload.formats import BY_EXTENSION
from chevupload.policy.quota import Usage
from chevupload.spool import format_bytes


@click.command("stats", cls=SiteCommand, help="Count uploads and the bytes of their files, by format and by user.")
@click.option(
    "--users", type=click.IntRange(0, 10_000), default=10, show_default=True, help="How many users, who keep most."
)
def stats(site: ChosenSite, users: int) -> Report:
    """Count everything, by names where the users are the site's own."""
    with site.open_component() as component:
        found = searchable(component).statistics(owners=users)
        names = site.user_names(component)
    formats: dict[str, Usage] = {}
    for extension, used in found.by_extension.items():
        label = BY_EXTENSION[extension].label
        formats[label] = formats.get(label, Usage()) + used
    total = sum(formats.values(), Usage())
    by_format = sorted(formats.items(), key=lambda item: item[1].bytes, reverse=True)
    by_user = [("guests" if one is None else names.get(one, one), used) for one, used in found.by_owner]
    document = asdict(total) | {
        "formats": [{"format": label, **asdict(used)} for label, used in by_format],
        "users": [{"user_id": one, "user": names.get(one, one), **asdict(used)} for one, used in found.by_owner],
    }
    parts = [("FORMAT", by_format), *([("USER", by_user)] if users else [])]
    rows = [_row("all", total)]
    for title, usages in parts:
        rows += [("", "", ""), (title, "UPLOADS", "BYTES"), *(_row(name, used) for name, used in usages)]
    return Report(document, table(rows))


def _row(name: str, used: Usage) -> tuple[str, str, str]:
    return name, str(used.files), format_bytes(used.bytes)
