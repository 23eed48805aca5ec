from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps

from chevupload import errors
from chevupload.media import color, image
from chevupload.media.encoding import Outbox
from chevupload.media.picture import Picture, fitted
from chevupload.model import MediaFile, MediaResult
from tests.media.pictures import chunk, encoded, exif, job, left, oriented, photo, psnr, riff, stored, textured

NAMES = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP")
PNG = b"\x89PNG\r\n\x1a\n"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def processed(folder: Path, data: bytes, **changes: Any) -> MediaResult:
    return image.process(job(stored(folder / "source", data), **changes))


def shown(file: MediaFile | None) -> Image.Image:
    assert file is not None
    assert Path(file.path).stat().st_size == file.size
    with Image.open(file.path) as opened:
        opened.load()
        return opened


def frames(file: MediaFile | None) -> int:
    assert file is not None
    with Image.open(file.path) as opened:
        return getattr(opened, "n_frames", 1)


def sizes(result: MediaResult) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int] | None]:
    return (
        (result.width, result.height),
        shown(result.thumb).size,
        shown(result.medium).size if result.medium is not None else None,
    )


def animation(name: str, size: tuple[int, int] = (600, 400), **options: Any) -> bytes:
    frames = [photo(size).rotate(40 * turn) for turn in range(3)]
    return encoded(frames[0], name, save_all=True, append_images=frames[1:], duration=60, **options)


def refused(folder: Path, data: bytes, **changes: Any) -> errors.Refusal:
    with pytest.raises(errors.Refusal) as caught:
        processed(folder, data, **changes)
    assert left(folder) == []
    return caught.value


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


