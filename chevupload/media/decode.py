"""Tells what a file is, opens it with one decoder, and decodes it once at the scale that is needed.

Decoders are named by class, so neither Pillow's forty other parsers nor a plugin of the host can run. Sizes and frames
are read from the container where Pillow's decoder allocates, or walks through the whole animation, before it tells.
Sources of the signatures: GIF89a, PNG third edition, RFC 9649 (WebP), ISO/IEC 14496-12 (the brands of AVIF, HEIF and
MP4), the QuickTime file format, RFC 8794 (EBML, the head of WebM).
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, cast

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import Blend, PngImageFile

from chevupload.errors import NotAnImage, TooManyPixels, UnavailableFormat
from chevupload.formats import FORMATS
from chevupload.media.containers import gif, isobmff, jpeg, matroska, png, webp
from chevupload.media.optional import extra
from chevupload.media.pillow_decoders import AvifDecoder, PngDecoder, WebpDecoder
from chevupload.media.renditions import AFTER_DRAFT, SHARP, Picture
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


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened picture. Its pixels are decoded, but for JPEG and WebP: those can be decoded at a smaller scale.

    Attributes:
        frames: 1 for a still picture.
        is_lossless: a WebP of the kind whose pixels are kept to the last bit.
        stored_as: the format to store this one in, because few browsers show it as it is; None where they do.
    """

    image: ImageFile
    frames: int = 1
    is_lossless: bool = False
    stored_as: str | None = None


def check_size(width: int, height: int, frames: int, job: MediaJob) -> None:
    """Hold a picture against the limits.

    Raises:
        TooManyPixels: one of them is exceeded.
    """
    if frames > job.max_frames:
        raise TooManyPixels(f"Image has too many frames - max {job.max_frames}")
    pixels = width * height
    if pixels > job.max_pixels:
        raise TooManyPixels(f"Image has too many pixels - {width}x{height}, max {job.max_pixels}")
    if pixels * frames > job.max_total_pixels:
        raise TooManyPixels(f"Image has too many pixels in all its frames - max {job.max_total_pixels}")


def loaded(image: ImageFile, job: MediaJob, *, frames: int = 1) -> ImageFile:
    """Decode an opened picture that is not too large."""
    check_size(*image.size, frames, job)
    image.load()
    return image


def open_jpeg(file: BinaryIO, job: MediaJob) -> Opened:
    """Open a JPEG."""
    head = jpeg.read_head(file)
    if not head.has_one_scan:
        jpeg.check_scans(file, max_scans=job.max_scans)
    # Pillow's readers fail where metadata are broken, so they are shown none.
    image = JpegImageFile(io.BytesIO(head.decoded))
    check_size(*image.size, 1, job)
    image.fp = file
    image.info.update(head.metadata)
    return Opened(image, stored_as=head.substitute)


def open_png(file: BinaryIO, job: MediaJob) -> Opened:
    """Open a PNG."""
    found = png.shown(file)
    check_size(found.width, found.height, found.frames, job)
    return Opened(loaded(PngDecoder(file, found), job, frames=found.frames), found.frames)


def open_gif(file: BinaryIO, job: MediaJob) -> Opened:
    """Open a GIF."""
    width, height, frames = gif.measure(file, job.max_frames)
    check_size(width, height, frames, job)
    file.seek(0)
    return Opened(loaded(GifImageFile(file), job, frames=frames), frames)


def open_webp(file: BinaryIO, job: MediaJob) -> Opened:
    """Open a WebP."""
    width, height, frames, is_lossless = webp.measure(file, job.max_frames)
    check_size(width, height, frames, job)
    file.seek(0)
    image = WebpDecoder(file)
    check_size(*image.size, frames, job)
    return Opened(image, frames, is_lossless)


def open_avif(file: BinaryIO, job: MediaJob) -> Opened:
    """Open an AVIF."""
    image = AvifDecoder(file)
    return Opened(loaded(image, job, frames=image.n_frames), image.n_frames)


def open_bmp(file: BinaryIO, job: MediaJob) -> Opened:
    """Open a BMP."""
    return Opened(loaded(BmpImageFile(file), job))


def _open_heic(file: BinaryIO, job: MediaJob) -> Opened:
    with extra(FORMATS["HEIC"].extra):
        from chevupload.media import heif  # noqa: PLC0415 - an extra
    return heif.open_heic(file, job)


OPEN: Mapping[str, Callable[[BinaryIO, MediaJob], Opened]] = {
    "JPEG": open_jpeg,
    "PNG": open_png,
    "GIF": open_gif,
    "WEBP": open_webp,
    "AVIF": open_avif,
    "BMP": open_bmp,
    "HEIC": _open_heic,
}
"""Opens a picture, whose file is at its beginning. Films go to :mod:`chevupload.media.video`.

Raises:
    Refusal: the picture is not accepted.
    Exception: anything that a decoder raises when it meets a broken file.
"""

_TAILS = (b"", b"\xa5\x13\xe8\x37\xc9\x5a\x71" * 8, b"\x5a\xd4\x6b\x91\x2c\xfe\x18" * 8)
"""What is put between the pixels and the end of a JPEG that lacks it. Where pixels are missing, it shows as some."""


def _has_every_pixel(file: BinaryIO) -> bool:
    if not jpeg.has_every_scan(file):
        return False
    head, seen = jpeg.read_head(file), set()
    for tail in _TAILS:
        with JpegImageFile(io.BytesIO(head.decoded)) as image:
            image.fp = jpeg.ended(file, tail + jpeg.END)
            image.load()
            seen.add(hashlib.sha256(image.tobytes()).digest())
    return len(seen) == 1


def _first_shown(image: ImageFile) -> Image.Image:
    """Return what is seen first: where the first frame does not reach, an animation is transparent."""
    if isinstance(image, PngImageFile) and image.default_image:
        # The picture before the animation is for viewers that know of none.
        image.seek(1)
        image.blend_op = Blend.OP_SOURCE
        box = image.info["bbox"]
    elif isinstance(image, GifImageFile):
        box = image.dispose_extent
    else:
        box = (0, 0, *image.size)
    image.load()
    if box == (0, 0, *image.size):
        return image
    canvas = Image.new("RGBA", image.size)
    canvas.paste(image.crop(box).convert("RGBA"), box)
    return canvas


def decoded(image: ImageFile, scale: float, orientation: int) -> Picture:
    """Decode ``image`` at ``scale`` or larger; only JPEG and WebP can be decoded smaller than they are.

    A JPEG has to have every pixel; what stands behind the last of them may be missing.
    """
    width, height = image.size
    extent: tuple[float, float] = (width, height)
    if scale < 1:
        drafted = image.draft(image.mode, (math.ceil(width * scale), math.ceil(height * scale)))
        if drafted is not None:
            extent = drafted[1][2:]
    if not isinstance(image, JpegImageFile):
        return Picture(_first_shown(image), extent, orientation)
    try:
        image.load()
    except OSError:
        # Where the decoder itself has failed, there is no tile left.
        if not image.tile or not _has_every_pixel(cast("BinaryIO", image.fp)):
            raise
        image.fp = jpeg.ended(cast("BinaryIO", image.fp), jpeg.END)
        image.load()
    return Picture(image, extent, orientation, AFTER_DRAFT if extent[0] < width else SHARP)
