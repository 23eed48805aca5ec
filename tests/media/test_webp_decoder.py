"""A WebP is the same picture whether libwebp is called for it, or Pillow's decoder of animations is."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.WebPImagePlugin import WebPImageFile

from chevupload.media import libwebp
from chevupload.media.decode import decoded, open_webp
from chevupload.media.pillow_decoders import WebpDecoder
from tests.media.mutations import mutated
from tests.media.pictures import SRGB, encoded, job, riff, textured

_SIZE = (91, 61)


def _transparent() -> Image.Image:
    image = textured(_SIZE).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(_SIZE))
    return image


def _one_frame() -> bytes:
    """Make an animation of one frame, which Pillow takes for a still picture."""
    size = b"".join((side - 1).to_bytes(3, "little") for side in _SIZE)
    frame = bytes(6) + size + bytes(4) + encoded(textured(_SIZE), "WEBP")[12:]
    chunks = riff(b"VP8X", b"\2\0\0\0" + size) + riff(b"ANIM", bytes(6)) + riff(b"ANMF", frame)
    return riff(b"RIFF", b"WEBP" + chunks)


_FILES: dict[str, Callable[[], bytes]] = {
    "lossy": lambda: encoded(textured(_SIZE), "WEBP"),
    "lossless": lambda: encoded(textured(_SIZE), "WEBP", lossless=True),
    "with metadata": lambda: encoded(textured(_SIZE), "WEBP", icc_profile=SRGB, xmp=b"<x/>"),
    "one frame": _one_frame,
    "with alpha": lambda: encoded(_transparent(), "WEBP"),
    "lossless, with alpha": lambda: encoded(_transparent(), "WEBP", lossless=True),
}


def _seen(decoder: type[ImageFile], data: bytes) -> tuple[str, tuple[int, int], bytes] | None:
    """Return mode, size and pixels, None where the file is refused."""
    try:
        image = decoder(io.BytesIO(data))
        if image.width * image.height > 1_000_000:
            return None
        image.load()
    except Exception:
        return None
    # A still picture is looked at here: of an animation, Pillow's own shows the background, too.
    return None if image.is_animated else (image.mode, image.size, image.tobytes())  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", _FILES)
def test_pixels_and_refusals_are_those_of_pillow(name: str) -> None:
    """A broken file is refused by both, or has the same pixels; so do whole ones."""
    whole, chance = _FILES[name](), random.Random(name)
    assert _seen(WebpDecoder, whole) == _seen(WebPImageFile, whole) != None  # noqa: E711 - neither is
    for _ in range(300):
        data = mutated(chance, whole)
        assert _seen(WebpDecoder, data) == _seen(WebPImageFile, data)


def test_a_picture_does_not_reach_into_the_next_chunk() -> None:
    """Where its bits are broken, libwebp would read what stands behind them, and see a picture that others refuse."""
    whole, chance = encoded(textured(_SIZE), "WEBP", xmp=b"<x/>" * 50), random.Random(0)
    start = whole.index(b"VP8 ")
    for _ in range(300):
        data = bytearray(whole)
        data[start + 18 + chance.randrange(60)] ^= 1 << chance.randrange(8)
        assert _seen(WebpDecoder, bytes(data)) == _seen(WebPImageFile, bytes(data))


@pytest.mark.parametrize("is_called", [True, False])
def test_a_picture_is_averaged_as_it_is_decoded(
    is_called: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what a reduction of the whole picture is; a system whose libwebp cannot be called makes the same one."""
    if not is_called:
        monkeypatch.setattr(libwebp, "_LIBRARY", None)
    elif libwebp._LIBRARY is None:
        pytest.skip("Pillow has libwebp inside")
    data = encoded(textured((1001, 701)), "WEBP")
    picture = decoded(open_webp(io.BytesIO(data), job(tmp_path / "source")).image, 0.3, 1)
    assert (picture.image.size, picture.extent) == ((334, 234), (1001 / 3, 701 / 3))
    assert picture.image.tobytes() == Image.open(io.BytesIO(data)).reduce(3).tobytes()
