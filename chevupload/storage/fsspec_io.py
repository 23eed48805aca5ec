"""Two ways to work with an fsspec file system: as every one can be used, and as object stores should be.

Source: fsspec's specifications of ``AbstractFileSystem`` and ``AsyncFileSystem``. Object stores are called by the
methods behind fsspec's, because only these can have a time limit: a store that takes a connection and never answers
would otherwise hold its caller for ever, despite its library's own time limits.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO, cast

from fsspec.asyn import AsyncFileSystem, sync
from fsspec.implementations.memory import MemoryFile
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

logger = logging.getLogger("chevupload")

CHUNK_BYTES = 1_048_576
"""How much of a file is in memory while it is copied."""

BLOCK_BYTES = 5_242_880
"""What is sent to an object store at a time, and the least that S3 takes for a part. Smaller files are one request."""

_BYTES_PER_SECOND = 250_000
"""How slowly a store may take a file before it is taken for hanging."""

_AT_ONCE = 16
"""How many requests of one bulk are on their way to an object store at the same time."""

_MODIFIED = ("LastModified", "mtime", "last_modified")
"""What S3, Google and Azure call the time at which a file was written."""


ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError, FileExistsError)
"""What file systems say when there is no file; fsspec's memory says that a parent exists and is a file."""


class Access:
    """What a storage needs of a file system, as any can do it; places are its whole paths. Its own errors pass through.

    Where there is no such file or folder, each method but ``write`` raises FileNotFoundError.
    """

    def __init__(self, filesystem: AbstractFileSystem) -> None:
        """Use ``filesystem``."""
        self._filesystem = filesystem

    def write(self, place: str, file: BinaryIO, arguments: Mapping[str, Any], *, exclusive: bool) -> None:
        """Write the rest of ``file`` in blocks; nothing stays of what cannot be read or written to its end.

        Raises:
            FileExistsError: there is a file, and ``exclusive`` asks for a new one.
        """
        self._make_parent(place)
        target = self._filesystem.open(place, "xb" if exclusive else "wb", **arguments)
        try:
            shutil.copyfileobj(file, target, CHUNK_BYTES)
            target.close()
        except BaseException as error:
            _discard(target)
            if not isinstance(error, FileExistsError):
                with contextlib.suppress(Exception):
                    self._filesystem.rm_file(place)
            raise

    def replace(self, place: str, file: BinaryIO, arguments: Mapping[str, Any]) -> None:
        """Write the rest of ``file`` beside ``place``, under a name that a check knows as ours, then rename it."""
        head, _, extension = place.rpartition(".")
        unfinished = f"{head}.{secrets.token_hex(8)}.{extension}"
        self.write(unfinished, file, arguments, exclusive=False)
        self._filesystem.mv(unfinished, place)

    def open(self, place: str, part: range | None = None) -> BinaryIO:
        """Open a file for reading."""
        file = self._filesystem.open(place, "rb")
        # fsspec's memory gives every reader the one file that it keeps, at whatever place the last one left it.
        return io.BytesIO(file.getvalue()) if isinstance(file, MemoryFile) else cast(BinaryIO, file)

    def info(self, place: str) -> Mapping[str, Any]:
        """Return ``type`` and ``size`` of what is there."""
        return cast(Mapping[str, Any], self._filesystem.info(place))

    def remove(self, place: str) -> None:
        """Remove a file."""
        self._filesystem.rm_file(place)

    def remove_many(self, places: Sequence[str]) -> Mapping[str, BaseException] | None:
        """Remove files at once, and return why some are still there; None where they are to be removed one by one."""
        return None

    def files(self, root: str) -> Iterator[tuple[str, int]]:
        """Yield place and bytes of every file below ``root``, in memory one folder at a time."""
        folders = [root]
        while folders:
            # What a file system remembers of its listings would be old, and grow with their number.
            self._filesystem.invalidate_cache()
            try:
                found = self._listed(folders.pop())
            except FileNotFoundError:
                continue
            finally:
                self._filesystem.invalidate_cache()
            for entry in found:
                place = str(entry["name"])
                if entry["type"] == "directory":
                    folders.append(place)
                else:
                    yield place, int(entry["size"])

    def _listed(self, folder: str) -> Sequence[Mapping[str, Any]]:
        return cast(Sequence[Mapping[str, Any]], self._filesystem.ls(folder, detail=True))

    def modified(self, place: str) -> datetime:
        """Return when a file was written."""
        return cast(datetime, self._filesystem.modified(place))

    def sign(self, place: str, seconds: int) -> str:
        """Return a signed URL."""
        return str(self._filesystem.sign(place, expiration=seconds))

    def probe(self, root: str) -> None:
        """Ask whether files can be kept below ``root``, which the first one makes; raise what says that they cannot."""
        with contextlib.suppress(FileNotFoundError):
            self.info(root)

    def _make_parent(self, place: str) -> None:
        """Make the folder of ``place`` where there are folders; object stores must not be asked to make a bucket."""
        if getattr(self._filesystem, "auto_mkdir", True):
            return
        self._filesystem.makedirs(self._filesystem._parent(place), exist_ok=True)


