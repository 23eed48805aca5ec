"""Opens a picture with one decoder, and decodes it once at the scale that is needed.

Decoders are named by class, so neither Pillow's forty other parsers nor a plugin of the host can run. Sizes and frames
are read from the container where Pillow's decoder allocates, or walks through the whole animation, before it tells.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import Blend, PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from chevupload.errors import TooManyPixels
from chevupload.media.containers import gif, jpeg, png, webp
from chevupload.media.containers.heif_items import clean_size
from chevupload.media.derived import AFTER_DRAFT, SHARP, Picture
from chevupload.model import MediaJob

_AVIF_EXIF = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)
"""The entry of Exif in an AVIF's list of items; decoders pass over items of a kind that they do not know."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened picture. Its pixels are decoded, but for a JPEG's: those can be decoded at a smaller scale.

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
    image = _WholeJpeg(file, head)
    check_size(*image.size, 1, job)
    return Opened(image, stored_as=head.substitute)


def open_png(file: BinaryIO, job: MediaJob) -> Opened:
    """Open a PNG."""
    found = png.shown(file)
    check_size(found.width, found.height, found.frames, job)
    return Opened(loaded(_Png(file, found), job, frames=found.frames), found.frames)


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
    return Opened(loaded(_Webp(file), job, frames=frames), frames, is_lossless)


def open_avif(file: BinaryIO, job: MediaJob) -> Opened:
    """Open an AVIF."""
    image = _Avif(file)
    return Opened(loaded(image, job, frames=image.n_frames), image.n_frames)


def open_bmp(file: BinaryIO, job: MediaJob) -> Opened:
    """Open a BMP."""
    return Opened(loaded(BmpImageFile(file), job))


class _Jpeg(JpegImageFile):
    """A JPEG decoder that is shown no metadata when it opens: Pillow's readers fail where it is broken."""

    def __init__(self, file: BinaryIO, head: jpeg.Head) -> None:
        self._head = head
        super().__init__(file)

    def _open(self) -> None:
        file, self.fp = self.fp, io.BytesIO(self._head.decoded)
        super()._open()
        self.fp = file
        self.info.update(self._head.metadata)

    def _read_dpi_from_exif(self) -> None:
        pass


class _WholeJpeg(_Jpeg):
    """A JPEG decoder that asks for every pixel, and for nothing behind the last of them."""

    def load(self) -> Any:
        try:
            return super().load()
        except OSError:
            # Where the decoder itself has failed, there is no tile left.
            if not self.tile or not _has_every_pixel(cast("BinaryIO", self.fp), self._head):
                raise
            self.fp = jpeg.ended(cast("BinaryIO", self.fp), jpeg.END)
            return super().load()


_TAILS = (b"", b"\xa5\x13\xe8\x37\xc9\x5a\x71" * 8, b"\x5a\xd4\x6b\x91\x2c\xfe\x18" * 8)
"""What is put between the pixels and the end of a JPEG that lacks it. Where pixels are missing, it shows as some."""


def _has_every_pixel(file: BinaryIO, head: jpeg.Head) -> bool:
    if not jpeg.has_every_scan(file):
        return False
    seen = set()
    for tail in _TAILS:
        with _Jpeg(jpeg.ended(file, tail + jpeg.END), head) as image:
            image.load()
            seen.add(hashlib.sha256(image.tobytes()).digest())
    return len(seen) == 1


class _Png(PngImageFile):
    """A PNG decoder that is shown what it needs, and nothing that is broken."""

    def __init__(self, file: BinaryIO, found: png.Shown) -> None:
        self._metadata = png.metadata(file, found)
        super().__init__(found.pieces.opened())

    def _open(self) -> None:
        super()._open()
        self.info.update(self._metadata)
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
    """A WebP decoder of the first frame. It leaves the place around that transparent, as viewers do.

    It gives back at once what Pillow's own keeps for the frames that follow: three times the pixels.
    """

    def _open(self) -> None:
        super()._open()
        if self.is_animated:
            self._mode = self.rawmode = "RGBA"

    def load(self) -> Any:
        if self._decoder is not None:
            pixels, _ = self._decoder.get_next()
            self._decoder = None
            self.im = Image.frombytes(self.mode, self.size, pixels, "raw", self.rawmode).im
        return ImageFile.load(self)


class _Avif(AvifImageFile):
    """An AVIF decoder that takes a picture with Exif that it cannot read for one without, and shows what is to be seen.

    Of a picture with a clean aperture it makes that part.
    """

    def _open(self) -> None:
        self._opened()
        assert self.fp is not None
        self._whole = self._size
        self._size = clean_size(cast("BinaryIO", self.fp), self._size)

    def load(self) -> Any:
        if self.tile:
            # Pillow keeps the decoder and the frame's bytes as long as the pixels, and copies 64 KB at a time.
            pixels, self._decoder, self.tile = self._decoder.get_frame(0)[0], None, []
            clean, self._size = self._size, self._whole
            self.load_prepare()
            self.frombytes(pixels)
            self.readonly = 0
            if clean != self._whole:
                self.im, self._size = self.im.crop((0, 0, *clean)), clean
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


def decoded(image: ImageFile, scale: float) -> Picture:
    """Decode ``image`` at ``scale`` or larger; only JPEG can be decoded smaller than it is."""
    width, height = image.size
    extent: tuple[float, float] = (width, height)
    if not isinstance(image, JpegImageFile):
        return Picture(_first_shown(image), extent)
    if scale < 1:
        drafted = image.draft(image.mode, (math.ceil(width * scale), math.ceil(height * scale)))
        if drafted is not None:
            extent = drafted[1][2:]
    image.load()
    return Picture(image, extent, AFTER_DRAFT if extent[0] < width else SHARP)
