"""Broken and rare JPEGs are taken as Chromium 156 shows them, which the expected values were read from once."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from chevupload.errors import TooManyPixels
from chevupload.media.containers import jpeg
from tests.media.pictures import SRGB, encoded, exif, oriented, photo, processed, refused, shown, textured

DATA = Path(__file__).parents[1] / "data"
SIZE = (64, 48)
PLAIN = encoded(photo(SIZE), "JPEG")
PROGRESSIVE = encoded(photo(SIZE), "JPEG", progressive=True)
TABLES = PLAIN.index(b"\xff\xdb")
SCAN = PLAIN.index(b"\xff\xda")
LAST_SCAN = PROGRESSIVE.rindex(b"\xff\xda")
MEAN = (129.2, 126.0, 127.3)
"""What Chromium's canvas has of the picture, on the mean."""


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2, "big") + data


def led(*segments: bytes) -> bytes:
    """Return the picture with segments before all that it has."""
    return PLAIN[:2] + b"".join(segments) + PLAIN[2:]


def amid(data: bytes) -> bytes:
    """Return the picture with bytes between two of its segments."""
    return PLAIN[:TABLES] + data + PLAIN[TABLES:]


CUT = {
    "nothing": b"",
    "one byte": b"a",
    "JFIF": b"JFIF",
    "JFIF without its version": b"JFIF\0",
    "JFXX": b"JFXX\0",
    "Exif": b"Exif\0\0",
    "Exif without a directory": b"Exif\0\0MM\0*",
    "XMP": b"http://ns.adobe.com/xap/1.0/\0",
    "half of XMP's name": b"http://ns.adobe.com/xap/1.0",
    "profile": b"ICC_PROFILE\0",
    "profile with half a number": b"ICC_PROFILE\0\1",
    "second of nine parts of a profile": b"ICC_PROFILE\0\2\x09abc",
    "MPF": b"MPF\0",
    "MPF without images": b"MPF\0II*\0\x08\0\0\0\xff\xff",
    "Photoshop": b"Photoshop 3.0\0",
    "half a resource": b"Photoshop 3.0\x008BIM\x04",
    "resource longer than the segment": b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\xff\xffabc",
    "Adobe": b"Adobe",
}


@pytest.mark.slow
@pytest.mark.parametrize("what", CUT)
@pytest.mark.parametrize("chosen", [{}, {"keep_exif": False}, {"width": 32}], ids=["kept", "removed", "smaller"])
def test_no_cut_segment_fails_an_upload(tmp_path: Path, what: str, chosen: dict[str, object]) -> None:
    """Whichever of APP0 to APP15 and COM it stands in, at the beginning or later."""
    for marker in (*range(0xE0, 0xF0), 0xFE):
        cut = segment(marker, CUT[what])
        (tmp_path / f"{marker}").mkdir()
        whole = led(cut)
        result = processed(tmp_path / f"{marker}", whole[:40] + whole[40:], thumb_side=48, **chosen)
        assert mean(shown(result.thumb)) == near()
        assert jpeg.read_head(io.BytesIO(amid(cut))).substitute is None


def mean(image: Image.Image) -> tuple[float, ...]:
    return tuple(ImageStat.Stat(image.convert("RGB")).mean)


def near() -> object:
    return pytest.approx(MEAN, abs=3)


TAKEN = {
    "stray byte": amid(b"\0"),
    "stray bytes": amid(b"\1\2\3\4\5\6\7"),
    "stray escaped bytes": amid(b"\xff\0\xff\0"),
    "more stray bytes than are read at once": amid(b"\0" * 70_000),
    "fill bytes": amid(b"\xff" * 300),
    "fill bytes up to where a read ends": amid(b"\xff" * 511) + b"\xff",
    "restart marker": amid(b"\xff\xd0"),
    "TEM": amid(b"\xff\1"),
    "segment with a length of 0": amid(b"\xff\xe5\0\0"),
    "segment with a length of 1": amid(b"\xff\xe5\0\1"),
    "comment with a length of 0": amid(b"\xff\xfe\0\0"),
    "segment that is longer than it says": amid(b"\xff\xe1\0\4Exif\0\0MM\0*"),
    "stray bytes before the scan": PLAIN[:SCAN] + b"\0abc" + PLAIN[SCAN:],
    "stray bytes between scans": PROGRESSIVE[:LAST_SCAN] + b"abc" + PROGRESSIVE[LAST_SCAN:],
    "stray bytes before the end": PLAIN[:-2] + b"abc" + PLAIN[-2:],
    "fill bytes before the end": PLAIN[:-2] + b"\xff\xff" + PLAIN[-2:],
    "bytes behind the end": PLAIN + b"junk",
    "zeros instead of the end": PLAIN[:-2] + bytes(20),
    "half an end": PLAIN[:-1],
    "no end": PLAIN[:-2],
    "no end of several scans": PROGRESSIVE[:-2],
}


@pytest.mark.slow
@pytest.mark.parametrize("chosen", [{}, {"keep_exif": False}, {"width": 32}], ids=["kept", "removed", "smaller"])
@pytest.mark.parametrize("name", TAKEN)
def test_a_picture_whose_pixels_are_there_is_taken(tmp_path: Path, name: str, chosen: dict[str, object]) -> None:
    """It is stored as it came; what is written anew of it is whole."""
    data = TAKEN[name]
    result = processed(tmp_path, data, thumb_side=48, **chosen)
    assert (result.format, mean(shown(result.thumb))) == ("JPEG", near())
    if result.original is not None:
        copy = Path(result.original.path).read_bytes()
        assert (copy[-2:], mean(shown(result.original))) == (b"\xff\xd9", near())
    else:
        assert "width" not in chosen


