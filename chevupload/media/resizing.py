"""Resizes decoded pictures with SIMD instructions, where the extra "fast" is installed, in a fifth of Pillow's time.

Both ways are convolutions on 8-bit values. With the same filter they differ by a level here and there, and by more only
where the filter swings beyond black or white: each cuts that off in an order of its own. Against a reduction in
floating point, both measure the same then.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import PIL
from PIL import Image

from chevupload.media import memory
from chevupload.scaling import Size

try:
    import cykooz_resizer as simd
except ImportError:  # the extra "fast"
    simd = None

NEWEST_PILLOW = 13
"""The resizer reads Pillow's pixels by their layout in memory, which it knows up to this major version."""
if int(PIL.__version__.partition(".")[0]) > NEWEST_PILLOW:
    simd = None

OVERSAMPLING = 1.5
"""How much larger than its result the source of a resize is at least, where it is reduced in a cheaper way before.

At 1.5 medium pictures of photographs, resized with LANCZOS, measure 48 dB and more against LANCZOS on the full decode;
at 1.0 they fall to 39 dB, and at 2.0 a 1920-pixel photograph misses the half scale and costs 2.5 times as much.
"""
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom edge of a part of a picture, in its pixels."""
_WEIGHTS_BYTES = 10_000_000
"""The most that the weights of all pixels take, of both directions."""
_MODES = ("L", "RGB", "RGBA", "CMYK")


def is_quick(image: Image.Image) -> bool:
    """Whether :func:`resized` uses SIMD instructions for ``image``, and needs nothing reduced before it."""
    return simd is not None and image.mode in _MODES


def resized(image: Image.Image, size: Size, resampling: Image.Resampling, box: Box) -> Image.Image:
    """Return the part ``box`` of ``image`` in ``size``; colors weigh as much as they are opaque.

    SIMD instructions always do what LANCZOS does, in half of the time of Pillow's cheapest filter.
    """
    if not is_quick(image):
        return image.resize(size, resampling, box=box, reducing_gap=OVERSAMPLING)
    left, top, right, bottom = box
    # Its other filters are not used: bicubic reads outside of the picture at some sizes (fast_image_resize 6.1), and
    # averaging is right only where sizes divide.
    algorithm = simd.ResizeAlg.convolution(simd.FilterType.lanczos3)
    part = simd.CropBox(left, top, right - left, bottom - top)
    result = Image.new(image.mode, size)
    result.info = image.info.copy()
    # Rows of the new width or columns of the new height, weights, and a copy in which colors are weighed by alpha.
    between = max(size[0] * image.height, image.width * size[1])
    whole = image.width * image.height if image.mode == "RGBA" else 0
    memory.check_free(4 * (between + whole) + _WEIGHTS_BYTES)
    simd.Resizer().resize_pil(image, result, simd.ResizeOptions(algorithm, crop_box=part))
    return result


def reduced(image: Image.Image, extent: tuple[float, float], factor: int) -> tuple[Image.Image, tuple[float, float]]:
    """Make a picture smaller by about ``factor`` in both directions.

    Returns:
        The smaller picture, and how wide and high it is of what is ``extent`` in ``image``.
    """
    if not is_quick(image):
        return image.reduce(factor), (extent[0] / factor, extent[1] / factor)
    size = math.ceil(extent[0] / factor), math.ceil(extent[1] / factor)
    return resized(image, size, Image.Resampling.LANCZOS, (0, 0, *extent)), size
