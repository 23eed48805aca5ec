"""Files on any file system that fsspec knows: S3, Google Cloud Storage, Azure, memory and many more.

May know: :mod:`chevupload.errors` and the rule for paths. Source: fsspec's specification of ``AbstractFileSystem``.
Files are removed with ``rm_file``, one by one: ``rm`` expands patterns, and asks S3 look-alikes for a bulk call they
lack.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO, TypeAlias, cast

import fsspec
from fsspec.implementations.memory import MemoryFile
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from chevupload.errors import ChevuploadError, ConfigError, FileMissing, StorageError
from chevupload.store.paths import checked_path, joined_url

CHUNK_BYTES = 1_048_576
"""How much of a file is in memory while it is copied."""

_ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError, FileExistsError)
"""What file systems say when there is no file to read; fsspec's memory says that a parent exists and is a file."""

SaveOptions: TypeAlias = Callable[[str], Mapping[str, Any]]
"""Makes a file system's own arguments of ``open(path, "wb")`` from a content type."""

_CONTENT_TYPE_ARGUMENTS = {"s3": "ContentType", "s3a": "ContentType", "gs": "content_type", "gcs": "content_type"}


@contextlib.contextmanager
def translated(action: str, path: str) -> Iterator[None]:
    """Turn whatever a file system raises inside into :class:`~chevupload.errors.StorageError`, keeping its cause."""
    try:
        yield
    except ChevuploadError:
        raise
    except Exception as error:
        raise StorageError(f"cannot {action} {path}") from error


