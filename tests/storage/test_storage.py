"""Every storage of ours keeps its promises; those on fsspec's file systems do so with errors that tell no place."""

from __future__ import annotations

import contextlib
import io
import os
from itertools import count

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from chevupload.errors import ConfigError, FileExists, FileMissing, StorageError
from chevupload.storage.fsspec_storage import FsspecStorage
from chevupload.storage.local import LocalStorage
from chevupload.testing import StorageContract
from chevupload.testing.memory import MemoryStorage
from chevupload.testing.records import in_threads
from chevupload.testing.storage import PNG

ROOTS = count()


class TestMemoryStorage(StorageContract):
    """The storage in a dict."""

    @pytest.fixture(params=[None, "https://cdn.example/f/"], ids=["served", "public"])
    def storage(self, request):
        """Return a new one, with and without a public URL."""
        return MemoryStorage(public_url=request.param)


class _InPlace(StorageContract):
    """A storage on a file system that writes files where they are read."""

    def test_a_file_appears_as_a_whole(self, storage):
        """It is seen growing, which harms nobody below a catalog: a file is told of when it is complete."""
        seen = []

        class Watched(io.BytesIO):
            def read(self, size=-1):
                seen.append(storage.exists("d/a.png"))
                return super().read(size)

        storage.save("d/a.png", Watched(b"x" * 100), headers=PNG)
        assert True in seen
        assert content(storage, "d/a.png") == b"x" * 100

    def test_many_threads_want_one_path(self, storage):
        """Of several writers the first has it; fsspec's memory, whose look and write are two steps, may mix them."""

        def work(thread):
            with contextlib.suppress(FileExists):
                storage.save("2026/a.png", io.BytesIO(b"%d" % thread * 100_000), headers=PNG)

        in_threads(6, work)
        assert storage.exists("2026/a.png")


class TestFsspecInMemory(_InPlace):
    """fsspec's memory, as an object and by its URL."""

    @pytest.fixture(params=["object", "url"])
    def storage(self, request):
        """Return a new one, below a root of its own."""
        bucket = f"bucket{next(ROOTS)}"
        if request.param == "url":
            return FsspecStorage(f"memory://{bucket}", "folder", public_url="https://cdn.example/f/")
        return FsspecStorage(MemoryFileSystem(), f"{bucket}/")


class TestFsspecOnDisk(_InPlace):
    """fsspec's local disk."""

    @pytest.fixture
    def storage(self, tmp_path):
        """Return a new one."""
        return FsspecStorage(LocalFileSystem(), str(tmp_path / "files"))


@pytest.fixture(params=["memory", "fsspec", "fsspec-local", "local"])
def storage(request, tmp_path):
    """Return each storage in turn, empty, with a public URL."""
    url = "https://cdn.example/f/"
    if request.param == "memory":
        return MemoryStorage(public_url=url)
    if request.param == "fsspec":
        return FsspecStorage(MemoryFileSystem(), f"bucket{next(ROOTS)}/", public_url=url)
    if request.param == "fsspec-local":
        return FsspecStorage(LocalFileSystem(), str(tmp_path), public_url=url)
    return LocalStorage(tmp_path, public_url=url)


class _Failing(io.RawIOBase):
    """A file that gives some bytes and then fails."""

    def __init__(self, error, size=3_000_000):
        self.error, self.left = error, size

    def read(self, size=-1):
        if not self.left or size < 0:
            raise self.error
        taken = min(size, self.left)
        self.left -= taken
        return b"x" * taken


def content(storage, path):
    with storage.open(path) as file:
        return file.read()


@pytest.mark.parametrize("error", [OSError("disk"), ValueError("odd")])
def test_the_log_is_told_why_a_save_failed(storage, error):
    """A failed save is a StorageError with its cause, which the log shows and the client does not."""
    with pytest.raises(StorageError) as caught:
        storage.save("d/a.png", _Failing(error), headers=PNG)
    assert str(caught.value) == "cannot save d/a.png"
    assert caught.value.__cause__ is error


def test_an_interrupted_save_leaves_nothing(storage):
    """A process that is ended in the middle of a save leaves no half file."""
    with pytest.raises(KeyboardInterrupt):
        storage.save("a.png", _Failing(KeyboardInterrupt()), headers=PNG)
    assert not storage.exists("a.png")


def test_url(storage):
    """A file's address is one slash below the public URL, and there is none without it."""
    assert storage.url("d/a.png") == "https://cdn.example/f/d/a.png"
    assert FsspecStorage("memory://x").url("a") is None


class _ObjectFile(AbstractBufferedFile):
    """Publishes on close, as object stores do."""

    discarded = False

    def _upload_chunk(self, final=False):
        if final:
            if self.mode == "xb" and self.path in self.fs.objects:
                raise FileExistsError(self.path)
            self.fs.published.append(self.path)
            self.fs.objects[self.path] = (self.buffer.getvalue(), self.kwargs)
        return False

    def discard(self):
        self.discarded = True


