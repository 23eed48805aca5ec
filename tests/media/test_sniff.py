from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from chevupload.errors import BrokenImage, NotAnImage, TooManyPixels, UnavailableFormat
from chevupload.media.containers import gif, png, webp
from chevupload.media.containers.gif import MAX_PIECES
from chevupload.media.containers.png import MAX_CHUNKS
from chevupload.media.decode import check_size, sniff
from tests.media.pictures import chunk, encoded, job, photo, riff

PNG = b"\x89PNG\r\n\x1a\n"
IHDR = chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 30, 8, 2, 0, 0, 0))
FRAME = b",\0\0\0\0\1\0\1\0\0\2\2\x4c\1\0"


def measured(data: bytes, name: str, *, max_frames: int = 2_000) -> tuple[int, int, int]:
    """Return width, height and frames of a picture that is not too large."""
    file = io.BytesIO(data)
    if name == "PNG":
        found = png.shown(file)
        size = found.width, found.height, found.frames
    else:
        size = gif.measure(file, max_frames) if name == "GIF" else webp.measure(file, max_frames)[:3]
    limits = job(Path("source"), folder="", max_frames=max_frames, max_pixels=10**9, max_total_pixels=10**9)
    check_size(*size, limits)
    return size


def animation(name: str, count: int) -> bytes:
    frames = [photo((40, 30)).rotate(20 * turn) for turn in range(count)]
    return encoded(frames[0], name, save_all=True, append_images=frames[1:], duration=50)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP"])
def test_accepted_formats_are_told_by_content(name: str) -> None:
    """Each accepted format is told by its first bytes."""
    assert sniff(encoded(photo((40, 30)), name)[:64]) == name


@pytest.mark.parametrize(
    "head",
    [
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"MM\0+\0\x08\0\0",
        b"\0\0\1\0\1\0\x10\x10",
        b"8BPS\0\1",
        b"\xff\x0a\xfa",
        b"\0\0\0\x0cJXL \r\n\x87\n",
        b"\0\0\0\x0cjP  \r\n\x87\n",
        b"\x1a\x45\xdf\xa3\x01",
        b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroskx",
        b"\x1a\x45\xdf\xa3\x93\x42\x87\x81\4\xec\x84webm",
        b"RIFF\x10\0\0\0AVI LIST",
        b"\0\0\1\xbaD\0",
        b"FLV\1\5",
        b"\0\0\0\x18ftypmsf1\0\0\0\0isomhevc",
        b"\0\0\0\x18ftyphevc\0\0\0\0msf1iso8",
        b"\0\0\0\x18ftyp3gp4\0\0\0\x003gp43gp5",
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
        b"\0\0\0\x14ftypabcd\0\0\0\0efgh",
    ],
)
def test_known_formats_that_are_not_accepted_are_called_unavailable(head: bytes) -> None:
    """Other pictures and videos are refused as such, with code 613."""
    with pytest.raises(UnavailableFormat):
        sniff(head)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypheix\0\0\0\0mif1heix", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "MP4"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "MP4"),
        (b"\0\0\0\x20ftypM4V \0\0\0\1M4V M4A mp42isom", "MP4"),
        (b"\0\0\0\x18ftypXAVC\1\0\x1f\xffXAVCmp42", "MP4"),
        (b"\0\0\0\x1cftypabcd\0\0\0\0abcdiso6dash", "MP4"),
        (b"\0\0\0\x18ftyp3gp4\0\0\0\0isom3gp4", "MP4"),
        (b"\0\0\0\x18ftyp3g2a\0\0\0\x003g2amp42", "MP4"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isom3gp5", "MP4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "MOV"),
        (b"\0\0\0\x18ftypniko\0\0\0\0nikoqt  ", "MOV"),
        (b"\0\0\0\x14moov....", "MOV"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "MOV"),
        (b"\5\x7f\x20\x10mdat....", "MOV"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm", "WEBM"),
        (b"\x1a\x45\xdf\xa3\1\0\0\0\0\0\0\x0f\x42\x82\1\0\0\0\0\0\0\4webm", "WEBM"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x40\4webm", "WEBM"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x86webm\0\0", "WEBM"),
        (b"\x1a\x45\xdf\xa3\xff\x42\x82\x88webm\0abc", "WEBM"),
        (b"\x1a\x45\xdf\xa3\x93\xec\x83abc\xbf\x84abcd\x42\x82\x84webm", "WEBM"),
        (b"\x1a\x45\xdf\xa3\x44\x00\xec\x43\x80" + bytes(0x380) + b"\x42\x82\x84webm", "WEBM"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska\x42\x87\x81\4", "WEBM"),
    ],
)
def test_boxes_are_told_by_their_brand(head: bytes, name: str) -> None:
    """The first brand that players know decides, a document type does, and QuickTime once had neither."""
    assert sniff(head) == name


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html>",
        b"plain text",
        b"Get free pictures.",
        b"BMW is a company and no bitmap.",
        b"ID3\3\0\0\0",
        b"<?php echo 1;",
        b"RIFF\x10\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42",
        b"GIF88a",
        b"%!PS-Adobe-3.0 EPSF-3.0",
    ],
)
def test_anything_else_is_no_picture(head: bytes) -> None:
    """What is neither picture nor video is refused with code 610."""
    with pytest.raises(NotAnImage):
        sniff(head)


