"""What is to go becomes zeros in the copy of a file, and no more of it than there is."""

from __future__ import annotations

import io

import pytest

from chevupload.errors import BrokenImage
from chevupload.media.containers import patches as module
from chevupload.media.containers.patches import Patches

DATA = b"0123456789" * 20_000


def copied(patches: Patches, end: int = len(DATA)) -> tuple[bytes, bool]:
    target = io.BytesIO()
    is_changed = patches.copied(io.BytesIO(DATA), target, end)
    assert target.tell() == len(target.getvalue())
    return target.getvalue(), is_changed


class Counted(io.BytesIO):
    """Counts the bytes that are read of it: as many as are to be written over."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_stretches_and_marks_are_written_over() -> None:
    """Longer ones than are held at once, too, and those that reach out of the file."""
    patches = Patches(len(DATA))
    for start, end in ((-5, 1), (10, 20), (20, 150_000), (len(DATA) - 3, len(DATA) + 50), (9, 9), (1 << 70, 1 << 71)):
        patches.clear(start, end)
    patches.write(2, b"ab")
    expected = b"\0" + b"1ab456789" + bytes(149_990) + DATA[150_000:-3] + bytes(3)
    assert copied(patches) == (expected, True)


def test_stretches_may_overlap_and_be_told_twice() -> None:
    """Two boxes may point to the same metadata, which may be most of the file."""
    patches = Patches(len(DATA))
    for start, end in ((100, 190_000), (50, 150), (100, 190_000), (0, 20), (180_000, 190_001)):
        patches.clear(start, end)
    assert copied(patches) == (bytes(20) + DATA[20:50] + bytes(189_951) + DATA[190_001:], True)


def test_what_stands_there_already_is_no_change() -> None:
    """Then there is nothing to store anew."""
    patches = Patches(len(DATA))
    patches.write(1, b"123")
    assert copied(patches) == (DATA, False)
    assert copied(Patches(len(DATA)), 7) == (b"0123456", True)


def test_more_than_there_is_cannot_be_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    """One place told again and again costs no more than the file."""
    patches = Patches(len(DATA))
    for _ in range(5):
        for start, end in ((50_000, len(DATA)), (7, 9), (0, 60_000)):
            patches.clear(start, end)
    target = Counted()
    assert patches.copied(io.BytesIO(DATA), target, len(DATA))
    assert (target.count, target.getvalue()) == (len(DATA), bytes(len(DATA)))
    monkeypatch.setattr(module, "MAX_STRETCHES", 10)
    monkeypatch.setattr(module, "MAX_MARKS", 10)
    patches = Patches(len(DATA))
    for number in range(10):
        patches.clear(2 * number, 2 * number + 1)
        patches.write(number, b"a")
    for once_more in (lambda: patches.clear(50, 51), lambda: patches.write(50, b"a")):
        with pytest.raises(BrokenImage):
            once_more()
