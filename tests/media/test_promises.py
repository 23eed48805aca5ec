"""A gain map or a film behind a JPEG stays where it is, or nothing tells of it any more."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from chevupload.media.xmp import has_trailer, without_trailer
from tests.media.films import film
from tests.media.pictures import encoded, oriented, photo, processed, shown

RDF = (
    b"<?xpacket begin='\xef\xbb\xbf' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>%s</rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)
TITLED = b"<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>a &gt; b</rdf:li></rdf:Alt></dc:title>"
HDR = RDF % (
    b"<rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' "
    b"xmlns:Container='http://ns.google.com/photos/1.0/container/' "
    b'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" hdrgm:Version="1.0" dc:format="image/jpeg">'
    b'<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" '
    b'Item:Mime="image/jpeg"/></rdf:li><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" '
    b'Item:Mime="image/jpeg" Item:Length="%d"/></rdf:li></rdf:Seq></Container:Directory>'
    + TITLED
    + b"</rdf:Description>"
)
MOTION = RDF % (
    b"<rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/' dc:format='image/jpeg' GCamera:MotionPhoto='1' "
    b"xmlns:GCamera='http://ns.google.com/photos/1.0/camera/' GCamera:MicroVideo=\"1\" GCamera:MicroVideoOffset='%d'>"
    b"<GCamera:MotionPhotoVersion>1</GCamera:MotionPhotoVersion>" + TITLED + b"</rdf:Description>"
)
WORDS = (b"hdrgm", b"Container", b"Item", b"MotionPhoto", b"MicroVideo", b"MPF\0", b"GainMap")
"""What readers look for."""


def with_company(kind: str, orientation: int) -> tuple[bytes, bytes]:
    """Make a photograph with a gain map or a film behind it, and return that, too."""
    behind = encoded(photo((32, 24), "L"), "JPEG") if kind == "gain map" else film()
    packet = (HDR if kind == "gain map" else MOTION) % len(behind)
    data = encoded(photo((640, 480)), "JPEG", exif=oriented(orientation), xmp=packet)
    entries = struct.pack(">IIIHH", 0x030000, len(data), 0, 0, 0) + struct.pack(">IIIHH", 0, len(behind), 9, 0, 0)
    index = struct.pack(">4sIHHHI4s", b"MM\0*", 8, 2, 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB002, 7, 32, 38)
    body = b"MPF\0" + index + bytes(4) + entries
    return data[:20] + b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body + data[20:] + behind, behind


@pytest.mark.parametrize("kind", ["gain map", "film"])
def test_a_turned_photograph_keeps_its_company(tmp_path: Path, kind: str) -> None:
    """It is stored as it came, and turned by its Exif as browsers do; what is made of it is upright."""
    data, _ = with_company(kind, 6)
    result = processed(tmp_path, data)
    assert (result.original, result.width, result.height, result.title) == (None, 480, 640, "a > b")
    shown_medium = shown(processed(tmp_path, data, medium_side=240).medium)
    assert shown_medium.size == (240, 320)


@pytest.mark.parametrize("kind", ["gain map", "film"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    "chosen", [{"max_width": 100}, {"convert": {"JPEG": "WEBP"}}, {"convert": {"JPEG": "PNG"}}, {"keep_exif": False}]
)
def test_what_is_written_anew_promises_nothing(
    tmp_path: Path, kind: str, orientation: int, chosen: dict[str, Any]
) -> None:
    """Its texts stay where metadata does, and nothing is behind it."""
    data, behind = with_company(kind, orientation)
    result = processed(tmp_path, data, **chosen)
    assert result.original is not None
    left = Path(result.original.path).read_bytes()
    assert [word for word in (*WORDS, behind) if word in left] == []
    assert (b"a &gt; b" in left, b"image/jpeg" in left) == (("keep_exif" not in chosen),) * 2
    if orientation == 6:
        assert shown(result.original).height > shown(result.original).width
    if "keep_exif" not in chosen:
        assert has_trailer(data)


@pytest.mark.parametrize("packet", [HDR % 5, MOTION % 5])
def test_nothing_else_of_a_packet_changes(packet: bytes) -> None:
    """Every other byte stays."""
    left = without_trailer(packet)
    assert (has_trailer(packet), has_trailer(left)) == (True, False)
    assert left.startswith(packet[: packet.index(b"<rdf:Description") + 16])
    assert left.endswith(packet[packet.index(b"<dc:title>") :])


@pytest.mark.parametrize(
    ("packet", "left"),
    [
        (b"<x><hdrgm:Version/>text</x>", b"<x>text</x>"),
        (b"<x a='>' hdrgm:Version='>'><y/><Container:Directory a='>'/><z/></x>", b"<x a='>'><y/><z/></x>"),
        (b"<x>MotionPhoto</x>", b"<x>MotionPhoto</x>"),
        (b"<x><hdrgm:Version>1</x>", b""),
        (b"<hdrgm:Version>1</hdrgm:Version>", b""),
        (b"<!DOCTYPE x []><x hdrgm:Version='1'/>", b""),
        ("<x hdrgm:Version='ü'/>".encode("latin-1"), b""),
        (b"no hdrgm: packet", b""),
        (b"no packet", b"no packet"),
    ],
)
def test_what_cannot_be_read_goes(packet: bytes, left: bytes) -> None:
    """A packet that promises something, but nobody knows where."""
    assert without_trailer(packet) == left


@pytest.mark.slow
def test_it_takes_no_longer_for_many_beginnings() -> None:
    """One that opens a hundred thousand directories is read once."""
    nested = b"<Container:Directory>" * 50_000
    assert without_trailer(b"<x>" + nested + b"</x>") == b""
    assert without_trailer(b"<x>" + b"<Container:Directory/>" * 50_000 + b"</x>") == b"<x></x>"


@pytest.mark.slow
def test_padding_is_read_once() -> None:
    """Writers leave kilobytes of blanks to edit in, and anybody may send megabytes."""
    padding = b" \n" * 500_000
    assert without_trailer(b"<x hdrgm:Version='1'>" + padding + b"</x>") == b"<x>" + padding + b"</x>"
