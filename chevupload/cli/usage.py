"""The command ``usage``: what owners keep."""

from __future__ import annotations

from dataclasses import asdict

import click

from chevupload.cli.command_line import Report, SiteCommand
from chevupload.cli.sites import ChosenSite
from chevupload.cli.values import TEXT
from chevupload.errors import ConfigError

_GUESTS = "guests"


@click.command("usage", cls=SiteCommand, help="Say what USER keeps, or everybody: number of uploads, and bytes.")
@click.argument("user", type=TEXT, required=False)
@click.option("--recount", is_flag=True, help="Count the uploads anew, beside running servers.")
def usage(site: ChosenSite, user: str | None, *, recount: bool) -> Report:
    """Tell the usage, by names where the users are the site's own."""
    with site.open_component() as component:
        names = site.user_names(component)
        if user is None:
            owners = [*component.uploads.owners()]
        elif names is None:
            owners = [user]
        else:
            owners = [user_id for user_id, name in names.items() if name == user]
            if not owners:
                raise ConfigError(f"there is no user {user!r}")
        found = {owner: component.uploads.usage(owner, recount=recount) for owner in owners}
    document = [{"user_id": owner, **asdict(used)} for owner, used in found.items()]
    lines = [
        f"{_GUESTS if owner is None else (names or {}).get(owner, owner)}  {used.files} uploads  {used.bytes} bytes"
        for owner, used in found.items()
    ]
    return Report(document if user is None else document[0], "\n".join(lines))
