"""Decodes the pixels of a PNG with the extra ``fast``, in .4 of Pillow's time: kornia-rs has the Rust crate ``png``."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from chevupload.media import memory

try:
    from kornia_rs.io import decode_image_png_u8
except Exception:  # the extra "fast"; NumPy refuses old processors, too
    decode_image_png_u8 = None

CHANNELS = {"RGB": 3, "RGBA": 4}
"""The modes that are decoded here, of 8 bits for each channel."""
MAX_BYTES = 50_000_000
"""Longest file, and most bytes of pixels: for a moment, both are in memory beside what is made of them."""


def decoded(file: BinaryIO, size: tuple[int, int], mode: str) -> Any:
    """Return the pixels of a still PNG as a buffer, row by row; None where that is Pillow's to do, or to refuse.

    The file is read from its beginning, and is left where it was.
    """
    at = file.tell()
    length, pixel_bytes = file.seek(0, io.SEEK_END), size[0] * size[1] * CHANNELS[mode]
    file.seek(0)
    try:
        if decode_image_png_u8 is None or max(length, pixel_bytes) > MAX_BYTES:
            return None
        memory.check_free(length + 3 * pixel_bytes)
        return decode_image_png_u8(file.read(length), (size[1], size[0]), mode.lower())
    except BaseException as error:
        # Where NumPy gets no memory there is a panic, which is no Exception.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            return None
        raise
    finally:
        file.seek(at)
