"""The local storage: whole files or none, no file replaced, and adopting without a copy."""

from __future__ import annotations

import errno
import io
import os
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from chevupload.errors import ConfigError, FileExists, StorageError
from chevupload.spool import PREFIX, Spool
from chevupload.storage.local import LocalStorage
from chevupload.testing import AdoptingStorageContract
from chevupload.testing.storage import PNG


@pytest.fixture(params=[False, True], ids=["quick", "fsync"])
def storage(request, tmp_path):
    return LocalStorage(tmp_path / "files", fsync=request.param)


def leftovers(storage):
    return [path.name for path in storage.incoming.iterdir()]


def save(storage, path, data=b"new"):
    storage.save(path, io.BytesIO(data), headers=PNG)


class TestLocalStorage(AdoptingStorageContract):
    """The default storage: it takes finished files over, which spares a copy of every upload."""

    @pytest.fixture(params=["beside", "defaults", "public"])
    def storage(self, request, tmp_path):
        """Return a new one: with unfinished files elsewhere, with defaults, and with a public URL."""
        settings = {"beside": {"incoming": tmp_path / "incoming"}, "public": {"public_url": "https://cdn.example/f"}}
        return LocalStorage(tmp_path / "files", **settings.get(request.param, {}))


class TestLastingLocalStorage(AdoptingStorageContract):
    """The storage whose files survive a power failure."""

    @pytest.fixture
    def storage(self, tmp_path):
        """Return a new one."""
        return LocalStorage(tmp_path / "files", fsync=True)


def test_an_existing_file_stays_as_it_is(storage, tmp_path):
    """No upload replaces another, saved or adopted, and nothing unfinished of the refused one stays."""
    save(storage, "d/a.png", b"old")
    with pytest.raises(FileExists):
        save(storage, "d/a.png")
    other = tmp_path / "other"
    other.write_bytes(b"new")
    with pytest.raises(FileExists):
        storage.adopt("d/a.png", str(other))
    assert other.read_bytes() == b"new"
    with storage.open("d/a.png") as file:
        assert file.read() == b"old"
    assert leftovers(storage) == []


def test_files_and_folders_are_readable_for_a_web_server(storage, tmp_path):
    """A web server can serve the files whatever the umask says; unfinished ones are closed to all others."""
    before = os.umask(0o077)
    try:
        save(storage, "2026/01/a.png")
    finally:
        os.umask(before)
    folder = tmp_path / "files"
    assert stat.S_IMODE((folder / "2026/01/a.png").stat().st_mode) == 0o644
    assert stat.S_IMODE((folder / "2026/01").stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "2026").stat().st_mode) == 0o755
    assert stat.S_IMODE(storage.incoming.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077], ids=oct)
