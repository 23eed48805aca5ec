"""Folders and files of the server's own disk, on any file system.

CIFS, FUSE, memory cards and Android's storage have no hard links, or no modes, or cannot sync a folder. Where one of
these fails, the site works without it.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from chevupload.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows, where a rename replaces nothing
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger("chevupload")

_LACKING = frozenset(
    {errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.ENOTTY, errno.ENOTSUP, errno.EOPNOTSUPP}
)
"""How file systems say that they cannot do something at all."""
_NO_LINK = frozenset({*_LACKING, errno.EMLINK}) - {errno.EINVAL}


def local_path(path: str | os.PathLike[str], *, below: str | os.PathLike[str] = "") -> Path:
    """Return the absolute path of a folder or file in a setting; a leading ``~`` is a home folder, as in shells.

    Args:
        path: as it was set.
        below: the folder that a relative path starts from, the current one by default.

    Raises:
        ConfigError: it begins with ``~`` and the name of nobody on this machine.
    """
    try:
        return Path(below, Path(path).expanduser()).absolute()
    except RuntimeError as error:
        raise ConfigError(f"{os.fspath(path)}: there is no such home folder") from error


def go_without(step: str, error: OSError) -> None:
    """Log once that a file system is unable to do ``step``, if ``error`` says so; raise any other fault of a disk."""
    if error.errno not in _LACKING:
        raise error
    _log_lack(step, error.strerror)


@functools.cache
def _log_lack(step: str, reason: str) -> None:
    logger.warning("the file system cannot %s (%s): going on without", step, reason)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` lasting, where that can be asked for."""
    try:
        sync(folder)
    except OSError as error:
        go_without("sync a folder", error)


def sync(path: str | Path) -> None:
    """Make what is in a file or folder lasting."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_readable_folder(folder: Path) -> None:
    """Make a folder and its parents, each open to readers, also where the umask says otherwise.

    More rights from the umask and the parent stay: write access of a group, setgid, access lists.
    """
    if folder.is_dir():
        return
    make_readable_folder(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from None
    else:
        add_mode(folder, 0o755)


def add_mode(path: str | Path, mode: int) -> None:
    """Add permissions to those of a file or folder, if it has modes that can be changed."""
    present = os.stat(path).st_mode
    if present & mode != mode:
        try:
            os.chmod(path, present & 0o7777 | mode)
        except OSError as error:
            go_without("change modes", error)


def name_new(source: str | Path, target: str | Path) -> None:
    """Give the file ``source`` the name ``target`` if nothing has it; its old name may be gone afterwards.

    Nobody sees a part of it, and of several at once one succeeds. Source: POSIX ``link()``.

    Raises:
        FileExistsError: something has the name.
        OSError: any other fault of the disk.
    """
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        with _alone_in(Path(target).parent):
            if Path(target).exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
            os.rename(source, target)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, for its owner's eyes only, that is at ``path`` once the block ends well, and whole.

    Raises:
        FileExistsError: something has this name.
        OSError: any other fault of the disk.
    """
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".chevupload-")
    except OSError as error:
        # Nobody knows the temporary file that it names.
        raise OSError(error.errno, error.strerror, str(path.parent)) from None
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        name_new(name, path)
        sync_folder(path.parent)
    finally:
        Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process of this machine at a time look and rename in ``folder``, where it can be locked."""
    with contextlib.ExitStack() as stack:
        if fcntl is not None:
            try:
                descriptor = os.open(folder, os.O_RDONLY)
                stack.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                go_without("lock a folder", error)
        yield
