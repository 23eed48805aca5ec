"""Broken PNGs are taken and shown as Chromium 156 shows them, which the expected values were read from once."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageStat, PngImagePlugin

from chevupload.errors import BrokenImage
from chevupload.media.containers import png
from tests.media.pictures import PNG, SRGB, chunk, exif, oriented, photo, processed, refused, shown

SIZE = (64, 48)
PIXELS = zlib.compress(b"".join(b"\0" + photo(SIZE).tobytes()[at : at + 192] for at in range(0, 192 * 48, 192)))
PALETTE = photo(SIZE).quantize(16)
INDEXES = zlib.compress(b"".join(b"\0" + PALETTE.tobytes()[at : at + 64] for at in range(0, 64 * 48, 64)))
PLTE = chunk(b"PLTE", bytes((PALETTE.getpalette() or [])[:48]))
IDAT, END = chunk(b"IDAT", PIXELS), chunk(b"IEND", b"")
MEAN = (129, 126, 128, 255)
"""What Chromium's canvas has of the picture, on the mean."""
CLEAR = (0, 0, 0, 0)


def header(kind: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, kind, 0, 0, 0))


def made(*chunks: bytes) -> bytes:
    return PNG + b"".join(chunks)


def wrong(whole: bytes) -> bytes:
    """Return a chunk with a wrong checksum."""
    return whole[:-4] + bytes([whole[-4] ^ 1]) + whole[-3:]


def packed(kind: bytes, head: bytes, text: bytes) -> bytes:
    return chunk(kind, head + zlib.compress(text, level=1))