def test_new_folders_keep_what_their_parent_gives(tmp_path, umask):
    """Setgid and with it the group, and a group's write access where the umask leaves it: only readers are added."""
    tmp_path.chmod(0o2770)
    before = os.umask(umask)
    try:
        storage = LocalStorage(tmp_path / "site/images", incoming=tmp_path / "site/incoming")
        save(storage, "2026/01/a.png")
    finally:
        os.umask(before)
    expected = 0o2775 if umask == 0o002 else 0o2755
    for name in ("site", "site/images", "site/images/2026", "site/images/2026/01"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == expected, name
    assert stat.S_IMODE((tmp_path / "site/incoming").stat().st_mode) == 0o2700


@pytest.mark.parametrize("way", ["save", "adopt"])
def test_what_survives_a_power_failure_is_synced(storage, request, tmp_path, monkeypatch, way):
    """First the file, then the folders that hold its name; and nothing at all without the setting."""
    synced, fsync = [], os.fsync

    def seen(descriptor):
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    if way == "save":
        save(storage, "2026/01/a.png")
    else:
        (storage.incoming / "spool").write_bytes(b"new")
        storage.adopt("2026/01/a.png", str(storage.incoming / "spool"))
    folder = tmp_path / "files"
    expected = [(folder / name).stat().st_ino for name in ("2026/01/a.png", "2026/01", "2026", "")]
    assert synced == (expected if request.node.callspec.params["storage"] else [])


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    """Settings are not read by a shell; and nobody's home is refused, not made."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    storage = LocalStorage("~/files", incoming="~/incoming")
    save(storage, "a.png")
    assert (tmp_path / "home/files/a.png").read_bytes() == b"new"
    assert storage.incoming == tmp_path / "home/incoming"
    with pytest.raises(ConfigError, match="no such home"):
        LocalStorage("~nobody-has-this-name/files")
    assert os.listdir(tmp_path) == ["home"]


def test_a_half_written_file_is_never_visible(storage):
    """A reader sees a whole file or none; an unfinished one lies apart, under a name that the sweep knows."""
    reached, go_on = threading.Event(), threading.Event()

    class Slow(io.RawIOBase):
        def __init__(self):
            self.parts = [b"", b"2" * 10, b"1" * 10]

        def read(self, size=-1):
            if len(self.parts) == 2:
                reached.set()
                assert go_on.wait(300)
            return self.parts.pop()

    writer = threading.Thread(target=lambda: storage.save("a.png", Slow(), headers=PNG))
    writer.start()
    assert reached.wait(300)
    assert not storage.exists("a.png")
    assert [name.startswith(PREFIX) for name in leftovers(storage)] == [True]
    go_on.set()
    writer.join()
    with storage.open("a.png") as file:
        assert file.read() == b"1" * 10 + b"2" * 10


def test_a_failed_save_leaves_no_temporary_file(storage):
    """What could not be saved takes no space, which on a full disk would be the cause of the next failure."""

    class Failing(io.RawIOBase):
        def read(self, size=-1):
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(StorageError):
        storage.save("a.png", Failing(), headers=PNG)
    assert leftovers(storage) == []


def test_of_many_writers_one_wins(storage):
    """Of several writers at once one is told that it succeeded, and the file is that one's."""
    results = []

    def write(number):
        try:
            save(storage, "2026/a.png", str(number).encode())
            results.append(number)
        except FileExists:
            pass

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 1
    with storage.open("2026/a.png") as file:
        assert file.read() == str(results[0]).encode()


def test_a_spool_is_adopted_without_a_copy(storage, tmp_path):
    """An upload is written once: the spool itself becomes the stored file, and its old name is gone."""
    with Spool(str(storage.incoming), 100) as spool:
        spool.write(b"data")
        inode = os.stat(spool.path).st_ino
        storage.adopt("2026/a.png", spool.path)
        assert not Path(spool.path).exists()
    target = tmp_path / "files/2026/a.png"
    assert target.read_bytes() == b"data"
    assert (target.stat().st_ino, target.stat().st_nlink) == (inode, 1)
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_a_file_where_a_folder_should_be_is_an_error(storage):
    """A path below a file is refused as an error of ours, and nothing unfinished stays."""
    save(storage, "a")
    with pytest.raises(StorageError):
        save(storage, "a/b")
    with pytest.raises(StorageError):
        save(storage, "a/b/c")
    assert leftovers(storage) == []


def test_deleting_leaves_folders(storage, tmp_path):
    """Somebody else may be about to save into the folder; and no folder can be deleted as a file."""
    save(storage, "2026/a.png")
    storage.delete("2026/a.png")
    assert (tmp_path / "files/2026").is_dir()
    with pytest.raises(StorageError):
        storage.delete("2026")


def test_unfinished_files_cannot_be_reached_as_stored_ones(storage):
    """No path reads or replaces what somebody is still uploading."""
    (storage.incoming / "chevupload-spool-x").write_bytes(b"secret")
    for action in (storage.open, lambda path: save(storage, path), lambda path: storage.adopt(path, "/dev/null")):
        with pytest.raises(StorageError) as told:
            action(".incoming/chevupload-spool-x")
        assert str(told.value) == "not a storage path"


def test_what_the_disk_refuses_is_told_by_its_path(storage, tmp_path):
    """And by what was to be done; the cause is kept for the log."""
    save(storage, "a")
    (tmp_path / "spool").write_bytes(b"data")
    for action, told, cause in (
        (lambda: save(storage, "a/b"), "cannot save a/b", NotADirectoryError),
        (lambda: storage.replace("a/b", io.BytesIO(), headers=PNG), "cannot replace a/b", NotADirectoryError),
        (lambda: storage.adopt("a/b", str(tmp_path / "spool")), "cannot adopt a file as a/b", NotADirectoryError),
        (lambda: storage.adopt("b", str(tmp_path / "lost")), "cannot adopt a file as b", FileNotFoundError),
        (lambda: storage.exists("x" * 300), f"cannot look for {'x' * 300}", OSError),
    ):
        with pytest.raises(StorageError) as caught:
            action()
        assert (str(caught.value), isinstance(caught.value.__cause__, cause)) == (told, True)


@pytest.mark.parametrize("closed", ["files", "files/.incoming"])
def test_a_folder_that_nobody_may_write_to_is_told(storage, tmp_path, monkeypatch, closed):
    """Before an upload finds it; to root every folder is open, so the system is made to say so."""
    storage.probe()
    asked = (str(tmp_path / closed), os.W_OK | os.X_OK)
    monkeypatch.setattr(os, "access", lambda path, mode: (str(path), mode) != asked)
    with pytest.raises(StorageError) as told:
        storage.probe()
    assert str(told.value) == "a folder of the storage cannot be written to"


def test_a_disk_that_is_away_is_no_missing_file(storage, tmp_path):
    """Where the folder is gone, nobody can say which files there are."""
    (tmp_path / "files").rename(tmp_path / "elsewhere")
    for action in (lambda: storage.open("a"), lambda: storage.exists("a"), storage.probe):
        with pytest.raises(StorageError) as told:
            action()
        assert (type(told.value), str(told.value)) == (StorageError, "the storage's folder is away")


@pytest.fixture
def far(tmp_path):
    """Return a folder on another file system."""
    here = tmp_path.stat().st_dev
    folders = [path for path in map(Path, ("/dev/shm", "/var/tmp")) if path.is_dir() and path.stat().st_dev != here]
    if not folders:
        pytest.skip("neither /dev/shm nor /var/tmp is a second file system here, so nothing can be moved between two")
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}test-", dir=folders[0]) as name:
        yield Path(name)


