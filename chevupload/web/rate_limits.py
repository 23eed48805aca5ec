"""Limits of how many uploads a sender may store, and how many wrong keys an address may send, in a time.

An upload takes a slot in all windows of its sender as soon as its key was read, which may be in the body, and gives it
back when nothing new was stored. Source: docs/limits.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chevupload.audit import AuditLog
from chevupload.clock import Clock
from chevupload.config import Config
from chevupload.errors import FloodDetected, QuotaExceeded, TooManyWrongKeys
from chevupload.model import Principal
from chevupload.policy.flood import Window
from chevupload.uploads.creation import Creation
from chevupload.uploads.idempotency import request_digest
from chevupload.uploads.upload_log import UploadLog
from chevupload.web.window_counts import MemoryCounts, counts_in
from chevupload.wsgi.routing import client_network

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


_DAY = Window("day", 86_400, 1)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in each window of a sender, taken ``at`` seconds since 1970."""

    subject: str
    windows: Sequence[Window]
    at: float


class RateLimits:
    """Counts uploads and wrong keys, and refuses what is over a limit.

    The audit log has one line of each process for a sender and a window that is full, and one a day for a quota. That
    of uploads has all of them.
    """

    def __init__(self, config: Config, clock: Clock, audit: AuditLog) -> None:
        """Use the limits of ``config``.

        Raises:
            ConfigError: the store of counts cannot be used.
        """
        self._flood = config.policy.flood
        wrong_keys = config.policy.wrong_keys
        self._wrong_keys = None if wrong_keys is None else Window("minute", 60, wrong_keys)
        self._clock, self._audit = clock, audit
        self._counts, self._told = counts_in(config.flood_store, clock), MemoryCounts(clock)
        # The end of a minute, and the addresses from which no key is looked up before.
        self._refused: tuple[float, set[str]] = (0.0, set())

    def take(self, principal: Principal, environ: WSGIEnvironment) -> _Slot | None:
        """Take a slot for an upload of ``principal``; None where there is no limit.

        Raises:
            FloodDetected: a window is full. The message names the shortest, ``Retry-After`` when all have places.
        """
        if not (windows := self.windows(principal)):
            return None
        subject = f"address {_client(environ)}" if principal.user_id is None else f"user {principal.user_id}"
        taken = self._counts.take(subject, windows)
        if taken is None:
            return None
        if taken.full:
            shortest = taken.full[0]
            what = f"{shortest.most} {'image' if shortest.most == 1 else 'images'} per {shortest.name}"
            self._tell(subject, shortest, principal, environ, what)
            seconds = max(_rest(window, taken.at) for window in taken.full)
            raise FloodDetected(
                f"Flooding detected. You can only upload {what}", headers=(("Retry-After", _whole(seconds)),)
            )
        return _Slot(subject, windows, taken.at)

    def windows(self, principal: Principal) -> Sequence[Window]:
        """Return the windows that limit the uploads of ``principal``, the shortest first."""
        flood = self._flood if principal.flood is None else principal.flood
        return () if flood is None or principal.is_admin else flood.windows

    def give_back(self, slot: _Slot) -> None:
        """Give a slot back."""
        self._counts.give_back(slot.subject, slot.windows, slot.at)

    def check_address(self, environ: WSGIEnvironment) -> None:
        """Refuse an address that has sent too many wrong keys in this minute, before its next key costs anything.

        With a store for several processes, each of them learns it from the next wrong key that it counts itself.

        Raises:
            TooManyWrongKeys: it has.
        """
        until, refused = self._refused
        if refused and _client(environ) in refused and (rest := until - self._clock().timestamp()) > 0:
            raise TooManyWrongKeys(headers=(("Retry-After", _whole(rest)),))

    def count_wrong_key(self, environ: WSGIEnvironment) -> None:
        """Count a wrong key.

        Raises:
            TooManyWrongKeys: it is one too many.
        """
        window, client = self._wrong_keys, _client(environ)
        if window is None or not client:
            # Behind a Unix socket, all clients would have this limit together.
            return
        taken = self._counts.take(f"wrong keys of {client}", [window])
        if taken is None or taken.left:
            return
        until = taken.at + (rest := _rest(window, taken.at))
        if self._refused[0] != until:
            self._refused = (until, set())
        self._refused[1].add(client)
        if taken.full:
            raise TooManyWrongKeys(headers=(("Retry-After", _whole(rest)),))

    def tell_quota(self, principal: Principal, environ: WSGIEnvironment, refusal: QuotaExceeded) -> None:
        """Write into the audit log that ``principal`` has used a quota up, once a day."""
        owner = "guests" if principal.user_id is None else f"user {principal.user_id}"
        self._tell(f"quota of {owner}", _DAY, principal, environ, refusal.message)

    def _tell(self, subject: str, window: Window, principal: Principal, environ: WSGIEnvironment, detail: str) -> None:
        if not self._told.take(subject, [replace(window, most=1)]).full:
            self._audit.record("limit_hit", user_id=principal.user_id, environ=environ, detail=detail)

    def close(self) -> None:
        """Close connections; new ones are made when they are needed."""
        self._counts.close()


class UploadSlot:
    """The slot of one upload. As a context it gives the slot back at its end if nothing new was stored.

    Attributes:
        refusal: why the sender may store nothing new: the request may be one that was answered before, which is free.
    """

    def __init__(self, limits: RateLimits, creation: Creation, log: UploadLog) -> None:
        """Hold nothing yet; ``log`` tells in the end what was stored."""
        self._limits, self._creation, self._log = limits, creation, log
        self._principal: Principal | None = None
        self._slot: _Slot | None = None
        self.refusal: FloodDetected | None = None

    def take(self, principal: Principal, environ: WSGIEnvironment, place: int = 0) -> None:
        """Take the slot of whom the request is found to be from, in place of the one before.

        Raises:
            FloodDetected: there is none, and the file at this ``place`` of the form was not stored before.
            InvalidParameter: the Idempotency-Key is none.
            BackendError: the catalog is away.
        """
        if principal == self._principal:
            return
        if self._principal is not None:
            self.give_back()
        try:
            self._slot = self._limits.take(principal, environ)
        except FloodDetected as refusal:
            if not self._was_sent_before(principal, environ, place):
                raise
            self.refusal = refusal
        self._principal = principal

    def _was_sent_before(self, principal: Principal, environ: WSGIEnvironment, place: int) -> bool:
        """Whether the request may be one that was answered before; with a ticket, the file will tell."""
        if principal.ticket is not None:
            return self._creation.was_used(principal.ticket)
        key = environ.get("HTTP_IDEMPOTENCY_KEY")
        return key is not None and self._creation.was_requested(request_digest(key, principal, place))

    def give_back(self) -> None:
        """Give back what was taken."""
        slot, self._slot, self._principal, self.refusal = self._slot, None, None, None
        if slot is not None:
            self._limits.give_back(slot)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the slot back, unless it was used."""
        if self._slot is not None and (self._log.stored is None or self._log.stored.is_repeated):
            self.give_back()


def _rest(window: Window, at: float) -> float:
    """Return how many seconds are left of a window."""
    return window.seconds - at % window.seconds


def _whole(seconds: float) -> str:
    return str(math.ceil(seconds))


def _client(environ: WSGIEnvironment) -> str:
    return client_network(environ.get("REMOTE_ADDR", ""))