ZEROS = bytes(300_000_000)
LONG = b"0123456789abcdef" * 70_000
BEFORE: dict[str, bytes] = {
    "long zTXt": packed(b"zTXt", b"workflow\0\0", LONG),
    "long iTXt": packed(b"iTXt", b"workflow\0\1\0\0\0", LONG),
    "long XMP": packed(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0", b"<x>" + LONG),
    "long profile": packed(b"iCCP", b"big\0\0", SRGB + LONG),
    "long texts": b"".join(chunk(b"tEXt", b"prompt\0" + LONG) for _ in range(70)),
    "broken XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0no zlib"),
    "cut XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)[:-9]),
    "XMP without text": chunk(b"iTXt", b"XML:com.adobe.xmp\0"),
    "broken zTXt": chunk(b"zTXt", b"a\0\0no zlib"),
    "zTXt of another method": chunk(b"zTXt", b"a\0\7abc"),
    "broken profile": chunk(b"iCCP", b"bad\0\0no zlib"),
    "profile of another method": chunk(b"iCCP", b"bad\0\7" + zlib.compress(SRGB)),
    "broken Exif": chunk(b"eXIf", b"garbage"),
    "no chunk's name": chunk(b"a\1b1", b"abcd"),
    "fcTL without an animation": chunk(b"fcTL", bytes(26)),
}
BOMBS = {"XMP bomb": (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0"), "profile bomb": (b"iCCP", b"big\0\0")}
"""Chunks that are packed when a test needs them, not in each process that collects tests."""
KINDS = (
    *b"gAMA cHRM sRGB iCCP sBIT bKGD hIST pHYs sPLT tRNS cICP mDCV cLLI tIME tEXt zTXt iTXt eXIf".split(),
    *b"oFFs pCAL sCAL sTER gIFg gIFx dSIG caBX vpAg acTL prVt meTa".split(),
)
for kind in KINDS:
    BEFORE |= {f"{kind.decode()} of {data!r}": chunk(kind, data) for data in (b"", b"\1", b"junk" * 20)}
    BEFORE[f"{kind.decode()} with a wrong checksum"] = wrong(chunk(kind, b"abcd"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*BEFORE, *BOMBS])
def test_no_ancillary_chunk_fails_an_upload(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the pixels or behind them, kept or removed: Chromium shows the picture as if it were not there."""
    added = packed(*BOMBS[name], ZEROS) if name in BOMBS else BEFORE[name]
    for data in (made(header(), added, IDAT, END), made(header(), IDAT, added, END)):
        found = png.shown(io.BytesIO(data))
        assert (found.width, found.height, found.frames) == (*SIZE, 1)
    data = made(header(), added, IDAT, added, END)
    result = processed(tmp_path, data, thumb_side=48)
    assert (result.original, result.width, mean(shown(result.thumb))) == (None, 64, near(*MEAN))
    stripped = io.BytesIO()
    png.strip(io.BytesIO(data), stripped)
    # The copy is looked at by a reader that is stricter than browsers, but for the length of profiles.
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", png.MAX_METADATA_BYTES)
    assert mean(opened(stripped.getvalue())) == near(*MEAN)


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


def mean(image: Image.Image) -> tuple[float, ...]:
    """Return the mean color, where what is transparent has none."""
    whole = Image.new("RGBA", image.size)
    picture = image.convert("RGBA")
    whole.paste(picture, mask=picture.getchannel("A").point([0] + [255] * 255))
    return tuple(ImageStat.Stat(whole).mean)


def near(*color: float) -> Any:
    return pytest.approx(color, abs=3)


TAKEN = {
    "IDAT with a wrong checksum": (made(header(), wrong(IDAT), END), MEAN),
    "IEND with a wrong checksum": (made(header(), IDAT, wrong(END)), MEAN),
    "more pixels behind other chunks": (made(header(), IDAT, chunk(b"tEXt", b"a\0b"), IDAT, END), MEAN),
    "bytes behind the pixels": (made(header(), chunk(b"IDAT", PIXELS + b"junk"), END), MEAN),
    "an unknown critical chunk behind": (made(header(), IDAT, chunk(b"ABCD", b""), END), MEAN),
    "zeros behind": (made(header(), IDAT, bytes(40)), MEAN),
    "no IEND": (made(header(), IDAT), MEAN),
    "half of IEND": (made(header(), IDAT, END)[:-4], MEAN),
    "half of IDAT's checksum": (made(header(), IDAT)[:-2], MEAN),
    "no checksum of the pixels": (made(header(), IDAT)[:-7], MEAN),
    "half a text behind": (made(header(), IDAT, chunk(b"tEXt", LONG))[:-9], MEAN),
    "half a head behind": (made(header(), IDAT, bytes(3)), MEAN),
    "palette": (made(header(3), PLTE, chunk(b"IDAT", INDEXES), END), MEAN),
    "tRNS": (made(header(3), PLTE, chunk(b"tRNS", bytes(16)), chunk(b"IDAT", INDEXES), END), CLEAR),
    "tRNS of more than there are": (
        made(header(3), PLTE, chunk(b"tRNS", bytes(40)), chunk(b"IDAT", INDEXES), END),
        CLEAR,
    ),
    "tRNS of nothing": (made(header(3), PLTE, chunk(b"tRNS", b""), chunk(b"IDAT", INDEXES), END), MEAN),
    "tRNS with a wrong checksum": (
        made(header(3), PLTE, wrong(chunk(b"tRNS", bytes(16))), chunk(b"IDAT", INDEXES), END),
        MEAN,
    ),
    "tRNS before the palette": (made(header(3), chunk(b"tRNS", bytes(16)), PLTE, chunk(b"IDAT", INDEXES), END), MEAN),
    "tRNS behind the pixels": (made(header(3), PLTE, chunk(b"IDAT", INDEXES), chunk(b"tRNS", bytes(16)), END), MEAN),
    "tRNS too short": (made(header(), chunk(b"tRNS", b"\0\0"), IDAT, END), MEAN),
    "tRNS too long": (made(header(), chunk(b"tRNS", bytes(8)), IDAT, END), MEAN),
}


@pytest.mark.parametrize("keep_exif", [True, False])
@pytest.mark.parametrize("name", TAKEN)
def test_a_picture_whose_pixels_are_there_is_taken(tmp_path: Path, name: str, keep_exif: bool) -> None:
    """Its thumb shows what Chromium shows, and so does a copy without metadata, which is whole."""
    data, color = TAKEN[name]
    result = processed(tmp_path, data, keep_exif=keep_exif, thumb_side=48)
    assert (result.width, result.height, mean(shown(result.thumb))) == (*SIZE, near(*color))
    if result.original is not None:
        copy = Path(result.original.path).read_bytes()
        assert (copy.endswith(END), mean(opened(copy))) == (True, near(*color))
    smaller = processed(tmp_path, data, keep_exif=keep_exif, thumb_side=48, width=32)
    assert mean(shown(smaller.original)) == near(*color)


REFUSED = {
    "IHDR with a wrong checksum": made(wrong(header()), IDAT, END),
    "IHDR too long": made(chunk(b"IHDR", header()[8:21] + b"\0"), IDAT, END),
    "IHDR twice": made(header(), header(), IDAT, END),
    "IHDR behind another": made(chunk(b"tEXt", b"a\0b"), header(), IDAT, END),
    "PLTE with a wrong checksum": made(header(3), wrong(PLTE), chunk(b"IDAT", INDEXES), END),
    "PLTE twice": made(header(3), PLTE, PLTE, chunk(b"IDAT", INDEXES), END),
    "no PLTE": made(header(3), chunk(b"IDAT", INDEXES), END),
    "an unknown critical chunk": made(header(), chunk(b"ABCD", b""), IDAT, END),
    "a chunk longer than the file": made(header(), b"\xff\xff\xff\xfftEXt", IDAT, END),
    "pixels in two places": made(
        header(), chunk(b"IDAT", PIXELS[:200]), chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", PIXELS[200:]), END
    ),
    "pixels are missing": made(header(), IDAT)[:-30],
    "pixels are missing before the end": made(header(), chunk(b"IDAT", PIXELS[:-30]), END),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_browser_shows_whole_is_refused(tmp_path: Path, name: str) -> None:
    """A critical chunk cannot be passed over, and half a picture is none."""
    assert refused(tmp_path, REFUSED[name]).code == 610


def frame(number: int) -> bytes:
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, *SIZE, 0, 0, 1, 10, 0, 0))


def animated(control: bytes, end: bytes = END) -> bytes:
    return made(header(), control, frame(0), IDAT, frame(1), chunk(b"fdAT", struct.pack(">I", 2) + PIXELS), end)


def control(frames: int) -> bytes:
    return chunk(b"acTL", struct.pack(">II", frames, 0))


@pytest.mark.parametrize(
    ("told", "frames"),
    [
        (control(2), 2),
        (control(2) * 2, 2),
        (control(0), 1),
        (control(2**31), 1),
        (wrong(control(2)), 1),
        (chunk(b"acTL", b"\0\0\0\2"), 1),
        (chunk(b"acTL", b"\0\0\0\2" + bytes(8)), 1),
        (b"", 1),
    ],
)
def test_an_invalid_animation_is_a_still_picture(tmp_path: Path, told: bytes, frames: int) -> None:
    """As the specification says; it can be made smaller, too."""
    result = processed(tmp_path, animated(told), thumb_side=48, width=32)
    assert (result.frames, result.width) == (frames, 64 if frames > 1 else 32)
    assert mean(shown(result.thumb)) == near(*MEAN)


@pytest.mark.parametrize("frames", [1, 3])
def test_an_animation_without_any_frame_is_a_still_picture(tmp_path: Path, frames: int) -> None:
    """What removes frames, and forgets what tells of them, leaves a picture that browsers show."""
    result = processed(tmp_path, made(header(), control(frames), IDAT, END), thumb_side=48, width=32)
    assert (result.frames, result.width, mean(shown(result.thumb))) == (1, 32, near(*MEAN))
    (tmp_path / "copy").mkdir()
    copy = processed(tmp_path / "copy", made(header(), control(frames), IDAT, END), keep_exif=False).original
    assert copy is not None
    assert Path(copy.path).read_bytes() == made(header(), IDAT, END)


def test_an_animation_without_its_end_must_have_its_frames(tmp_path: Path) -> None:
    """Then it is taken; one that lacks a frame, or a part of one, is refused."""
    assert processed(tmp_path, animated(control(2), b"")).frames == 2
    (tmp_path / "cut").mkdir()
    for data in (animated(control(3), b""), animated(control(2), b"")[:-30]):
        assert refused(tmp_path / "cut", data).code == 610


def test_metadata_that_is_whole_is_read_beside_what_is_not(tmp_path: Path) -> None:
    """The first of each kind that is; an Exif block behind the pixels turns nothing, as in browsers."""
    titled = chunk(b"eXIf", exif([(0x010E, 2, 6, b"words\0")])[6:])
    result = processed(tmp_path, made(header(), wrong(titled), titled, BEFORE["broken XMP"], IDAT, END))
    assert result.description == "words"
    turning = chunk(b"eXIf", oriented(6)[6:])
    assert processed(tmp_path, made(header(), turning, IDAT, END)).width == 48
    late = processed(tmp_path, made(header(), IDAT, turning, END))
    assert (late.width, late.original) == (64, None)


def test_of_many_bombs_one_is_unpacked() -> None:
    """A profile and an XMP packet are the first that can be read at all, of whatever use they are."""
    bombs = b"".join(packed(*head, ZEROS) for head in BOMBS.values())
    useful = packed(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0", b"<x/>") + packed(b"iCCP", b"a\0\0", SRGB)
    for chunks, told in ((useful + bombs, {"xmp": b"<x/>", "icc_profile": SRGB}), (bombs + useful, {})):
        file = io.BytesIO(made(header(), chunks, IDAT, END))
        found = png.shown(file)
        assert (png.metadata(file, found), png.profile_chunk(file, found) is not None) == (told, bool(told))


def test_the_profile_is_that_before_the_pixels(tmp_path: Path) -> None:
    """The first whole one."""
    profile = packed(b"iCCP", b"a\0\0", SRGB)
    data = made(header(), wrong(packed(b"iCCP", b"a\0\0", b"x" * 200)), profile, IDAT, END)
    assert shown(processed(tmp_path, data).thumb).info["icc_profile"] == SRGB
    assert "icc_profile" not in shown(processed(tmp_path, made(header(), IDAT, profile, END)).thumb).info


def test_chunks_are_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of empty ones costs no minutes."""
    monkeypatch.setattr(png, "MAX_CHUNKS", 20)
    with pytest.raises(BrokenImage):
        png.shown(io.BytesIO(made(header(), chunk(b"tEXt", b"") * 20, IDAT, END)))