def test_a_heif_file_with_an_avif_brand_is_avif() -> None:
    """An AVIF file may say so among its compatible brands only."""
    assert sniff(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf") == "AVIF"


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP"])
def test_size_and_frames_come_from_the_container(name: str) -> None:
    """Stills have one frame, animations as many as they have."""
    found = [measured(encoded(photo((40, 30)), name), name), measured(animation(name, 5), name)]
    assert found == [(40, 30, 1), (40, 30, 5)]


@pytest.mark.parametrize("options", [{"lossless": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}])
def test_every_kind_of_webp_is_measured(options: dict[str, object]) -> None:
    """Lossless and extended WebP files say their size elsewhere."""
    file = io.BytesIO(encoded(photo((41, 33)), "WEBP", **options))
    assert webp.measure(file, 1) == (41, 33, 1, "lossless" in options)


@pytest.mark.parametrize(("name", "count"), [("GIF", 3), ("PNG", 3), ("WEBP", 1), ("WEBP", 3)])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_container_that_ends_early_is_broken(name: str, count: int, part: float) -> None:
    """A truncated file is refused without decoding it; of a still GIF or PNG the decoder tells."""
    data = animation(name, count) if count > 1 else encoded(photo((40, 30)), name)
    with pytest.raises(BrokenImage):
        measured(data[: int(len(data) * part)], name)


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP"])
def test_bytes_after_the_end_are_allowed(name: str) -> None:
    """What follows the picture does not matter."""
    assert measured(encoded(photo((40, 30)), name) + b"trailing" * 9, name) == (40, 30, 1)


def test_a_gif_may_lack_its_trailer() -> None:
    """A missing last byte is forgiven."""
    assert measured(encoded(photo((40, 30)), "GIF")[:-1], "GIF") == (40, 30, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "blocks", [b";", b"?", b"!\xfe\3abc\0;", b",\0\0", b"!\xfe" + b"\1a" * (MAX_PIECES + 1) + b"\0;"]
)
def test_a_gif_without_a_frame_or_sense_is_broken(blocks: bytes) -> None:
    """Neither an empty GIF nor one of senseless or endless blocks is a picture."""
    with pytest.raises(BrokenImage):
        measured(b"GIF89a\1\0\1\0\0\0\0" + blocks, "GIF")


@pytest.mark.parametrize("block", [b"!\xfe\0", FRAME[:-4] + b"\0"])
def test_empty_blocks_of_a_gif_are_counted_too(monkeypatch: pytest.MonkeyPatch, block: bytes) -> None:
    """Extensions of three bytes cost their reader as much as others."""
    monkeypatch.setattr(gif, "MAX_PIECES", 100)
    header = b"GIF89a\1\0\1\0\0\0\0"
    assert measured(header + FRAME + block * 98 + b";", "GIF") is not None
    with pytest.raises(BrokenImage):
        measured(header + FRAME + block * 99 + b";", "GIF")


def test_a_first_frame_enlarges_its_canvas() -> None:
    """A GIF cannot hide a large frame behind a small canvas."""
    frame = struct.pack("<cHHHHB", b",", 10, 20, 30_000, 20_000, 0) + b"\2\2\x4c\1\0"
    assert measured(b"GIF89a\1\0\1\0\0\0\0" + frame + b";", "GIF") == (30_010, 20_020, 1)


def test_counting_stops_at_the_limit() -> None:
    """Twenty thousand frames are refused after the allowed number, whatever follows."""
    with pytest.raises(TooManyPixels):
        measured(b"GIF89a\1\0\1\0\0\0\0" + FRAME * 20_000, "GIF")


def test_an_apng_is_believed_no_more_frames_than_allowed() -> None:
    """Two thousand million frames in a header are refused."""
    data = (
        PNG
        + IHDR
        + chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
        + chunk(b"fcTL", bytes(26))
        + chunk(b"IDAT", b"")
        + chunk(b"IEND", b"")
    )
    with pytest.raises(TooManyPixels):
        measured(data, "PNG")


def test_webp_frames_are_counted_up_to_the_limit() -> None:
    """A WebP animation with too many frames is refused."""
    canvas = riff(b"VP8X", b"\2\0\0\0" + (39).to_bytes(3, "little") + (29).to_bytes(3, "little"))
    body = b"WEBP" + canvas + riff(b"ANMF", b"\0" * 16) * 50
    with pytest.raises(TooManyPixels):
        measured(b"RIFF" + struct.pack("<I", len(body)) + body, "WEBP", max_frames=40)


@pytest.mark.parametrize("body", [b"", b"WEBP" + riff(b"JUNK", b"12345678"), b"WEBP" + riff(b"VP8 ", b"12345678")])
def test_a_webp_without_a_picture_is_broken(body: bytes) -> None:
    """A RIFF file is a picture only if it starts with one."""
    with pytest.raises(BrokenImage):
        measured(b"RIFF" + struct.pack("<I", len(body)) + body, "WEBP")


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        chunk(b"IEND", b""),
        b"\xff\xff\xff\xfftEXt" + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
        chunk(b"ABCD", b"") + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
        IHDR + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
    ],
)
def test_a_png_without_pixels_or_sense_is_broken(rest: bytes) -> None:
    """A PNG needs pixels, and no browser shows one with critical chunks that it does not know, or twice."""
    with pytest.raises(BrokenImage):
        measured(PNG + IHDR + rest, "PNG")