class FsspecStorage:
    """A storage on an fsspec file system.

    On object stores a file appears as a whole when its upload ends. File systems that write in place show it growing;
    that is harmless below a catalog, which tells nobody of a file before it is complete.

    Raises:
        ConfigError: a URL of an unknown protocol, or one whose package is not installed.
    """

    def __init__(
        self,
        filesystem: AbstractFileSystem | str,
        root: str = "",
        *,
        options: Mapping[str, Any] | None = None,
        public_url: str | None = None,
        save_options: SaveOptions | None = None,
    ) -> None:
        """Keep files below ``root``.

        Args:
            filesystem: a URL such as ``s3://bucket/folder``, from which each process builds its own file system on
                first use, since some do not survive a fork; or a file system that is used as it is.
            root: folder, or bucket and folder, below what the URL names.
            options: arguments of the file system, with a URL only.
            public_url: where the files can be fetched by anybody; None lets the component serve them.
            save_options: makes the file system's own arguments for a content type; S3 and GCS need none.
        """
        self._source = filesystem
        self._options = dict(options or {})
        self._public_url = public_url
        self._root = root.rstrip("/")
        self._built: tuple[int, AbstractFileSystem, str] | None = None
        if isinstance(filesystem, str):
            protocol = _known_protocol(filesystem)
        else:
            if options:
                raise ConfigError("options belong to a URL; give them to the file system itself")
            protocol = filesystem.protocol if isinstance(filesystem.protocol, str) else filesystem.protocol[0]
        self._save_options = save_options or _content_type_options(protocol)

    def _locate(self, path: str) -> tuple[AbstractFileSystem, str]:
        """Return this process' file system, and the place of ``path`` on it."""
        filesystem, root = self._rooted()
        return filesystem, f"{root}/{checked_path(path)}" if root else checked_path(path)

    def _rooted(self) -> tuple[AbstractFileSystem, str]:
        """Return this process' file system, and where on it the files are."""
        if not isinstance(self._source, str):
            return self._source, self._root
        built = self._built
        if built is None or built[0] != os.getpid():
            # No lock: one held by another thread during a fork would never be released in the child, and two
            # threads that build at once merely build twice.
            filesystem, base = fsspec.url_to_fs(self._source, **self._options)
            parts = (base.rstrip("/"), self._root.strip("/"))
            self._built = built = (os.getpid(), filesystem, "/".join(part for part in parts if part))
        return built[1], built[2]

    def save(self, path: str, file: BinaryIO, *, content_type: str) -> None:
        """Store what ``file`` holds from its position to its end; an existing file is replaced.

        Raises:
            StorageError: nothing was stored.
        """
        with translated("save", path):
            filesystem, place = self._locate(path)
            _make_parent(filesystem, place)
            target = filesystem.open(place, "wb", **self._save_options(content_type))
            try:
                shutil.copyfileobj(file, target, CHUNK_BYTES)
                target.close()
            except BaseException:
                _discard(filesystem, place, target)
                raise

    def open(self, path: str) -> BinaryIO:
        """Open a stored file for reading; the caller closes it.

        Raises:
            FileMissing: there is no such file.
        """
        with translated("open", path):
            filesystem, place = self._locate(path)
            try:
                file = filesystem.open(place, "rb")
            except _ABSENT as error:
                raise FileMissing(f"no file at {path}") from error
            # fsspec's memory gives every reader the one file that it keeps, at whatever place the last one left it.
            return BytesIO(file.getvalue()) if isinstance(file, MemoryFile) else cast(BinaryIO, file)

    def delete(self, path: str) -> None:
        """Remove a file; an absent one is fine. Folders stay."""
        with translated("delete", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            filesystem, place = self._locate(path)
            filesystem.rm_file(place)

    def exists(self, path: str) -> bool:
        """Whether there is a file at ``path``."""
        with translated("look for", path):
            filesystem, place = self._locate(path)
            try:
                # Not isfile(), for which a file system that is away has no files.
                return bool(filesystem.info(place)["type"] == "file")
            except _ABSENT:
                return False

    def files(self) -> Iterator[str]:
        """Yield the path of every file below the root, in memory one folder at a time."""
        with translated("list", "files"):
            filesystem, root = self._rooted()
            filesystem.invalidate_cache()
            folders = [root]
            while folders:
                try:
                    found = filesystem.ls(folders.pop(), detail=True)
                except FileNotFoundError:
                    continue
                # What a file system remembers of its listings would grow with their number.
                filesystem.invalidate_cache()
                for entry in found:
                    place = str(entry["name"])
                    if entry["type"] == "directory":
                        folders.append(place)
                    else:
                        yield place.strip("/").removeprefix(root.strip("/")).lstrip("/")

    def modified(self, path: str) -> datetime:
        """Return when a file was stored.

        Raises:
            FileMissing: there is no such file.
        """
        with translated("look for", path):
            filesystem, place = self._locate(path)
            try:
                return cast(datetime, filesystem.modified(place))
            except _ABSENT as error:
                raise FileMissing(f"no file at {path}") from error

    def url(self, path: str) -> str | None:
        """Return the file's address below the public URL, or None without one."""
        return joined_url(self._public_url, path)


def _known_protocol(url: str) -> str:
    protocol = str(fsspec.utils.get_protocol(url))
    try:
        fsspec.get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"no file system for {protocol!r}: {error}") from error
    return protocol


def _content_type_options(protocol: str) -> SaveOptions:
    argument = _CONTENT_TYPE_ARGUMENTS.get(protocol)
    return lambda content_type: {argument: content_type} if argument else {}


def _make_parent(filesystem: AbstractFileSystem, place: str) -> None:
    """Make the folder of ``place`` where there are folders; object stores must not be asked to make a bucket."""
    if not hasattr(filesystem, "auto_mkdir") or filesystem.auto_mkdir:
        return
    filesystem.makedirs(filesystem._parent(place), exist_ok=True)


def _discard(filesystem: AbstractFileSystem, place: str, target: Any) -> None:
    """Drop a file that was not written to its end."""
    with contextlib.suppress(Exception):
        target.discard()
    with contextlib.suppress(Exception):
        if isinstance(target, AbstractBufferedFile):
            # Closing it, which its finalizer would do too, publishes on an object store what was written so far.
            target.closed = True
        else:
            target.close()
    with contextlib.suppress(Exception):
        filesystem.rm_file(place)
