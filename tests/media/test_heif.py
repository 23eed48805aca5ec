"""HEIC pictures, as telephones take them, are stored as they are and shown as JPEG."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from chevupload import errors
from chevupload.media.sandbox.inline import InlineRenderer
from tests.media.films import corners
from tests.media.heics import heic
from tests.media.pictures import exif, job, left, oriented, photo, processed, psnr, refused, shown, sizes, stored
from tests.media.pools import SMALL, pool, workers

pytestmark = pytest.mark.slow

GPS = exif([(0x010E, 2, 7, b"A text\0"), (0x0132, 2, 20, b"2024:05:06 07:08:09\0"), (0x8825, 4, 1, bytes(4))])


@pytest.mark.parametrize(
    ("size", "medium"), [((640, 480), (500, 375)), ((500, 400), None), ((64, 480), None), ((1_202, 100), (500, 42))]
)
def test_pictures_of_it_are_jpeg(tmp_path: Path, size: tuple[int, int], medium: tuple[int, int] | None) -> None:
    """The original stays; thumb, medium and a frame of full size are JPEG."""
    result = processed(tmp_path, heic(photo(size)))
    assert (result.format, result.original, result.frames, result.duration) == ("HEIC", None, 1, 0)
    assert sizes(result) == (size, (320, 320), medium)
    assert (shown(result.frame).format, shown(result.frame).size) == ("JPEG", size)
    assert psnr(shown(result.frame), photo(size)) > 30
    assert len(left(tmp_path)) == (3 if medium else 2)


@pytest.mark.parametrize(("turns", "first"), [(1, "g"), (2, "white"), (3, "b")])
def test_the_container_says_how_it_is_turned(tmp_path: Path, turns: int, first: str) -> None:
    """And Exif does not, whatever it says."""
    result = processed(tmp_path, heic(photo((96, 64)), turns=turns, exif=oriented(6)))
    upright = ["r", "g", "white", "b"]
    at = upright.index(first)
    assert corners(shown(result.frame)) == upright[at:] + upright[:at]
    expected = (96, 64) if turns == 2 else (64, 96)
    assert ((result.width, result.height), shown(result.frame).size) == (expected, expected)


def test_texts_and_dates_are_read(tmp_path: Path) -> None:
    """Description and date come from Exif; the pictures carry none of it."""
    result = processed(tmp_path, heic(photo((64, 64)), exif=GPS))
    assert (result.description, result.taken_at) == ("A text", "2024-05-06 07:08:09")
    assert "exif" not in shown(result.frame).info


def test_without_exif_the_original_stays_heic(tmp_path: Path) -> None:
    """A copy with zeros where its metadata was; the frame shows the same, and the date alone is still read."""
    data = heic(photo((640, 480)), exif=GPS + b"secret", xmp=b"<x>secret</x>", turns=1)
    kept, result = processed(tmp_path, data), processed(tmp_path, data, keep_exif=False)
    assert (result.format, result.resized, sizes(result)) == ("HEIC", False, sizes(kept))
    assert (result.description, result.taken_at) == (None, "2024-05-06 07:08:09")
    assert result.original is not None
    copy = Path(result.original.path).read_bytes()
    assert (len(copy), hashlib.md5(copy).hexdigest()) == (len(data), result.original_md5)
    assert (b"secret" in data, b"secret" in copy, b"A text" in copy) == (True, False, False)
    assert shown(result.frame).tobytes() == shown(kept.frame).tobytes()
    assert "exif" not in shown(result.frame).info
    assert processed(tmp_path, copy, keep_exif=False).original is None


def test_without_exif_a_smaller_original_is_a_jpeg(tmp_path: Path) -> None:
    """Nothing here encodes HEIC."""
    result = processed(tmp_path, heic(photo((640, 480)), exif=GPS), keep_exif=False, width=300)
    assert (result.format, result.frame, result.resized) == ("JPEG", None, True)
    assert (shown(result.original).format, shown(result.original).width) == ("JPEG", 300)
    assert "exif" not in shown(result.original).info
    assert (result.description, result.original_md5 is None) == (None, False)


def test_a_width_makes_a_jpeg(tmp_path: Path) -> None:
    """A resized picture is stored anew, with its metadata, upright."""
    result = processed(tmp_path, heic(photo((640, 480)), turns=1, exif=oriented(6)), width=240)
    original = shown(result.original)
    assert (result.format, original.format, original.size) == ("JPEG", "JPEG", (240, 320))
    assert (result.width, result.height, result.resized, result.frame) == (240, 320, True, None)
    assert (original.getexif().get(0x010F), original.getexif().get(0x0112, 1)) == ("Maker", 1)


def test_a_width_is_no_larger_than_the_picture(tmp_path: Path) -> None:
    """It is refused as for any other picture."""
    assert isinstance(refused(tmp_path, heic(photo((64, 64))), width=65), errors.WidthTooLarge)


def test_pixels_are_limited(tmp_path: Path) -> None:
    """Before anything is decoded."""
    refusal = refused(tmp_path, heic(photo((64, 48))), max_pixels=64 * 48 - 1)
    assert isinstance(refusal, errors.TooManyPixels)


@pytest.fixture(scope="module")
def whole() -> bytes:
    """Return a picture."""
    return heic(photo((200, 100)))


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:24] + bytes(500),
        lambda whole: whole.replace(b"hvcC", b"hvcX"),
        lambda whole: whole.replace(b"pict", b"vide"),
        lambda whole: whole[:24],
    ],
    ids=["half", "no-meta", "no-decoder", "no-picture", "head"],
)
def test_a_broken_one_is_refused(tmp_path: Path, whole: bytes, damage: Callable[[bytes], bytes]) -> None:
    """Nothing is left of it."""
    assert isinstance(refused(tmp_path, damage(whole)), errors.BrokenImage)


def test_memory_is_limited(tmp_path: Path) -> None:
    """A picture that does not fit is refused, and the worker goes on or is replaced."""
    big = stored(tmp_path / "big", heic(Image.new("RGB", (4_000, 4_000), "red")))
    with pool(decode_memory_bytes=160_000_000) as made:
        with pytest.raises(errors.Refusal):
            made.process(job(big))
        assert left(tmp_path) == []
        assert made.process(job(stored(tmp_path / "a", SMALL))).width == 700


def test_only_a_worker_that_gets_one_loads_its_decoder(tmp_path: Path, whole: bytes) -> None:
    """Other pictures do not pay for it."""
    with pool() as made:
        made.process(job(stored(tmp_path / "a", SMALL)))
        (pid,) = workers()
        assert "libheif" not in Path(f"/proc/{pid}/maps").read_text()
        assert made.process(job(stored(tmp_path / "b", whole))).format == "HEIC"
        assert "libheif" in Path(f"/proc/{pid}/maps").read_text()


@pytest.mark.parametrize("decode", ["worker", "inline"])
def test_without_the_extra_the_log_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, whole: bytes, decode: str
) -> None:
    """The client reads what it reads of any format that is not accepted."""
    (tmp_path / "pi_heif.py").write_text("raise ModuleNotFoundError('No module', name='pi_heif')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "pi_heif" or name == "chevupload.media.heif"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("chevupload.media.heif", raising=False)
    with pool() as made, caplog.at_level(logging.WARNING):
        renderer: Any = made if decode == "worker" else InlineRenderer()
        with pytest.raises(errors.UnavailableFormat) as caught:
            renderer.process(job(stored(tmp_path / "a", whole)))
    assert type(caught.value) is errors.UnavailableFormat
    assert "pip install 'chevupload[heic]'" in caplog.text
    assert left(tmp_path) == []
