"""Files on any file system that fsspec knows: S3, Google Cloud Storage, Azure, memory and many more.

Source: fsspec's specification of ``AbstractFileSystem``. Files are removed with ``rm_file`` or S3's own bulk call,
never with ``rm``, which expands patterns, and does not tell which files could not be removed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import fsspec
from fsspec.spec import AbstractFileSystem

from chevupload.errors import ConfigError, FileExists, FileMissing, StorageError
from chevupload.model import FileHeaders
from chevupload.naming import checked_path, joined_url
from chevupload.storage.bulk import delete_each
from chevupload.storage.cloud import Backend, SaveOptions, backend_of
from chevupload.storage.faults import translated
from chevupload.storage.fsspec_io import ABSENT, Access
from chevupload.validation import BASE_URL, SECONDS, function_of, optional


class _Opened:
    """A file system, which each process builds for itself where it has a URL, and the place on it for files."""

    def __init__(
        self,
        source: AbstractFileSystem | str,
        root: str,
        backend: Backend,
        options: Mapping[str, Any],
        seconds: float,
    ) -> None:
        self._source = source
        self._root = root.rstrip("/")
        self._backend = backend
        self._options = _merged(backend.options(options), options)
        self._seconds = seconds
        self._built: tuple[int, Access, str] | None = None

    def locate(self, path: str) -> tuple[Access, str]:
        """Return what works with this process' file system, and the place of ``path`` on it."""
        access, root = self.rooted()
        return access, f"{root}/{checked_path(path)}" if root else checked_path(path)

    def rooted(self) -> tuple[Access, str]:
        """Return what works with this process' file system, and where on it the files are."""
        built = self._built
        if built is None or built[0] != os.getpid():
            # No lock: one held by another thread during a fork would never be released in the child, and two
            # threads that build at once merely build twice.
            filesystem, root = self._build()
            self._built = built = (os.getpid(), self._backend.access(filesystem, self._seconds), root)
        return built[1], built[2]

    def _build(self) -> tuple[AbstractFileSystem, str]:
        """Return a file system, and the place on it below which files are kept."""
        if not isinstance(self._source, str):
            return self._source, self._root
        filesystem, base = fsspec.url_to_fs(self._source, **self._options)
        parts = (base.rstrip("/"), self._root.strip("/"))
        return filesystem, "/".join(part for part in parts if part)