MODES = {
    "JPEG": ("L", "RGB", "CMYK", "YCbCr"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "AVIF": ("L", "RGB", "RGBA"),
    "GIF": ("1", "L", "P"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
}


@pytest.mark.parametrize(("name", "mode"), [(name, mode) for name, modes in MODES.items() for mode in modes])
def test_every_pixel_mode_is_rendered(tmp_path: Path, name: str, mode: str) -> None:
    """Gray, palette, 16-bit, CMYK and alpha pictures look the same small, also after a resize of the original."""
    if mode == "I;16":
        source = photo((700, 500), "L").convert("I").point(lambda value: value * 257).convert("I;16")
    else:
        source = photo((700, 500), mode)
    base = photo((700, 500), "L") if mode in ("L", "LA", "I;16") else photo((700, 500))
    for width in (None, 600):
        result = processed(tmp_path, encoded(source, name), width=width)
        if mode != "1":
            medium = shown(result.medium).convert("RGB")
            assert psnr(medium, base.resize(medium.size, Image.Resampling.LANCZOS)) > (18 if mode == "P" else 24)
        if width:
            assert (shown(result.original).size, result.width) == ((600, 429), 600)


def test_wide_pixel_values_are_scaled_not_clipped() -> None:
    """Integer and floating pixels keep their shades, within 16 bits or beyond."""
    ramp = Image.linear_gradient("L").convert("I")
    found = [
        color.continuous(ramp.point(lambda value: value * 257)),
        color.continuous(ramp.convert("F").point(lambda value: value * 1e6 + 0.0)),
        color.continuous(Image.new("I", (4, 4), 0)),
    ]
    assert [picture.mode for picture in found] == ["L", "L", "L"]
    assert [picture.getextrema() for picture in found] == [(0, 255), (0, 255), (0, 0)]


@pytest.mark.parametrize(("mode", "expected"), [("YCbCr", "RGB"), ("RGBa", "RGBA"), ("La", "LA"), ("PA", "RGBA")])
def test_rare_modes_are_understood(mode: str, expected: str) -> None:
    """Modes that a decoder may yield one day end as something that can be resized."""
    start = {"RGBa": "RGBA", "La": "LA", "PA": "P"}.get(mode, "RGB")
    assert color.continuous(photo((9, 9), start).convert(mode)).mode == expected


@pytest.mark.parametrize("name", ["PNG", "WEBP", "AVIF", "GIF"])
def test_transparency_stays(tmp_path: Path, name: str) -> None:
    """What is transparent in the original is so in the derived pictures."""
    source = photo((700, 500), "RGBA")
    source.paste((0, 0, 0, 0), (0, 0, 350, 500))
    result = processed(tmp_path, encoded(source, name))
    for file in (result.medium, result.thumb):
        alpha = shown(file).convert("RGBA").getchannel("A")
        assert (alpha.getpixel((20, 20)), alpha.getpixel((alpha.width - 20, 20))) == (0, 255)


@pytest.mark.parametrize(("mode", "key"), [("P", 0), ("L", 255), ("RGB", (255, 255, 255))])
def test_a_transparent_color_stays(tmp_path: Path, mode: str, key: object) -> None:
    """PNG's other way of transparency is kept too."""
    source = Image.new(mode, (600, 400), key)  # type: ignore[arg-type]
    result = processed(tmp_path, encoded(source, "PNG", transparency=key))
    assert shown(result.thumb).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_an_alpha_channel_that_hides_nothing_goes(tmp_path: Path) -> None:
    """Opaque pictures are written without alpha."""
    made = [processed(tmp_path, encoded(photo((700, 500), mode), "PNG")) for mode in ("RGBA", "LA")]
    assert [shown(result.thumb).mode for result in made] == ["RGB", "L"]
    source = photo((700, 500), "LA")
    source.putalpha(100)
    assert shown(processed(tmp_path, encoded(source, "PNG")).thumb).mode == "RGBA"


def test_a_gif_of_few_colors_gets_shades(tmp_path: Path) -> None:
    """Line art keeps smooth edges, with and without transparency."""
    art = Image.new("P", (900, 900), 0)
    art.putpalette([255, 255, 255, 0, 0, 0, 9, 9, 9])
    for place in range(0, 900, 30):
        art.paste(1, (place, 0, place + 7, 900))
    results = [processed(tmp_path, encoded(art, "GIF", **extra)) for extra in ({}, {"transparency": 2})]
    assert [len(shown(result.thumb).convert("L").getcolors() or []) > 4 for result in results] == [True, True]
    picture = Image.new("RGBA", (40, 40), (200, 10, 10, 0))
    with Outbox(str(tmp_path)).create()[1]:
        assert shown(Outbox(str(tmp_path)).encode(picture, "GIF", 90)).convert("RGBA").getpixel((3, 3))[3] == 0  # type: ignore[index]


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


@pytest.mark.parametrize("name", NAMES[:5])
def test_derived_pictures_carry_no_metadata(tmp_path: Path, name: str) -> None:
    """No Exif, XMP or comment in thumb and medium; the profile stays where the format has one."""
    options: dict[str, Any] = {"exif": oriented(1), "icc_profile": SRGB, "xmp": b"<x>secret</x>", "comment": b"secret"}
    result = processed(tmp_path, encoded(photo((700, 500)), name, **options))
    for file in (result.thumb, result.medium):
        assert file is not None
        data = Path(file.path).read_bytes()
        assert [word for word in (b"Maker", b"secret", b"Exif") if word in data] == []
        assert shown(file).info.get("icc_profile") == (None if name == "GIF" else SRGB)


@pytest.mark.parametrize("name", NAMES[:5])
@pytest.mark.parametrize("value", [1, 6])
def test_metadata_is_removed_when_not_kept(tmp_path: Path, name: str, value: int) -> None:
    """The stored original has none, nor has the result; a clean file is stored as it is."""
    options: dict[str, Any] = {"exif": oriented(value), "xmp": b"<x>secret</x>", "comment": b"secret"}
    result = processed(tmp_path, encoded(photo((700, 500)), name, **options), keep_exif=False)
    assert result.original is not None
    data = Path(result.original.path).read_bytes()
    assert [word for word in (b"Maker", b"secret") if word in data] == []
    assert (result.exif, result.title, result.taken_at) == (None, None, None)
    assert result.width == (500 if value == 6 and name != "GIF" else 700)
    assert processed(tmp_path, data, keep_exif=False).original is None


def test_an_animated_avif_keeps_its_frames_without_metadata(tmp_path: Path) -> None:
    """It is written anew with all of them."""
    result = processed(tmp_path, animation("AVIF", (90, 60), exif=oriented(1)), keep_exif=False)
    assert (frames(result.original), "exif" in shown(result.original).info) == (3, False)


def test_profiles_stay_only_where_they_fit(tmp_path: Path) -> None:
    """Large, foreign and broken profiles are converted or dropped; the pixels stay right."""
    large = SRGB[:128] + SRGB[128:] + b"\0" * 70_000
    cmyk = b"\0" * 16 + b"CMYK" + b"\0" * 108
    foreign = b"\0" * 16 + b"GRAY" + b"\0" * 108
    for mode, profile in (("RGB", large), ("CMYK", cmyk), ("RGB", foreign), ("L", SRGB)):
        result = processed(tmp_path, encoded(photo((700, 500), mode), "JPEG", icc_profile=profile))
        thumb = shown(result.thumb)
        assert "icc_profile" not in thumb.info
        expected = photo((700, 500), "L" if mode == "L" else "RGB").resize((320, 320), box=(100, 0, 600, 500))
        assert psnr(thumb, expected) > 24


def test_metadata_of_a_jpeg_is_read(tmp_path: Path) -> None:
    """Texts, date, panorama and Exif come back with the pictures; Exif too long for JPEG is left out of a rewrite."""
    block = exif([(0x010E, 2, 6, b"words\0"), (0x0132, 2, 20, b"2019:03:04 05:06:07\0")])
    packet = b"<x tiff:Orientation='6' GPano:ProjectionType='equirectangular'/>"
    result = processed(tmp_path, encoded(photo((700, 500)), "JPEG", exif=block, xmp=packet), width=600)
    assert (result.description, result.taken_at, result.is_360) == ("words", "2019-03-04 05:06:07", True)
    assert result.exif is not None
    assert (result.exif["ImageDescription"], result.exif["width"]) == ("words", "700")
    assert b"tiff:Orientation='1'" in shown(result.original).info["xmp"]
    long = Outbox(str(tmp_path)).encode(photo((9, 9)), "JPEG", 90, exif=block + b"\0" * 70_000, xmp=packet)
    assert ("exif" in shown(long).info, "xmp" in shown(long).info) == (False, True)


@pytest.mark.parametrize("size", [(1920, 1280), (2400, 1800), (1920, 1080)])
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_small_pictures_look_like_careful_ones(size: tuple[int, int], name: str) -> None:
    """One decode at the needed scale loses no visible detail against LANCZOS on the full picture, not even grain."""
    from chevupload.media.picture import open_picture

    data = encoded(textured(size), name, **({"quality": 92} if name == "JPEG" else {"compress_level": 1}))
    full = Image.open(io.BytesIO(data)).convert("RGB")
    scale = max(750 / size[0], 480 / min(size))
    picture = Picture.decoded(open_picture(io.BytesIO(data), name), scale)
    picture = picture.shrunk(scale * size[0] / picture.width)
    assert picture.image.width < size[0]
    medium = fitted(size, 500)
    least = 38 if name == "JPEG" else 40
    assert psnr(picture.resized(medium), full.resize(medium, Image.Resampling.LANCZOS)) > least
    assert psnr(picture.square(320), ImageOps.fit(full, (320, 320), Image.Resampling.LANCZOS)) > least


def test_bytes_after_the_picture_are_kept(tmp_path: Path) -> None:
    """Trailing bytes are nobody's business: the original is stored as it came."""
    for name in NAMES[:4]:
        assert processed(tmp_path, encoded(photo((60, 40)), name) + b"trailing").original is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", [0.3, 0.7, 0.95])
def test_truncated_pictures_are_refused(tmp_path: Path, name: str, part: float) -> None:
    """Half a picture is none, and leaves no file."""
    data = encoded(textured((600, 400)), name)
    assert refused(tmp_path, data[: int(len(data) * part)]).code == 610


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0",
        b"GIF89a<?php echo 1; ?>" * 9,
        PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 3, 7, 0, 0, 0)) + chunk(b"IDAT", b"a") + chunk(b"IEND", b""),
        PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 9, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b"a") + chunk(b"IEND", b""),
        b"BM" + struct.pack("<IIIIiiHHIIIIII", 99, 0, 54, 40, 10, 10, 1, 24, 7, 0, 0, 0, 0, 0),
        b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"\0\0\0\x10meta" + b"\0" * 8,
    ],
)
def test_broken_pictures_are_refused(tmp_path: Path, data: bytes) -> None:
    """Whatever a decoder raises is a refusal with code 610."""
    assert refused(tmp_path, data).code == 610


