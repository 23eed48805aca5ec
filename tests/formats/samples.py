"""Every format and variant, each with the encoder that makes its samples, and files of other kinds.

A sample is made by what makes such files elsewhere (Pillow, FFmpeg by PyAV), or box by box. What an encoder here cannot
put into a format, is not among the variant's ``features``.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.formats.profiles import GRAY_CMYK
from tests.media.films import CODECS, film, sound, still, turned, with_document_type
from tests.media.heics import heic
from tests.media.pictures import PNG, SRGB, chunk, encoded, exif, photo

DATA = Path(__file__).parents[1] / "media" / "data"
CAMERA, PLACE, COMMENT = b"Some Camera Maker", b"+48.1374+011.5755/", b"<x:xmpmeta>Some comment</x:xmpmeta>"
"""What the samples with metadata tell: in Exif, as XMP, or in the format's own way."""
SIZE = (600, 400)
"""Wider than a medium picture, so that there is one."""
DURATIONS = [80, 160, 240]
"""How long each frame of an animation is seen, in milliseconds."""
FILM_SECONDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to write a format.

    Attributes:
        encode: makes a file of a picture; it may be given an ``orientation``, a ``profile`` and whether to be ``told``.
        features: what it can have besides pixels: ``transparency``, ``orientation``, ``profile``, ``metadata``.
        profile: a color profile for its pixels.
    """

    name: str
    encode: Callable[..., bytes]
    features: str = "orientation profile metadata"
    profile: bytes = SRGB

    def has(self, feature: str) -> bool:
        """Whether there are samples with it."""
        return feature in self.features.split()

    def plain(self) -> bytes:
        """Make a file that shows a picture whose corners differ."""
        return self.encode(photo(SIZE))

    def transparent(self) -> bytes:
        """Make a file with a hole in its middle."""
        picture = photo(SIZE, "RGBA")
        picture.paste((0, 0, 0, 0), (200, 100, 400, 300))
        return self.encode(picture)

    def tilted(self) -> bytes:
        """Make a file whose pixels lie on their side, and that says so; it is to be shown like the plain one."""
        return self.encode(photo(SIZE).transpose(Image.Transpose.ROTATE_90), orientation=6)

    def profiled(self) -> bytes:
        """Make a file with a color profile."""
        return self.encode(photo(SIZE), profile=self.profile)

    def told(self) -> bytes:
        """Make a file that tells where and with what it was made."""
        return self.encode(photo(SIZE), told=True)


def block(orientation: int) -> bytes:
    """Make an Exif block with a camera and a place."""
    place = b"ASCII\0\0\0" + PLACE
    # Camera, orientation, and the place of the next directory; its one tag is what the place is called.
    tags = [(0x010F, 2, len(CAMERA) + 1, CAMERA + b"\0"), (0x0112, 3, 1, struct.pack(">H", orientation))]
    at = 8 + 2 + 12 * 3 + 4 + len(CAMERA) + 1
    first = exif([*tags, (0x8825, 4, 1, struct.pack(">I", at))])
    assert len(first) == at + 6
    return first + struct.pack(">HHHII", 1, 0x001C, 7, len(place), at + 18) + bytes(4) + place


def _metadata(orientation: int, profile: bytes | None, told: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"icc_profile": profile} if profile else {}
    if told or orientation > 1:
        options["exif"] = block(orientation)
    if told:
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", COMMENT.decode())
        options |= {"xmp": COMMENT, "comment": COMMENT, "pnginfo": info}
    return options


def _picture(
    picture: Image.Image,
    name: str,
    *,
    mode: str | None = None,
    is_animated: bool = False,
    orientation: int = 1,
    profile: bytes | None = None,
    told: bool = False,
    **options: Any,
) -> bytes:
    picture = picture.convert(mode) if mode else picture
    if is_animated:
        others = [picture.rotate(90 * turn) for turn in range(1, len(DURATIONS))]
        options |= {"save_all": True, "append_images": others, "duration": DURATIONS, "loop": 0}
    return encoded(picture, name, **options, **_metadata(orientation, profile, told))


def _deep_png(picture: Image.Image, *, orientation: int = 1, profile: bytes | None = None, told: bool = False) -> bytes:
    """Write a PNG of 16 bits for each color, which Pillow does not."""
    data = picture.tobytes()
    doubled = bytearray(2 * len(data))
    doubled[::2] = doubled[1::2] = data
    width, height = picture.size
    stride = len(doubled) // height
    rows = b"".join(b"\0" + doubled[at : at + stride] for at in range(0, len(doubled), stride))
    # The other chunks are those that Pillow writes of the same picture.
    whole = _picture(picture, "PNG", orientation=orientation, profile=profile, told=told)
    kind, start = (6 if picture.mode == "RGBA" else 2), whole.index(b"IDAT") - 4
    end = start
    while whole[end + 4 : end + 8] == b"IDAT":
        end += int.from_bytes(whole[end : end + 4], "big") + 12
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    return PNG + header + whole[33:start] + chunk(b"IDAT", zlib.compress(rows)) + whole[end:]


def _heic(picture: Image.Image, *, orientation: int = 1, profile: bytes = b"", told: bool = False) -> bytes:
    metadata = {"exif": block(1), "xmp": COMMENT} if told else {}
    return heic(picture, turns=3 if orientation == 6 else 0, profile=profile, **metadata)


def _film(picture: Image.Image, name: str, *, orientation: int = 1, told: bool = False) -> bytes:
    file = io.BytesIO()
    # In MP4 the writer knows of no place, unless it writes keys as telephones do.
    options = {"movflags": "use_metadata_tags"} if name == "mp4" else {}
    with av.open(file, "w", format=name, options=options) as container:
        if told:
            told_by = {"location": PLACE, "comment": COMMENT, "make": CAMERA, "artist": CAMERA}
            container.metadata.update({name: text.decode() for name, text in told_by.items()})
        stream: Any = container.add_stream(CODECS[name], rate=1)
        stream.width, stream.height = picture.size
        stream.pix_fmt = "yuv420p"
        for number in range(FILM_SECONDS):
            frame = av.VideoFrame.from_image(picture)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return turned(file.getvalue(), 90) if orientation == 6 else file.getvalue()


_ALL = "transparency orientation profile metadata"
VARIANTS = (
    Variant(name="JPEG, baseline", encode=partial(_picture, name="JPEG")),
    Variant(name="JPEG, progressive", encode=partial(_picture, name="JPEG", progressive=True)),
    Variant(name="JPEG, CMYK", encode=partial(_picture, name="JPEG", mode="CMYK"), profile=GRAY_CMYK),
    Variant(name="PNG, 8 bits", encode=partial(_picture, name="PNG"), features=_ALL),
    Variant(name="PNG, 16 bits", encode=_deep_png, features=_ALL),
    Variant(name="PNG, palette", encode=partial(_picture, name="PNG", mode="P"), features=_ALL),
    Variant(name="APNG", encode=partial(_picture, name="PNG", is_animated=True), features=_ALL),
    Variant(name="GIF, still", encode=partial(_picture, name="GIF"), features="transparency metadata"),
    Variant(
        name="GIF, animated", encode=partial(_picture, name="GIF", is_animated=True), features="transparency metadata"
    ),
    Variant(name="WebP, lossy", encode=partial(_picture, name="WEBP"), features=_ALL),
    Variant(name="WebP, lossless", encode=partial(_picture, name="WEBP", lossless=True), features=_ALL),
    Variant(name="WebP, animated", encode=partial(_picture, name="WEBP", is_animated=True), features=_ALL),
    Variant(name="AVIF, still", encode=partial(_picture, name="AVIF", speed=9), features=_ALL),
    # Pillow cannot write a turned sequence: its encoder crashes.
    Variant(
        name="AVIF, sequence",
        encode=partial(_picture, name="AVIF", is_animated=True, speed=9),
        features="transparency profile metadata",
    ),
    Variant(name="BMP", encode=partial(_picture, name="BMP"), features=""),
    Variant(name="HEIC", encode=_heic),
    Variant(name="MP4", encode=partial(_film, name="mp4"), features="orientation metadata"),
    Variant(name="MOV", encode=partial(_film, name="mov"), features="orientation metadata"),
    Variant(name="WebM", encode=partial(_film, name="webm"), features="metadata"),
)


def oddities() -> dict[str, bytes]:
    """Make files that are damaged, or of a kind that is seldom seen, and show a picture or a film all the same."""
    small = photo((64, 48))
    jpeg, png, recorded = encoded(small, "JPEG"), encoded(small, "PNG"), film("webm", sound=True)
    apng, gif = (_picture(small, name, is_animated=True) for name in ("PNG", "GIF"))
    tables, header = jpeg.index(b"\xff\xdb"), len(PNG) + 25
    return {
        "JPEG, arithmetic coding": (DATA / "arithmetic.jpg").read_bytes(),
        "JPEG, lossless": (DATA / "lossless.jpg").read_bytes(),
        "JPEG without its end": jpeg[:-2],
        "JPEG with empty segments, and bytes between them": jpeg[:tables] + b"\xff\xed\0\2\0abc" + jpeg[tables:],
        "JPEG, turned, with a gain map behind it": with_gain_map(6),
        "PNG without its end": png[:-12],
        "PNG with texts and a profile that are broken": png[:header]
        + b"".join(chunk(kind, b"a\0\0junk") for kind in (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"gAMA"))
        + png[header:],
        "APNG whose number of frames is invalid": apng.replace(
            chunk(b"acTL", struct.pack(">II", len(DURATIONS), 0)), chunk(b"acTL", bytes(8))
        ),
        "GIF with zeros behind its last frame": gif[:-1] + bytes(3),
        "WebM whose document type is padded": with_document_type(recorded, b"webm\0\0\0\0"),
        "Matroska, VP8 and Opus": with_document_type(recorded, b"matroska"),
        "Matroska, AV1 and Opus": (DATA / "av1_opus.mkv").read_bytes(),
        "3GP with a brand of MP4": film("3gp", codec="h264"),
        "MP4, MPEG-4 Visual": film("mp4", codec="mpeg4"),
        "MOV, Motion JPEG": still(),
    }


def with_gain_map(orientation: int) -> bytes:
    """Make a JPEG that says that a gain map is behind it, which is so."""
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/' hdrgm:Version='1.0'/>"
    whole = encoded(photo((64, 48)), "JPEG", exif=block(orientation), xmp=packet)
    return whole + encoded(photo((16, 12), "L"), "JPEG")


def strangers() -> dict[str, bytes]:
    """Make files that are no picture or film that is accepted."""
    small = photo((64, 48))
    return {
        "TIFF": encoded(small, "TIFF"),
        "ICO": encoded(small, "ICO"),
        "JPEG 2000": encoded(small, "JPEG2000"),
        "JPEG XL": bytes.fromhex("0000000c4a584c200d0a870a") + bytes(60),
        "Photoshop": b"8BPS\0\1" + bytes(60),
        "HEIC sequence": heic(small, brands=b"msf1heicmsf1"),
        "JPEG, 12 bits": (DATA / "baseline_12_bits.jpg").read_bytes(),
        "JPEG, lossless, 12 bits": (DATA / "lossless_12_bits.jpg").read_bytes(),
        "JPEG-LS": (DATA / "jpeg_ls.jpg").read_bytes(),
        "Matroska, H.264": film("matroska", codec="h264"),
        "AVI": film("avi", codec="mpeg4"),
        "3GP, no brand of MP4": film("3gp").replace(b"isomiso2", b"3gp43gp5"),
        "MOV, DNxHD": still().replace(b"jpeg\0\0\0\0\0\0\0\1", b"AVdn\0\0\0\0\0\0\0\1"),
        "PNG without all of its pixels": encoded(small, "PNG")[:-30],
        "JPEG without all of its pixels": encoded(small, "JPEG")[:-30],
        "FLV": film("flv", codec="flv1"),
        "M4A, sound alone": sound(),
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9z"/></svg>',
        "PDF": encoded(small, "PDF"),
        "HTML": b"<!doctype html><title>page</title>",
        "ZIP": b"PK\3\4" + bytes(60),
        "text": b"Nothing to see here.\n",
        "nothing at all": b"",
    }
