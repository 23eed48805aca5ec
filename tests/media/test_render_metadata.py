"""What is embedded in a picture is read, whatever its format; derived pictures carry none of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL.PngImagePlugin import PngInfo

from chevupload.media.renditions import Outbox, save_jpeg
from tests.media.heics import heic
from tests.media.pictures import NAMES, SRGB, animation, encoded, exif, frames, oriented, photo, processed, shown


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES[:5])
def test_derived_pictures_carry_no_metadata(tmp_path: Path, name: str) -> None:
    """No Exif, XMP or comment in thumb and medium; the profile stays where the format has one."""
    options: dict[str, Any] = {"exif": oriented(1), "icc_profile": SRGB, "xmp": b"<x>secret</x>", "comment": b"secret"}
    result = processed(tmp_path, encoded(photo((700, 500)), name, **options))
    for file in (result.thumb, result.medium):
        assert file is not None
        data = Path(file.path).read_bytes()
        assert [word for word in (b"Maker", b"secret", b"Exif") if word in data] == []
        assert shown(file).info.get("icc_profile") == (None if name == "GIF" else SRGB)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES[:5])
@pytest.mark.parametrize("value", [1, 6])
def test_metadata_is_removed_when_not_kept(tmp_path: Path, name: str, value: int) -> None:
    """The stored original has none, nor has the result; a clean file is stored as it is."""
    options: dict[str, Any] = {"exif": oriented(value), "xmp": b"<x>secret</x>", "comment": b"secret"}
    result = processed(tmp_path, encoded(photo((700, 500)), name, **options), keep_exif=False)
    assert result.original is not None
    data = Path(result.original.path).read_bytes()
    assert [word for word in (b"Maker", b"secret") if word in data] == []
    assert (result.exif, result.title, result.taken_at) == (None, None, None)
    assert result.width == (500 if value == 6 and name != "GIF" else 700)
    assert processed(tmp_path, data, keep_exif=False).original is None


def test_the_date_is_read_where_metadata_is_not_kept(tmp_path: Path) -> None:
    """An admin may date an upload by its file; the texts are removed, and so is the date in the stored file."""
    block = exif([(0x010E, 2, 6, b"words\0"), (0x0132, 2, 20, b"2019:03:04 05:06:07\0")])
    result = processed(tmp_path, encoded(photo((90, 60)), "JPEG", exif=block), keep_exif=False)
    assert (result.taken_at, result.title, result.description) == ("2019-03-04 05:06:07", None, None)
    assert result.exif is None
    assert result.original is not None
    assert b"2019" not in Path(result.original.path).read_bytes()


def test_an_animated_avif_keeps_its_frames_without_metadata(tmp_path: Path) -> None:
    """It is written anew with all of them."""
    result = processed(tmp_path, animation("AVIF", (90, 60), exif=oriented(1)), keep_exif=False)
    assert (frames(result.original), "exif" in shown(result.original).info) == (3, False)


def test_metadata_of_a_jpeg_is_read(tmp_path: Path) -> None:
    """Texts, date, panorama and Exif come back with the pictures; Exif too long for JPEG is left out of a rewrite."""
    block = exif([(0x010E, 2, 6, b"words\0"), (0x0132, 2, 20, b"2019:03:04 05:06:07\0")])
    packet = b"<x tiff:Orientation='6' GPano:ProjectionType='equirectangular'/>"
    result = processed(tmp_path, encoded(photo((700, 500)), "JPEG", exif=block, xmp=packet), width=600)
    assert (result.description, result.taken_at, result.is_360) == ("words", "2019-03-04 05:06:07", True)
    assert result.exif is not None
    assert (result.exif["ImageDescription"], result.exif["width"]) == ("words", "700")
    assert b"tiff:Orientation='1'" in shown(result.original).info["xmp"]
    long = Outbox(str(tmp_path)).encode(photo((9, 9)), save_jpeg, 90, exif=block + b"\0" * 70_000, xmp=packet)
    assert ("exif" in shown(long).info, "xmp" in shown(long).info) == (False, True)


BLOCK = exif(
    [
        (0x010E, 2, 6, b"words\0"),
        (0x010F, 2, 6, b"Maker\0"),
        (0x0110, 2, 4, b"One\0"),
        (0x0132, 2, 20, b"2019:03:04 05:06:07\0"),
        (0x9C9B, 1, 10, "title".encode("utf-16-le")),
    ]
)
PACKET = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><r dc:title='title' dc:description='words' tiff:Make='Maker' tiff:Model='One'"
    b" xmp:CreateDate='2019-03-04T05:06:07Z' GPano:ProjectionType='equirectangular'/></x:xmpmeta>"
)
CARRIERS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIC")


def carrying(name: str, *, block: bytes = b"", packet: bytes = b"") -> bytes:
    """Encode a picture with Exif, or with an XMP packet."""
    if name == "HEIC":
        return heic(photo((90, 60)), exif=block, xmp=packet)
    options: dict[str, Any] = {"exif": block} if block else {}
    if name == "PNG" and packet:
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode())
    elif packet:
        options["xmp"] = packet
    return encoded(photo((90, 60)), name, **options)


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("carried", [{"block": BLOCK}, {"packet": PACKET}], ids=["exif", "xmp"])
def test_texts_are_read_from_every_format(tmp_path: Path, name: str, carried: dict[str, bytes]) -> None:
    """Title, description, date, camera and panorama; Chevereto's Exif answer is a JPEG's alone."""
    result = processed(tmp_path, carrying(name, **carried), camera_tag=True)
    found = (result.title, result.description, result.taken_at, result.camera)
    assert found == ("title", "words", "2019-03-04 05:06:07", "Maker One")
    assert result.is_360 == ("packet" in carried)
    assert (result.exif is None) == (name != "JPEG")
    assert processed(tmp_path, carrying(name, **carried)).camera is None


DAMAGED = {
    "junk": b"junk",
    "head": b"Exif\0\0II*\0",
    "nothing": b"Exif\0\0MM\0*\0\0\0\x08",
    "far": b"Exif\0\0MM\0*\xff\xff\xff\xff",
    "many": b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\1" * 50,
    "circle": exif([(0x8769, 4, 1, b"\0\0\0\x08"), (0x8825, 4, 1, b"\0\0\0\x08")]),
    "long": exif([(0x010F, 2, 4_000_000, b"abcdefgh"), (0x0112, 2, 2, b"6\0")]),
    "zeros": bytes(40),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("chosen", [{}, {"width": 20}, {"keep_exif": False}], ids=["as-it-is", "smaller", "stripped"])
def test_a_damaged_block_fails_no_upload(tmp_path: Path, name: str, damage: str, chosen: dict[str, Any]) -> None:
    """Whatever stands where Exif should, and whatever is to be done with the picture."""
    block = DAMAGED[damage]
    if name == "AVIF":
        # No encoder writes these, so a sound block of the same length is replaced.
        sound = exif([(0x010F, 2, 60, b"f" * 60)])[6:]
        data = carrying(name, block=sound)
        assert sound in data
        data = data.replace(sound, block.removeprefix(b"Exif\0\0").ljust(len(sound), b"\0"))
    else:
        data = carrying(name, block=block)
    result = processed(tmp_path, data, **chosen)
    assert (result.width, result.title, result.taken_at) == (chosen.get("width", 90), None, None)


@pytest.mark.parametrize("name", CARRIERS)
def test_a_damaged_packet_fails_no_upload(tmp_path: Path, name: str) -> None:
    """What comes before the damage counts."""
    cut = PACKET[: PACKET.index(b"/></x:")] + b"><dc:title>never ends"
    result = processed(tmp_path, carrying(name, packet=cut), width=20)
    assert (result.title, result.width) == ("title", 20)


def test_a_rewritten_png_keeps_its_packet(tmp_path: Path) -> None:
    """As the other formats do."""
    result = processed(tmp_path, carrying("PNG", packet=PACKET), width=20)
    assert shown(result.original).info["xmp"] == PACKET


def test_a_sequence_of_mostly_metadata_loses_it(tmp_path: Path) -> None:
    """Its stills' box and its film's box point to the same Exif and XMP; frames and pixels stay."""
    data = (Path(__file__).parent / "data" / "metadata_sequence.avif").read_bytes()
    result = processed(tmp_path, data, keep_exif=False)
    assert (result.frames, frames(result.original)) == (2, 2)
    # Chromium's canvas has one color throughout.
    assert shown(result.original).convert("RGB").resize((1, 1)).getpixel((0, 0)) == pytest.approx((255, 0, 0), abs=3)
    assert result.original is not None
    left = Path(result.original.path).read_bytes()
    assert len(left) == len(data)
    assert (b"xmpmeta" in data, b"xmpmeta" in left) == (True, False)
