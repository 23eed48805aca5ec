"""What is counted of a JPEG before it is decoded, and what only looks like it."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.errors import TooManyPixels
from chevupload.media.containers.jpeg import MAX_SEGMENTS, Segment, check_scans, read_head, segments
from tests.media.pictures import encoded, photo, processed

PROGRESSIVE = encoded(photo((64, 48)), "JPEG", progressive=True)
BASELINE = encoded(photo((64, 48)), "JPEG")
SCANS = PROGRESSIVE.count(b"\xff\xda")
END = b"\xff\xd9"


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


REFINEMENT = segment(0xDA, b"\1\1\0\1\x3f\x10")
"""A scan of ten bytes, which a decoder goes through the whole picture for."""


def with_scans(count: int) -> bytes:
    """Return a picture of ``count`` scans, which decoders take."""
    return PROGRESSIVE.removesuffix(END) + (REFINEMENT + b"\0") * (count - SCANS) + END


def is_refused(data: bytes, *, max_scans: int = 100) -> bool:
    try:
        check_scans(io.BytesIO(data), max_scans=max_scans)
    except TooManyPixels:
        return True
    return False


def test_a_picture_of_too_many_scans_is_refused(tmp_path: Path) -> None:
    """One more than allowed, whatever the picture's size; as many as allowed are decoded."""
    assert processed(tmp_path, with_scans(100)).width == 64
    with pytest.raises(TooManyPixels, match="too many scans - max 100"):
        processed(tmp_path, with_scans(101))
    assert processed(tmp_path, with_scans(101), max_scans=101).width == 64


def test_what_follows_the_last_scan_that_is_allowed_is_not_read() -> None:
    """A refusal costs the same, however much comes after it."""
    file = io.BytesIO(PROGRESSIVE.removesuffix(END) + (REFINEMENT + bytes(1_000)) * MAX_SEGMENTS)
    with pytest.raises(TooManyPixels, match="too many scans - max 100"):
        check_scans(file, max_scans=100)
    assert file.tell() < 500_000


@pytest.mark.slow
@pytest.mark.parametrize("fill", [b"\xff", b"\xff" * 70_000, b"stray", b"\xff\xd0", b"\xff\x01", b"x" * 65_535])
def test_scans_are_found_behind_whatever_a_decoder_passes_over(fill: bytes) -> None:
    """Fill bytes, stray ones, restarts, also where a piece that is read ends among them."""
    data = PROGRESSIVE.removesuffix(END) + (fill + REFINEMENT) * (101 - SCANS)
    assert (is_refused(data), is_refused(data, max_scans=101)) == (True, False)


def test_scans_of_one_component_each_are_counted() -> None:
    """A sequential picture may come in several scans, too."""
    frame = segment(0xC0, b"\x08\0\x30\0\x40\3" + b"\1\x11\0\2\x11\0\3\x11\0")
    assert is_refused(b"\xff\xd8" + frame + segment(0xDA, b"\1\1\0\0\x3f\0") * 101)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(BASELINE + b"\xff\xda" * 1_000, id="behind the end"),
        pytest.param(BASELINE.removesuffix(END) + REFINEMENT * 1_000, id="behind the only scan"),
        pytest.param(PROGRESSIVE + b"\xff\xda\0\x08" * 1_000, id="behind the end of a progressive one"),
        pytest.param(PROGRESSIVE[:2] + segment(0xE1, REFINEMENT * 1_000) + PROGRESSIVE[2:], id="in Exif"),
        pytest.param(PROGRESSIVE.removesuffix(END) + segment(0xFE, b"\xff\xda" * 1_000) + END, id="in a comment"),
        pytest.param(PROGRESSIVE[:-300], id="cut"),
        pytest.param(b"\xff\xd8", id="empty"),
    ],
)
def test_what_only_looks_like_scans_is_not_counted(data: bytes) -> None:
    """A picture in a picture, a film behind it, a comment: all may hold the bytes of a marker."""
    assert not is_refused(data, max_scans=SCANS)


def test_a_picture_of_nothing_but_segments_is_refused() -> None:
    """Each costs its reader more than the four bytes that it may have."""
    assert is_refused(BASELINE[:2] + segment(0xFE, b"") * MAX_SEGMENTS + BASELINE[2:])
    assert not is_refused(BASELINE[:2] + segment(0xFE, b"") * (MAX_SEGMENTS - 20) + BASELINE[2:])


@pytest.mark.parametrize("marker", [b"\xff\xd0", b"\xff\x01", b"\xff\xd8"])
def test_markers_alone_are_counted_too(marker: bytes) -> None:
    """They cost their reader as much as segments."""
    assert is_refused(BASELINE[:2] + marker * MAX_SEGMENTS + BASELINE[2:])


@pytest.mark.slow
def test_a_long_fill_is_read_once() -> None:
    """However many bytes of it stand before a marker, the time for each is the same."""
    first = next(segments(io.BytesIO(b"\xff" * 50_000_000 + b"\xda\0\2")))
    assert first == Segment(0xDA, 49_999_999, 50_000_003, 50_000_003)


def test_exif_in_ten_thousand_segments_is_put_together_once() -> None:
    """It is four megabytes long before the last of them, and is not copied for each."""
    long, short = segment(0xE1, b"Exif\0\0" + b"a" * 65_000), segment(0xE1, b"Exif\0\0b")
    head = read_head(io.BytesIO(b"\xff\xd8" + long * 63 + short * 9_900 + segment(0xDA, b"")))
    assert head.metadata["exif"] == b"Exif\0\0" + b"a" * (63 * 65_000) + b"b" * 9_900


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from([b"\xff", b"\xda", b"\xff\xda", b"\xff\xc0", REFINEMENT, b"\0\0", b"\0\x08", PROGRESSIVE[:200]])
        | st.binary(max_size=20),
        max_size=30,
    )
)
def test_any_bytes_are_walked_to_an_end(pieces: list[bytes]) -> None:
    """What is odd is left to the decoder."""
    is_refused(b"\xff\xd8" + b"".join(pieces), max_scans=3)
