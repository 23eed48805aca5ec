"""Decodes a still WebP by one call of the libwebp that Pillow has loaded, without the canvases of an animation.

Pillow's own decoder takes every WebP for an animation. Where it has libwebp inside, as on Windows, there is nothing to
call. Source: ``webp/decode.h``; the call has been there since the first libwebp.
"""

from __future__ import annotations

import ctypes

_CHANNELS = 4


def _library() -> ctypes.CDLL | None:
    try:
        from PIL import _webp  # noqa: PLC0415 - a Pillow may be without

        # A handle of Pillow's module finds what that is linked to, and no other libwebp.
        library = ctypes.CDLL(_webp.__file__)
        decode = library.WebPDecodeRGBAInto
    except (ImportError, AttributeError, OSError):
        return None
    decode.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    decode.restype = ctypes.c_void_p
    return library


_LIBRARY = _library()


def decoded(data: bytes, size: tuple[int, int]) -> bytearray | None:
    """Return the pixels of a still WebP as RGBA, row by row; None where that is Pillow's to do, or to refuse."""
    if _LIBRARY is None:
        return None
    row = size[0] * _CHANNELS
    pixels = bytearray(row * size[1])
    target = (ctypes.c_char * len(pixels)).from_buffer(pixels)
    is_decoded = _LIBRARY.WebPDecodeRGBAInto(data, len(data), target, len(pixels), row)
    return pixels if is_decoded else None
