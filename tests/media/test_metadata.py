from __future__ import annotations

import json
import random
import struct
from typing import Any

import pytest

from chevupload.config import Originals
from chevupload.media import metadata
from chevupload.media.containers import exif as exif_block
from tests.media.pictures import exif

SIZE = (700, 500)


def answer(block: bytes, **options: Any) -> dict[str, Any]:
    found = metadata.php_exif(exif_block.read(block), size=SIZE, is_color=True, **options)
    json.dumps(found, allow_nan=False)
    return found


def tiff(directories: dict[int, list[tuple[int, int, int, bytes]]], following: int = 0) -> bytes:
    """Place directories at given offsets; values must fit into their entries."""
    data = bytearray(b"MM\0*\0\0\0\x08" + b"\0" * 600)
    for at, tags in directories.items():
        body = struct.pack(">H", len(tags))
        for tag, kind, count, value in tags:
            body += struct.pack(">HHI", tag, kind, count) + value.ljust(4, b"\0")
        body += struct.pack(">I", following if at == 8 else 0)
        data[at : at + len(body)] = body
    return bytes(data)


def test_a_jpeg_without_exif_has_an_answer() -> None:
    """The answer is never empty."""
    assert answer(b"") == {
        "FileType": "2",
        "MimeType": "image/jpeg",
        "SectionsFound": "",
        "COMPUTED": {"html": 'width="700" height="500"', "Height": "500", "Width": "700", "IsColor": "1"},
        "IPTC": [],
        "width": "700",
        "height": "500",
    }


def test_values_read_as_php_writes_them() -> None:
    """Scalars are strings, rationals fractions, several values lists, undecodable bytes null."""
    found = answer(
        exif(
            [
                (0x010F, 2, 6, b"Canon\0"),
                (0x0110, 2, 4, b"\xff\xfe\xfa\0"),
                (0x011A, 5, 1, struct.pack(">II", 72, 1)),
                (0x0102, 3, 3, struct.pack(">HHH", 8, 8, 8)),
                (0x0103, 1, 1, b"\x06"),
                (0x9101, 7, 4, b"\1\2\3\0"),
                (0x927C, 7, 5, b"maker"),
                (0x9999, 12, 1, struct.pack(">d", float("nan"))),
                (0x9998, 9, 1, struct.pack(">i", -5)),
                (0x9C9B, 1, 6, "Été".encode("utf-16-le")),
            ]
        ),
        title="IPTC title",
        comment=b"a comment\0",
    )
    assert found["SectionsFound"] == "ANY_TAG, IFD0, COMMENT, WINXP"
    assert found["COMPUTED"]["ByteOrderMotorola"] == "1"
    names = ("Make", "Model", "XResolution", "BitsPerSample", "Compression", "ComponentsConfiguration")
    assert [found[name] for name in names] == ["Canon", None, "72/1", ["8", "8", "8"], "6", "\1\2\3\0"]
    assert [found["UndefinedTag:0x9999"], found["UndefinedTag:0x9998"], found["Title"]] == [None, "-5", "Été"]
    assert (found["IPTC"], found["COMMENT"]) == ({"title": "IPTC title"}, ["a comment"])
    assert "MakerNote" not in found


def test_directories_are_followed_and_named() -> None:
    """Camera, position and thumbnail tags are found under PHP's names."""
    block = tiff(
        {
            8: [(0x8769, 4, 1, struct.pack(">I", 100)), (0x8825, 4, 1, struct.pack(">I", 200))],
            100: [(0x8827, 3, 1, struct.pack(">H", 200)), (0xA005, 4, 1, struct.pack(">I", 400))],
            200: [(0, 1, 4, b"\2\3\0\0"), (1, 2, 2, b"N\0"), (0x77, 1, 1, b"a")],
            300: [(0x0103, 3, 1, b"\0\6")],
            400: [(1, 2, 4, b"R98\0")],
        },
        following=300,
    )
    found = answer(block)
    assert found["SectionsFound"] == "ANY_TAG, IFD0, THUMBNAIL, EXIF, GPS, INTEROP"
    assert (found["Exif_IFD_Pointer"], found["GPS_IFD_Pointer"], found["ISOSpeedRatings"]) == ("100", "200", "200")
    assert (found["GPSVersion"], found["GPSLatitudeRef"]) == ("\2\3\0\0", "N")
    assert (found["THUMBNAIL"], found["InterOperabilityIndex"]) == ({"Compression": "6"}, "R98")


