"""A HEIC of tiles is decoded one tile at a time, to the same pixels as by a decoder that sees the whole file."""

from __future__ import annotations

import io
import random
import struct
from functools import partial
from pathlib import Path

import pi_heif
import pytest
from PIL import Image

from chevupload.errors import Refusal
from chevupload.media.containers import heif_grid
from chevupload.media.heif import open_heic
from tests.media.heics import box, heic, tiled
from tests.media.mutations import mutated
from tests.media.pictures import job, left, processed, shown, stored, textured
from tests.media.pools import pool

pytestmark = pytest.mark.slow
WIDE = textured((170, 100))
BT601, BT2020_FULL, P3_FULL = (1, 13, 6, 0), (9, 16, 9, 1), (12, 13, 1, 1)
PLAIN = tiled(WIDE, 64)
LIMIT = 175_000_000
"""Memory of a worker in which 16 megapixels fit once, and not twice."""


def pixels(data: bytes) -> tuple[tuple[int, int], bytes]:
    """Return what is made of a file."""
    image = open_heic(io.BytesIO(data), job(Path(), folder="/")).image
    return image.size, image.tobytes()


def expected(data: bytes) -> tuple[tuple[int, int], bytes]:
    """Return what the decoder makes of the whole file."""
    image = pi_heif.open_heif(io.BytesIO(data)).to_pillow()
    return image.size, image.tobytes()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize(("picture", "count"), [(WIDE, 6), (textured((128, 128)), 4)])
def test_tiles_are_put_together(turns: int, picture: Image.Image, count: int) -> None:
    """Turned, with last ones that reach out of the picture, or with all within, each of a quarter."""
    data = tiled(picture, 64, turns=turns)
    grid = heif_grid.read(io.BytesIO(data))
    assert grid is not None
    assert len(grid.extents) == count
    assert pixels(data) == expected(data)


def test_items_may_lie_in_parts() -> None:
    """The tiles, and the one that tells how they are arranged."""
    data = tiled(WIDE, 64, is_divided=True)
    grid = heif_grid.read(io.BytesIO(data))
    assert grid is not None
    assert {len(extents) for extents in grid.extents} == {2}
    assert pixels(data) == expected(data)


@pytest.mark.parametrize("code", [None, BT2020_FULL])
@pytest.mark.parametrize("tile_code", [None, BT601, P3_FULL])
def test_colors_are_those_of_the_picture(
    code: tuple[int, int, int, int] | None, tile_code: tuple[int, int, int, int] | None
) -> None:
    """Before those of its tiles, where both say something."""
    data = tiled(WIDE, 64, code=code, tile_code=tile_code)
    assert heif_grid.read(io.BytesIO(data)) is not None
    assert pixels(data) == expected(data)


def test_an_upload_is_rendered(tmp_path: Path) -> None:
    """As any other."""
    result = processed(tmp_path, tiled(WIDE, 64, turns=1))
    assert (result.format, result.width, result.height, shown(result.frame).size) == ("HEIC", 100, 170, (100, 170))


MIRROR = box(b"imir", b"\1")
WHOLE = {
    "one frame": partial(heic, WIDE),
    "mirrored": partial(tiled, WIDE, 64, more=MIRROR),
    "turned twice": partial(tiled, WIDE, 64, turns=2, more=box(b"irot", b"\2")),
    "tiles too small": partial(tiled, WIDE, 32),
    "tiles of many more pixels": partial(tiled, Image.new("RGB", (900, 20), "white"), 64),
    "one tile": partial(tiled, textured((250, 190)), 256),
    "tiles of more than a quarter": partial(tiled, textured((127, 128)), 64),
    "more properties than have numbers": partial(tiled, WIDE, 64, code=BT2020_FULL, times=127),
    "as many properties as can be told": partial(tiled, WIDE, 64, code=BT2020_FULL, times=254),
}
OTHERS = {
    "another size of the picture": PLAIN.replace(struct.pack(">HH", 170, 100), struct.pack(">HH", 128, 128)),
    "a tile of another type": PLAIN.replace(b"hvc1", b"av01", 1),
    "tiles of no configuration": PLAIN.replace(b"hvcC", b"pixi"),
    "a tile too few": PLAIN.replace(struct.pack(">2H6H", 7, 6, *range(1, 7)), struct.pack(">2H6H", 7, 5, *range(1, 7))),
    "cut off": PLAIN[:-40],
    "of no tables": PLAIN[:24],
    "empty": b"",
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_better_decoded_whole_is(name: str) -> None:
    """With the decoder's own pixels."""
    data = WHOLE[name]()
    assert heif_grid.read(io.BytesIO(data)) is None
    assert pixels(data) == expected(data)


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_left_to_the_decoder(name: str) -> None:
    """It sees the whole file, and says what it is or what is wrong with it."""
    assert OTHERS[name] != PLAIN
    assert heif_grid.read(io.BytesIO(OTHERS[name])) is None


def test_whatever_the_tables_say_there_is_an_answer() -> None:
    """And the tiles have no more bytes than the file."""
    chance = random.Random(7)
    for _ in range(1_500):
        data = mutated(chance, PLAIN)
        file = io.BytesIO(data)
        if (grid := heif_grid.read(file)) is not None:
            assert len(list(heif_grid.tile_files(file, grid))) == len(grid.extents)
            assert sum(length for extents in grid.extents for _, length in extents) <= len(data)


def test_decoded_by_tiles_a_picture_takes_less_memory(tmp_path: Path) -> None:
    """Than decoded whole, as one that is mirrored."""
    white = Image.new("RGB", (4_000, 4_000), "white")
    with pool(decode_memory_bytes=LIMIT) as made:
        with pytest.raises(Refusal):
            made.process(job(stored(tmp_path / "a", tiled(white, 500, more=MIRROR))))
        result = made.process(job(stored(tmp_path / "b", tiled(white, 500))))
        assert (result.width, result.height) == (4_000, 4_000)
    assert len(left(tmp_path)) == 3
