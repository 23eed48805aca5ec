from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.errors import Busy, StorageError, TooLarge
from chevupload.spool import PREFIX, Budget, Spool, SpoolFolder, format_bytes, is_disk_full


def test_it_counts_and_hashes_what_it_holds(tmp_path):
    """Size and hash are known while the bytes arrive, whatever buffer brings them; nothing is read again."""
    with Spool(str(tmp_path), 100) as spool:
        assert (spool.size, spool.md5) == (0, hashlib.md5(b"").hexdigest())
        assert [spool.write(piece) for piece in (b"ab", bytearray(b"c"), memoryview(b"def"), b"")] == [2, 1, 3, 0]
        assert (spool.size, spool.md5) == (6, hashlib.md5(b"abcdef").hexdigest())
        assert Path(spool.path).read_bytes() == b"abcdef"


def test_nobody_else_may_read_it(tmp_path):
    """And its name tells a sweep what it is."""
    with Spool(str(tmp_path), 100) as spool:
        path = Path(spool.path)
        assert (path.parent, path.name.startswith(PREFIX)) == (tmp_path, True)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_its_limit_is_exact(tmp_path):
    """What would be too much is not written."""
    with Spool(str(tmp_path), 5) as spool:
        spool.write(b"12345")
        with pytest.raises(TooLarge, match="File too big - max 5 B"):
            spool.write(b"6")
        assert Path(spool.path).read_bytes() == b"12345"


def test_it_is_removed_when_its_block_ends(tmp_path):
    """No temporary file outlives its request, also when that ends in a refusal."""
    with pytest.raises(TooLarge), Spool(str(tmp_path), 5) as spool:
        spool.write(b"123456")
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_is_fine(tmp_path):
    """Several may clean up after one upload: closing what is closed does nothing."""
    spool = Spool(str(tmp_path), 5)
    spool.close()
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_an_adopted_file_stays(tmp_path):
    """Whoever renames it owns it."""
    with Spool(str(tmp_path), 5) as spool:
        spool.write(b"12345")
        os.rename(spool.path, tmp_path / "kept")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"12345"]


def test_a_missing_folder_is_a_backend_that_is_away(tmp_path):
    """Where no temporary file can be made our side is at fault, not the client's upload."""
    with pytest.raises(StorageError, match=r"^no temporary file can be made$"):
        Spool(str(tmp_path / "nowhere"), 5)


FULL_DISK = """
import resource, sys
from chevupload.errors import StorageError
from chevupload.spool import Spool
most = resource.getrlimit(resource.RLIMIT_FSIZE)
with Spool(sys.argv[1], 10**9) as spool:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most[1]))
    spool.write(bytes(4096))
    try:
        spool.write(bytes(4096))
    except StorageError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, most)
"""


def test_a_full_disk_is_a_backend_that_is_away(tmp_path):
    """The client may try again; nothing is left."""
    done = subprocess.run([sys.executable, "-c", FULL_DISK, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "a temporary file cannot be written\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "is_full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (ValueError("closed"), False),
    ],
)
def test_a_disk_is_full_by_its_errors_number(error, is_full):
    """The system's own, and that of a user's share; nothing else is taken for it."""
    assert is_disk_full(error) is is_full


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (1049, "1 KB"),
        (1050, "1.1 KB"),
        (53_237, "53.2 KB"),
        (296_362, "296.4 KB"),
        (300_000, "300 KB"),
        (999_949, "999.9 KB"),
        (999_950, "1000 KB"),
        (999_999, "1000 KB"),
        (1_000_000, "1 MB"),
        (3_011_299, "3 MB"),
        (10_000_000, "10 MB"),
        (1_000_000_000, "1 GB"),
        (1_550_000_000_000, "1.6 TB"),
        (10**15, "1000 TB"),
    ],
)
def test_sizes_as_people_read_them(size, text):
    """Decimal units, one decimal at most, halves rounded up."""
    assert format_bytes(size) == text


@given(st.integers(1000, 10**15))
def test_a_spelled_size_is_near_the_size(size):
    """A size in a message is as near to the truth as its one decimal allows."""
    number, unit = format_bytes(size).split()
    factor = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}[unit]
    assert abs(float(number) * factor - size) <= factor * 0.051


def test_spools_share_a_budget(tmp_path):
    """Together they hold no more than it, and what is closed makes room; what did not fit was not written."""
    budget = Budget(10)
    with Spool(str(tmp_path), 100, budget=budget) as first, Spool(str(tmp_path), 100, budget=budget) as second:
        first.write(b"123456")
        second.write(b"1234")
        with pytest.raises(Busy, match=r"^temporary files hold as much as they may$"):
            second.write(b"5")
        assert Path(second.path).read_bytes() == b"1234"
        first.close()
        first.close()
        second.write(b"567890")
    with Spool(str(tmp_path), 100, budget=budget) as third:
        third.write(b"1234567890")
    third.close()
    assert budget.taken == 0


def test_a_spool_over_its_own_limit_takes_nothing(tmp_path):
    """Nor does one that cannot be written keep what it took."""
    budget = Budget(10)
    with Spool(str(tmp_path), 5, budget=budget) as spool, pytest.raises(TooLarge):
        spool.write(b"123456")
    budget.take(10)


def test_a_folders_spools_take_from_its_budget(tmp_path):
    """They are in it, and what they hold is missing there until they are closed."""
    spools = SpoolFolder(str(tmp_path), 10)
    with spools.open(5) as spool:
        spool.write(b"1234")
        assert (Path(spool.path).parent, spools.for_all.taken) == (tmp_path, 4)
    assert spools.for_all.taken == 0


def test_senders_without_a_key_leave_room_for_others(tmp_path):
    """They share a half, and it counts as a part of the whole."""
    spools = SpoolFolder(str(tmp_path), 10)
    spools.for_unknown.take(5)
    with pytest.raises(Busy):
        spools.for_unknown.take(1)
    spools.for_all.take(5)
    with pytest.raises(Busy):
        spools.for_all.take(1)
    spools.for_unknown.give(5)
    spools.for_all.take(3)
    with pytest.raises(Busy):
        spools.for_unknown.take(3)
    spools.for_unknown.take(2)


def test_a_file_that_cannot_be_removed_gives_its_bytes_back(tmp_path):
    """What stays is left to the sweep; the budget is not smaller from then on."""
    budget = Budget(10)
    spool = Spool(str(tmp_path), 10, budget=budget)
    spool.write(b"0123456789")
    path = Path(spool.path)
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match=path.name):
        spool.close()
    budget.take(10)
