"""Compares the files that there should be with those there are, however many and in whatever order they come.

Both are written to a temporary file on disk, and sorted there by their paths: memory does not grow with their number.

Source: SQLite's pages on temporary files and on its sorter.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from chevupload.errors import StorageError

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that is not as it should be: absent, not of the ``size`` of its upload's record, or without an upload."""

    storage: str
    path: str
    upload_id: str | None
    size: int | None


class Comparison:
    """The files of one check, on disk as long as it takes."""

    def __init__(self) -> None:
        """Make the temporary file, where SQLite makes those of its own: ``SQLITE_TMPDIR``, or else ``TMPDIR``."""
        # A database without a name is a file that is gone with its connection.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA temp_store = FILE")
        self._database.execute("CREATE TABLE file (path TEXT, storage TEXT, upload_id TEXT, wanted INT, found INT)")

    def close(self) -> None:
        """Remove it."""
        self._database.close()

    def want(self, files: Iterable[tuple[str, str, str, int]]) -> None:
        """Note files that there should be: storage, path, upload's id and bytes."""
        self._note("INSERT INTO file (storage, path, upload_id, wanted) VALUES (?, ?, ?, ?)", files)

    def find(self, files: Iterable[tuple[str, str, int]]) -> None:
        """Note files that there are: storage, path and bytes."""
        self._note("INSERT INTO file (storage, path, found) VALUES (?, ?, ?)", files)

    def differences(self) -> Iterator[Difference]:
        """Yield what differs, in the order of its paths."""
        with _full_disk():
            yield from (
                Difference(*row)
                for row in self._database.execute(
                    "SELECT storage, path, max(upload_id), max(wanted) FROM file GROUP BY path, storage"
                    " HAVING max(wanted) IS NOT max(found)"
                )
            )

    def _note(self, statement: str, files: Iterable[tuple[object, ...]]) -> None:
        left = iter(files)
        while chunk := list(islice(left, _CHUNK)):
            with _full_disk():
                self._database.execute("BEGIN")
                self._database.executemany(statement, chunk)
                self._database.execute("COMMIT")


@contextlib.contextmanager
def _full_disk() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError("a check needs room for temporary files") from error
