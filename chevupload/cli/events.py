"""Commands of events: ``events deliver`` tells them to the handlers of the site, ``events resume`` to one again."""

from __future__ import annotations

import dataclasses

import click

from chevupload.cli.command_line import Report, SiteGroup
from chevupload.cli.sites import ChosenSite
from chevupload.cli.stop_flag import stop_signals

event_commands = SiteGroup("events", help="Events: what happened to uploads.")


@event_commands.command("deliver", help="Tell the events that are due to the handlers of the site.")
@click.option("--watch", is_flag=True, help="Go on until SIGTERM or Ctrl-C, looking for new events every second.")
def deliver(site: ChosenSite, *, watch: bool) -> Report:
    """Tell what is due, once or until a signal comes."""
    with site.open_component() as component, stop_signals() as ending:
        if watch:
            component.events.watch(ending)
            return Report({}, "")
        report = component.events.deliver(ending=ending)
    text = f"told {report.told} events, {report.postponed} wait for another attempt, {report.given_up} given up"
    return Report(dataclasses.asdict(report), text, status=1 if report.postponed or report.given_up else 0)


@event_commands.command("resume", help="Tell a handler events again, that had said that it wants no more of them.")
@click.argument("name")
def resume(site: ChosenSite, name: str) -> Report:
    """Tell a handler events again."""
    with site.open_component() as component:
        component.events.resume(name)
    return Report({}, f"{name} is told what happens from now on")
