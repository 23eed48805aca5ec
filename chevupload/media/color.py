"""Turns any pixel mode into one that can be resized, and then into one that a browser shows.

A derived picture keeps its profile where the profile still describes its pixels; otherwise its pixels are converted
to sRGB and the profile is left out.
"""

from __future__ import annotations

import io

from PIL import Image, ImageChops, ImageCms

MAX_PROFILE_BYTES = 65_536
"""Profiles larger than this are not repeated in every derived picture."""
_CLEAR = [255 if value < 128 else 0 for value in range(256)]
_KEYED = ("1", "I;16")
_SPACES = {"RGB": b"RGB ", "RGBA": b"RGB ", "L": b"GRAY", "LA": b"GRAY", "CMYK": b"CMYK"}


def continuous(image: Image.Image) -> Image.Image:
    """Return ``image`` in a mode whose pixels can be blended: L, LA, RGB, RGBA or CMYK. It may be the same object."""
    if image.mode in ("RGB", "L"):
        return image.convert("RGBA") if "transparency" in image.info else image
    if image.mode in _KEYED and "transparency" in image.info:
        return _holed(image)
    if image.mode in ("RGBA", "LA", "CMYK"):
        return image
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "F" or image.mode.startswith("I"):
        return _eight_bits(image)
    return image.convert({"RGBa": "RGBA", "La": "LA"}.get(image.mode, "RGB"))


def _holed(image: Image.Image) -> Image.Image:
    """Return gray of 1 or 16 bits, one value of which is transparent, with an alpha channel instead."""
    key = image.info["transparency"]
    if image.mode == "1":
        alpha = image.convert("L").point([255 * (value != key) for value in range(256)])
    else:
        alpha = image.convert("I").point([255 * (value != key) for value in range(65_536)], "L")
    gray = image.convert("L") if image.mode == "1" else _eight_bits(image)
    gray.info.pop("transparency", None)
    gray.putalpha(alpha)
    return gray


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit gray by its range, and any wider kind by the values in use: a plain conversion clips to white."""
    is_16_bit = image.mode.startswith("I;16")
    image = image if image.mode == "F" else image.convert("F")
    low, high = (0.0, 65_535.0) if is_16_bit else _range(image)
    factor = 255 / (high - low)
    return image.point(lambda value: value * factor + (0.5 - low * factor)).convert("L")


def _range(image: Image.Image) -> tuple[float, float]:
    """Return the values in use, from zero or below to one or above."""
    low, high = (float(bound) for bound in image.getextrema())  # type: ignore[arg-type]
    return min(low, 0.0), max(high, 1.0)


def displayable(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """Return ``image`` as L, RGB or RGBA with the profile that belongs to it, if any.

    An alpha channel that hides nothing is dropped: the file is a tenth smaller and quicker to write.
    """
    if image.mode in ("RGBA", "LA") and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB" if image.mode == "RGBA" else "L")
    if profile is not None and image.mode in ("L", "LA") and profile[16:20] == b"RGB ":
        # Browsers honor it, and the formats have no place for it.
        image = _to_srgb(image.convert("RGB" if image.mode == "L" else "RGBA"), profile).convert(image.mode)
    fits = profile is not None and profile[16:20] == _SPACES.get(image.mode)
    if profile is not None and fits and (image.mode in ("CMYK", "LA") or len(profile) > MAX_PROFILE_BYTES):
        image, fits = _to_srgb(image, profile), False
    if image.mode == "CMYK":
        image = image.convert("RGB")
    if image.mode == "LA":
        image = image.convert("RGBA")
    return image, profile if fits else None


def colored(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """Return a gray picture as RGB, for formats that have no gray; others as they are."""
    if image.mode != "L":
        return image, profile
    return (image if profile is None else _to_srgb(image, profile)).convert("RGB"), None


def opaque(image: Image.Image) -> Image.Image:
    """Put a picture with holes on white, for formats that have none."""
    if image.mode != "RGBA":
        return image
    back = Image.new("RGB", image.size, "white")
    back.paste(image, mask=image.getchannel("A"))
    return back


def indexed(image: Image.Image, palette: list[int] | None) -> Image.Image:
    """Reduce ``image`` to the colors of ``palette``, or to its own where that one is too poor to blend with."""
    if image.mode in ("L", "P", "1"):
        return image
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    # Re-using the palette costs a sixth of a median cut. Line art of few colors has no shades for the edges.
    if palette is None or len(palette) < 3 * 128:
        if alpha is None:
            return image.convert("RGB").quantize(255, Image.Quantize.FASTOCTREE)
        palette = image.convert("RGB").quantize(255, Image.Quantize.FASTOCTREE).getpalette()
    assert palette is not None
    # 255 colors, so that one index stays for the transparent pixels.
    chart = Image.new("P", (1, 1))
    chart.putpalette(palette[: 3 * 255])
    indexed = image.convert("RGB").quantize(palette=chart, dither=Image.Dither.NONE)
    if alpha is not None:
        free = min(len(palette) // 3, 255)
        indexed.putpalette([*palette[: 3 * free], 0, 0, 0])
        indexed.paste(free, mask=alpha.point(_CLEAR))
        indexed.info["transparency"] = free
    return indexed


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    if image.mode == "LA":
        converted = _to_srgb(image.getchannel("L"), profile).convert("RGBA")
        converted.putalpha(image.getchannel("A"))
        return converted
    mode = image.mode if image.mode in ("RGB", "RGBA") else "RGB"
    if image.mode == "CMYK":
        # Chromium first adds black to the other inks, and shows what the profile says of these three.
        image = Image.merge("CMYK", (*ImageChops.invert(image.convert("RGB")).split(), Image.new("L", image.size)))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode) or image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image  # a broken profile describes nothing
