"""Opens a picture with one decoder, decodes it once at the scale that is needed, and cuts smaller pictures out of it.

Decoders are named by class, so neither Pillow's forty other parsers nor a plugin of the host can run. Quality was
measured as PSNR against LANCZOS on the full decode; see :data:`OVERSAMPLING`.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, TypeVar, cast

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import Blend, PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from chevupload.media.containers import jpeg, png
from chevupload.media.properties import clean_size
from chevupload.model import MediaJob
from chevupload.scaling import Size, shrunk_to_side, side_of

OVERSAMPLING = 1.5
"""How much larger than its result the source of a resize is at least.

At 1.5 medium pictures of photographs, resized with LANCZOS, measure 48 dB and more against LANCZOS on the full decode;
at 1.0 they fall to 39 dB, and at 2.0 a 1920-pixel photograph misses the half scale and costs 2.5 times as much.
"""

_SHARP = Image.Resampling.LANCZOS
_AFTER_DRAFT = Image.Resampling.HAMMING
"""A scaled decode is low-passed already. From one, photographs measure 46 to 48 dB against LANCZOS on the full decode
(fine grain 39 dB, the worst case), where LANCZOS measures 48 to 51 dB at 2.3 times the time.
"""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


_AVIF_EXIF = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)
"""The entry of Exif in an AVIF's list of items; decoders pass over items of a kind that they do not know."""

Length = TypeVar("Length", int, float)


class _Jpeg(JpegImageFile):
    """A JPEG decoder that is shown no metadata when it opens: Pillow's readers fail where it is broken."""

    substitute: str | None = None
    """The format to store the picture in, where browsers do not show it as it is."""

    def _open(self) -> None:
        assert self.fp is not None
        file, head = self.fp, jpeg.read_head(cast("BinaryIO", self.fp))
        self.fp = io.BytesIO(head.decoded)
        super()._open()
        self.fp, self.substitute = file, head.substitute
        self.info.update(head.metadata)

    def _read_dpi_from_exif(self) -> None:
        pass


class _WholeJpeg(_Jpeg):
    """A JPEG decoder that asks for every pixel, and for nothing behind the last of them."""

    def load(self) -> Any:
        try:
            return super().load()
        except OSError:
            # Where the decoder itself has failed, there is no tile left.
            if not self.tile or not _has_every_pixel(cast("BinaryIO", self.fp)):
                raise
            self.fp = jpeg.ended(cast("BinaryIO", self.fp), jpeg.END)
            return super().load()


_TAILS = (b"", b"\xa5\x13\xe8\x37\xc9\x5a\x71" * 8, b"\x5a\xd4\x6b\x91\x2c\xfe\x18" * 8)
"""What is put between the pixels and the end of a JPEG that lacks it. Where pixels are missing, it shows as some."""


def _has_every_pixel(file: BinaryIO) -> bool:
    if not jpeg.has_every_scan(file):
        return False
    seen = set()
    for tail in _TAILS:
        with _Jpeg(jpeg.ended(file, tail + jpeg.END)) as image:
            image.load()
            seen.add(hashlib.sha256(image.tobytes()).digest())
    return len(seen) == 1


class _Png(PngImageFile):
    """A PNG decoder that is shown what it needs, and nothing that is broken."""

    def _open(self) -> None:
        assert self.fp is not None
        file = cast("BinaryIO", self.fp)
        found = png.shown(file)
        self.fp = found.pieces.opened()
        super()._open()
        self.info.update(png.metadata(file, found))
        self._scale_key()

    def _scale_key(self) -> None:
        """Tell the transparent value as a value of the pixels that are made."""
        key = self.info.get("transparency")
        if key is None or not self.tile:
            return
        raw = self.tile[0].args
        if raw in _GRAY_STEPS:
            self.info["transparency"] = min(255, key * _GRAY_STEPS[raw])
        elif raw == "RGB;16B":
            self.info["transparency"] = tuple(value >> 8 for value in key)


_GRAY_STEPS = {"L;2": 85, "L;4": 17}


class _Webp(WebPImageFile):
    """A WebP decoder that leaves the place around a first frame transparent, as viewers do."""

    def _open(self) -> None:
        super()._open()
        if self.is_animated:
            self._mode = self.rawmode = "RGBA"


