"""Files in a folder of the server's own disk: the default storage.

A file is written under a temporary name and then linked to its own, which no reader can see half done and no second
writer can repeat.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from chevupload.errors import ConfigError, FileExists, FileMissing, StorageError
from chevupload.filesystem import add_mode, local_path, make_readable_folder, name_new, sync, sync_folder
from chevupload.model import FileHeaders
from chevupload.naming import STORAGE_PATH, joined_url
from chevupload.spool import PREFIX
from chevupload.storage.faults import translated
from chevupload.validation import BASE_URL, optional

_CHUNK_BYTES = 1_048_576
"""How much of a file is in memory while it is copied."""


class LocalStorage:
    """A storage in a local folder, which can also adopt files.

    Attributes:
        incoming: folder of unfinished files. Spools made here are adopted without copying a byte.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        incoming: str | os.PathLike[str] | None = None,
        public_url: str | None = None,
        fsync: bool = False,
    ) -> None:
        """Keep files in ``folder``; it and ``incoming`` are made when they are missing.

        New folders below it get mode 0755 and files 0644 with any umask. More rights from the umask and the parent
        folder stay: write access of a group, setgid, access lists.

        Args:
            folder: where the files go; a leading ``~`` is the home folder.
            incoming: where unfinished ones are, on the same file system; ``.incoming`` in the folder by default.
            public_url: where the files can be fetched by anybody; None lets the component serve them.
            fsync: True survives a power failure, at the price of a few milliseconds for each file.

        Raises:
            StorageError: a folder cannot be made.
            ConfigError: the folders are on different file systems, where nothing can be moved in one step.
        """
        self._folder = local_path(folder)
        self._public_url = optional(BASE_URL).checked("public_url", public_url)
        self.incoming = self._folder / ".incoming" if incoming is None else local_path(incoming)
        self._above, self._unfinished = os.path.join(self._folder, ""), os.path.join(self.incoming, "")
        self._fsync = fsync
        try:
            make_readable_folder(self._folder)
            self.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            is_one_disk = self.incoming.stat().st_dev == self._folder.stat().st_dev
        except OSError as error:
            raise StorageError(f"{error.filename}: {error.strerror}") from error
        if not is_one_disk:
            raise ConfigError("a local storage and its incoming folder must be on the same file system")

    def _target(self, path: str) -> str:
        # Texts, not Path, which costs more than the calls to the system.
        target = self._above + path
        if not STORAGE_PATH.match(path) or target.startswith(self._unfinished):
            raise StorageError("not a storage path")
        return target

    def save(self, path: str, file: BinaryIO, *, headers: FileHeaders) -> None:
        """See Storage. A file that is there already stays as it is."""
        with translated("save", path):
            self._copy(file, self._target(path))

    def replace(self, path: str, file: BinaryIO, *, headers: FileHeaders) -> None:
        """See ReplacingStorage."""
        with translated("replace", path):
            self._copy(file, self._target(path), replaces=True)

    def adopt(self, path: str, file_path: str) -> None:
        """See AdoptingStorage."""
        target = self._target(path)
        try:
            try:
                self._place(file_path, target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                with open(file_path, "rb") as file:
                    self._copy(file, target)
            with contextlib.suppress(FileNotFoundError):  # renamed already, where there are no links
                os.unlink(file_path)
        except OSError as error:
            raise StorageError(f"cannot adopt a file as {path}") from error

    def open(self, path: str, part: range | None = None) -> BinaryIO:
        """See Storage. The file has a descriptor, for servers that send files."""
        with translated("open", path):
            try:
                return open(self._target(path), "rb")
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                self._is_there()
                raise FileMissing(f"no file at {path}") from error

    def delete(self, path: str) -> None:
        """See Storage."""
        with translated("delete", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(self._target(path))

    def exists(self, path: str) -> bool:
        """See Storage."""
        try:
            return stat.S_ISREG(os.stat(self._target(path)).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return not self._is_there()
        except OSError as error:
            raise StorageError(f"cannot look for {path}") from error

    def url(self, path: str) -> str | None:
        """See Storage."""
        return None if self._public_url is None else joined_url(self._public_url, path)

    def probe(self) -> None:
        """See ProbedStorage. The folders have to be there, and writable."""
        self._is_there()
        for folder in (self._folder, self.incoming):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise StorageError("a folder of the storage cannot be written to")

    def files(self) -> Iterator[tuple[str, int]]:
        """See ListingStorage. Unfinished files are left out, and links are not followed."""
        with translated("list", "files"):
            self._is_there()
            folders = [str(self._folder)]
            while folders:
                with contextlib.suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            if os.path.join(entry.path, "") != self._unfinished:
                                folders.append(entry.path)
                            continue
                        with contextlib.suppress(FileNotFoundError):
                            yield entry.path.removeprefix(self._above), entry.stat(follow_symlinks=False).st_size

    def modified(self, path: str) -> datetime:
        """See ListingStorage."""
        with translated("look for", path):
            try:
                return datetime.fromtimestamp(os.stat(self._target(path)).st_mtime, UTC)
            except FileNotFoundError as error:
                raise FileMissing(f"no file at {path}") from error

    def _is_there(self) -> bool:
        """Tell a file that is missing from a disk that is.

        Raises:
            StorageError: the folder is away.
        """
        if not os.path.isdir(self._folder):
            raise StorageError("the storage's folder is away")
        return True

    def _copy(self, file: BinaryIO, target: str, *, replaces: bool = False) -> None:
        """Copy ``file`` into a temporary one, which gets the name ``target`` when it is complete."""
        descriptor, temporary = tempfile.mkstemp(prefix=PREFIX, dir=self.incoming)
        try:
            # Buffered: an unbuffered file writes what fits on a full disk, and tells it by a number that nobody sees.
            with os.fdopen(descriptor, "wb") as copy:
                shutil.copyfileobj(file, copy, _CHUNK_BYTES)
            self._place(temporary, target, replaces=replaces)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)

    def _place(self, source: str, target: str, *, replaces: bool = False) -> None:
        """Give a complete file its final name: readable for a web server beside us, and lasting with ``fsync``.

        Its old name may be gone afterwards.
        """
        add_mode(source, 0o644)
        if self._fsync:
            sync(source)
        if not os.path.isdir(folder := os.path.dirname(target)):
            make_readable_folder(Path(folder))
        try:
            if replaces:
                os.replace(source, target)
            else:
                name_new(source, target)
        except FileExistsError as error:
            raise FileExists("a file with this name exists") from error
        if self._fsync:
            below = Path(target).relative_to(self._folder)
            for above in Path(target).parents[: len(below.parts)]:
                sync_folder(above)
