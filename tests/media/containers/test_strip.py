from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from PIL import Image

from chevupload.errors import BrokenImage, TooManyPixels
from chevupload.media.codecs import STRIP
from chevupload.media.containers.jpeg import MAX_SEGMENTS
from tests.media.pictures import chunk, encoded, oriented, photo, riff

XMP = b"<x:xmpmeta>secret</x:xmpmeta>"
PROFILE = b"\0" * 16 + b"RGB " + b"\0" * 108


def stripped(data: bytes, name: str) -> bytes:
    target = io.BytesIO()
    STRIP[name](io.BytesIO(data), target)
    return target.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def with_metadata(name: str) -> bytes:
    options: dict[str, Any] = {"JPEG": {"comment": b"secret"}, "GIF": {"comment": b"secret"}}.get(name, {})
    if name != "GIF":
        options |= {"exif": oriented(1) + b"secret", "icc_profile": PROFILE}
    if name in ("JPEG", "WEBP"):
        options["xmp"] = XMP
    return encoded(photo((90, 70)), name, **options)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF"])
def test_metadata_goes_and_pixels_stay(name: str) -> None:
    """No byte of Exif, XMP or comments is left, and no pixel changes."""
    data = with_metadata(name)
    result = stripped(data, name)
    assert (b"secret" in data, b"secret" in result) == (True, False)
    before, after = opened(data), opened(result)
    assert (before.mode, before.tobytes()) == (after.mode, after.tobytes())
    assert before.info.get("icc_profile") == after.info.get("icc_profile")


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_follows_the_picture_goes(name: str) -> None:
    """A second picture behind the first does not survive."""
    assert b"secret" not in stripped(with_metadata(name) + with_metadata("JPEG"), name)


@pytest.mark.parametrize("name", ["PNG", "WEBP", "GIF"])
def test_animations_stay_animated(name: str) -> None:
    """Every frame stays."""
    frames = [photo((60, 40)).rotate(30 * turn) for turn in range(3)]
    data = encoded(frames[0], name, save_all=True, append_images=frames[1:], duration=70, loop=0)
    assert opened(stripped(data, name)).n_frames == 3  # type: ignore[attr-defined]


def test_a_progressive_jpeg_keeps_its_scans() -> None:
    """Segments between scans are copied, comments among them are not."""
    data = encoded(photo((300, 200)), "JPEG", progressive=True, quality=95)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    marked = data[:second] + b"\xff\xfe\0\x08secret" + data[second:]
    assert stripped(marked, "JPEG") == stripped(data, "JPEG")


def test_a_jpeg_larger_than_one_read_is_copied_whole() -> None:
    """Entropy-coded data over several reads stays as it is, wherever a read ends."""
    data = encoded(Image.effect_noise((700, 700), 90), "JPEG", quality=98)
    assert stripped(data, "JPEG") == data
    shifted = data[:2] + b"\xff\xfe\0\x0asecretos" + data[2:]
    assert stripped(shifted, "JPEG") == data


def test_a_read_that_ends_inside_a_marker_loses_nothing() -> None:
    """A marker over the border of two reads is still found."""
    scan = b"\xff\xda\0\2"
    data = b"\xff\xd8" + scan + b"a" * 65_535 + b"\xff\xd9" + b"secret"
    assert stripped(data, "JPEG") == b"\xff\xd8" + scan + b"a" * 65_535 + b"\xff\xd9"


def test_fill_bytes_and_unknown_segments_go() -> None:
    """Only segments that show the picture stay, without padding."""
    data = encoded(photo((30, 20)), "JPEG")
    padded = data[:2] + b"\xff\xff\xff\xec\0\5abc" + data[2:]
    assert stripped(padded, "JPEG") == data