class _ObjectStore(AbstractFileSystem):
    """An object store with a fault of its own choosing."""

    protocol = ("objects",)
    cachable = False

    def __init__(self, fault=None):
        super().__init__()
        self.objects = {}
        self.opened = []
        self.published = []
        self.fault = fault

    def _open(self, path, mode="rb", **kwargs):
        if self.fault:
            raise self.fault
        self.opened.append(_ObjectFile(self, path, mode, **kwargs))
        return self.opened[-1]

    def _rm(self, path):
        if self.fault:
            raise self.fault
        self.objects.pop(path, None)

    def info(self, path):
        if self.fault:
            raise self.fault
        if path not in self.objects:
            raise FileNotFoundError(path)
        return {"name": path, "type": "file", "size": len(self.objects[path][0])}

    def ls(self, path, detail=True, **kwargs):
        if path not in self.dircache:
            self.dircache[path] = [self.info(name) for name in self.objects]
        return self.dircache[path]

    def invalidate_cache(self, path=None):
        self.dircache.clear()


def test_the_host_chooses_how_a_content_type_is_passed():
    """A file system that takes content types in its own way can be served without a change of ours."""
    store = _ObjectStore()
    storage = FsspecStorage(store, save_options=lambda headers: {"headers": {"Content-Type": headers.content_type}})
    storage.save("a.png", io.BytesIO(b"1"), headers=PNG)
    options = store.objects["a.png"][1]
    assert options["headers"] == {"Content-Type": "image/png"}
    assert "ContentType" not in options


def test_an_object_store_never_gets_half_a_file():
    """Closing publishes a file on an object store, so one that failed is discarded instead."""
    store = _ObjectStore()
    with pytest.raises(StorageError):
        FsspecStorage(store, "bucket").save("a.png", _Failing(OSError()), headers=PNG)
    (opened,) = store.opened
    assert opened.discarded
    assert opened.closed
    assert (store.published, store.objects) == ([], {})


def test_a_file_that_another_writer_has_published_stays():
    """Some file systems tell only at the end of a write that the name is taken: that file is not ours to remove."""

    class Exclusive(_ObjectStore):
        # One of those that are asked to write new files only.
        protocol = ("memory",)

    store = Exclusive()

    class Slow(io.BytesIO):
        def read(self, size=-1):
            store.objects.setdefault("bucket/a.png", (b"another writer's", {}))
            return super().read(size)

    with pytest.raises(FileExists):
        FsspecStorage(store, "bucket").save("a.png", Slow(b"ours"), headers=PNG)
    assert store.objects == {"bucket/a.png": (b"another writer's", {})}


def test_a_list_is_new_and_is_not_kept():
    """A file system may remember its listings: they would be old, and grow with the number of files."""
    store = _ObjectStore()
    assert store.ls("bucket") == []
    store.objects["bucket/a.png"] = (b"another process wrote it", {})
    assert list(FsspecStorage(store, "bucket").files()) == [("a.png", 24)]
    assert len(store.dircache) == 0


def test_a_library_error_becomes_ours_and_tells_no_place():
    """Callers meet errors of ours only; they name no bucket, and a fault is not taken for a missing file."""
    storage = FsspecStorage(_ObjectStore(RuntimeError("secret place")), "bucket")
    for action, told in (
        (lambda: storage.open("a"), "cannot open a"),
        (lambda: storage.delete("a"), "cannot delete a"),
        (lambda: storage.exists("a"), "cannot look for a"),
        (lambda: storage.save("a", io.BytesIO(), headers=PNG), "cannot save a"),
        (lambda: storage.replace("a", io.BytesIO(), headers=PNG), "cannot replace a"),
        (lambda: storage.modified("a"), "cannot look for a"),
        (storage.probe, "cannot reach the storage"),
    ):
        with pytest.raises(StorageError) as caught:
            action()
        assert str(caught.value) == told
        assert not isinstance(caught.value, FileMissing)


def test_what_is_there_or_is_not_is_told_by_its_path(tmp_path):
    """Of every storage of ours on files, in the same words."""
    for storage in (
        FsspecStorage(MemoryFileSystem(), f"bucket{next(ROOTS)}"),
        FsspecStorage(LocalFileSystem(), str(tmp_path / "fsspec")),
        LocalStorage(tmp_path / "local"),
    ):
        storage.save("a", io.BytesIO(b"1"), headers=PNG)
        with pytest.raises(FileExists) as there:
            storage.save("a", io.BytesIO(b"2"), headers=PNG)
        assert str(there.value) == "a file with this name exists"
        for method in (storage.open, storage.modified):
            with pytest.raises(FileMissing) as missing:
                method("b")
            assert str(missing.value) == "no file at b"


def test_a_url_is_opened_once_in_each_process():
    """A process keeps its file system, and a forked one builds its own, as not every library survives a fork."""
    storage = FsspecStorage(f"memory://forked{next(ROOTS)}", options={"skip_instance_cache": True})
    storage.save("a", io.BytesIO(b"1"), headers=PNG)
    first = storage._files.locate("a")[0]
    assert storage._files.locate("a")[0] is first
    child = os.fork()
    if child == 0:
        os._exit(0 if storage._files.locate("a")[0] is not first and storage.exists("a") else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_mistakes_are_told_at_construction():
    """An unknown protocol, or options that nobody would use, is found before the first upload."""
    with pytest.raises(ConfigError, match=r"^no file system for 'nonsense': .*nonsense"):
        FsspecStorage("nonsense://bucket")
    for filesystem, options, told in (
        (MemoryFileSystem(), {"a": 1}, "options belong to a URL; give them to the file system itself"),
        (7, None, "filesystem must be a URL such as 's3://bucket', or one of fsspec's: 7"),
    ):
        with pytest.raises(ConfigError) as refused:
            FsspecStorage(filesystem, options=options)
        assert str(refused.value) == told
