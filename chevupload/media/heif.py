"""Opens a HEIC picture, which comes upright: the container says how it is to be turned, and Exif does not count."""

from __future__ import annotations

from typing import Any, BinaryIO

import pi_heif
from PIL.ImageFile import ImageFile

from chevupload.media.containers import isobmff_strip
from chevupload.media.decode import Opened, loaded
from chevupload.model import MediaJob

# The number of workers says how many processors are used.
pi_heif.options.DECODE_THREADS = 1


class _Heif(ImageFile):
    """A decoder of the first picture in the file; sequences are refused before."""

    def _open(self) -> None:
        self._opened = pi_heif.open_heif(self.fp)
        self._size, self._mode = self._opened.size, self._opened.mode

    def load(self) -> Any:
        if self._opened is not None:
            decoded, self._opened = self._opened.to_pillow(), None
            self._size, self._mode, self.im = decoded.size, decoded.mode, decoded.im
            self.info = dict(decoded.info)
        return super().load()


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