DETAILED = encoded(textured((200, 150)), "JPEG", quality=95)
SCANS = encoded(textured((200, 150)), "JPEG", quality=95, progressive=True)
CUTS = {f"{count} bytes": DETAILED[:-count] for count in (3, 4, 6, 10, 40, 4_000)} | {
    "4 bytes of the last scan": SCANS[:-4],
    "the last scan": SCANS[: SCANS.rindex(b"\xff\xda")],
    "all scans but the first": SCANS[: SCANS.index(b"\xff\xda", SCANS.index(b"\xff\xda") + 2)],
}


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("side", [320, 20])
def test_missing_pixels_are_a_refusal(tmp_path: Path, name: str, side: int) -> None:
    """However few, and at whatever scale the picture is decoded."""
    assert refused(tmp_path, CUTS[name], thumb_side=side, medium_side=2 * side).code == 610


def test_metadata_that_is_whole_is_read_beside_what_is_not(tmp_path: Path) -> None:
    """Exif of several segments, IPTC behind a broken resource, a profile in any order; nothing of it twice."""
    block = exif([(0x010E, 2, 6, b"words\0")])
    title = b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\0\x08\x1c\2\5\0\3abc"
    parts = [segment(0xE2, b"ICC_PROFILE\0" + bytes((n, 2)) + SRGB[at : at + 300]) for n, at in ((2, 300), (1, 0))]
    assert len(SRGB) <= 600
    data = led(segment(0xED, CUT["half a resource"]), segment(0xE0, b""), segment(0xE1, block), *parts)
    result = processed(tmp_path, data[:2] + segment(0xED, title) + data[2:])
    assert (result.description, result.title) == ("words", "abc")
    assert shown(result.thumb).info["icc_profile"] == SRGB
    missing = processed(tmp_path, led(parts[0]))
    assert "icc_profile" not in shown(missing.thumb).info
    long = jpeg.read_head(io.BytesIO(led(segment(0xE1, block[:20]), segment(0xE1, b"Exif\0\0" + block[20:]))))
    assert long.metadata["exif"] == block
    turned = processed(tmp_path, led(segment(0xE1, oriented(6)), segment(0xED, CUT["half a resource"])))
    assert turned.width == SIZE[1]


@pytest.mark.parametrize(
    ("name", "format"), [("arithmetic", "JPEG"), ("arithmetic_progressive", "JPEG"), ("lossless", "PNG")]
)
def test_what_few_browsers_show_is_stored_as_another_format(tmp_path: Path, name: str, format: str) -> None:
    """As BMP is: Firefox and Safari show neither process, and nobody the lossless one."""
    data = (DATA / f"{name}.jpg").read_bytes()
    marked = data[:2] + segment(0xE1, exif([(0x010E, 2, 6, b"words\0")])) + data[2:]
    result = processed(tmp_path, marked, thumb_side=48)
    assert (result.format, result.width, result.height, result.converted) == (format, *SIZE, False)
    assert mean(shown(result.original)) == near()
    assert shown(result.original).getexif()[0x010E] == "words"
    assert result.original is not None
    assert format == "PNG" or b"\xff\xc0\0\x11\x08" in Path(result.original.path).read_bytes()
    converted = processed(tmp_path, data, convert={"JPEG": "WEBP"})
    assert (converted.format, mean(shown(converted.original))) == ("WEBP", near())


def with_process(marker: int) -> bytes:
    at = PLAIN.index(b"\xff\xc0")
    return PLAIN[: at + 1] + bytes([marker]) + PLAIN[at + 2 :]


@pytest.mark.parametrize("name", ["lossless_12_bits", "baseline_12_bits", "jpeg_ls"])
def test_what_nobody_shows_is_refused(tmp_path: Path, name: str) -> None:
    """In words that tell which kind of JPEG it is."""
    error = refused(tmp_path, (DATA / f"{name}.jpg").read_bytes())
    assert (error.status, error.code, "JPEG" in error.message) == (415, 613, True)


@pytest.mark.parametrize("marker", [0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7])
def test_hierarchical_and_other_processes_are_refused(tmp_path: Path, marker: int) -> None:
    """By the frame's header; no decoder at hand knows them either."""
    error = refused(tmp_path, with_process(marker))
    told = f"Unavailable image format (JPEG, process {marker - 0xC0}, 8 bits)"
    assert (error.code, error.message) == (613, told)


@pytest.mark.parametrize("data", [amid(b"\xff\xe5\xff\xffab"), b"\xff\xd8" + PLAIN, amid(b"\xff\xf0\0\4ab")])
def test_what_chromium_does_not_show_is_refused(tmp_path: Path, data: bytes) -> None:
    """A segment longer than the file, two beginnings, a marker that means nothing."""
    assert refused(tmp_path, data).code == 610


def test_segments_are_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of empty ones costs no minutes."""
    monkeypatch.setattr(jpeg, "MAX_SEGMENTS", 20)
    with pytest.raises(TooManyPixels, match=r"^Image has too many segments - max 20$"):
        jpeg.read_head(io.BytesIO(led(*[segment(0xE5, b"")] * 20)))
