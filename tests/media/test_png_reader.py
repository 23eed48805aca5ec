"""A PNG is the same picture with and without the extra ``fast``."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from chevupload.media import png_reader
from chevupload.media.decode import decoded, open_png
from tests.media.mutations import mutated
from tests.media.pictures import PNG, SRGB, chunk, encoded, job, textured

pytest.importorskip("kornia_rs", reason="has no wheels for some systems")

_SIZE = (91, 61)


def _transparent() -> Image.Image:
    image = textured(_SIZE).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(_SIZE))
    return image


def _raw(data: bytes, *, depth: int = 8, interlaced: int = 0) -> bytes:
    """Make a PNG of 16x16 pixels of RGB; ``data`` are packed."""
    header = struct.pack(">IIBBBBB", 16, 16, depth, 2, 0, 0, interlaced)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


_FILTERED = b"".join(bytes([row % 5]) + random.Random(row).randbytes(48) for row in range(16))
_FILES: dict[str, Callable[[], bytes]] = {
    "RGB": lambda: encoded(textured(_SIZE), "PNG"),
    "RGBA": lambda: encoded(_transparent(), "PNG"),
    "every filter": lambda: _raw(zlib.compress(_FILTERED)),
    "with metadata": lambda: encoded(textured(_SIZE), "PNG", icc_profile=SRGB, gamma=0.5),
    "gray": lambda: encoded(textured(_SIZE).convert("L"), "PNG"),
    "gray with alpha": lambda: encoded(_transparent().convert("LA"), "PNG"),
    "palette": lambda: encoded(textured(_SIZE).quantize(200), "PNG"),
    "transparent color": lambda: encoded(textured(_SIZE), "PNG", transparency=(1, 2, 3)),
    "animated": lambda: encoded(_transparent(), "PNG", save_all=True, append_images=[textured(_SIZE)]),
    "16 bits": lambda: _raw(zlib.compress(b"".join(b"\0" + bytes(96) for _ in range(16))), depth=16),
    "interlaced": lambda: _raw(zlib.compress(bytes(1_000)), interlaced=1),
}


def _seen(data: bytes, tmp_path: Path) -> Any:
    try:
        opened = open_png(io.BytesIO(data), job(tmp_path / "source", max_pixels=1_000_000))
        image = decoded(opened.image, 0.5, 1).image
    except Exception:
        return None
    return image.mode, image.size, image.tobytes(), opened.frames, opened.image.info


def _seen_by_pillow(data: bytes, tmp_path: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png_reader, "decode_image_png_u8", None)
        return _seen(data, tmp_path)


def _has_wrong_checksum(data: bytes) -> bool:
    """Whether what is packed is whole but for its own checksum."""
    packed, at = b"", 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        packed += data[at + 8 : at + 8 + length] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    try:
        zlib.decompressobj().decompress(packed)
    except zlib.error as error:
        return "incorrect data check" in str(error)
    return False


@pytest.mark.parametrize("name", _FILES)
def test_pixels_and_refusals_are_those_of_pillow(name: str, tmp_path: Path) -> None:
    """A broken file is refused by both, or shows the same; so does a whole one."""
    whole, chance = _FILES[name](), random.Random(name)
    assert _seen(whole, tmp_path) == _seen_by_pillow(whole, tmp_path) != None  # noqa: E711 - neither is
    for _ in range(150):
        data = mutated(chance, whole)
        if not _has_wrong_checksum(data):
            assert _seen(data, tmp_path) == _seen_by_pillow(data, tmp_path)


def test_pixels_count_and_not_their_checksum(tmp_path: Path) -> None:
    """Chunks have one, too. Browsers show such a picture; Pillow refuses it."""
    data = _raw(zlib.compress(_FILTERED)[:-4] + b"\1\2\3\4")
    assert _seen(data, tmp_path) == _seen_by_pillow(_raw(zlib.compress(_FILTERED)), tmp_path)
    assert _seen_by_pillow(data, tmp_path) is None


@pytest.mark.parametrize("end", [b"", b"\1", b"more"])
def test_a_missing_row_is_refused(end: bytes, tmp_path: Path) -> None:
    """Whatever stands in its place."""
    assert _seen(_raw(zlib.compress(_FILTERED[:-1]) + end), tmp_path) is None


def test_large_files_are_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels and file would both be in memory twice; the file is where it was."""
    file = io.BytesIO(_FILES["RGB"]())
    file.seek(33)
    assert png_reader.decoded(file, _SIZE, "RGB") is not None
    for least in (len(file.getvalue()), _SIZE[0] * _SIZE[1] * 3):
        monkeypatch.setattr(png_reader, "MAX_BYTES", least - 1)
        assert png_reader.decoded(file, _SIZE, "RGB") is None
    assert file.tell() == 33


def test_memory_is_asked_for_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, Rust would end the process; the file is where it was, for Pillow."""
    file = io.BytesIO(_FILES["RGB"]())
    monkeypatch.setattr(png_reader, "MAX_BYTES", 2**60)
    assert png_reader.decoded(file, (2**30, 2**15), "RGB") is None
    assert file.tell() == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_leaves_to_pillow_what_it_has_no_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the memory goes after it was asked for: a panic then, which no handler of exceptions would see."""
    monkeypatch.setattr(png_reader, "MAX_BYTES", 2**60)
    monkeypatch.setattr(png_reader.memory, "check_free", lambda size: None)
    assert png_reader.decoded(io.BytesIO(_FILES["RGB"]()), (2**40, 2**10), "RGB") is None
