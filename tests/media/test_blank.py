"""AVIF pictures lose their metadata where it stands, and nothing else."""

from __future__ import annotations

import io
import random
import struct
from typing import Any

import pytest
from PIL import Image

from chevupload.errors import BrokenImage
from chevupload.media import blank as module
from chevupload.media.blank import blank
from tests.media.heics import box
from tests.media.mutations import mutated
from tests.media.pictures import SRGB, animation, encoded, oriented, photo

XMP = b"<x:xmpmeta>secret</x:xmpmeta>"
SECRETS = {"exif": oriented(6) + b"secret", "xmp": XMP, "icc_profile": SRGB}


def blanked(data: bytes) -> tuple[bytes, bool]:
    target = io.BytesIO()
    is_changed = blank(io.BytesIO(data), target)
    assert target.tell() == len(target.getvalue())
    return target.getvalue(), is_changed


def frames(data: bytes) -> list[Any]:
    """Return every frame's pixels and time, and what the picture says besides."""
    with Image.open(io.BytesIO(data)) as image:
        seen = []
        for number in range(image.n_frames):
            image.seek(number)
            seen.append((image.convert("RGBA").tobytes(), image.info["duration"]))
        return [seen, image.getexif().get(0x0112), image.info.get("icc_profile")]


STILL = encoded(photo((90, 70)), "AVIF", **SECRETS)
GLASS = Image.merge("RGBA", [*photo((90, 70)).split(), Image.linear_gradient("L").resize((90, 70))])
CLEAR = encoded(GLASS, "AVIF", **SECRETS)
MOVING = animation("AVIF", (90, 70), **SECRETS | {"exif": oriented(1) + b"secret"})


@pytest.mark.parametrize("data", [STILL, CLEAR, MOVING], ids=["still", "alpha", "sequence"])
def test_metadata_goes_and_pixels_stay(data: bytes) -> None:
    """Not a byte of Exif and XMP is left; pixels, times, profile and turn are the same; there is nothing left to do."""
    result, is_changed = blanked(data)
    assert (is_changed, len(result)) == (True, len(data))
    assert (b"secret" in data, b"secret" in result, b"Maker" in result) == (True, False, False)
    assert frames(result) == frames(data)
    assert blanked(result) == (result, False)


@pytest.mark.parametrize(
    "more",
    [
        box(b"uuid", b"secret"),
        box(b"free", b"secret"),
        struct.pack(">I4sQ", 1, b"uuid", 22) + b"secret",
        struct.pack(">I4s", 0, b"skip") + b"secret",
        encoded(photo((9, 9)), "JPEG", comment=b"secret"),
        STILL,
        b"secret",
    ],
)
def test_what_follows_the_picture_goes(more: bytes) -> None:
    """Boxes that nobody knows, and other files."""
    clean = blanked(STILL)[0]
    result, is_changed = blanked(clean + more)
    assert (is_changed, b"secret" in result) == (True, False)
    assert frames(result) == frames(clean)


def tabled(*, version: int = 1, sizes: bytes = b"\x44\0", method: int = 1, places: bytes | None = None) -> bytes:
    """Make boxes with a picture and a secret beside each other, and a table of where they are."""
    wide = "I" if version == 2 else "H"
    if places is None:
        places = b"".join(struct.pack(f">{wide}HHHII", number, method, 0, 1, at, 6) for number, at in ((1, 0), (2, 6)))
    names = [
        box(b"infe", struct.pack(f">{wide}H4sx", number, 0, kind), version=3 if wide == "I" else 2)
        for number, kind in ((1, b"av01"), (2, b"mime"))
    ]
    meta = [
        box(b"iinf", struct.pack(">H", 2), *names, version=0),
        box(b"iloc", sizes, struct.pack(f">{wide}", 2), places, version=version),
        box(b"idat", b"pixelssecret"),
        box(b"iprp", box(b"ipco", box(b"udes", b"secret"))),
    ]
    track = box(b"trak", box(b"tkhd", b"kept"), box(b"udta", b"secret"))
    return box(b"ftyp", b"avif") + box(b"meta", *meta, version=0) + box(b"moov", track, box(b"udta", b"secret"))


@pytest.mark.parametrize("version", [1, 2])
def test_items_inside_of_their_table_go(version: int) -> None:
    """Places may be counted from a box of data beside the table, and items have long numbers."""
    result, _ = blanked(tabled(version=version))
    assert (b"pixels" in result, b"kept" in result, b"secret" in result) == (True, True, False)


@pytest.mark.parametrize(
    "data",
    [
        tabled(method=2),
        tabled(places=b"\0\1"),
        tabled(places=struct.pack(">HHHH", 2, 1, 0, 9) + struct.pack(">II", 0, 300) * 9 + bytes(8)),
        box(b"meta", version=0) + b"".join([box(b"free")] * module.MAX_BOXES),
        box(b"meta", box(b"iinf", b"\0"), box(b"iloc", bytes(module.MAX_TABLE_BYTES + 1)), version=0),
        box(b"meta", box(b"iinf"), box(b"iloc"), version=0),
    ],
    ids=["method", "short", "overlapping", "boxes", "long", "empty"],
)
def test_tables_that_lie_are_refused(data: bytes) -> None:
    """Nothing is read without bounds, and nothing is written that the file does not hold."""
    with pytest.raises(BrokenImage):
        blanked(data)


def test_damage_ends_in_a_copy_or_a_refusal() -> None:
    """Whatever stands in the boxes, the copy is no longer than the file."""
    for number in range(400):
        data = mutated(random.Random(number), (STILL, MOVING)[number % 2])
        try:
            assert len(blanked(data)[0]) <= len(data)
        except BrokenImage:
            continue
