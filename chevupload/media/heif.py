"""Opens a HEIC picture, which comes upright: the container says how it is to be turned, and Exif does not count."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

import pi_heif
from PIL import Image
from PIL.ImageFile import ImageFile

from chevupload.errors import BrokenImage
from chevupload.media.containers import heif_grid, isobmff_strip
from chevupload.media.decode import Opened, loaded
from chevupload.model import MediaJob

# The number of workers says how many processors are used.
pi_heif.options.DECODE_THREADS = 1
_TURNS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


class _Heif(ImageFile):
    """A decoder of the first picture in the file; sequences are refused before."""

    def _open(self) -> None:
        self._opened = pi_heif.open_heif(self.fp)
        self._size, self._mode = self._opened.size, self._opened.mode

    def load(self) -> Any:
        if self._opened is not None:
            opened, self._opened = self._opened, None
            grid = heif_grid.read(cast("BinaryIO", self.fp)) if opened.mode == "RGB" else None
            if grid is not None and grid.turned_size == opened.size:
                self.info = dict(opened.info)
                pi_heif.set_orientation(self.info)
                self.im = _assembled(cast("BinaryIO", self.fp), grid).im
            else:
                decoded = opened.to_pillow()
                self._size, self._mode, self.im = decoded.size, decoded.mode, decoded.im
                self.info = dict(decoded.info)
            # Pillow copies a picture that is not said to be its own before it writes a file of it.
            self.readonly = 0
        return super().load()


def _assembled(file: BinaryIO, grid: heif_grid.Grid) -> Image.Image:
    """Decode a picture tile by tile.

    Raises:
        BrokenImage: a tile is not what the file says of it.
    """
    whole = Image.new("RGB", grid.turned_size)
    (width, height), (wide, high) = grid.size, grid.tile
    for number, data in enumerate(heif_grid.tile_files(file, grid)):
        tile = pi_heif.open_heif(data).to_pillow()
        if (tile.mode, tile.size) != ("RGB", grid.tile):
            raise BrokenImage
        left, top = number % grid.columns * wide, number // grid.columns * high
        right, bottom = left + wide, top + high
        if grid.quarter_turns:
            tile = tile.transpose(_TURNS[grid.quarter_turns])
        corners = (left, top), (top, width - right), (width - right, height - bottom), (height - bottom, left)
        # Pillow leaves out what reaches out of the picture, on any side.
        whole.paste(tile, corners[grid.quarter_turns])
    return whole


def open_heic(file: BinaryIO, job: MediaJob) -> Opened:
    """Open a HEIC."""
    return Opened(loaded(_Heif(file), job))


def strip(source: BinaryIO, target: BinaryIO) -> bool:
    """Copy a HEIC without its metadata; what can be shown no more is refused."""
    is_changed = isobmff_strip.strip(source, target, isobmff_strip.PICTURE)
    if is_changed:
        pi_heif.open_heif(target)
        target.seek(0, 2)
    return is_changed
