"""Pictures are resized alike with SIMD instructions and by Pillow."""

from __future__ import annotations

import importlib
import io
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import PIL
import pytest
from PIL import Image, ImageOps

from chevupload.media import resizing
from tests.media.pictures import (
    SRGB,
    animation,
    drawing,
    encoded,
    oriented,
    photo,
    processed,
    psnr,
    shown,
    sizes,
    textured,
)
from tests.support import ROOT

LANCZOS = Image.Resampling.LANCZOS
SIZES = [(250, 167), (97, 301), (500, 333), (640, 400)]


pytestmark = pytest.mark.skipif(resizing.simd is None, reason="the resizer has no wheels for this system")


@contextmanager
def _by_pillow() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resizing, "simd", None)
        yield


def _exact(image: Image.Image, size: tuple[int, int], box: resizing.Box) -> Image.Image:
    """Resize in floating point, where nothing is rounded or cut off between the two directions."""
    bands = [band.convert("F").resize(size, LANCZOS, box=box).convert("L") for band in image.split()]
    return Image.merge(image.mode, bands)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("box", [(0, 0, 600, 400), (33.5, 0, 566.5, 399.25)])
def test_both_measure_the_same_against_floating_point(mode: str, size: tuple[int, int], box: resizing.Box) -> None:
    """Whole pictures and parts that begin between pixels; photographs and text, made smaller and larger."""
    pictures = [image.convert(mode) for image in (textured((600, 400)), drawing((600, 400)))]
    ours = [resizing.resized(image, size, LANCZOS, box) for image in pictures]
    for image, found in zip(pictures, ours, strict=True):
        exact = _exact(image, size, box)
        with _by_pillow():
            pillows = psnr(resizing.resized(image, size, LANCZOS, box), exact)
        assert (found.mode, found.size) == (mode, size)
        assert psnr(found, exact) >= min(pillows - 1, 45)


@pytest.mark.parametrize("size", SIZES)
def test_transparent_colors_do_not_bleed(size: tuple[int, int]) -> None:
    """Half of the picture is green that nobody sees: it is in no visible pixel, with either."""
    image = Image.new("RGBA", (600, 400), (0, 255, 0, 0))
    image.paste(textured((300, 400)).convert("RGBA"), (0, 0))
    blended = []
    for way in (nullcontext(), _by_pillow()):
        with way:
            found = resizing.resized(image, size, LANCZOS, (0, 0, 600, 400))
        blended.append(Image.alpha_composite(Image.new("RGBA", size, "white"), found))
    assert psnr(*blended) >= 45


@pytest.mark.parametrize("factor", [2, 3, 5])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("extent", [(600, 420), (599.5, 418)])
def test_pictures_are_reduced_by_both(factor: int, mode: str, extent: tuple[float, float]) -> None:
    """What is resized from it is no farther from a reduction in floating point, where sizes divide, and where not."""
    image = textured((600, 420)).convert(mode)
    exact = _exact(image, (60, 42), (0, 0, *extent))
    measured = []
    for way in (nullcontext(), _by_pillow()):
        with way:
            smaller, left = resizing.reduced(image, extent, factor)
            found = resizing.resized(smaller, (60, 42), LANCZOS, (0, 0, *left))
        measured.append(psnr(found, exact))
    assert measured[0] >= measured[1] - 1


def test_what_is_known_of_a_picture_stays_with_it() -> None:
    """As with Pillow; and it is the smaller one's own."""
    image = photo((60, 40))
    image.info["dpi"] = (72, 72)
    found = resizing.resized(image, (30, 20), LANCZOS, (0, 0, 60, 40))
    assert found.info == image.info
    assert found.info is not image.info


@pytest.mark.parametrize("mode", ["LA", "I", "F", "YCbCr"])
def test_others_go_through_pillow(mode: str) -> None:
    """Modes that are rare, or in which the other differs."""
    image = photo((60, 40), "L" if mode in "IF" else "RGB").convert(mode)
    found = resizing.resized(image, (31, 20), LANCZOS, (0, 0, 60, 40))
    assert found.tobytes() == image.resize((31, 20), LANCZOS).tobytes()


def test_no_size_or_part_is_outside_of_a_picture() -> None:
    """Of pictures of a pixel, of lines, of all extents: what is read beside a picture would end the process.

    Bicubic does at some of these, in the resizer's own code.
    """
    chance = random.Random(5)
    for _ in range(4_000):
        width, height = chance.choice([(1, 1), (1, 500), (700, 1), (chance.randint(1, 90), chance.randint(1, 900))])
        extent = width - chance.choice([0, 0.5, 0.99 * chance.random()]), height - chance.choice([0, chance.random()])
        size = chance.choice([(320, 320), (chance.randint(1, 700), chance.randint(1, 300))])
        part = min(extent[0], extent[1] * size[0] / size[1]), min(extent[1], extent[0] * size[1] / size[0])
        left, top = (extent[0] - part[0]) / 2, (extent[1] - part[1]) / 2
        image = Image.new(chance.choice(["L", "RGB", "RGBA"]), (width, height))
        resampling = chance.choice([LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.HAMMING])
        found = resizing.resized(image, size, resampling, (left, top, left + part[0], top + part[1]))
        assert found.size == size
        found, extent = resizing.reduced(image, extent, chance.randint(2, 9))
        assert (extent[0] <= found.width, extent[1] <= found.height) == (True, True)