class FsspecStorage:
    """A storage on an fsspec file system.

    On object stores a file appears as a whole when its upload ends. File systems that write in place show it growing;
    that is harmless below a catalog, which tells nobody of a file before it is complete.

    Attributes:
        can_sign: whether the file system signs URLs.

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
        signing_endpoint: str | None = None,
        save_options: SaveOptions | None = None,
        exclusive: bool = True,
        seconds: float = 30.0,
    ) -> None:
        """Keep files below ``root``.

        Args:
            filesystem: a URL such as ``s3://bucket/folder``, from which each process builds its own file system on
                first use, since some do not survive a fork; or a file system that is used as it is.
            root: folder, or bucket and folder, below what the URL names.
            options: arguments of the file system, with a URL only. They are added to ours, which are time limits.
            public_url: where the files can be fetched by anybody; None lets the component serve them.
            signing_endpoint: address of an S3 as readers reach it, where that is another than the server's own. Signed
                URLs lead there; they cannot be rewritten later, because the signature holds for the address, too.
            save_options: makes the file system's own arguments of ``open(path, "wb")`` from
                :class:`~chevupload.model.FileHeaders`; S3, GCS and Azure need none.
            exclusive: False never asks a store to write new files only. One that says that it cannot is asked once.
            seconds: how long an object store may take for one call; for a file, one more for each 250 kB of it.
        """
        self._public_url = optional(BASE_URL).checked("public_url", public_url)
        SECONDS.checked("seconds", seconds)
        optional(function_of("headers")).checked("save_options", save_options)
        if isinstance(filesystem, str):
            protocol, kind = _known_protocol(filesystem)
        elif not isinstance(filesystem, AbstractFileSystem):
            raise ConfigError(f"filesystem must be a URL such as 's3://bucket', or one of fsspec's: {filesystem!r:.80}")
        else:
            if options:
                raise ConfigError("options belong to a URL; give them to the file system itself")
            protocol = filesystem.protocol if isinstance(filesystem.protocol, str) else filesystem.protocol[0]
            kind = type(filesystem)
        self.can_sign: bool = kind.sign is not AbstractFileSystem.sign
        self._backend = backend = backend_of(protocol)
        self._files = self._signing = _Opened(filesystem, root, backend, options or {}, seconds)
        if signing_endpoint is not None:
            checked = _checked_endpoint(signing_endpoint, filesystem, backend)
            self._signing = _Opened(filesystem, root, backend, {**(options or {}), "endpoint_url": checked}, seconds)
        self._save_options = save_options or backend.arguments
        self._exclusive = exclusive and backend.exclusive

    def save(self, path: str, file: BinaryIO, *, headers: FileHeaders) -> None:
        """See Storage. Where the store cannot tell that a name is taken, the file there is replaced."""
        with translated("save", path):
            access, place = self._files.locate(path)
            try:
                access.write(place, file, self._save_options(headers), exclusive=self._exclusive)
            except FileExistsError as error:
                raise FileExists("a file with this name exists") from error

    def replace(self, path: str, file: BinaryIO, *, headers: FileHeaders) -> None:
        """See ReplacingStorage."""
        with translated("replace", path):
            access, place = self._files.locate(path)
            access.replace(place, file, self._save_options(headers))

    def open(self, path: str, part: range | None = None) -> BinaryIO:
        """See Storage. From an object store, each read is one request."""
        with translated("open", path):
            access, place = self._files.locate(path)
            try:
                return access.open(place, part)
            except ABSENT as error:
                raise FileMissing(f"no file at {path}") from error

    def delete(self, path: str) -> None:
        """See Storage."""
        with translated("delete", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            access, place = self._files.locate(path)
            access.remove(place)

    def delete_many(self, paths: Sequence[str]) -> Mapping[str, StorageError]:
        """See BulkDeletingStorage."""
        with translated("delete", f"{len(paths)} files"):
            access, _ = self._files.rooted()
            by_place = {self._files.locate(path)[1]: path for path in paths}
            errors = access.remove_many(list(by_place))
        if errors is None:
            return delete_each(self, paths)
        failed: dict[str, StorageError] = {}
        for place, cause in errors.items():
            failed[by_place[place]] = error = StorageError(f"cannot delete {by_place[place]}")
            error.__cause__ = cause
        return failed

    def exists(self, path: str) -> bool:
        """See Storage."""
        with translated("look for", path):
            access, place = self._files.locate(path)
            try:
                # Not isfile(), which takes a store that is away for a file that is missing.
                return bool(access.info(place)["type"] == "file")
            except ABSENT:
                return False

    def probe(self) -> None:
        """See ProbedStorage."""
        with translated("reach", "the storage"):
            access, root = self._files.rooted()
            access.probe(root)

    def files(self) -> Iterator[tuple[str, int]]:
        """See ListingStorage."""
        with translated("list", "files"):
            access, root = self._files.rooted()
            for place, size in access.files(root):
                yield place.strip("/").removeprefix(root.strip("/")).lstrip("/"), size

    def modified(self, path: str) -> datetime:
        """See ListingStorage."""
        with translated("look for", path):
            access, place = self._files.locate(path)
            try:
                return access.modified(place)
            except ABSENT as error:
                raise FileMissing(f"no file at {path}") from error

    def signed_url(self, path: str, *, seconds: int) -> str:
        """See SigningStorage."""
        with translated("sign a URL for", path):
            access, place = self._signing.locate(path)
            return access.sign(place, seconds)

    def url(self, path: str) -> str | None:
        """See Storage."""
        return None if self._public_url is None else joined_url(self._public_url, path)


def _checked_endpoint(url: str, filesystem: AbstractFileSystem | str, backend: Backend) -> str:
    """Return a second address for signing.

    Raises:
        ConfigError: it is not an address, or the storage's file system does not sign.
    """
    if not isinstance(filesystem, str) or not backend.endpoints:
        raise ConfigError("signing_endpoint is for storages with a URL of S3: s3://bucket/folder")
    return str(BASE_URL.checked("signing_endpoint", url))


def _known_protocol(url: str) -> tuple[str, type[AbstractFileSystem]]:
    """Return the protocol of a URL and its kind of file system."""
    protocol = str(fsspec.utils.get_protocol(url))
    try:
        return protocol, fsspec.get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"no file system for {protocol!r}: {error}") from error


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Add options to ours; what is a mapping in both, one level deep."""
    both = {
        name: {**ours[name], **value}
        for name, value in theirs.items()
        if isinstance(value, Mapping) and isinstance(ours.get(name), Mapping)
    }
    return {**ours, **theirs, **both}