def test_a_png_starts_with_its_header() -> None:
    """Another first chunk is refused."""
    with pytest.raises(BrokenImage):
        measured(PNG + chunk(b"tEXt", b"a" * 13), "PNG")


def test_an_actl_behind_the_pixels_means_nothing() -> None:
    """A PNG is animated only if it says so before its pixels."""
    data = encoded(Image.new("L", (40, 30)), "PNG")
    late = data[:-12] + chunk(b"acTL", struct.pack(">II", 9, 0)) + data[-12:]
    assert measured(late, "PNG") == (40, 30, 1)


@pytest.mark.parametrize("size", [(10, 11, 1), (5, 5, 21), (5, 5, 5)])
def test_limits_hold_for_pixels_frames_and_their_product(size: tuple[int, int, int]) -> None:
    """Each limit refuses on its own, and names itself."""
    limited = job(Path("source"), folder="", max_pixels=100, max_total_pixels=100, max_frames=20)
    with pytest.raises(TooManyPixels, match=r"max \d+"):
        check_size(*size, limited)


@pytest.mark.slow
def test_chunks_are_counted_up_to_a_limit() -> None:
    """A file of empty chunks costs its decoder seconds: it is refused before."""
    pixels = chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert measured(PNG + IHDR + chunk(b"IDAT", b"") * (MAX_CHUNKS - 3) + pixels, "PNG") == (40, 30, 1)
    with pytest.raises(BrokenImage):
        measured(PNG + IHDR + chunk(b"IDAT", b"") * MAX_CHUNKS + pixels, "PNG")
    canvas = riff(b"VP8X", b"\0\0\0\0" + (39).to_bytes(3, "little") + (29).to_bytes(3, "little"))
    body = b"WEBP" + canvas + riff(b"JUNK", b"") * MAX_CHUNKS
    with pytest.raises(BrokenImage):
        measured(b"RIFF" + struct.pack("<I", len(body)) + body, "WEBP")
