"""The command ``usage``: what owners keep."""

from __future__ import annotations

from dataclasses import asdict

import click

from chevupload.cli.command_line import Report, SiteCommand
from chevupload.cli.sites import ChosenSite
from chevupload.cli.terminal import counted
from chevupload.cli.values import TEXT

_GUESTS = "guests"


@click.command("usage", cls=SiteCommand, help="Say what USER keeps, or everybody: number of uploads, and bytes.")
@click.argument("user", type=TEXT, required=False)
@click.option("--recount", is_flag=True, help="Count the uploads anew, beside running servers.")
def usage(site: ChosenSite, user: str | None, *, recount: bool) -> Report:
    """Tell the usage, by names where the users are the site's own."""
    with site.open_component() as component:
        names = site.user_names(component)
        owners = [*component.uploads.owners()] if user is None else [site.user_id(component, user)]
        found = {owner: component.uploads.usage(owner, recount=recount) for owner in owners}
    document = [{"user_id": owner, "user": names.get(owner, owner), **asdict(used)} for owner, used in found.items()]
    lines = [
        f"{names.get(owner, owner) or _GUESTS}  {counted(used.files, 'upload')}  {used.bytes} bytes"
        for owner, used in found.items()
    ]
    return Report(document if user is None else document[0], "\n".join(lines))