def test_the_aperture_is_computed() -> None:
    """COMPUTED has the f-number as cameras write it; one that cannot be divided is left out."""

    def aperture(kind: int, divisor: int) -> object:
        block = bytearray(tiff({8: [(0x8769, 4, 1, b"\0\0\0\x64")], 100: [(0x829D, kind, 1, b"\0\0\1\0")]}))
        block[256:264] = struct.pack(">II", 28, divisor)
        return answer(bytes(block))["COMPUTED"].get("ApertureFNumber")

    assert [aperture(5, 10), aperture(5, 0), aperture(3, 1)] == ["f/2.8", None, None]


def test_a_gray_picture_says_so() -> None:
    """IsColor is 0 for gray and CMYK."""
    found = metadata.php_exif(exif_block.Exif(), size=SIZE, is_color=False)
    assert found["COMPUTED"]["IsColor"] == "0"


def test_large_values_and_endless_tags_are_skipped() -> None:
    """The answer stays small whatever the block holds."""
    tags = [(0x1000 + number, 3, 1, b"\0\1") for number in range(500)]
    assert len(answer(exif(tags))) <= 200 + 7
    assert "ImageDescription" not in answer(exif([(0x010E, 2, 3_000, b"x" * 3_000)]))


def test_directories_in_a_circle_are_read_once() -> None:
    """A directory that points to itself ends."""
    block = tiff({8: [(0x8769, 4, 1, struct.pack(">I", 8)), (0x8825, 4, 1, struct.pack(">I", 9_999_999))]}, 8)
    assert answer(block)["SectionsFound"] == "ANY_TAG, IFD0"


@pytest.mark.slow
def test_hostile_blocks_never_raise() -> None:
    """Any bytes at all give an answer, texts, and a block without orientation."""
    whole = exif([(0x010F, 2, 6, b"Canon\0"), (0x0112, 3, 1, b"\0\6"), (0x8769, 4, 1, b"\0\0\0\x20")])
    dice = random.Random(7)
    for _ in range(3_000):
        block = bytearray(whole[: dice.randrange(len(whole) + 1)])
        for _ in range(dice.randrange(6)):
            if len(block) > 10:
                block[dice.randrange(6, len(block))] = dice.randrange(256)
        found = exif_block.read(bytes(block))
        answer(bytes(block))
        metadata.read_texts(found, None)
        assert 1 <= found.orientation <= 8
        exif_block.without_orientation(bytes(block))


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_read_and_removed(order: str) -> None:
    """Both byte orders; every other tag keeps its value."""
    tags = [(0x010F, 2, 6, b"Canon\0"), (0x0112, 3, 1, struct.pack(f"{order}H", 6)), (0x0131, 2, 8, b"softwar\0")]
    block = exif(tags, order)
    cleaned = exif_block.without_orientation(block)
    before, after = exif_block.read(block), exif_block.read(cleaned)
    assert (before.orientation, after.orientation, len(block)) == (6, 1, len(cleaned))
    assert [entry.data for entry in after.entries] == [b"Canon\0", b"softwar\0"]


@pytest.mark.parametrize("entry", [(0x0112, 3, 1, b"\0\x09"), (0x0112, 2, 2, b"6\0"), (0x0112, 4, 1, b"\0\0\0\6")])
def test_a_senseless_orientation_is_none(entry: tuple[int, int, int, bytes]) -> None:
    """Only 1 to 8 are orientations, and only as short numbers: browsers turn by no others."""
    assert exif_block.read(exif([entry])).orientation == 1


def test_texts_keep_their_unicode() -> None:
    """Titles and descriptions keep accents and lose control characters; IPTC wins over Windows."""
    block = exif(
        [
            (0x010E, 2, 14, "Caf\u00e9\1 \u65e5\u672c".encode() + b"\0"),
            (0x0132, 2, 20, b"2019:03:04 05:06:07\0"),
            (0x9C9B, 1, 12, "T\u00eft\0le".encode("utf-16-le")),
        ]
    )
    found = exif_block.read(block)
    assert metadata.read_texts(found, None) == metadata.Texts(
        "T\u00eftle", "Caf\u00e9  \u65e5\u672c", "2019-03-04 05:06:07"
    )
    assert metadata.read_texts(found, "IPTC").title == "IPTC"