def _discard(target: Any) -> None:
    """Drop a file that was not written to its end."""
    with contextlib.suppress(Exception):
        target.discard()
    with contextlib.suppress(Exception):
        if isinstance(target, AbstractBufferedFile):
            # Closing it, which its finalizer would do too, publishes on an object store what was written so far.
            target.closed = True
        else:
            target.close()


class ObjectAccess(Access):
    """Works with an object store, each call for so many seconds at most."""

    def __init__(self, filesystem: AsyncFileSystem, seconds: float) -> None:
        """Use ``filesystem``."""
        super().__init__(filesystem)
        self._seconds = seconds
        self._can_be_exclusive = True

    def write(self, place: str, file: BinaryIO, arguments: Mapping[str, Any], *, exclusive: bool) -> None:
        """Write a file: in one request from memory, or, one that is larger than a block, in blocks from disk."""
        beginning = bytearray()
        while len(beginning) < BLOCK_BYTES and (piece := file.read(BLOCK_BYTES - len(beginning))):
            beginning += piece
        if len(beginning) < BLOCK_BYTES:
            data, size = bytes(beginning), len(beginning)
            self._write_in(
                exclusive, lambda mode: self._call("_pipe_file", place, data, size=size, **mode, **arguments)
            )
            return
        with _on_disk(beginning, file) as path:
            size = os.path.getsize(path)
            self._write_in(exclusive, lambda mode: self._write_blocks(place, path, size, {**mode, **arguments}))

    def replace(self, place: str, file: BinaryIO, arguments: Mapping[str, Any]) -> None:
        """Write the rest of ``file``: an object appears as a whole, also where there is one."""
        self.write(place, file, arguments, exclusive=False)

    def _write_in(self, exclusive: bool, write: Callable[[Mapping[str, str]], object]) -> None:
        """Write in one of two modes: a store that says that it cannot write new files only is asked for it once."""
        if exclusive and self._can_be_exclusive:
            try:
                write({"mode": "create"})
                return
            except OSError as error:
                if not _is_not_implemented(error):
                    raise
                self._can_be_exclusive = False
                logger.warning("the store cannot write new files only: it would replace one that is not ours")
        write({"mode": "overwrite"})

    def _write_blocks(self, place: str, path: str, size: int, arguments: Mapping[str, Any]) -> None:
        """Write the local file at ``path``."""
        self._call("_put_file", path, place, size=size, chunksize=BLOCK_BYTES, **arguments)

    def open(self, place: str, part: range | None = None) -> BinaryIO:
        """Open a file for reading; nothing of it is fetched yet but the beginning of ``part``."""
        if part is not None:
            return cast(BinaryIO, _ObjectReader(self, place, part.stop, begin=part.start))
        found = self.info(place)
        if found["type"] != "file":
            raise FileNotFoundError(place)
        return cast(BinaryIO, _ObjectReader(self, place, int(found["size"])))

    def read(self, place: str, start: int, stop: int) -> bytes:
        """Fetch a part of a file."""
        return cast(bytes, self._call("_cat_file", place, start=start, end=stop, size=stop - start))

    def info(self, place: str) -> Mapping[str, Any]:
        """Return what is there."""
        return cast(Mapping[str, Any], self._call("_info", place))

    def remove(self, place: str) -> None:
        """Remove a file."""
        self._call("_rm_file", place)

    def remove_many(self, places: Sequence[str]) -> Mapping[str, BaseException] | None:
        """Remove files by a request for each, of which some are on their way at the same time."""
        limit = self._seconds * (1 + len(places) / _AT_ONCE)
        answers = sync(self._filesystem.loop, self._remove_each, places, timeout=limit)
        errors = {place: error for place, error in zip(places, answers, strict=True) if isinstance(error, Exception)}
        return {place: error for place, error in errors.items() if not isinstance(error, ABSENT)}

    async def _remove_each(self, places: Sequence[str]) -> Sequence[object]:
        several = asyncio.Semaphore(_AT_ONCE)

        async def remove(place: str) -> None:
            async with several:
                await self._filesystem._rm_file(place)

        return await asyncio.gather(*map(remove, places), return_exceptions=True)

    def modified(self, place: str) -> datetime:
        """Return when a file was written."""
        found = self.info(place)
        if found["type"] != "file":
            raise FileNotFoundError(place)
        return cast(datetime, next(value for name, value in found.items() if name in _MODIFIED))

    def probe(self, root: str) -> None:
        """Ask for the bucket, which is never made here.

        Credentials that may only read and write objects are not told of it, so no answer about it is a good one.
        """
        bucket = root.strip("/").partition("/")[0]
        with contextlib.suppress(PermissionError):
            self.info(bucket)

    def _listed(self, folder: str) -> Sequence[Mapping[str, Any]]:
        return cast(Sequence[Mapping[str, Any]], self._call("_ls", folder, detail=True))

    def _call(self, name: str, *values: Any, size: int = 0, **named: Any) -> Any:
        """Call a method that moves so many bytes, and wait for its end, or for the end of its time."""
        limit = self._seconds + size / _BYTES_PER_SECOND
        return sync(self._filesystem.loop, getattr(self._filesystem, name), *values, timeout=limit, **named)


