"""The command ``events deliver``: tells events to the handlers of the site."""

from __future__ import annotations

import dataclasses
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from chevupload.cli.command_line import Report, SiteGroup
from chevupload.cli.sites import ChosenSite

event_commands = SiteGroup("events", help="Events: what happened to uploads.")


@event_commands.command("deliver", help="Tell the events that are due to the handlers of the site.")
@click.option("--watch", is_flag=True, help="Go on until SIGTERM or Ctrl-C, looking for new events every second.")
def deliver(site: ChosenSite, *, watch: bool) -> Report:
    """Tell what is due, once or until a signal comes."""
    with site.open_component() as component, _stop_signals() as ending:
        if watch:
            component.events.watch(ending)
            return Report({}, "")
        report = component.events.deliver(ending=ending)
    text = f"told {report.told} events, {report.postponed} wait for another attempt, {report.given_up} given up"
    return Report(dataclasses.asdict(report), text, status=1 if report.postponed or report.given_up else 0)


class StopFlag:
    """What a signal sets. The lock of an Event may be held by the very thread that the signal interrupts."""

    def __init__(self) -> None:
        """Be unset."""
        self._is_set = False

    def set(self) -> None:
        """Say that it is time to end."""
        self._is_set = True

    def is_set(self) -> bool:
        """Whether it is time to end."""
        return self._is_set

    def wait(self, timeout: float) -> None:
        """Wait so many seconds; a signal meanwhile does not shorten that."""
        if not self._is_set:
            time.sleep(timeout)


@contextmanager
def _stop_signals() -> Iterator[StopFlag]:
    """Give what is set by the first SIGINT or SIGTERM; the second one acts as it always does."""
    ending = StopFlag()

    def note(number: int, frame: object) -> None:
        ending.set()
        signal.signal(number, before[number])

    before = {int(number): signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
