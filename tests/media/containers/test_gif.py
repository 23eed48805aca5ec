"""Broken GIFs are taken and counted as Chromium 156 shows them, which the expected values were read from once."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from chevupload.errors import BrokenImage
from chevupload.media.containers import gif
from chevupload.media.containers.gif import blocks, color_table_bytes
from tests.media.pictures import animation, encoded, frames, photo, processed, refused, shown

MOVING = animation("GIF", (60, 40))
STILL = encoded(photo((60, 40)).quantize(16), "GIF")
FIRST, SECOND = MOVING.index(b"!\xf9"), MOVING.index(b"!\xf9", MOVING.index(b"!\xf9") + 1)
"""Where the first and the second picture's extensions begin."""
SECRET = b"!\xfe\x06secret\0"
TAKEN = {
    "whole": (MOVING, 3),
    "no trailer": (MOVING[:-1], 3),
    "NUL behind": (MOVING[:-1] + bytes(3), 3),
    "others behind": (MOVING[:-1] + b"junk", 3),
    "NUL before the trailer": (MOVING[:-1] + b"\0;", 3),
    "others before the trailer": (MOVING[:-1] + b"\xff\xfe;", 3),
    "half an extension behind": (MOVING[:-1] + b"!\xfe\x20abc", 3),
    "half a picture's head behind": (MOVING[:-1] + b",\0\0\0", 3),
    "NUL between": (MOVING[:SECOND] + b"\0" + MOVING[SECOND:], 1),
    "others between": (MOVING[:SECOND] + b"junk" + MOVING[SECOND:], 1),
    "an unknown extension": (MOVING[:SECOND] + b"!\x42\3abc\0" + MOVING[SECOND:], 3),
    "still": (STILL, 1),
    "still without trailer": (STILL[:-1], 1),
    "still without its end": (STILL[:-2], 1),
}


@pytest.mark.parametrize("keep_exif", [True, False])
@pytest.mark.parametrize("name", TAKEN)
def test_what_no_block_begins_with_is_the_end(tmp_path: Path, name: str, keep_exif: bool) -> None:
    """As in browsers; a copy without metadata is whole, and has none."""
    data, count = TAKEN[name]
    start = 13 + color_table_bytes(data[10])
    data = data[:start] + SECRET + data[start:]
    result = processed(tmp_path, data, keep_exif=keep_exif)
    assert (result.width, result.height, result.frames, shown(result.thumb).size) == (60, 40, count, (320, 320))
    if not keep_exif:
        assert result.original is not None
        copy = Path(result.original.path).read_bytes()
        assert (b"secret" in copy, copy[-2:], frames(result.original)) == (False, b"\0;", count)
        with Image.open(result.original.path) as image:
            image.seek(count - 1)
            image.load()


REFUSED = {
    "others before the first picture": MOVING[:FIRST] + b"\0" + MOVING[FIRST:],
    "an animation without all of its last frame": MOVING[:-40],
    "a picture without all of its pixels": STILL[:-200],
    "no picture": MOVING[:FIRST] + b";",
}


@pytest.mark.parametrize("name", REFUSED)
def test_missing_pixels_are_a_refusal(tmp_path: Path, name: str) -> None:
    """Nothing is taken whose pixels are not there."""
    assert refused(tmp_path, REFUSED[name]).code == 610


HEAD = b"GIF89a" + bytes(7)
PICTURE = b"," + bytes(9) + b"\x08"
FULL = b"\xff" + b"\xff\0,!" * 63 + b"\xff\xff\xff"
"""The largest block of data."""


@pytest.mark.parametrize("count", [0, 7, 8, 9, 16, 17, 600])
@pytest.mark.parametrize("last", [b"", b"\3abc", b"\xfe" + b"\xff" * 254])
def test_full_blocks_of_data_are_passed_over(count: int, last: bytes) -> None:
    """As many as there are, whether the picture ends behind them, goes on, or is cut off."""
    first = PICTURE + FULL * count + last + b"\0"
    data = HEAD + first + PICTURE + FULL * count + b"\1a\0;"
    found = [(block.start, block.end, block.is_whole) for block in blocks(io.BytesIO(data))]
    start = len(HEAD) + len(first)
    assert found == [(len(HEAD), start, True), (start, len(data) - 1, True)]
    cut = io.BytesIO(data[: start - 2])
    assert [block.is_whole for block in blocks(cut)] == [False]


@pytest.mark.parametrize("excess", [0, 1])
def test_full_blocks_of_data_count(monkeypatch: pytest.MonkeyPatch, excess: int) -> None:
    """A file may have so many blocks of data, and no more."""
    monkeypatch.setattr(gif, "MAX_PIECES", 100)
    file = io.BytesIO(HEAD + PICTURE + FULL * (99 + excess) + b"\0;")
    if not excess:
        assert [block.is_whole for block in blocks(file)] == [True]
        return
    with pytest.raises(BrokenImage):
        list(blocks(file))
