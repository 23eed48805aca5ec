"""What every storage promises, and what one promises besides that takes files over.

A storage that keeps these promises loses no file, and shows none that is half there.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urlsplit

import pytest

from chevupload.errors import FileExists, FileMissing, StorageError, TooLarge
from chevupload.model import FileHeaders
from chevupload.protocols import AdoptingStorage, BulkDeletingStorage, ListingStorage, ReplacingStorage, Storage
from chevupload.testing.records import in_threads

PNG = FileHeaders(
    content_type="image/png",
    cache_control="public, max-age=31536000, immutable",
    content_disposition="inline; filename=\"a photo.png\"; filename*=UTF-8''a%20ph%C3%B6to.png",
)
PATHS = (
    "a",
    "2026/03/04/photo.png",
    "one/two/three/four/five/six.png",
    "photo.of.a.cat.th.jpeg",
    "2026/UPPER-lower_0.png",
    "-dash.png",
    f"2026/{'long-' * 36}.md.png",
)
"""Paths such as the component makes, and the limits of what it may make."""


class _Source(io.RawIOBase):
    """A file of ``size`` bytes that comes in short pieces, and calls ``half_way`` once before the second half."""

    def __init__(self, size: int, byte: bytes = b"x", half_way: Callable[[], None] = lambda: None) -> None:
        self._byte, self._size, self._left, self._half_way = byte, size, size, half_way
        self._asked = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        if self._left <= self._size // 2 and not self._asked:
            self._asked = True
            self._half_way()
        count = min(len(buffer), self._left, 65_521)
        buffer[:count] = self._byte * count
        self._left -= count
        return count


def _failing(error: BaseException, size: int = 3_000_000) -> BinaryIO:
    """Return a file whose reading raises ``error`` half-way."""

    def fail() -> None:
        raise error

    return cast(BinaryIO, _Source(size, half_way=fail))


def noise(size: int) -> bytes:
    """Return random bytes that end with a point: an emulator of GCS drops a carriage return that ends a file."""
    return os.urandom(size - 1) + b"."


def put(storage: Storage, path: str, content: bytes) -> None:
    """Store ``content``."""
    storage.save(path, io.BytesIO(content), headers=PNG)


def content(storage: Storage, path: str) -> bytes:
    """Return what is stored."""
    with storage.open(path) as file:
        return file.read()


class StorageContract:
    """The promises of a :class:`~chevupload.protocols.Storage`; the fixture ``storage`` gives the one under test."""

    @pytest.fixture
    def storage(self) -> Storage:
        """Return a new storage with nothing in it."""
        raise NotImplementedError("the subclass gives a fixture `storage`")

    def test_it_has_every_method(self, storage: Storage) -> None:
        """The component finds all that it calls, and says so at construction rather than at the first upload."""
        assert isinstance(storage, Storage)

    def test_a_file_comes_back_from_where_it_was_to_its_end(self, storage: Storage) -> None:
        """All bytes from the file's position on are stored and no others, and the caller's file stays open."""
        data = noise(300_000)
        file = io.BytesIO(b"head" + data)
        file.seek(4)
        storage.save("2026/01/02/a.png", file, headers=PNG)
        assert not file.closed
        assert content(storage, "2026/01/02/a.png") == data

    def test_what_is_there_is_listed(self, storage: Storage) -> None:
        """Each file once, with its bytes and the time it came; what is gone is not among them."""
        if not isinstance(storage, ListingStorage):
            pytest.skip("this storage does not list its files")
        assert list(storage.files()) == []
        before = datetime.now(UTC) - timedelta(minutes=5)
        for size, path in enumerate(PATHS, 1):
            put(storage, path, b"x" * size)
        put(storage, "gone.png", b"x")
        storage.delete("gone.png")
        assert sorted(storage.files()) == sorted((path, size) for size, path in enumerate(PATHS, 1))
        for path in PATHS:
            assert before < storage.modified(path) < before + timedelta(minutes=10)
        for path in ("gone.png", "one/two/none.png"):
            with pytest.raises(FileMissing):
                storage.modified(path)

    def test_many_are_removed_at_once(self, storage: Storage) -> None:
        """Those that were asked for and no others; absent ones are fine, and so is doing it twice."""
        if not isinstance(storage, BulkDeletingStorage):
            pytest.skip("this storage removes its files one by one")
        for path in (*PATHS, "stays.png"):
            put(storage, path, b"x")
        for _ in range(2):
            assert storage.delete_many([*PATHS, "gone.png", "one/two/none.png"]) == {}
            assert [path for path in (*PATHS, "stays.png") if storage.exists(path)] == ["stays.png"]
        assert storage.delete_many([]) == {}

    def test_a_stored_file_is_read_from_any_place(self, storage: Storage) -> None:
        """A browser that asks for a part of a file gets it: what was opened is seekable, and readers do not meet."""
        put(storage, "a.png", b"0123456789")
        with storage.open("a.png") as one, storage.open("a.png") as two:
            assert one.read(3) == b"012"
            assert one.seek(-2, os.SEEK_END) == 8
            assert one.read() == b"89"
            assert one.seek(5) == 5
            assert two.read(2) == b"01"
            assert one.read(2) == b"56"
            assert one.tell() == 7

    def test_a_large_file_is_stored_whole(self, storage: Storage) -> None:
        """Megabytes that come in pieces of any size, of a length that nobody knows, are stored to the last byte."""
        storage.save("large.png", cast(BinaryIO, _Source(5_000_003)), headers=PNG)
        assert content(storage, "large.png") == b"x" * 5_000_003

    def test_an_empty_file_is_a_file(self, storage: Storage) -> None:
        """A file without content is not taken for a missing one."""
        put(storage, "empty", b"")
        assert storage.exists("empty") is True
        assert content(storage, "empty") == b""

    def test_every_path_has_its_own_file(self, storage: Storage) -> None:
        """Folders are made when they are needed, and names with dots, dashes and many letters are taken as they are."""
        for path in PATHS:
            put(storage, path, path.encode())
        assert [content(storage, path) for path in PATHS] == [path.encode() for path in PATHS]
        assert [storage.exists(path) for path in PATHS] == [True] * len(PATHS)

    def test_what_is_missing_is_missing(self, storage: Storage) -> None:
        """Reading tells of a missing file, with an error that is not taken for a fault; deleting does not."""
        assert storage.exists("a/b.png") is False
        with pytest.raises(FileMissing):
            storage.open("a/b.png")
        storage.delete("a/b.png")

    def test_a_part_of_a_file_is_the_same_bytes(self, storage: Storage) -> None:
        """Whether it was announced or not; and what is missing is missing before anything is read."""
        put(storage, "a/b.png", b"0123456789")
        for part in (range(10), range(3, 7), range(9, 10)):
            with storage.open("a/b.png", part) as file:
                file.seek(part.start)
                pieces = (file.read(2), file.read(len(part) - 2) if len(part) > 2 else b"")
                assert b"".join(pieces)[: len(part)] == b"0123456789"[part.start : part.stop]
        with pytest.raises(FileMissing):
            storage.open("a/c.png", range(1))

    def test_a_folder_is_no_file(self, storage: Storage) -> None:
        """What is only the beginning of a path is missing, and so is what would be below a file."""
        put(storage, "folder/a", b"1")
        assert storage.exists("folder") is False
        with pytest.raises(FileMissing):
            storage.open("folder")
        assert storage.exists("folder/a/b") is False
        with pytest.raises(FileMissing):
            storage.open("folder/a/b")
        storage.delete("folder/a/b")
        assert content(storage, "folder/a") == b"1"

    def test_deleting_removes_that_file_only_and_may_be_repeated(self, storage: Storage) -> None:
        """Files whose names begin alike are left alone, and a second deletion, as after a crash, does nothing."""
        paths = ("d/a.png", "d/a.th.png", "d/a.png.png", "d/b.png")
        for path in paths:
            put(storage, path, path.encode())
        storage.delete("d/a.png")
        storage.delete("d/a.png")
        assert [storage.exists(path) for path in paths] == [False, True, True, True]
        with pytest.raises(FileMissing):
            storage.open("d/a.png")

    def test_a_deleted_files_path_can_be_taken_again(self, storage: Storage) -> None:
        """Nothing of a deleted file comes back with the next one of its name."""
        put(storage, "d/a.png", b"the first, which is longer")
        storage.delete("d/a.png")
        put(storage, "d/a.png", b"the second")
        assert content(storage, "d/a.png") == b"the second"

    @pytest.mark.parametrize("error", [OSError("the disk"), ValueError("anything")], ids=["disk", "other"])
    def test_nothing_stays_of_a_failed_save(self, storage: Storage, error: Exception) -> None:
        """A file that cannot be read to its end is a StorageError, and there is no file; a second attempt succeeds."""
        with pytest.raises(StorageError):
            storage.save("d/a.png", _failing(error), headers=PNG)
        assert storage.exists("d/a.png") is False
        with pytest.raises(FileMissing):
            storage.open("d/a.png")
        put(storage, "d/a.png", b"again")
        assert content(storage, "d/a.png") == b"again"

    def test_a_refusal_passes_through(self, storage: Storage) -> None:
        """What the client did wrong, noticed while its file is read, does not become a fault of the storage."""
        with pytest.raises(TooLarge):
            storage.save("d/a.png", _failing(TooLarge()), headers=PNG)
        assert storage.exists("d/a.png") is False

    def test_a_file_appears_as_a_whole(self, storage: Storage) -> None:
        """While a file is being stored nobody sees it, and at the end it is there to its last byte."""
        seen = []
        source = _Source(3_000_000, half_way=lambda: seen.append(storage.exists("d/a.png")))
        storage.save("d/a.png", cast(BinaryIO, source), headers=PNG)
        assert seen == [False]
        assert len(content(storage, "d/a.png")) == 3_000_000

    def test_a_taken_path_is_replaced_or_refused(self, storage: Storage) -> None:
        """A second file of one path is stored whole or refused with FileExists; never do two files mix."""
        put(storage, "d/a.png", b"the first, which is longer")
        try:
            put(storage, "d/a.png", b"the second")
        except FileExists:
            assert content(storage, "d/a.png") == b"the first, which is longer"
        else:
            assert content(storage, "d/a.png") == b"the second"

    def test_a_failed_replacement_leaves_no_half_file(self, storage: Storage) -> None:
        """Whether a path can be replaced or not: what cannot be read to its end does not end up there."""
        put(storage, "d/a.png", b"old")
        with pytest.raises(StorageError):
            storage.save("d/a.png", _failing(OSError("the disk")), headers=PNG)
        assert not storage.exists("d/a.png") or content(storage, "d/a.png") == b"old"

    def test_a_file_is_replaced_as_a_whole(self, storage: Storage) -> None:
        """While another one is stored in its place, a reader sees the one before, and that stays where it fails."""
        if not isinstance(storage, ReplacingStorage):
            pytest.skip("this storage does not replace files")
        storage.replace("d/a.th.png", io.BytesIO(b"old"), headers=PNG)
        with pytest.raises(StorageError):
            storage.replace("d/a.th.png", _failing(OSError("the disk")), headers=PNG)
        seen = [content(storage, "d/a.th.png")]
        source = _Source(3_000_000, half_way=lambda: seen.append(content(storage, "d/a.th.png")))
        storage.replace("d/a.th.png", cast(BinaryIO, source), headers=PNG)
        assert seen == [b"old", b"old"]
        assert content(storage, "d/a.th.png") == b"x" * 3_000_000
        if isinstance(storage, ListingStorage):
            assert [*storage.files()] == [("d/a.th.png", 3_000_000)]

    def test_url_is_none_or_a_whole_address(self, storage: Storage) -> None:
        """Answers carry it as it is, so it is an absolute http or https URL; None lets the component serve the file."""
        for path in ("a.png", "2026/03/04/photo.th.png"):
            put(storage, path, b"1")
            url = storage.url(path)
            if url is not None:
                assert urlsplit(url).scheme in ("http", "https")
                assert urlsplit(url).hostname
                assert url == "".join(url.split())
                assert url.isascii()

    def test_many_threads_store_and_read(self, storage: Storage) -> None:
        """Uploads of one moment, into folders that none of them has made yet, all find their own bytes again."""

        def work(thread: int) -> list[bool]:
            files = {f"2026/{number}/{thread}.png": noise(20_000) for number in range(5)}
            for path, data in files.items():
                put(storage, path, data)
            same = [content(storage, path) == data for path, data in files.items()]
            storage.delete(f"2026/0/{thread}.png")
            return [*same, not storage.exists(f"2026/0/{thread}.png")]

        assert in_threads(8, work) == [[True] * 6] * 8

    def test_many_threads_want_one_path(self, storage: Storage) -> None:
        """The file that is there in the end is one of theirs, from its first to its last byte."""

        def work(thread: int) -> bytes | None:
            try:
                source = _Source(1_500_000, byte=b"%d" % thread)
                storage.save("2026/a.png", cast(BinaryIO, source), headers=PNG)
            except FileExists:
                return None
            return b"%d" % thread

        winners = {winner for winner in in_threads(6, work) if winner is not None}
        stored = content(storage, "2026/a.png")
        assert stored[:1] in winners
        assert stored == stored[:1] * 1_500_000

    def test_many_threads_delete_one_path(self, storage: Storage) -> None:
        """Two sweeps at once, or a sweep and a user, do not fail because the other one was quicker."""
        put(storage, "2026/a.png", b"1")
        in_threads(6, lambda thread: storage.delete("2026/a.png"))
        assert storage.exists("2026/a.png") is False


class AdoptingStorageContract(StorageContract):
    """The promises of an :class:`~chevupload.protocols.AdoptingStorage`, and all those of a storage."""

    def test_it_has_what_adopting_needs(self, storage: AdoptingStorage) -> None:
        """The component finds the method, and a folder into which clients' files can be written."""
        assert isinstance(storage, AdoptingStorage)
        assert isinstance(storage.incoming, Path)
        assert storage.incoming.is_dir()

    def test_an_adopted_file_is_moved(self, storage: AdoptingStorage) -> None:
        """What was spooled is stored under its path, and gone from where it was."""
        source = _written(storage.incoming / "spool", b"adopted")
        storage.adopt("2026/03/a.png", str(source))
        assert content(storage, "2026/03/a.png") == b"adopted"
        assert not source.exists()
        storage.delete("2026/03/a.png")
        assert storage.exists("2026/03/a.png") is False

    def test_a_file_from_elsewhere_is_adopted_too(self, storage: AdoptingStorage, tmp_path: Path) -> None:
        """A file outside of the folder of spools may cost a copy, but ends up in the same place."""
        source = _written(tmp_path / "elsewhere.bin", b"adopted")
        storage.adopt("a.png", str(source))
        assert content(storage, "a.png") == b"adopted"
        assert not source.exists()

    def test_adopting_replaces_nothing(self, storage: AdoptingStorage) -> None:
        """A taken path is FileExists: the file there stays as it is, and the other one with whoever brought it."""
        put(storage, "d/a.png", b"old")
        source = _written(storage.incoming / "spool", b"new")
        with pytest.raises(FileExists):
            storage.adopt("d/a.png", str(source))
        assert source.read_bytes() == b"new"
        assert content(storage, "d/a.png") == b"old"

    def test_adopting_what_is_not_there_fails(self, storage: AdoptingStorage) -> None:
        """A lost spool is a StorageError, and nothing appears under the final name."""
        with pytest.raises(StorageError):
            storage.adopt("d/a.png", str(storage.incoming / "nothing"))
        assert storage.exists("d/a.png") is False

    def test_of_many_adopters_one_wins(self, storage: AdoptingStorage) -> None:
        """Of several that adopt to one path one succeeds, and the others keep their files."""
        sources = [_written(storage.incoming / f"spool-{number}", b"%d" % number) for number in range(6)]

        def work(thread: int) -> bool:
            try:
                storage.adopt("2026/a.png", str(sources[thread]))
            except FileExists:
                return False
            return True

        won = in_threads(6, work)
        assert won.count(True) == 1
        assert content(storage, "2026/a.png") == b"%d" % won.index(True)
        assert [source.exists() for source in sources] == [not has_won for has_won in won]


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