@pytest.fixture
def _read_again() -> Iterator[None]:
    yield
    importlib.reload(resizing)


@pytest.mark.usefixtures("_read_again")
def test_pixels_are_not_looked_for_in_a_pillow_that_keeps_them_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A major version that the resizer does not know may have another layout in memory."""
    monkeypatch.setattr(PIL, "__version__", f"{resizing.NEWEST_PILLOW + 1}.0.0")
    assert importlib.reload(resizing).simd is None
    monkeypatch.undo()
    assert importlib.reload(resizing).simd is not None


def _with_alpha() -> Image.Image:
    image = textured((900, 600)).convert("RGBA")
    image.putalpha(Image.radial_gradient("L").resize((900, 600)))
    return image


PICTURES: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(textured((1920, 1280)), "JPEG", quality=90),
    "JPEG, upright": lambda: encoded(textured((900, 600)), "JPEG", exif=oriented(6)),
    "JPEG, gray": lambda: encoded(textured((900, 600)).convert("L"), "JPEG"),
    "JPEG, CMYK": lambda: encoded(textured((900, 600)).convert("CMYK"), "JPEG"),
    "JPEG, profile": lambda: encoded(textured((900, 600)), "JPEG", icc_profile=SRGB),
    "JPEG, panorama": lambda: encoded(textured((4001, 301)), "JPEG"),
    "PNG": lambda: encoded(textured((1921, 1083)), "PNG"),
    "PNG, alpha": lambda: encoded(_with_alpha(), "PNG"),
    "PNG, gray with alpha": lambda: encoded(_with_alpha().convert("LA"), "PNG"),
    "PNG, text": lambda: encoded(drawing((600, 400)).resize((1800, 1200)), "PNG"),
    "PNG, palette": lambda: encoded(textured((900, 600)).quantize(64), "PNG"),
    "PNG, two colors": lambda: encoded(drawing((600, 400)).convert("1"), "PNG"),
    "PNG, 16 bits": lambda: encoded(textured((900, 600)).convert("I;16"), "PNG"),
    "WebP": lambda: encoded(textured((1920, 1280)), "WEBP", quality=80),
    "WebP, alpha": lambda: encoded(_with_alpha(), "WEBP", quality=80),
    "AVIF": lambda: encoded(textured((900, 600)), "AVIF", speed=10),
    "BMP": lambda: encoded(textured((900, 600)), "BMP"),
    "GIF": lambda: encoded(textured((900, 600)).quantize(200), "GIF"),
    "GIF, animated": lambda: animation("GIF"),
    "small": lambda: encoded(textured((451, 61)), "PNG"),
}


def _flat(image: Image.Image) -> Image.Image:
    seen = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "gray"), seen).convert("RGB")


def _reference(content: bytes, size: tuple[int, int]) -> Image.Image:
    """Reduce the full decode in floating point, whole or to its largest centered square, as ``size`` says."""
    with Image.open(io.BytesIO(content)) as opened:
        image = _flat(ImageOps.exif_transpose(opened))
    width, height = image.size
    # A thumbnail is cut out; all others show the whole picture, with a side that was rounded.
    wide, high = (min(image.size),) * 2 if size[0] == size[1] else image.size
    left, top = (width - wide) / 2, (height - high) / 2
    return _exact(image, size, (left, top, left + wide, top + high))


@pytest.mark.parametrize("changes", [{}, {"width": 450}], ids=["as it is", "narrower"])
@pytest.mark.parametrize("kind", PICTURES)
def test_uploads_look_the_same(tmp_path: Path, kind: str, changes: dict[str, int]) -> None:
    """Every kind of picture, with all files that are made of it: sizes, modes, profiles and bytes.

    Colors are no farther from a reduction in floating point. Against each other they measure less: text swings beyond
    white, and photographs come out sharper where Pillow's Lanczos would cost too much.
    """
    content = PICTURES[kind]()
    results = []
    for way in (nullcontext(), _by_pillow()):
        folder = tmp_path / str(len(results))
        folder.mkdir()
        with way:
            results.append(processed(folder, content, **changes))
    assert sizes(results[0]) == sizes(results[1])
    for name in ("original", "thumb", "medium"):
        files = [getattr(result, name) for result in results]
        if files == [None, None]:
            continue
        ours, pillows = map(shown, files)
        assert (ours.mode, ours.info.get("icc_profile")) == (pillows.mode, pillows.info.get("icc_profile"))
        assert files[0].size <= 1.2 * files[1].size
        exact = _reference(content, ours.size)
        assert psnr(_flat(ours), exact) >= min(psnr(_flat(pillows), exact) - 1, 44), name
        assert psnr(_flat(ours), _flat(pillows)) >= 28, name


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux how much memory is in use")
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_resizer_without_memory_ends_no_process(mode: str) -> None:
    """It would abort: what it needs is asked for before, and a picture is too costly as with Pillow."""
    code = f"""
import resource
from PIL import Image
from chevupload.media import resizing
image = Image.new({mode!r}, (4000, 3000))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
for more in range(0, 70_000_000, 2_000_000):
    resource.setrlimit(resource.RLIMIT_AS, (used + more, resource.RLIM_INFINITY))
    try:
        resizing.resized(image, (1500, 1125), Image.Resampling.LANCZOS, (0, 0, 4000, 3000))
    except MemoryError:
        print("too costly")
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "done"), done.stderr[-500:]
    assert "too costly" in done.stdout
