"""A file system in user space that lacks what it is told to lack, as CIFS, memory cards and many mounts do.

    python -m tests.storage.file_system FOLDER MOUNT [what it lacks]...

shows FOLDER at MOUNT until it is unmounted. What may lack: ``modes`` and ``links``, which are EPERM; ``sync``, of
folders, which is EINVAL; ``times``, which are EPERM; and ``maps``, which several processes would share memory by.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_PATIENCE_SECONDS = 300
_NOT_ALLOWED = 77
_ATTRIBUTES = ("st_gid", "st_mode", "st_nlink", "st_size", "st_uid")


@contextlib.contextmanager
def mounted(folder: Path, *lacks: str) -> Iterator[Path]:
    """Mount one that keeps its files in ``folder``, and give where."""
    pytest.importorskip(
        "mfusepy", reason="mfusepy or FUSE's library is not installed (Debian: fuse3)", exc_type=OSError
    )
    unmount = shutil.which("fusermount3")
    if unmount is None or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("this machine mounts no file systems in user space (/dev/fuse, Debian: fuse3)")
    kept, mount = folder / "kept", folder / "mount"
    kept.mkdir()
    mount.mkdir()
    command = [sys.executable, "-W", "ignore", "-m", __name__, str(kept), str(mount), *lacks]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not mount.is_mount():
            if process.poll() == _NOT_ALLOWED:
                pytest.skip("this machine does not let file systems in user space be mounted")
            assert process.returncode is None, "the file system is broken"
            assert time.monotonic() < deadline, "the file system is not mounted"
            time.sleep(0.02)
        yield mount
    finally:
        subprocess.run([unmount, "-u", "-z", str(mount)], check=False)
        process.kill()
        process.wait()


def _serve(root: str, mount: str, lacks: set[str]) -> None:
    import mfusepy

    def told(action):
        """Do it below the root; what the disk says is what the file system says."""

        def act(self, path, *values):
            try:
                return action(root + path, *values)
            except OSError as error:
                raise mfusepy.FuseOSError(error.errno) from error

        return act

    def refused(lack, number, action):
        def act(path, *values):
            if lack in lacks:
                raise OSError(number, os.strerror(number))
            return action(path, *values)

        return told(act)

    def attributes(path, handle=None):
        found = os.lstat(path)
        times = {f"st_{kind}time": getattr(found, f"st_{kind}time_ns") for kind in "acm"}
        return times | {name: getattr(found, name) for name in _ATTRIBUTES}

    def space(path):
        found = os.statvfs(path)
        return {name: getattr(found, name) for name in dir(found) if name.startswith("f_") and name != "f_fsid"}

    class Lacking(mfusepy.Operations):
        use_ns = True
        chmod = refused("modes", errno.EPERM, os.chmod)
        create = told(lambda path, mode, info=None: os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode))
        fsyncdir = refused("sync", errno.EINVAL, lambda path, data, handle: 0)
        fsync = told(lambda path, data, handle: os.fsync(handle))
        getattr = told(attributes)
        # FUSE gives the new name first.
        link = refused("links", errno.EPERM, lambda new, old: os.link(root + old, new))
        mkdir = told(os.mkdir)
        open = told(os.open)
        read = told(lambda path, size, offset, handle: os.pread(handle, size, offset))
        readdir = told(lambda path, handle: [".", "..", *os.listdir(path)])
        release = told(lambda path, handle: os.close(handle))
        rename = told(lambda old, new: os.rename(old, root + new))
        rmdir = told(os.rmdir)
        statfs = told(space)
        truncate = told(lambda path, length, handle=None: os.truncate(path, length))
        unlink = told(os.unlink)
        utimens = refused("times", errno.EPERM, lambda path, times=None: os.utime(path, ns=times))
        write = told(lambda path, data, offset, handle: os.pwrite(handle, data, offset))

    try:
        mfusepy.FUSE(Lacking(), mount, foreground=True, direct_io="maps" in lacks)
    except RuntimeError:
        sys.exit(_NOT_ALLOWED)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], set(sys.argv[3:]))