@pytest.mark.parametrize("text", [b"0000:00:00 00:00:00", b"2019-03-04 05:06:07", b"\xff" * 19, b"", b"2019:3:4 5:6:7"])
def test_an_invalid_date_is_none(text: bytes) -> None:
    """Only a real date in Exif's spelling counts."""
    found = exif_block.read(exif([(0x0132, 2, len(text) + 1, text + b"\0"), (0x010E, 2, 3, b"\1\2\0")]))
    assert metadata.read_texts(found, None) == metadata.Texts()


def test_descriptions_in_an_older_encoding_are_read() -> None:
    """What is no UTF-8 is read as Windows-1252."""
    found = exif_block.read(exif([(0x010E, 2, 5, b"Caf\xe9\0")]))
    assert metadata.read_texts(found, None).description == "Caf\u00e9"


def record(number: int, value: bytes) -> bytes:
    return b"\x1c\2" + bytes([number]) + struct.pack(">H", len(value)) + value


@pytest.mark.parametrize(
    ("resources", "name"),
    [
        ({0x0404: record(0, b"\0\2") + record(5, "Gr\u00fc\u00dfe".encode())}, "Gr\u00fc\u00dfe"),
        ({0x0404: record(5, b"")}, None),
        ({0x0404: b"\x1c\2\5\x80\4" + b"\0" * 4}, None),
        ({0x0404: b"\x1c\2"}, None),
        ({0x0404: b"junk"}, None),
        ({0x0404: 5}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_iptc_object_name_is_found(resources: object, name: str | None) -> None:
    """Only a well-formed record has a name."""
    assert metadata.object_name(resources) == name


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (b"<rdf GPano:ProjectionType='equirectangular'/>", True),
        (b"<GPano:ProjectionType>\n equirectangular</GPano:ProjectionType>", True),
        (b"<rdf GPano:ProjectionType='cylindrical'/>", False),
        (b"<rdf>" + b" " * 1_048_576 + b"<x GPano:ProjectionType='equirectangular'/></rdf>", False),
        (None, False),
    ],
)
def test_panoramas_are_told_by_their_xmp(packet: object, expected: bool) -> None:
    """Attribute or element; the search is bounded."""
    assert metadata.read_texts(exif_block.Exif(), packet=packet).is_360 is expected


def test_xmp_says_what_exif_does_not() -> None:
    """Each text of Exif wins over the packet's, and each that is missing comes from there."""
    packet = (
        b"<r dc:title='X title' dc:description='X words' tiff:Make='X' tiff:Model='One'"
        b" exif:DateTimeOriginal='2019-03-04' xmp:CreateDate='2020-03-04T05:06:07+02:00'/>"
    )
    assert metadata.read_texts(exif_block.Exif(), packet=packet) == metadata.Texts(
        "X title", "X words", "2020-03-04 05:06:07", "X One"
    )
    block = exif([(0x010E, 2, 6, b"words\0"), (0x010F, 2, 6, b"Maker\0"), (0x0132, 2, 20, b"2019:03:04 05:06:07\0")])
    found = metadata.read_texts(exif_block.read(block), "IPTC", packet)
    assert found == metadata.Texts("IPTC", "words", "2019-03-04 05:06:07", "Maker")


@pytest.mark.parametrize(
    ("originals", "allowed"),
    [
        (Originals(), metadata.Texts("t", "d", "2019-03-04 05:06:07", None, True)),
        (Originals(camera_tag=True), metadata.Texts("t", "d", "2019-03-04 05:06:07", "c", True)),
        (Originals(keep_exif=False, camera_tag=True), metadata.Texts(taken_at="2019-03-04 05:06:07", is_360=True)),
    ],
)
def test_only_what_is_allowed_is_told(originals: Originals, allowed: metadata.Texts) -> None:
    """The camera where it is asked for; none of the texts that are removed from the file."""
    assert metadata.Texts("t", "d", "2019-03-04 05:06:07", "c", True).allowed(originals) == allowed