def test_incoming_on_another_file_system_is_refused(tmp_path, far):
    """Nothing can be moved between file systems in one step."""
    with pytest.raises(ConfigError) as told:
        LocalStorage(tmp_path / "files", incoming=far)
    assert str(told.value) == "a local storage and its incoming folder must be on the same file system"


def test_files_from_another_file_system_are_copied_first(tmp_path, far):
    """Nobody sees them before they are whole, and no copy stays."""
    storage = LocalStorage(tmp_path / "files")
    source = far / "source"
    source.write_bytes(b"adopted")
    storage.adopt("2026/b.png", str(source))
    assert (tmp_path / "files/2026/b.png").read_bytes() == b"adopted"
    source.write_bytes(b"again")
    with pytest.raises(FileExists):
        storage.adopt("2026/b.png", str(source))
    assert source.read_bytes() == b"again"
    source.unlink()
    assert list(far.iterdir()) == []
    assert list((tmp_path / "files/.incoming").iterdir()) == []


@pytest.fixture
def without_links(monkeypatch):
    """Take hard links away, as some network and memory card file systems do."""

    def link(source, target):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", link)


def test_without_hard_links_files_are_renamed(storage, without_links, tmp_path):
    """On file systems without hard links files are saved and adopted too, and still none is replaced."""
    save(storage, "a.png", b"old")
    with pytest.raises(FileExists):
        save(storage, "a.png", b"new")
    source = tmp_path / "source"
    source.write_bytes(b"adopted")
    storage.adopt("b.png", str(source))
    assert not source.exists()
    with storage.open("a.png") as one, storage.open("b.png") as two:
        assert (one.read(), two.read()) == (b"old", b"adopted")
    assert leftovers(storage) == []


def test_other_faults_of_the_disk_are_storage_errors(storage, monkeypatch):
    """Only missing links are worked around: any other fault is an error of ours, and nothing unfinished stays."""

    def link(source, target):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(StorageError):
        save(storage, "a.png")
    assert leftovers(storage) == []


def test_a_folder_that_cannot_be_made_is_told_at_once(tmp_path):
    """A wrong folder is found when the site starts, not at its first upload; the error names it, and its cause."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match=r"file: Not a directory"):
        LocalStorage(tmp_path / "file/sub")


def test_public_url(tmp_path):
    """A file has an address of its own only where the site gave one; else the component serves it."""
    assert LocalStorage(tmp_path).url("a.png") is None
    assert LocalStorage(tmp_path, public_url="https://cdn.example/f").url("a.png") == "https://cdn.example/f/a.png"
