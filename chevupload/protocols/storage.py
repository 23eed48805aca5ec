"""Where files stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from chevupload.errors import StorageError
from chevupload.model import (
    FileHeaders,
)


@runtime_checkable
class Storage(Protocol):
    """Where files stay. Paths are relative, with forward slashes, in ``[A-Za-z0-9_./-]``, and never leave it."""

    def save(self, path: str, file: BinaryIO, *, headers: FileHeaders) -> None:
        """Store what ``file`` holds from its position to its end, without closing it.

        A reader sees the whole file or none. ``headers`` are for those who fetch it from the storage itself, where
        anybody can.

        Raises:
            FileExists: where the storage can tell at no cost; otherwise an existing file is replaced.
            StorageError: nothing was stored.
        """
        ...

    def open(self, path: str, part: range | None = None) -> BinaryIO:
        """Open a stored file for reading; the caller closes it. It is seekable.

        ``part`` is what the caller is going to read of a file that may end before that: a store may fetch it at once,
        instead of asking for the file's size first. The file then ends no later than ``part``, for the caller.

        Raises:
            FileMissing: there is no such file.
        """
        ...

    def delete(self, path: str) -> None:
        """Remove a file. An absent one is fine: deleting twice is how a sweep finishes what a crash interrupted."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is a file at ``path``."""
        ...

    def url(self, path: str) -> str | None:
        """Return the public URL of a file, or None when the component should serve it itself."""
        ...


@runtime_checkable
class SigningStorage(Storage, Protocol):
    """A storage from which anybody can fetch a file who was given a signed URL.

    Attributes:
        can_sign: whether this one can, which may depend on where its files are.
    """

    can_sign: bool

    def signed_url(self, path: str, *, seconds: int) -> str:
        """Return an address of a file that answers GET for so many seconds from now.

        Raises:
            StorageError: nothing can be signed now.
        """
        ...


@runtime_checkable
class AdoptingStorage(Storage, Protocol):
    """A storage on the server's own disk that can take a file over instead of copying it.

    Attributes:
        incoming: the folder from which adopting costs no copy; what clients send is spooled there.
    """

    incoming: Path

    def adopt(self, path: str, file_path: str) -> None:
        """Move the local file ``file_path`` to ``path``, atomically; it is the storage's from then on.

        Raises:
            FileExists: ``path`` is taken, and ``file_path`` is left alone.
            StorageError: it failed, and ``file_path`` is left alone.
        """
        ...


@runtime_checkable
class ReplacingStorage(Storage, Protocol):
    """A storage in which a file can be replaced. Without it, derived pictures are rendered again by a repair only."""

    def replace(self, path: str, file: BinaryIO, *, headers: FileHeaders) -> None:
        """Store what ``file`` holds from its position to its end, in place of a file that may be there.

        A reader sees the whole file that was there before, or the whole new one.

        Raises:
            StorageError: the file that was there before is there still.
        """
        ...


@runtime_checkable
class BulkDeletingStorage(Storage, Protocol):
    """A storage that removes many files at once. From any other, they are removed one by one."""

    def delete_many(self, paths: Sequence[str]) -> Mapping[str, StorageError]:
        """Remove files, and return by their paths why some are still there. Absent ones are fine.

        Raises:
            StorageError: of none of them is known whether it is still there.
        """
        ...


@runtime_checkable
class ProbedStorage(Storage, Protocol):
    """A storage that can tell whether files can be kept in it, for the health route.

    Of any other one, the health route asks :meth:`Storage.exists`, which knows a service that is away, and no bucket
    that is missing.
    """

    def probe(self) -> None:
        """Ask the service for what has to be there: a folder that can be written to, or a bucket; nothing is stored.

        Raises:
            StorageError: nothing can be kept here now.
        """
        ...


@runtime_checkable
class ListingStorage(Storage, Protocol):
    """A storage that can tell what is in it, so that a check finds files that no record knows."""

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield path and bytes of every file, those of others too, in any order.

        In memory is one folder, or one page, at a time. What comes or goes meanwhile may be among them or not.
        Unfinished files are not.
        """
        ...

    def modified(self, path: str) -> datetime:
        """Return when a file was stored, as an aware time.

        Raises:
            FileMissing: there is no such file.
        """
        ...
