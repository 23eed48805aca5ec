"""Commands that keep records and files together: ``create-tables``, ``sweep`` and ``check``."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from itertools import chain
from pathlib import Path

import click

from chevupload.cli.command_line import Report, SiteCommand
from chevupload.cli.sites import ChosenSite
from chevupload.cli.terminal import counted
from chevupload.cli.values import GRACE
from chevupload.errors import ConfigError
from chevupload.uploads.inventory import read_inventory

_SITES_OWN = "The site's own, an hour by default."


@click.command("create-tables", cls=SiteCommand, help="Make the tables that are missing.")
def create_tables(site: ChosenSite) -> Report:
    """Make the tables that are missing."""
    with site.open_component() as component:
        create = getattr(component.catalog, "create_tables", None)
        if create is None:
            raise ConfigError("this catalog has no tables")
        create()
    return Report({}, "")


@click.command("sweep", cls=SiteCommand, help="Remove expired, unfinished and half-deleted uploads.")
@click.option("--grace", type=GRACE, help=f"Age from which an unfinished upload counts as abandoned. {_SITES_OWN}")
def sweep(site: ChosenSite, grace: timedelta | None) -> Report:
    """Sweep once."""
    with site.open_component() as component:
        report = component.maintenance.sweep(grace=grace)
    text = f"removed {counted(report.uploads, 'upload')} and {counted(report.temporary_files, 'temporary file')}"
    failed = f", {report.failed} failed" if report.failed else ""
    return Report(dataclasses.asdict(report), text + failed, status=1 if report.failed else 0)


@click.command(
    "check", cls=SiteCommand, help="Compare records with files; status 1 when some are missing, or too many."
)
@click.option(
    "--repair",
    is_flag=True,
    help="Withdraw uploads without their original, render missing pictures, remove files without a record.",
)
@click.option("--grace", type=GRACE, help=f"Age from which a file without a record is nobody's. {_SITES_OWN}")
@click.option(
    "--inventory",
    "inventory",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A list of the files, as key,size or S3's bucket,key,size, in place of asking the storage; may be repeated.",
)
@click.option("--inventory-prefix", default="", help="What each key in it begins with before our path.")
@click.option("--inventory-storage", default="", help="Whose it is, where the site has several storages.")
def check(
    site: ChosenSite,
    grace: timedelta | None,
    inventory: tuple[Path, ...],
    inventory_prefix: str,
    inventory_storage: str,
    *,
    repair: bool,
) -> Report:
    """Check every upload and every file."""
    files = chain.from_iterable(read_inventory(file, inventory_prefix) for file in inventory)
    with site.open_component() as component:
        report = component.maintenance.check(
            repair=repair, grace=grace, inventories={inventory_storage: files} if inventory else None
        )
    lines = [f"missing {path} of upload {upload_id}" for upload_id, path in report.missing]
    lines += [f"no record of {path}" for path in report.strays]
    lines += [f"withdrawn {upload_id}" for upload_id in report.withdrawn]
    lines += [f"rendered again {upload_id}" for upload_id in report.rendered]
    lines += [f"removed {path}" for path in report.removed]
    foreign = f", {counted(report.foreign, 'foreign file')} left alone" if report.foreign else ""
    lines.append(f"{counted(report.uploads, 'upload')} checked{foreign}")
    return Report(dataclasses.asdict(report), "\n".join(lines), status=1 if report.left else 0)
