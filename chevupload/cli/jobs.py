"""Commands of batch work: ``render``, ``move`` and ``verify``. Each is resumed by giving it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chevupload.cli.command_line import Report, SiteCommand
from chevupload.cli.sites import ChosenSite
from chevupload.cli.stop_flag import StopFlag, stop_signals
from chevupload.cli.terminal import counted, progress_bar
from chevupload.cli.values import NAME, TEXT
from chevupload.records.job import Job

if TYPE_CHECKING:
    from chevupload.app import ChevUpload

INTERRUPTED = 130
_OWNER = click.option("--owner", type=NAME, metavar="ID", help="Only the uploads of the user with this id.")
_FIRST = click.option("--first", type=NAME, metavar="ID", help="Only uploads from this id on.")
_LAST = click.option("--last", type=NAME, metavar="ID", help="Only uploads up to this id.")


def work_on(component: ChevUpload, kind: str, ending: StopFlag, **arguments: str | None) -> Job:
    """Work on a job until it has ended or a signal comes, with a progress bar where somebody looks."""
    job = component.jobs.start(kind, **arguments)
    with progress_bar(kind, job.total) as bar:
        bar.update(job.done)
        for now in component.jobs.run(job.id, ending=ending):
            job = now
            bar.update(job.done - bar.pos)
    return job


def run_job(site: ChosenSite, kind: str, **arguments: str | None) -> Report:
    """Work on a job, and say how far it came."""
    with site.open_component() as component, stop_signals() as ending:
        job = work_on(component, kind, ending, **arguments)
    has_ended = job.ended_at is not None
    value = {"job": job.id, "total": job.total, "done": job.done, "failed": job.failed, "has_ended": has_ended}
    rest = "" if has_ended else "; the same command goes on from here"
    text = f"{kind}: {job.done} of {counted(job.total, 'upload')}, {job.failed} failed{rest}"
    return Report(value, text, status=INTERRUPTED if not has_ended else 1 if job.failed else 0)


@click.command("render", cls=SiteCommand, help="Render all pictures that are made of originals again, by the settings.")
@_OWNER
@_FIRST
@_LAST
def render(site: ChosenSite, owner: str | None, first: str | None, last: str | None) -> Report:
    """Render again what is derived from originals."""
    return run_job(site, "render", owner_id=owner, first_id=first, last_id=last)


@click.command("move", cls=SiteCommand, help="Move uploads to another storage. Sweeps remove the former files later.")
@click.option("--from", "source", type=TEXT, metavar="NAME", required=True, help="The storage that they are in.")
@click.option("--to", "target", type=TEXT, metavar="NAME", required=True, help="The storage to move them to.")
@_OWNER
@click.option("--change-urls", is_flag=True, help="Also where readers know files by an address of the former storage.")
def move(site: ChosenSite, source: str, target: str, owner: str | None, *, change_urls: bool) -> Report:
    """Move uploads between storages."""
    urls = "yes" if change_urls else None
    return run_job(site, "move", source=source, target=target, owner_id=owner, change_urls=urls)


@click.command("verify", cls=SiteCommand, help="Read every stored file, and compare it with its record.")
@_OWNER
@_FIRST
@_LAST
def verify(site: ChosenSite, owner: str | None, first: str | None, last: str | None) -> Report:
    """Verify stored files."""
    return run_job(site, "verify", owner_id=owner, first_id=first, last_id=last)