def answer_of(error: BaseException | None) -> Mapping[str, Any]:
    """Return what an object store answered to a request that failed. Source: botocore's ``ClientError``."""
    while error is not None:
        answer = getattr(error, "response", None)
        if isinstance(answer, Mapping):
            return answer
        error = error.__cause__
    return {}


def _is_not_implemented(error: BaseException) -> bool:
    """Whether an object store said of a request that it knows no such thing."""
    return answer_of(error).get("Error", {}).get("Code") in ("NotImplemented", "501")


@contextlib.contextmanager
def _on_disk(beginning: bytes | bytearray, file: BinaryIO) -> Iterator[str]:
    """Give the path of a file that is ``beginning`` and the rest of ``file``: its own, if it has one that is the same.

    Anything else is read to its end before a part of it is sent: what cannot be read leaves nothing behind.
    """
    is_plain = isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO) and file.seekable()
    if is_plain and isinstance(file.name, str) and file.tell() == len(beginning):
        yield file.name
        return
    with tempfile.NamedTemporaryFile(prefix="chevupload-spool-") as whole:
        whole.write(beginning)
        shutil.copyfileobj(file, whole, CHUNK_BYTES)
        whole.flush()
        yield whole.name


class _ObjectReader(io.RawIOBase):
    """A file in an object store: each read is one request for what it returns, and no more."""

    def __init__(self, access: ObjectAccess, place: str, size: int, *, begin: int | None = None) -> None:
        self._access, self._place, self._size = access, place, size
        self._position = 0
        self._fetched_from, self._fetched = begin or 0, b""
        if begin is not None:
            stop = min(size, begin + CHUNK_BYTES)
            self._fetched = access.read(place, begin, stop)
            if len(self._fetched) < stop - begin:
                self._size = begin + len(self._fetched)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        stop = self._size if size < 0 else min(self._size, self._position + size)
        if stop <= self._position:
            return b""
        offset = self._position - self._fetched_from
        if 0 <= offset < len(self._fetched):
            data = self._fetched[offset : offset + stop - self._position]
        else:
            data = self._access.read(self._place, self._position, stop)
        self._position += len(data)
        if self._position >= self._fetched_from + len(self._fetched):
            self._fetched = b""
        return data