class _Avif(AvifImageFile):
    """An AVIF decoder that takes a picture with Exif that it cannot read for one without, and shows what is to be seen.

    Of a picture with a clean aperture it makes that part.
    """

    def _open(self) -> None:
        self._opened()
        assert self.fp is not None
        self._whole = self._size
        self._size = clean_size(cast(BinaryIO, self.fp), self._size)

    def load(self) -> Any:
        if not self.tile or self._size == self._whole:
            return super().load()
        clean, self._size = self._size, self._whole
        super().load()
        self.im = self.im.crop((0, 0, *clean))
        self._size = clean
        return super().load()

    def _opened(self) -> None:
        try:
            super()._open()
        except MemoryError:
            raise
        except Exception:
            assert self.fp is not None
            self.fp.seek(0)
            self.fp = io.BytesIO(_AVIF_EXIF.sub(rb"\g<1>skip", self.fp.read()))
            super()._open()


_DECODERS: dict[str, type[ImageFile]] = {
    "JPEG": _WholeJpeg,
    "PNG": _Png,
    "GIF": GifImageFile,
    "WEBP": _Webp,
    "AVIF": _Avif,
    "BMP": BmpImageFile,
}


def open_picture(file: BinaryIO, name: str) -> ImageFile:
    """Open ``file`` with the decoder of format ``name``; nothing is decoded yet."""
    file.seek(0)
    return _DECODERS[name](file)


def substitute(image: ImageFile) -> str | None:
    """Return the format to store an opened picture in where few browsers show it as it is; None where they do."""
    if isinstance(image, BmpImageFile):
        return "PNG"
    return image.substitute if isinstance(image, _Jpeg) else None


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return ``image`` turned as its Exif orientation says; the same object when there is nothing to turn."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def upright_size(size: tuple[Length, Length], orientation: int) -> tuple[Length, Length]:
    """Return what ``size`` becomes by :func:`upright`, and the reverse."""
    return (size[1], size[0]) if orientation >= 5 else size


def medium_size(size: Size, job: MediaJob, *, always: bool = False) -> Size | None:
    """Return the size of the medium picture of one of ``size``; None when that is no larger, unless ``always``."""
    if not always and side_of(size, job.medium_fixed) <= job.medium_side:
        return None
    return shrunk_to_side(size, job.medium_side, job.medium_fixed)


AGAIN = Image.Resampling.BICUBIC
"""For what is resized again by little: photographs measure the same as with LANCZOS, at two thirds of the time."""


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


@dataclass(frozen=True, slots=True)
class Picture:
    """Decoded pixels, and the exact extent of the picture in them: a scaled decode rounds up to whole pixels."""

    image: Image.Image
    width: float
    height: float
    resampling: Image.Resampling = _SHARP

    @classmethod
    def of(cls, image: Image.Image, resampling: Image.Resampling = _SHARP) -> Picture:
        """Take ``image`` as it is."""
        return cls(image, *image.size, resampling)

    @classmethod
    def decoded(cls, image: ImageFile, scale: float) -> Picture:
        """Decode ``image`` at ``scale`` or larger; only JPEG can be decoded smaller than it is."""
        width, height = image.size
        extent: tuple[float, float] = (width, height)
        resampling = _SHARP
        if isinstance(image, JpegImageFile) and scale < 1:
            drafted = image.draft(image.mode, (math.ceil(width * scale), math.ceil(height * scale)))
            if drafted is not None:
                extent = drafted[1][2:]
                resampling = _AFTER_DRAFT if extent[0] < width else _SHARP
        return cls(_first_shown(image), *extent, resampling)

    def showing(self, image: Image.Image) -> Picture:
        """Return the picture with other pixels of the same size."""
        return replace(self, image=image)

    def shrunk(self, scale: float) -> Picture:
        """Average whole blocks of pixels where ``scale`` allows it; a cheap first step of every resize that follows."""
        factor = int(1 / scale)
        if factor < 2:
            return self
        return Picture(self.image.reduce(factor), self.width / factor, self.height / factor, self.resampling)

    def resized(self, size: tuple[int, int]) -> Image.Image:
        """Return the whole picture in ``size``."""
        return self.image.resize(size, self.resampling, box=(0, 0, self.width, self.height), reducing_gap=OVERSAMPLING)

    def square(self, side: int) -> Image.Image:
        """Return the largest centered square in ``side`` pixels, enlarged where it is smaller."""
        edge = min(self.width, self.height)
        left, top = (self.width - edge) / 2, (self.height - edge) / 2
        return self.image.resize(
            (side, side),
            self.resampling,
            box=(left, top, left + edge, top + edge),
            reducing_gap=OVERSAMPLING,
        )
