"""Renders pictures in the server's own process, for hosts that cannot start others.

A decoder's crash is the server's crash here and there is no deadline, so
:class:`~chevupload.media.sandbox.pool.WorkerPool` is the default.
"""

from __future__ import annotations

from chevupload.config import Limits
from chevupload.errors import MissingExtra
from chevupload.media.optional import unavailable
from chevupload.media.sandbox.fair_semaphore import FairSemaphore
from chevupload.model import MediaJob, MediaResult


class InlineRenderer:
    """A renderer without worker processes."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Render at most ``limits.decode_workers`` pictures at a time."""
        self._limits = limits if limits is not None else Limits()
        self._places = FairSemaphore(self._limits.decode_workers, most_waiting=self._limits.waiting_uploads)

    def process(self, job: MediaJob, *, client: str = "") -> MediaResult:
        """See Renderer."""
        from chevupload.media import render  # noqa: PLC0415 - a process that only serves files needs no decoder

        with self._places.held(client, seconds=self._limits.queue_seconds):
            try:
                return render.process(job)
            except MissingExtra as error:
                raise unavailable(error) from error

    def warm(self) -> None:
        """See Renderer."""
        from chevupload.media import render  # noqa: F401, PLC0415 - as above

    def close(self) -> None:
        """See Renderer."""
