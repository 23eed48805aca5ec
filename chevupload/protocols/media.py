"""What files come from, go into and are rendered by."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from chevupload.model import (
    MediaJob,
    MediaResult,
)


class Readable(Protocol):
    """What a host has for an uploaded file: a file, Django's UploadedFile, and others."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""
        ...


@runtime_checkable
class Wrapper(Protocol):
    """What wraps such a file and answers as it, as werkzeug's FileStorage does, whose types do not say so."""

    @property
    def stream(self) -> Readable:
        """The file."""
        ...


class Writable(Protocol):
    """Takes bytes, as many as it likes."""

    def write(self, data: bytes) -> int:
        """Take ``data``, or raise :class:`~chevupload.errors.TooLarge`."""
        ...


class Fetcher(Protocol):
    """Brings the file behind a URL."""

    def fetch(self, url: str, into: Writable) -> str | None:
        """Write what ``url`` holds into ``into``, which refuses what is too large, and return the file's name if known.

        Raises:
            Refusal: the URL is not acceptable, or did not answer as it should.
        """
        ...


class Renderer(Protocol):
    """Inspects and renders pictures: in worker processes, or inline."""

    def process(self, job: MediaJob, *, client: str = "") -> MediaResult:
        """Do one job. On any error nothing is left in the job's folder.

        Args:
            job: what to do.
            client: whose job it is, a user's id or a client's address: nobody should keep the others waiting. The
                site's own jobs have none.

        Raises:
            Refusal: the picture is not accepted.
            Busy: no worker became free in time, or too many jobs wait already.
        """
        ...

    def warm(self) -> None:
        """Be ready: the first picture waits for nothing."""
        ...

    def close(self) -> None:
        """End every worker."""
        ...
