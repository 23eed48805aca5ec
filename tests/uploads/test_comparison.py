"""A check's memory and requests: a page of a list is one request, a file is none, and neither fills the memory."""

from __future__ import annotations

import csv
import gzip
import io
import tracemalloc
from datetime import timedelta

import pytest

from chevupload.db import Database, SqlCatalog, sqlite_engine
from chevupload.errors import ConfigError
from chevupload.testing.memory import MemoryStorage
from chevupload.testing.storage import PNG
from chevupload.uploads.comparison import Comparison, Difference
from chevupload.uploads.inventory import read_inventory
from tests.benchmarks.rows import fill
from tests.storage.object_stores import S3
from tests.support import noise


def test_what_differs_is_told_in_the_order_of_paths():
    """Absent, of another size, or nobody's; what is as it should be is not, in whatever order it came."""
    comparison = Comparison()
    wanted = [("", "b", "2", 1), ("", "a", "1", 5), ("", "c", "3", 1), ("other", "a", "4", 7)]
    comparison.want(wanted)
    comparison.find([("", "d", 1), ("", "c", 2), ("other", "a", 7), ("", "b", 1)])
    assert list(comparison.differences()) == [
        Difference("", "a", "1", 5),
        Difference("", "c", "3", 1),
        Difference("", "d", None, None),
    ]
    comparison.close()


@pytest.mark.slow
def test_a_check_asks_an_s3_for_pages_and_for_no_file(make):
    """A page of files is a request; only what differs is looked at once more."""
    with S3() as store:
        stand = make(storage=store.storage())
        images = [stand.upload(noise((600, 400)), f"{number}.png") for number in range(3)]
        storage = stand.component.context.storages.by_name[""]
        storage.save("others/notes.txt", io.BytesIO(b"x"), headers=PNG)
        # Pages of seven files, where S3 takes a thousand.
        storage._files.rooted()[0]._filesystem.req_kw["MaxKeys"] = 7
        store.calls.clear()
        report = stand.component.maintenance.check(grace=timedelta(0))
        assert (report.uploads, report.left, report.foreign) == (3, 0, 1)
        assert [call.method for call in store.calls] == ["GET", "GET"]
        storage.delete("2026/03/04/1.th.png")
        storage.save("2026/03/04/stray.png", io.BytesIO(b"x"), headers=PNG)
        store.calls.clear()
        report = stand.component.maintenance.check(grace=timedelta(0))
        assert report.missing == ((images[1]["id_encoded"], "2026/03/04/1.th.png"),)
        assert report.strays == ("2026/03/04/stray.png",)
        # What is missing is looked for as a folder, too.
        assert sorted(call.method for call in store.calls) == ["GET", "GET", "GET", "HEAD", "HEAD"]


class ListedStorage(MemoryStorage):
    """A storage whose list is made while it is read, from the records of a catalog: files in another order than ids."""

    def __init__(self, catalog):
        """List every file of the records of ``catalog``."""
        super().__init__()
        self._catalog = catalog

    def files(self):
        """Yield path and bytes of every file."""
        for upload in self._catalog.uploads():
            yield from upload.sizes.items()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_files(make, tmp_path):
    """Five times as many files need no more of it; their names and sizes alone would be more than a megabyte."""
    peaks = []
    for rows in (1_000, 5_000):
        engine = sqlite_engine(tmp_path / f"{rows}.db")
        catalog = SqlCatalog(Database(engine))
        catalog.create_tables()
        fill(catalog.database, rows)
        component = make(catalog=catalog, storage=ListedStorage(catalog)).component
        component.maintenance.check()
        tracemalloc.start()
        report = component.maintenance.check()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (report.uploads, report.left) == (rows, 0)
        engine.dispose()
    assert peaks[1] < peaks[0] + 600_000


def written(path, rows, opener=open):
    """Write an inventory, and return where it is."""
    with opener(path, "wt", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    return path


@pytest.mark.parametrize("opener", [open, gzip.open])
def test_an_inventory_is_read_as_the_store_wrote_it(tmp_path, opener):
    """Plain or compressed, short or as S3 has it; keys of others are left out."""
    rows = [
        ("site/a.png", "12"),
        ("bucket", "site/b+c%21.png", "0", "2026-03-04T00:00:00.000Z"),
        ("bucket", "x.png", 1),
    ]
    file = written(tmp_path / "inventory", rows, opener)
    assert list(read_inventory(file, "site/")) == [("a.png", 12), ("b c!.png", 0)]
    assert [path for path, _ in read_inventory(file)] == ["site/a.png", "site/b c!.png", "x.png"]


@pytest.mark.parametrize(
    "row", [("a.png",), ("a.png", "-1"), ("a.png", "x"), ("bucket", "a.png", ""), ("bucket", "a.png", "version", "7")]
)
def test_an_inventory_of_another_kind_is_refused(tmp_path, row):
    """By its line, before anything is taken for missing."""
    file = written(tmp_path / "inventory", [("fine.png", 1), row])
    with pytest.raises(ConfigError, match="line 2"):
        list(read_inventory(file))


@pytest.mark.parametrize("content", [b"\x1f\x8b broken", b'"a.png\xff",1\n', gzip.compress(b"a.png,1\n", mtime=0)[:-4]])
def test_an_inventory_that_cannot_be_read_is_refused(tmp_path, content):
    """By an error of ours."""
    (tmp_path / "inventory").write_bytes(content)
    with pytest.raises(ConfigError, match="cannot read"):
        list(read_inventory(tmp_path / "inventory"))


def test_a_check_takes_an_inventory_for_the_list(make):
    """What came after it is looked for, and what went after it is nobody's; nothing is listed."""

    class Unlisted(MemoryStorage):
        def files(self):
            raise AssertionError("the inventory is there")

    storage = Unlisted()
    stand = make(storage=storage)
    for name in ("older", "newer", "missing"):
        stand.upload(filename=f"{name}.png")
    sizes = {path: size for path, size in MemoryStorage.files(storage) if "/newer" not in path}
    storage.delete("2026/03/04/missing.th.png")
    sizes["2026/03/04/gone.png"] = 7
    report = stand.component.maintenance.check(grace=timedelta(0), inventories={"": sizes.items()})
    assert [path for _, path in report.missing] == []
    del sizes["2026/03/04/missing.th.png"]
    report = stand.component.maintenance.check(grace=timedelta(0), inventories={"": sizes.items()})
    assert [path for _, path in report.missing] == ["2026/03/04/missing.th.png"]
    assert (report.strays, report.left) == ((), 1)
    with pytest.raises(ConfigError, match="'other'"):
        stand.component.maintenance.check(inventories={"other": ()})
