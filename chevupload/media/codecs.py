"""What is done with each of the formats of :mod:`chevupload.formats`: one table for each verb, by the format's name.

Sources of the signatures: GIF89a, PNG third edition, RFC 9649 (WebP), ISO/IEC 14496-12 (the brands of AVIF, HEIF and
MP4), the QuickTime file format, RFC 8794 (EBML, the head of WebM).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import BinaryIO

from chevupload.errors import NotAnImage, UnavailableFormat
from chevupload.formats import FORMATS
from chevupload.media import color_description, decode, encode
from chevupload.media.containers import gif, isobmff, isobmff_strip, jpeg, matroska, png, webp
from chevupload.media.optional import extra
from chevupload.model import MediaJob

HEAD_BYTES = 4_096
"""How much of a file :func:`sniff` looks at."""

_HEIC = (b"heic", b"heix")
_AVIF = (b"avif", b"avis")
_NO_FILM = re.compile(rb"M4[ABP] |F4[AB] |aax |aaxc|he[iv][cxmsf]|mi[fa][12f]|msf1|avi[fsco]|crx |jp[2mx] ")
"""Sound, HEIF of several frames or another codec, raw photographs, JPEG 2000."""
_MP4 = re.compile(rb"iso[2-9a-m]|mp4[12]|mp71|avc1|dash|M4V[ HP]|f4v |XAVC|MSNV|mmp4")
_QUICKTIME = re.compile(rb"[\0-\x1f].{3}(?:moov|mdat|wide|free|skip|pnot)", re.DOTALL)
"""QuickTime from before there were brands: a length below 512 MB, which no text starts with, and an atom."""


def _is_avif(head: bytes) -> bool:
    brand, *compatible = isobmff.brands(head) or [b""]
    return brand in _AVIF or (brand in (b"mif1", b"msf1", b"miaf") and not {*_AVIF}.isdisjoint(compatible))


def _is_heic(head: bytes) -> bool:
    brand, *compatible = isobmff.brands(head) or [b""]
    return brand in _HEIC or (brand == b"mif1" and not {*_HEIC}.isdisjoint(compatible))


def _film_brand(head: bytes) -> bytes | None:
    """Return the first brand that players know: a camera maker's own, or 3GP's, stands before it."""
    brands = isobmff.brands(head)
    if not brands or _NO_FILM.match(brands[0]):
        return None
    return next((brand for brand in brands if brand == b"qt  " or _MP4.match(brand)), None)


def _is_mov(head: bytes) -> bool:
    return _film_brand(head) == b"qt  " or _QUICKTIME.match(head) is not None


def _is_mp4(head: bytes) -> bool:
    return _film_brand(head) not in (None, b"qt  ")


def _is_webm(head: bytes) -> bool:
    # As far as one can tell from here: what a browser records is told apart by its codecs.
    return matroska.document_type(head) in (b"webm", b"matroska")


SIGNATURES: Mapping[str, Callable[[bytes], object]] = {
    "JPEG": re.compile(rb"\xff\xd8\xff").match,
    "PNG": re.compile(re.escape(png.SIGNATURE)).match,
    "GIF": re.compile(rb"GIF8[79]a").match,
    "WEBP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL).match,
    "AVIF": _is_avif,
    "HEIC": _is_heic,
    "MP4": _is_mp4,
    "BMP": re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL).match,
    "WEBM": _is_webm,
    "MOV": _is_mov,
}
"""Whether a file that begins with these bytes has the format; the first that matches counts."""
_UNAVAILABLE = re.compile(
    rb"II[*+]\0|MM\0[*+]"  # TIFF
    rb"|\0\0[\x01\x02]\0[^\0]\0"  # ICO, CUR
    rb"|8BPS\0[\x01\x02]"  # PSD
    rb"|\xff\x0a|\0\0\0\x0cJXL |\0\0\0\x0cjP  |\xff\x4f\xff\x51"  # JPEG XL, JPEG 2000
    rb"|\x1a\x45\xdf\xa3"  # other EBML
    rb"|.{4}ftyp(?!M4[ABP] |F4[AB] |aax |aaxc)"  # other boxes than those of sound
    rb"|RIFF.{4}AVI |\0\0\x01[\xb3\xba]|FLV\x01",
    re.DOTALL,
)


def sniff(head: bytes) -> str:
    """Name the format of a file that starts with ``head``.

    Raises:
        UnavailableFormat: another known picture or video format.
        NotAnImage: anything else.
    """
    for name, matches in SIGNATURES.items():
        if matches(head):
            return name
    if _UNAVAILABLE.match(head):
        raise UnavailableFormat
    raise NotAnImage


def _open_heic(file: BinaryIO, job: MediaJob) -> decode.Opened:
    with extra(FORMATS["HEIC"].extra):
        from chevupload.media import heif  # noqa: PLC0415 - an extra
    return heif.open_heic(file, job)


OPEN: Mapping[str, Callable[[BinaryIO, MediaJob], decode.Opened]] = {
    "JPEG": decode.open_jpeg,
    "PNG": decode.open_png,
    "GIF": decode.open_gif,
    "WEBP": decode.open_webp,
    "AVIF": decode.open_avif,
    "BMP": decode.open_bmp,
    "HEIC": _open_heic,
}
"""Opens a picture, whose file is at its beginning. Films go to :mod:`chevupload.media.video`.

Raises:
    Refusal: the picture is not accepted.
    Exception: anything that a decoder raises when it meets a broken file.
"""

COLORS: Mapping[str, Callable[[BinaryIO, bytes | None, str], color_description.Colors]] = {
    "PNG": color_description.of_png,
    "BMP": color_description.of_bmp,
    "AVIF": color_description.of_items,
    "HEIC": color_description.of_items,
}
"""Returns what pixels mean where a file says it by more than an ICC profile: by the file, the profile that its decoder
found, and the mode of its pixels in Pillow's names."""


def _strip_heic(source: BinaryIO, target: BinaryIO) -> bool:
    from chevupload.media import heif  # noqa: PLC0415 - an extra

    return heif.strip(source, target)


_strip_film = partial(isobmff_strip.strip, kept=isobmff_strip.FILM)

STRIP: Mapping[str, Callable[[BinaryIO, BinaryIO], bool]] = {
    "JPEG": jpeg.strip,
    "PNG": png.strip,
    "GIF": gif.strip,
    "WEBP": webp.strip,
    "AVIF": partial(isobmff_strip.strip, kept=isobmff_strip.PICTURE),
    "HEIC": _strip_heic,
    "MP4": _strip_film,
    "MOV": _strip_film,
    "WEBM": matroska.strip,
}
"""Copies one file to another, which is open for reading too, without its metadata and without touching a pixel or a
sound; returns whether the copy differs.

What shows the picture is kept: pixels, color profile, transparency, animation. Everything else goes, known or not, and
so does what follows the picture's end: phones and editors hide whole pictures with their own Exif there.

Raises:
    BrokenImage: the container ends early or is malformed.
"""

ENCODE: Mapping[str, encode.Save] = {
    "JPEG": encode.save_jpeg,
    "PNG": encode.save_png,
    "GIF": encode.save_gif,
    "WEBP": encode.save_webp,
    "AVIF": encode.save_avif,
}
"""Writes a picture."""
MAX_SIDES = {"JPEG": 65_500, "WEBP": 16_383}
"""Longest side that an encoder writes, in pixels; PNG has no limit that a picture could meet."""
