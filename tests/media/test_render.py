"""Pictures are rendered in their own format, upright, in Chevereto's sizes, and their originals resized on demand."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from chevupload import errors
from chevupload.media import render as image
from chevupload.media.decode import OPEN, decoded
from chevupload.scaling import to_width
from tests.media.pictures import (
    NAMES,
    SRGB,
    animation,
    encoded,
    frames,
    job,
    oriented,
    photo,
    processed,
    psnr,
    refused,
    shown,
    sizes,
    stored,
    textured,
)
from tests.support import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("_each_resizer")]


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_rendered_in_its_own(tmp_path: Path, name: str) -> None:
    """Thumb and medium picture have the original's format, PNG for BMP, and the picture's colors."""
    result = processed(tmp_path, encoded(photo((700, 500)), name))
    kept = "PNG" if name == "BMP" else name
    assert (result.format, shown(result.thumb).format, shown(result.medium).format) == (kept, kept, kept)
    assert sizes(result) == ((700, 500), (320, 320), (500, 357))
    assert psnr(shown(result.medium), photo((700, 500)).resize((500, 357), Image.Resampling.LANCZOS)) > 28
    assert (result.original is None, result.frames, result.resized) == (name != "BMP", 1, False)


@pytest.mark.parametrize(
    ("size", "medium"),
    [
        ((640, 400), (500, 313)),
        ((1600, 1000), (500, 313)),
        ((3000, 300), (500, 50)),
        ((1200, 800), (500, 333)),
        ((501, 400), (500, 399)),
        ((8000, 1), (500, 1)),
        ((500, 400), None),
        ((300, 3000), None),
        ((1, 8000), None),
        ((50, 50), None),
        ((1, 1), None),
    ],
)
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_sizes_are_those_of_chevereto(
    tmp_path: Path, name: str, size: tuple[int, int], medium: tuple[int, int] | None
) -> None:
    """A square thumb always; a medium picture when the original is wider; extreme shapes work."""
    assert sizes(processed(tmp_path, encoded(photo(size), name))) == (size, (320, 320), medium)


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize(("size", "medium"), [((600, 400), (500, 333)), ((200, 133), (200, 133))])
def test_animations_always_have_a_still_medium_picture(
    tmp_path: Path, name: str, size: tuple[int, int], medium: tuple[int, int]
) -> None:
    """The first frame, never enlarged; the original stays, whatever width is asked for."""
    result = processed(tmp_path, animation(name, size), width=20)
    assert sizes(result) == (size, (320, 320), medium)
    assert (result.frames, result.original, result.resized) == (3, None, False)
    assert frames(result.medium) == 1
    assert psnr(shown(result.medium), photo(size).resize(medium)) > 20


def turned_source(value: int) -> Image.Image:
    """Return what a camera stores so that orientation ``value`` shows ``photo((700, 500))``."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    return photo((700, 500)) if value == 1 else photo((700, 500)).transpose(Image.Transpose(back[value]))


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize(
    ("name", "width"), [("JPEG", None), ("JPEG", 600), ("PNG", None), ("WEBP", 600), ("AVIF", None)]
)
def test_pictures_are_upright(tmp_path: Path, name: str, value: int, width: int | None) -> None:
    """Original and derived pictures are turned as Exif says, and say it no more; other Exif stays."""
    result = processed(tmp_path, encoded(turned_source(value), name, exif=oriented(value)), width=width)
    assert sizes(result) == ((600, 429) if width else (700, 500), (320, 320), (500, 358 if width else 357))
    expected = photo((700, 500)).resize((320, 320), box=(100, 0, 600, 500))
    assert psnr(shown(result.thumb), expected) > 28
    assert (result.original is None) == (value == 1 and width is None)
    if result.original is not None:
        original = shown(result.original)
        assert (original.getexif().get(0x0112, 1), original.getexif().get(0x010F)) == (1, "Maker")
        assert psnr(original, photo((700, 500)).resize(original.size)) > 28


def test_a_lossless_webp_stays_one(tmp_path: Path) -> None:
    """Turning it changes no pixel, as turning a PNG does not."""
    source = textured((90, 60))
    result = processed(tmp_path, encoded(source, "WEBP", lossless=True, exif=oriented(3)))
    assert shown(result.original).tobytes() == source.transpose(Image.Transpose.ROTATE_180).tobytes()


