"""Pillow's decoders of PNG, WebP and AVIF, with what is mended of them: what they refuse, forget, or keep in memory."""

from __future__ import annotations

import io
import math
import re
from typing import Any, BinaryIO, cast

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from chevupload.media import libwebp
from chevupload.media.containers import png, webp
from chevupload.media.containers.heif_items import clean_size

_AVIF_EXIF = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)
"""The entry of Exif in an AVIF's list of items; decoders pass over items of a kind that they do not know."""


class PngDecoder(PngImageFile):
    """A PNG decoder that is shown what it needs, and nothing that is broken."""

    def __init__(self, file: BinaryIO, found: png.Shown) -> None:
        """Open what was found to be shown of a file."""
        self._metadata = png.metadata(file, found)
        super().__init__(found.pieces.opened())

    def load(self) -> Any:
        """See ImageFile."""
        if self.tile and self.tile[0].args == self.mode and not self.is_animated:
            self._load_plain()
        return super().load()

    def _load_plain(self) -> None:
        from chevupload.media import png_reader  # noqa: PLC0415 - brings NumPy, which other formats do not need

        size, mode = self.size, self.mode
        if mode in png_reader.CHANNELS and not {"interlace", "transparency"} & {*self.info}:
            pixels = png_reader.decoded(cast("BinaryIO", self.fp), size, mode)
            if pixels is not None:
                self.im = Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1).im
                self.tile = []

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


class WebpDecoder(WebPImageFile):
    """A WebP decoder of the first frame. It leaves the place around that transparent, as viewers do.

    A still picture without alpha can be averaged where it was decoded, and is then not copied as a whole.
    """

    _factor = 1

    def _open(self) -> None:
        super()._open()
        self._whole = self._size
        if self.is_animated:
            self._mode = self.rawmode = "RGBA"

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """See Image; at least ``size`` is left, and blocks of pixels are averaged as Image.reduce does."""
        assert size is not None
        factor = min(self.width // size[0], self.height // size[1])
        if factor < 2 or self.mode != "RGB":
            return None
        box = (0, 0, self.width / factor, self.height / factor)
        self._factor = factor
        self._size = math.ceil(box[2]), math.ceil(box[3])
        return self.mode, box

    def load(self) -> Any:
        """See ImageFile."""
        if self._decoder is not None:
            pixels = self._pixels()
            # What Pillow keeps for the frames that follow, twice the pixels, is given back at once.
            self._decoder = None
            self.im = self._averaged(pixels).im
        return ImageFile.load(self)

    def _pixels(self) -> bytes | bytearray:
        pixels = None
        # Without the other chunks, into which a broken one would reach.
        if self.mode == "RGB" and (chunk := webp.picture(cast("BinaryIO", self.fp))) is not None:
            pixels = libwebp.decoded(chunk, self._whole)
        return self._decoder.get_next()[0] if pixels is None else pixels

    def _averaged(self, pixels: bytes | bytearray) -> Image.Image:
        if self._factor == 1:
            return Image.frombytes(self.mode, self._whole, pixels, "raw", self.rawmode)
        whole = Image.frombuffer(self.rawmode, self._whole, pixels, "raw", self.rawmode, 0, 1)
        return whole.reduce(self._factor).convert(self.mode)


class AvifDecoder(AvifImageFile):
    """An AVIF decoder that takes a picture with Exif that it cannot read for one without, and shows what is to be seen.

    Of a picture with a clean aperture it makes that part.
    """

    def _open(self) -> None:
        self._opened()
        assert self.fp is not None
        self._whole = self._size
        self._size = clean_size(cast("BinaryIO", self.fp), self._size)

    def load(self) -> Any:
        """See ImageFile."""
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