def test_nothing_hides_in_a_jpeg_where_no_decoder_looks() -> None:
    """JFIF may hold a thumbnail of the picture before it was cropped, and markers that nobody knows anything."""
    data = encoded(photo((30, 20)), "JPEG")
    jfif = data[4 : 4 + 16]
    assert (data[2:4], jfif[2:7], jfif[-2:]) == (b"\xff\xe0", b"JFIF\0", b"\0\0")
    with_thumbnail = b"\0\x13" + jfif[2:-2] + b"\1\1red"
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\1"
    unknown = b"".join(bytes((0xFF, marker)) + b"\0\x08secret" for marker in (0x02, 0xBF, 0xC8, 0xF0, 0xFD))
    longer = adobe[:2] + b"\0\x14" + adobe[4:] + b"secret"
    hidden = data[:4] + with_thumbnail + longer + data[20:-2] + unknown + data[-2:]
    assert stripped(hidden, "JPEG") == data[:20] + adobe + data[20:]


def test_a_jpeg_is_read_no_further_than_it_may_be_long() -> None:
    """Each of the scans behind the only one that counts would be looked for an end in 64 KB."""
    data = encoded(photo((30, 20)), "JPEG")[:-2]
    with pytest.raises(TooManyPixels):
        stripped(data + b"\xff\xda\0\2" * MAX_SEGMENTS, "JPEG")


def test_a_jpeg_without_its_last_marker_gets_one() -> None:
    """A missing end is added."""
    data = encoded(photo((30, 20)), "JPEG")
    assert stripped(data[:-2], "JPEG") == data


def test_odd_webp_chunks_keep_their_padding() -> None:
    """Chunk sizes and the file's size stay right, and what follows a profile of an odd length still shows."""
    profile = PROFILE + b"\0"
    data = encoded(photo((90, 70)), "WEBP", icc_profile=profile, xmp=XMP)
    result = stripped(data, "WEBP")
    assert riff(b"ICCP", profile) in result
    assert int.from_bytes(result[4:8], "little") == len(result) - 8
    assert opened(result).tobytes() == opened(data).tobytes()


def test_an_odd_webp_chunk_goes_with_its_padding() -> None:
    """What follows it is still found, and the picture shows."""
    data = encoded(photo((90, 70)), "WEBP")
    body = b"WEBP" + riff(b"JUNK", b"odd") + data[12:]
    assert stripped(b"RIFF" + struct.pack("<I", len(body)) + body, "WEBP") == data


def test_a_stripped_webp_says_that_it_has_no_metadata() -> None:
    """Two flags of its first chunk told of Exif and XMP."""
    data = with_metadata("WEBP")
    assert (data[12:16], data[20] & 0x0C) == (b"VP8X", 0x0C)
    assert stripped(data, "WEBP")[20] == data[20] & ~0x0C


def test_gif_keeps_its_loop_and_loses_other_extensions() -> None:
    """The loop count stays; XMP, unknown and empty extensions go."""
    data = encoded(photo((30, 20)), "GIF")
    place = 13 + 768
    looped = b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"
    noise = b"!\xff\x0bXMP DataXMP\6secret\0" + b"!\xfe\0" + b"!\xf9\0"
    assert stripped(data[:place] + looped + noise + data[place:], "GIF") == (
        data[:place] + looped + b"!\xf9\0" + data[place:]
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("JPEG", b"\xff\xd8\xff\xe1\0\x20short"),
        ("JPEG", b"\xff\xd8\xff\xe1\0\0short"),
        ("JPEG", b"\xff\xd8ab"),
        ("JPEG", b"\xff\xd8"),
        ("PNG", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 99) + b"iCCPshort"),
        ("PNG", b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", b"only")),
        ("GIF", b"GIF89a\1\0\1\0\x80"),
        ("GIF", b"GIF89a\1\0\1\0\0\0\0,\0"),
    ],
)
def test_broken_containers_are_refused(name: str, data: bytes) -> None:
    """A file that ends early is refused, not copied."""
    with pytest.raises(BrokenImage):
        stripped(data, name)