_DECODED_IN = """
import os, resource, sys
from pathlib import Path
from chevupload.media.decode import open_webp
from tests.media.pictures import job

path, allowed = Path(sys.argv[1]), int(sys.argv[2])
with path.open("rb") as file:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + allowed, used + allowed))
    print(open_webp(file, job(path)).image.getpixel((0, 0)))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux how much memory is in use")
def test_a_webp_needs_three_times_its_pixels(tmp_path: Path) -> None:
    """Pillow's own decoder takes a fourth copy of them."""
    path = tmp_path / "flat.webp"
    Image.new("RGB", (3000, 3000), (255, 255, 255)).save(path, method=0)
    command = [sys.executable, "-c", _DECODED_IN, str(path), str(int(3.5 * 4 * 3000 * 3000))]
    assert subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout == "(255, 255, 255)\n"


def test_an_oriented_animation_is_left_alone(tmp_path: Path) -> None:
    """Its derived pictures are upright; without its Exif they are as it is."""
    data = animation("WEBP", exif=oriented(6))
    kept, removed = processed(tmp_path, data), processed(tmp_path, data, keep_exif=False)
    assert (sizes(kept), kept.original) == (((400, 600), (320, 320), (400, 600)), None)
    assert (sizes(removed), frames(removed.original)) == (((600, 400), (320, 320), (500, 333)), 3)


def test_a_width_replaces_the_original(tmp_path: Path) -> None:
    """Stored original, hash and medium rule follow the new size; Exif and profile stay."""
    data = encoded(photo((1200, 800)), "JPEG", exif=oriented(1), icc_profile=SRGB, xmp=b"<x ProjectionType='flat'/>")
    result = processed(tmp_path, data, width=100)
    original = shown(result.original)
    assert (sizes(result), result.resized) == (((100, 67), (320, 320), None), True)
    assert result.original is not None
    assert result.original_md5 == hashlib.md5(Path(result.original.path).read_bytes()).hexdigest()
    assert (original.size, original.info["icc_profile"], original.getexif()[0x010F]) == ((100, 67), SRGB, "Maker")
    assert b"ProjectionType" in original.info["xmp"]
    assert "exif" not in shown(processed(tmp_path, data, width=100, keep_exif=False).original).info


@pytest.mark.parametrize(("width", "height"), [(1, 1), (960, 640), (1199, 799)])
def test_heights_follow_widths(tmp_path: Path, width: int, height: int) -> None:
    """The ratio is kept, rounded half up, at least one pixel."""
    result = processed(tmp_path, encoded(photo((1200, 800)), "JPEG"), width=width)
    assert (result.width, result.height) == (width, height)


def test_a_width_of_the_same_size_changes_nothing(tmp_path: Path) -> None:
    """The original stays as it is; a larger width is refused."""
    data = encoded(photo((600, 400)), "JPEG")
    assert processed(tmp_path, data, width=600).original is None
    folder = tmp_path / "other"
    folder.mkdir()
    assert refused(folder, data, width=601).code == 610


@pytest.mark.parametrize("size", [(1920, 1280), (2400, 1800), (1920, 1080)])
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_small_pictures_look_like_careful_ones(tmp_path: Path, size: tuple[int, int], name: str) -> None:
    """One decode at the needed scale loses no visible detail against LANCZOS on the full picture, not even grain."""
    data = encoded(textured(size), name, **({"quality": 92} if name == "JPEG" else {"compress_level": 1}))
    full = Image.open(io.BytesIO(data)).convert("RGB")
    scale = max(750 / size[0], 480 / min(size))
    picture = decoded(OPEN[name](io.BytesIO(data), job(tmp_path / "source")).image, scale, 1)
    picture = picture.reduced(scale * size[0])
    assert picture.image.width < size[0]
    medium, square = to_width(size, 500), (320, 320)
    least = 38 if name == "JPEG" else 40
    assert psnr(picture.resized(medium), full.resize(medium, Image.Resampling.LANCZOS)) > least
    assert psnr(picture.resized(square, crop=True), ImageOps.fit(full, square, Image.Resampling.LANCZOS)) > least


def test_bytes_after_the_picture_are_kept(tmp_path: Path) -> None:
    """Trailing bytes are nobody's business: the original is stored as it came."""
    for name in NAMES[:4]:
        assert processed(tmp_path, encoded(photo((60, 40)), name) + b"trailing").original is None


def test_nothing_is_left_when_a_later_file_fails(tmp_path: Path) -> None:
    """The stored original is removed again when the thumb cannot be made."""
    assert refused(tmp_path, encoded(photo((40, 30)), "WEBP"), width=20, thumb_side=0).code == 610


def test_a_folder_that_cannot_be_written_is_our_fault(tmp_path: Path) -> None:
    """Absent files and folders are no refusal of the picture."""
    path = stored(tmp_path / "source", encoded(photo((60, 40)), "JPEG"))
    request = job(path)
    (tmp_path / "out").rmdir()
    with pytest.raises(errors.BackendError):
        image.process(request)
    path.unlink()
    with pytest.raises(errors.BackendError):
        image.process(request)