def test_disabled_formats_are_named(tmp_path: Path) -> None:
    """The message says which format is switched off."""
    error = refused(tmp_path, encoded(photo((9, 9)), "WEBP"), formats=("JPEG",))
    assert (error.code, error.message) == (614, "Disabled image format (webp)")


def png_header(width: int, height: int, *before: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return PNG + header + b"".join(before) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")


def webp_header(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    body = b"WEBP" + riff(b"VP8L", b"\x2f" + bits.to_bytes(4, "little") + b"\0" * 64)
    return b"RIFF" + struct.pack("<I", len(body)) + body


BOMBS = {
    "png": png_header(13_300, 13_300),
    "apng": png_header(40, 40, chunk(b"acTL", struct.pack(">II", 2**31, 0))),
    "apng-total": png_header(1_000, 1_000, chunk(b"acTL", struct.pack(">II", 501, 0))),
    "webp": webp_header(16_383, 16_383),
    "gif": b"GIF89a\x88\x13\x88\x13\0\0\0" + b",\0\0\0\0\x88\x13\x88\x13\0\2\2\x4c\1\0" * 20_000 + b";",
    "jpeg": encoded(photo((60, 40)), "JPEG").replace(b"\0\x28\0\x3c", b"\xff\xdc\xff\xdc"),
    "bmp": encoded(photo((60, 40)), "BMP").replace(b"<\0\0\0(\0\0\0\1", b"\0\0\1\0\0\0\1\0\1"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_decoding(tmp_path: Path, name: str) -> None:
    """Too many pixels or frames are told by the header, and the message says the limit."""
    error = refused(tmp_path, BOMBS[name])
    assert (error.status, "max" in error.message) == (413, True)


def test_pixels_below_the_limit_need_no_leave_of_pillow(tmp_path: Path) -> None:
    """A site's own limit counts, above Pillow's warnings too."""
    data = encoded(Image.new("1", (9_500, 9_500)), "PNG")
    assert processed(tmp_path, data, max_pixels=100_000_000, medium_width=50, thumb_side=50).width == 9_500


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


def test_nothing_is_left_when_a_later_file_fails(tmp_path: Path) -> None:
    """The stored original is removed again when the thumb cannot be made."""
    assert refused(tmp_path, encoded(photo((40, 30)), "WEBP"), width=20, thumb_side=0).code == 610
