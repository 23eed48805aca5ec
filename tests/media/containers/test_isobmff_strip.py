"""Films, and HEIC and AVIF pictures, lose their metadata where it stands, and nothing else."""

from __future__ import annotations

import io
import random
import struct
from typing import Any

import av
import pi_heif
import pytest
from PIL import Image

from chevupload.errors import BrokenImage
from chevupload.media.containers import isobmff as boxes
from chevupload.media.containers.isobmff_strip import FILM, PICTURE, Kept, strip
from tests.media.films import film, turned
from tests.media.heics import box, heic
from tests.media.located import PLACE, WRITERS, located, played
from tests.media.located import shown as decoded
from tests.media.mutations import mutated
from tests.media.pictures import SRGB, animation, encoded, oriented, photo

XMP = b"<x:xmpmeta>secret</x:xmpmeta>"
SECRETS = {"exif": oriented(6) + b"secret", "xmp": XMP, "icc_profile": SRGB}


def blanked(data: bytes, kept: Kept = PICTURE) -> tuple[bytes, bool]:
    target = io.BytesIO()
    is_changed = strip(io.BytesIO(data), target, kept)
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
    media = box(b"mdia", box(b"hdlr", bytes(4), b"pict", bytes(12), b"secret", version=0), box(b"secr", b"secret"))
    track = box(b"trak", box(b"tkhd", bytes(8), b"kept", version=0), media, box(b"udta", b"secret"))
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
        tabled(sizes=b"\0\0", places=struct.pack(">HHHH", 2, 1, 0, 65_535) * 2),
        box(b"meta", version=0) + b"".join([box(b"free")] * 2_000),
        box(b"meta", box(b"iinf", b"\0"), box(b"iloc", bytes(boxes.MAX_TABLE_BYTES + 1)), version=0),
        box(b"meta", box(b"iinf"), box(b"iloc"), version=0),
    ],
    ids=["method", "short", "repeated", "boxes", "long", "empty"],
)
def test_tables_that_lie_are_refused(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Nothing is read without bounds, and nothing is written that the file does not hold."""
    monkeypatch.setattr(boxes, "MAX_BOXES", 2_000)
    with pytest.raises(BrokenImage):
        blanked(data)


def test_stretches_that_overlap_go_once() -> None:
    """Two items, or one item often, may point to the same metadata; no more is written over than there is."""
    often = struct.pack(">HHHH", 2, 1, 0, 9) + struct.pack(">II", 6, 300) * 9
    data = tabled(places=often + struct.pack(">HHHHII", 1, 1, 0, 1, 0, 6))
    result, _ = blanked(data)
    assert (len(result), b"secret" in result) == (len(data), False)


FILMS = [writer for writer in WRITERS if not writer.startswith("WEBM")]


@pytest.mark.parametrize("writer", FILMS)
@pytest.mark.parametrize("timed", [b"meta", b"text", b"gmd "])
def test_a_film_loses_every_place(writer: str, timed: bytes) -> None:
    """In whatever box it stands, and with each second in a track of its own: pictures play as they did."""
    data = located(writer, timed=timed)
    result, is_changed = blanked(data, FILM)
    assert (is_changed, len(result)) == (True, len(data))
    assert (data.count(PLACE) > 8, PLACE in result, b"secret" in data, b"secret" in result) == (
        True,
        False,
        True,
        False,
    )
    assert (played(result), decoded(result)) == (played(data), decoded(data))
    assert blanked(result, FILM) == (result, False)


@pytest.mark.parametrize("options", [{}, {"movflags": "frag_keyframe+empty_moov"}])
def test_a_film_with_sound_plays_as_it_did(options: dict[str, str]) -> None:
    """Every packet of both, with its times, and the turn that a telephone wrote into it."""
    data = turned(film("mp4", seconds=9, sound=True, **options), 90)
    result, _ = blanked(data, FILM)
    assert played(result, None) == played(data, None)
    assert len(played(result, None)[0]) == 2
    with av.open(io.BytesIO(result)) as after:
        assert next(after.decode(video=0)).rotation % 360 == 270


@pytest.mark.parametrize("version", [0, 1])
def test_moments_of_creation_go(version: int) -> None:
    """Of the film, its tracks and their media; numbers that stand behind them stay."""
    timed = (b"secretsecretsecr" if version else b"secretse") + b"kept"
    media = box(b"mdia", box(b"mdhd", timed, version=version), box(b"hdlr", bytes(4), b"vide", bytes(12), version=0))
    track = box(b"trak", box(b"tkhd", timed, version=version), media)
    result, _ = blanked(box(b"moov", box(b"mvhd", timed, version=version), track), FILM)
    assert (b"secret" in result, result.count(b"kept")) == (False, 3)


@pytest.mark.parametrize(
    "more", [box(b"uuid", b"secret"), box(b"meta", b"secret", version=0), box(b"sefd", b"secret"), b"secret", located()]
)
def test_what_follows_a_film_goes(more: bytes) -> None:
    """Boxes of makers, and what no box holds."""
    data = film("mp4")
    result, _ = blanked(data + more, FILM)
    assert (b"secret" in result, PLACE in result) == (False, False)
    assert played(result) == played(data)


def test_a_recording_that_was_cut_off_keeps_what_it_has() -> None:
    """Its last box says more than there is."""
    data = located("MP4, header first")
    cut = data[: len(data) - 40]
    result, _ = blanked(cut, FILM)
    assert (len(result), PLACE in result) == (len(cut), False)
    assert decoded(result) == decoded(cut)


def test_a_compressed_header_is_refused() -> None:
    """Nobody looks into it."""
    with pytest.raises(BrokenImage):
        blanked(box(b"ftyp", b"qt  ") + box(b"moov", box(b"cmov", b"secret")), FILM)


@pytest.fixture(scope="module")
def phone() -> bytes:
    """Return a HEIC picture with a place."""
    return heic(photo((90, 70)), exif=oriented(6) + PLACE, xmp=XMP, profile=SRGB, turns=1)


def test_a_heic_picture_loses_its_items(phone: bytes) -> None:
    """Exif and XMP are zeros; the picture, its turn and its profile are what they were."""
    result, is_changed = blanked(phone)
    assert (is_changed, len(result)) == (True, len(phone))
    assert (PLACE in phone, PLACE in result, b"Maker" in result, b"secret" in result) == (True, False, False, False)
    before, after = (pi_heif.open_heif(io.BytesIO(data)).to_pillow() for data in (phone, result))
    assert (after.size, after.tobytes()) == (before.size, before.tobytes())
    assert after.info["icc_profile"] == before.info["icc_profile"] == SRGB
    assert (after.info.get("exif"), after.info.get("xmp")) == (None, None)
    assert blanked(result) == (result, False)


@pytest.mark.slow
def test_damage_ends_in_a_copy_or_a_refusal(phone: bytes) -> None:
    """Whatever stands in the boxes, the copy is no longer than the file."""
    whole = [(STILL, PICTURE), (MOVING, PICTURE), (phone, PICTURE), *((located(writer), FILM) for writer in FILMS)]
    for number in range(600):
        sample, kept = whole[number % len(whole)]
        data = mutated(random.Random(number), sample)
        try:
            assert len(blanked(data, kept)[0]) <= len(data)
        except BrokenImage:
            continue
