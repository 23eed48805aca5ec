"""XMP packets are read as far as they can be, and never further than they go."""

from __future__ import annotations

import random

import pytest

from chevupload.media import xmp

PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
  xmlns:xmp="http://ns.adobe.com/xap/1.0/" tiff:Make="Maker" xmp:CreateDate="2019-03-04T05:06:07">
 <dc:title><rdf:Alt><rdf:li xml:lang="x-default"> Gr\u00fc\u00dfe &amp; mehr </rdf:li>
  <rdf:li xml:lang="fr">Autre</rdf:li></rdf:Alt></dc:title>
 <dc:description><rdf:Alt><rdf:li xml:lang="x-default"/>
  <rdf:li xml:lang="fr">Des mots</rdf:li></rdf:Alt></dc:description>
 <tiff:Model>One</tiff:Model><dc:creator><rdf:Seq><rdf:li>Somebody</rdf:li></rdf:Seq></dc:creator>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""
FOUND = {
    "dc:title": "Gr\u00fc\u00dfe & mehr",
    "dc:description": "Des mots",
    "tiff:Make": "Maker",
    "tiff:Model": "One",
    "xmp:CreateDate": "2019-03-04T05:06:07",
}


@pytest.mark.parametrize("packet", [PACKET.encode(), PACKET.encode("utf-16"), PACKET.encode() + bytes(40)])
def test_properties_are_read(packet: bytes) -> None:
    """Attributes and elements; of several languages the first that says anything; padding behind is no matter."""
    assert xmp.read(packet) == FOUND


def test_what_comes_before_the_damage_is_read() -> None:
    """A packet that was cut off, or is no XML from somewhere on."""
    packet = PACKET.encode()
    assert xmp.read(packet[: packet.index(b"<dc:description>")]) == {
        name: FOUND[name] for name in ("dc:title", "tiff:Make", "xmp:CreateDate")
    }


@pytest.mark.parametrize("packet", [b"", b"\0", b"no xml", b"<?xml version='1.0' encoding='nothing'?><a/>", b"<a"])
def test_what_is_no_packet_says_nothing(packet: bytes) -> None:
    """And raises nothing."""
    assert xmp.read(packet) == {}


def test_nothing_is_expanded_or_fetched() -> None:
    """A document type ends the reading, with the entities that it declares."""
    declared = b"<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'><!ENTITY c SYSTEM 'file:///etc/passwd'>]>"
    assert xmp.read(declared + b"<r dc:title='t'><dc:title>&b;&c;</dc:title></r>") == {}


def test_texts_are_bounded() -> None:
    """A long one is cut, and so is a packet."""
    assert len(xmp.read(b"<r><dc:title>" + b"x" * 5_000 + b"</dc:title></r>")["dc:title"]) == xmp.MAX_TEXT
    assert xmp.read(b"<r>" + b" " * xmp.MAX_BYTES + b"<dc:title>t</dc:title></r>") == {}


def test_mutated_packets_never_raise() -> None:
    """Whatever a byte becomes."""
    dice = random.Random(11)
    for _ in range(2_000):
        packet = bytearray(PACKET.encode())
        for _ in range(dice.randrange(1, 6)):
            packet[dice.randrange(len(packet))] = dice.randrange(256)
        assert all(len(text) <= xmp.MAX_TEXT for text in xmp.read(bytes(packet)).values())
