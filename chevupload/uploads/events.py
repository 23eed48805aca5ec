"""Tells events to the host's handlers: each at least once, those of one upload in their order.

A worker claims a page of events for a few minutes. What it has not settled by then, because it died, is claimed by the
next one. Any number of workers may run, on any machines.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from chevupload.errors import BackendError, ChevuploadError, ConfigError, HandlerEnded
from chevupload.model import Upload
from chevupload.protocols import EventRecords
from chevupload.records.event import Event
from chevupload.uploads.context import UploadContext
from chevupload.uploads.purge import Purge

logger = logging.getLogger("chevupload")

_CLAIMED = timedelta(minutes=5)
_PAGE = 50
_QUICK_PAGE = 400
"""Where a page takes less than a second: fewer transactions, for more events that wait when their worker is killed."""
_QUICK_SECONDS = 1.0
_PAGE_SECONDS = 10.0
"""What was not begun by then goes back, so that a slow handler holds up no other worker."""
_SLOW_SECONDS = 1.0
_PAUSE_SECONDS = 60.0
"""A handler that takes that long to fail is not asked for so long, and its events wait for another attempt."""
_MINUTE = 60
_HOUR = 3_600
_DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        *(5, 30, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
        *(_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, 8 * _HOUR, *[12 * _HOUR] * 4),
    )
)
"""How long an event waits after each attempt that failed: three days altogether."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """How many events every handler has had, wait for another attempt, and were given up after the last one."""

    told: int = 0
    postponed: int = 0
    given_up: int = 0


class Ending(Protocol):
    """What says that it is time to end, such as a :class:`threading.Event`."""

    def is_set(self) -> bool:
        """Whether it is."""
        ...

    def wait(self, timeout: float) -> object:
        """Wait so many seconds, or until it is."""
        ...


class Events:
    """The events of a site, on their way to its handlers."""

    def __init__(self, context: UploadContext, urls: Callable[[Upload], Mapping[str, str]] | None) -> None:
        """Use these parts.

        Args:
            context: of the site.
            urls: names the URLs of an upload; None where nobody knows them outside of a request.

        Raises:
            ConfigError: there are handlers, and the catalog cannot keep events; or one needs ``urls``.
        """
        catalog = context.catalog
        self._records = catalog if isinstance(catalog, EventRecords) else None
        self._handlers = context.hooks.on_event
        self._clock = context.clock
        self._urls = urls
        self._ended: Collection[str] = ()
        self._paused: dict[str, float] = {}
        """Until when slow handlers are not asked, by :func:`time.monotonic`."""
        if self._handlers and self._records is None:
            raise ConfigError("Hooks(on_event=...) needs a catalog with the methods of EventRecords")
        if urls is None and any(isinstance(handler, Purge) for handler in self._handlers.values()):
            raise ConfigError("Purge names URLs, for which the site needs base_url")

    def deliver(self, *, ending: Ending | None = None) -> DeliveryReport:
        """Tell each event that is due at this moment to the handlers that have not had it.

        A handler that raises is asked again later, more and more seldom within three days; then the event is given up,
        with an error in the log. Later events of the same upload wait for that, others do not.

        Args:
            ending: once it is set, the event that is being told is the last one.

        Raises:
            BackendError: the catalog is away. What is claimed by then is told again in five minutes.
            ConfigError: there are no handlers.
        """
        if self._records is None or not self._handlers:
            raise ConfigError("nobody handles events: Hooks(on_event=...) has no handler")
        counts: Counter[str] = Counter()
        begun, limit = self._clock(), _PAGE
        self._ended = self._records.ended_handlers()
        while not (ending and ending.is_set()) and (
            page := self._records.claim_events(now=begun, until=self._clock() + _CLAIMED, limit=limit)
        ):
            page_begun = time.monotonic()
            counts += self._tell_page(self._records, page, ending)
            limit = _QUICK_PAGE if time.monotonic() - page_begun < _QUICK_SECONDS else _PAGE
        return DeliveryReport(**counts)

    def watch(self, ending: Ending, *, seconds: float = 1.0) -> None:
        """Deliver until ``ending`` is set, with so many seconds between two looks for events.

        While the catalog is away, that is logged, and the next look tries again.

        Raises:
            ConfigError: there are no handlers.
        """
        while not ending.is_set():
            try:
                self.deliver(ending=ending)
            except BackendError:
                logger.exception("events could not be delivered; the next look tries again")
            ending.wait(seconds)

    def resume(self, name: str) -> None:
        """Tell a handler events again that had raised HandlerEnded; those of the time since then are not among them.

        Raises:
            BackendError: the catalog is away.
            ConfigError: there is no handler of this name, or it is told all events.
        """
        if self._records is None or name not in self._handlers:
            raise ConfigError(f"there is no handler {name!r}: {', '.join(sorted(self._handlers)) or 'nobody'} is told")
        if not self._records.resume_handler(name):
            raise ConfigError(f"the handler {name!r} is told all events")

    def _tell_page(self, records: EventRecords, page: Sequence[Event], ending: Ending | None) -> Counter[str]:
        """Tell the events of a page, and settle them."""
        counts: Counter[str] = Counter()
        told: list[Event] = []
        later: list[Event] = []
        deadline = time.monotonic() + _PAGE_SECONDS
        # In any order: an event that ends the process each time shall not always stand before the same others.
        for event in random.sample(page, len(page)):
            if time.monotonic() >= deadline or (ending and ending.is_set()):
                later.append(replace(event, attempt=event.attempt - 1, next_at=event.at))
                continue
            outcome, postponed = self._tell(records, event)
            counts[outcome] += 1
            if postponed is None:
                told.append(event)
            else:
                later.append(postponed)
            if event.attempt > 1:
                # A process may have died at one of them, and this one might, too.
                self._settle(records, told, later, held_until=event.next_at)
                told, later = [], []
        self._settle(records, told, later, held_until=page[0].next_at)
        return counts

    def _settle(
        self, records: EventRecords, told: Sequence[Event], later: Sequence[Event], *, held_until: datetime
    ) -> None:
        # What took longer is another worker's by now, who says when it is told again.
        is_held = self._clock() < held_until
        if told or later:
            records.settle_events(told=told, later=later if is_held else ())

    def _tell(self, records: EventRecords, event: Event) -> tuple[str, Event | None]:
        """Tell one event, and return what became of it; and the event itself, if it is to be told again."""
        if event.attempt > len(_DELAYS) + 1:
            # Each attempt ended the process.
            return self._given_up(event)
        told = event if self._urls is None else replace(event, urls=_urls(event, self._urls))
        missing = self._handlers.keys() - event.handled - {*self._ended}
        failed = {name for name in self._handlers if name in missing and not self._handle(records, name, told)}
        if not failed:
            return "told", None
        if event.attempt > len(_DELAYS):
            return self._given_up(event)
        next_at = self._clock() + _DELAYS[event.attempt - 1]
        return "postponed", replace(event, handled=event.handled | (missing - failed), next_at=next_at)

    def _handle(self, records: EventRecords, name: str, event: Event) -> bool:
        """Ask one handler. False when it failed, or has failed so slowly that the others would wait for it."""
        if (begun := time.monotonic()) < self._paused.get(name, begun):
            return False
        try:
            self._handlers[name](event)
        except HandlerEnded as error:
            logger.error("handler %s is asked no more: %s", name, error)
            records.end_handler(name)
            self._ended = {*self._ended, name}
        except Exception as error:
            failure = "handler %s failed for event %s, attempt %d: %s"
            known = isinstance(error, ChevuploadError)
            logger.warning(failure, name, event.id, event.attempt, error, exc_info=not known)
            if time.monotonic() - begun >= _SLOW_SECONDS:
                self._paused[name] = time.monotonic() + _PAUSE_SECONDS
            return False
        return True

    @staticmethod
    def _given_up(event: Event) -> tuple[str, None]:
        logger.error(
            "event %s is given up after %d attempts: %s, upload %s",
            event.id,
            event.attempt,
            event.kind,
            event.upload.id,
        )
        return "given_up", None


def _urls(event: Event, urls_of: Callable[[Upload], Mapping[str, str]]) -> dict[str, str]:
    """Return every URL under which caches may hold something of an event's upload."""
    urls = dict(urls_of(event.upload))
    earlier = {} if event.before is None else urls_of(event.before)
    return urls | {f"{name}_before": url for name, url in earlier.items() if url != urls.get(name)}
