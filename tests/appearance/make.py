"""Makes the files of :mod:`tests.appearance.cases`, once: ``python -m tests.appearance.make`` with FFmpeg and avifenc.

Each shows the same fields of color, unless its kind wants something else.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

from PIL import Image

from chevupload.media.color_space import ColorSpace, coded, icc_profile
from tests.appearance.cases import FILES
from tests.formats.profiles import GRAY_CMYK
from tests.media.heics import heic
from tests.media.pictures import PNG, chunk, encoded, oriented

SIZE = (144, 96)
FIELD = 24


def fields() -> Image.Image:
    """Make the picture: 24 colors, from dark and gray to bright and saturated."""
    small = Image.new("RGB", (6, 4))
    levels = [(40, 90, 150, 220), (30, 110, 200), (50, 180)]
    small.putdata(list(product(*levels)))
    return small.resize(SIZE, Image.Resampling.NEAREST)


def faded() -> Image.Image:
    """Make the picture, more and more transparent from field to field."""
    picture = fields().convert("RGBA")
    alpha = Image.new("L", (6, 4))
    alpha.putdata([255 - 10 * number for number in range(24)])
    picture.putalpha(alpha.resize(SIZE, Image.Resampling.NEAREST))
    return picture


def png(picture: Image.Image, *chunks: tuple[bytes, bytes]) -> bytes:
    """Write a PNG with these chunks behind its header."""
    whole = encoded(picture, "PNG")
    return whole[:33] + b"".join(chunk(*part) for part in chunks) + whole[33:]


def code(primaries: int, transfer: int) -> tuple[bytes, bytes]:
    """Make a chunk of code points."""
    return b"cICP", bytes((primaries, transfer, 0, 1))


def gamma(exponent: float) -> tuple[bytes, bytes]:
    """Make a chunk of an exponent."""
    return b"gAMA", struct.pack(">I", round(exponent * 100_000))


LINEAR = ColorSpace(curve=(1, 1, 0, 0, 0, 0, 0))
WIDE = coded(12, 13)
assert isinstance(WIDE, ColorSpace)
P3 = (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
PROFILE = icc_profile(LINEAR, is_gray=False)
GRAY_PROFILE = icc_profile(ColorSpace(curve=(1.4, 1, 0, 0, 0, 0, 0)), is_gray=True)
WIDE_PROFILE = icc_profile(WIDE, is_gray=False)


def embedded(profile: bytes) -> tuple[bytes, bytes]:
    """Make a chunk of a profile."""
    return b"iCCP", b"p\0\0" + zlib.compress(profile)


def plain_png(bits: int, kind: int, key: bytes, row: Callable[[int], bytes]) -> bytes:
    """Write a PNG of any depth, one value of which is transparent."""
    header = struct.pack(">IIBBBBB", *SIZE, bits, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row(y) for y in range(SIZE[1]))
    parts = ((b"IHDR", header), (b"tRNS", key), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return PNG + b"".join(chunk(*part) for part in parts)


def gray_png(bits: int, key: int) -> bytes:
    """Write gray fields of less than a byte, ``key`` being the value that is transparent."""

    def row(y: int) -> bytes:
        values = [(x // FIELD + y // FIELD) % 2**bits for x in range(SIZE[0])]
        return int("".join(f"{value:0{bits}b}" for value in values), 2).to_bytes(SIZE[0] * bits // 8, "big")

    return plain_png(bits, 0, struct.pack(">H", key), row)


def deep_png(kind: int, key: tuple[int, ...]) -> bytes:
    """Write fields of 16 bits, gray or colored, each second of them transparent."""

    def value(x: int, y: int) -> tuple[int, ...]:
        x, y = x // FIELD, y // FIELD
        return key if (x + y) % 2 else tuple(12_000 + 9_000 * x + 3_000 * number for number in range(len(key)))

    def row(y: int) -> bytes:
        return b"".join(struct.pack(f">{len(key)}H", *value(x, y)) for x in range(SIZE[0]))

    return plain_png(16, kind, struct.pack(f">{len(key)}H", *key), row)


def hidden(box: tuple[int, int, int, int], color: tuple[int, int, int, int], blend: int = 0) -> bytes:
    """Write an APNG whose red picture is no frame of it; the first one fills ``box``."""

    def pixels(color: tuple[int, int, int, int], width: int, height: int) -> bytes:
        return zlib.compress((b"\0" + bytes(color) * width) * height)

    def frame(number: int, box: tuple[int, int, int, int], color: tuple[int, int, int, int]) -> bytes:
        x, y, width, height = box
        control = struct.pack(">5I2H2B", 2 * number, width, height, x, y, 3_000, 1_000, 0, blend)
        data = struct.pack(">I", 2 * number + 1) + pixels(color, width, height)
        return chunk(b"fcTL", control) + chunk(b"fdAT", data)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, 6, 0, 0, 0)) + chunk(b"acTL", struct.pack(">II", 2, 0))
    frames = frame(0, box, color) + frame(1, (0, 0, *SIZE), (0, 0, 200, 255))
    return PNG + header + chunk(b"IDAT", pixels((200, 0, 0, 255), *SIZE)) + frames + chunk(b"IEND", b"")


def small_gif() -> bytes:
    """Write an animated GIF whose first frame leaves its canvas empty at the sides."""
    frames = [encoded(Image.new("P", size, 1), "GIF") for size in ((72, 48), SIZE)]
    palette = bytes((20, 90, 30, 220, 60, 40))
    blocks = []
    for data, place in zip(frames, ((36, 24), (0, 0)), strict=True):
        at = data.rindex(b",")
        blocks.append(b"!\xf9\4\4\x64\0\0\0," + struct.pack("<HH", *place) + data[at + 5 : -1])
    return b"GIF89a" + struct.pack("<HHBBB", *SIZE, 0x80, 0, 0) + palette + b"".join(blocks) + b";"


def small_webp() -> bytes:
    """Write an animated WebP of the same kind."""
    first = Image.new("RGBA", SIZE)
    first.paste((220, 60, 40, 255), (36, 24, 108, 72))
    second = Image.new("RGBA", SIZE, (0, 0, 200, 255))
    return encoded(first, "WEBP", save_all=True, append_images=[second], lossless=True, duration=3_000)


def cmyk(*, profile: bytes | None = None) -> bytes:
    """Write a JPEG of four inks, black among them."""
    inks = fields().convert("CMYK").split()[:3]
    black = fields().convert("L").point(lambda value: (255 - value) // 2)
    picture = Image.merge("CMYK", (*(ink.point(lambda value: value * 6 // 10) for ink in inks), black))
    return encoded(picture, "JPEG", quality=95, icc_profile=profile)


def ycck() -> bytes:
    """Write a JPEG of four inks, three of them as luminance and color, as Adobe's marker tells."""
    data = cmyk()
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\2" + data[at + 1 :]


def bmp() -> bytes:
    """Write a BMP with a profile behind its pixels."""
    pixels = fields().transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGR")
    header = struct.pack("<IiiHHIIiiII", 124, *SIZE, 1, 24, 0, len(pixels), 2835, 2835, 0, 0) + bytes(16) + b"DEBM"
    header += bytes(48) + struct.pack("<IIII", 4, 124 + len(pixels), len(PROFILE), 0)
    size = 14 + len(header) + len(pixels) + len(PROFILE)
    return b"BM" + struct.pack("<IHHI", size, 0, 0, 138) + header + pixels + PROFILE


def pictures() -> Iterator[tuple[str, bytes]]:
    """Make what Pillow and a few bytes by hand make."""
    colored, gray, pale = fields(), fields().convert("L"), faded()
    yield "png_gamma.png", png(colored, gamma(1))
    yield "png_gamma_turned.png", png(colored, gamma(1), (b"eXIf", oriented(6)[6:]))
    yield "png_gamma_primaries.png", png(colored, gamma(0.45455), P3)
    yield "png_gamma_palette.png", png(colored.quantize(24), gamma(0.6))
    yield "png_gamma_gray.png", png(gray, gamma(1))
    yield "png_gamma_gray_alpha.png", png(pale.convert("LA"), gamma(1))
    yield "png_gamma_like_srgb.png", png(colored, gamma(0.44))
    yield "png_srgb_before_gamma.png", png(colored, gamma(1), (b"sRGB", b"\0"))
    yield "png_code_p3.png", png(colored, code(12, 13))
    yield "png_code_bt2020.png", png(colored, code(9, 14))
    yield "png_code_before_profile.png", png(colored, code(12, 13), embedded(PROFILE))
    yield "png_profile_before_gamma.png", png(colored, gamma(0.3), embedded(PROFILE))
    yield "png_gray_profile.png", png(gray, embedded(GRAY_PROFILE))
    yield "png_gray_alpha_profile.png", png(pale.convert("LA"), embedded(GRAY_PROFILE))
    yield "png_gray_colored_profile.png", png(gray, embedded(PROFILE))
    dim = colored.point(lambda value: value * 3 // 4)
    yield "png_pq.png", png(dim, code(9, 16))
    yield "png_pq_peak.png", png(dim, code(9, 16), (b"cLLI", struct.pack(">II", 400 * 10_000, 10_000)))
    yield "png_hlg_alpha.png", png(pale, code(9, 18))
    for bits in (1, 2, 4):
        yield f"png_gray{bits}_hole.png", gray_png(bits, 1)
    yield "png_gray16_hole.png", deep_png(0, (0x1234,))
    yield "png_rgb16_hole.png", deep_png(2, (0x1234, 0x2345, 0x3456))
    yield "apng_hidden.png", hidden((0, 0, *SIZE), (0, 200, 0, 255))
    yield "apng_hidden_small.png", hidden((36, 24, 72, 48), (0, 200, 0, 128), blend=1)
    yield "gif_small_first.gif", small_gif()
    yield "webp_small_first.webp", small_webp()
    yield "jpeg_p3.jpg", encoded(colored, "JPEG", quality=95, icc_profile=WIDE_PROFILE)
    yield "jpeg_gray_profile.jpg", encoded(gray, "JPEG", quality=95, icc_profile=GRAY_PROFILE)
    yield "jpeg_rgb.jpg", encoded(colored, "JPEG", quality=95, keep_rgb=True)
    yield "jpeg_cmyk.jpg", cmyk()
    yield "jpeg_cmyk_profile.jpg", cmyk(profile=GRAY_CMYK)
    yield "jpeg_ycck.jpg", ycck()
    yield "webp_p3_alpha.webp", encoded(pale, "WEBP", quality=95, icc_profile=WIDE_PROFILE)
    yield "bmp_profile.bmp", bmp()
    yield "heic_p3.heic", heic(colored, code=(12, 13, 6))
    yield "heic_pq.heic", heic(dim, code=(9, 16, 9))
    yield "heic_hlg.heic", heic(colored, code=(9, 18, 9))


AVIFS = {
    "avif_p3.avif": "--cicp 12/13/6",
    "avif_p3_turned.avif": "--cicp 12/13/6 --irot 1",
    "avif_bt2020.avif": "--cicp 9/1/9 -d 12",
    "avif_bt601.avif": "--cicp 6/6/6 -r limited",
    "avif_pq.avif": "--cicp 9/16/9 -d 10 -r limited",
    "avif_hlg.avif": "--cicp 9/18/9 -d 10",
    "avif_gray_pq.avif": "--cicp 9/16/9 -y 400",
    "avif_cropped.avif": "--clap 143,1,95,1,-1,2,-1,2",
    "avif_mirrored.avif": "--imir 1 --irot 1",
}
_SDR, _HDR = "-pix_fmt yuv420p", "-pix_fmt yuv420p10le"
FILMS = {
    "film_pq.webm": f"bt2020 smpte2084 bt2020 libvpx-vp9 {_HDR}",
    "film_hlg.mp4": f"bt2020 arib-std-b67 bt2020 libx264 {_HDR}",
    "film_bt2020.webm": f"bt2020 bt2020-10 bt2020 libvpx-vp9 {_HDR}",
    "film_p3.mp4": f"smpte432 bt709 smpte170m libx264 {_SDR}",
    "film_pal.mp4": f"bt470bg bt709 bt470bg libx264 {_SDR}",
    "film_wide_pixels.mp4": f"smpte170m smpte170m smpte170m libx264 {_SDR} -vf setsar=20/11",
    "film_tall_pixels.webm": f"smpte170m smpte170m smpte170m libvpx-vp9 {_SDR} -vf setsar=1/2",
    "film_transparent.webm": "smpte170m smpte170m smpte170m libvpx-vp9 -pix_fmt yuva420p",
    "film_short_pictures.mp4": f"smpte170m smpte170m smpte170m libx264 {_SDR}",
}
MATRICES = {
    "film_mirrored.mp4": ("film_pal.mp4", (-1, 0, 0, 1)),
    "film_upside_down.mp4": ("film_pal.mp4", (1, 0, 0, -1)),
    "film_mirrored_turned.mp4": ("film_pal.mp4", (0, 1, 1, 0)),
    "film_wide_pixels_turned.mp4": ("film_wide_pixels.mp4", (0, 1, -1, 0)),
}


def avif(name: str, source: str) -> None:
    """Let avifenc write a file."""
    command = ["avifenc", "-s", "6", "--min", "4", "--max", "12", *AVIFS[name].split(), source, str(FILES / name)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def film(name: str, source: str) -> None:
    """Let FFmpeg write a film of two seconds; in one of them it can be heard for six."""
    primaries, transfer, matrix, codec, *options = FILMS[name].split()
    scale = f"scale=out_range=tv:out_color_matrix={'bt2020' if matrix == 'bt2020' else 'bt601'}"
    if "-vf" in options:
        scale += "," + options.pop()
        options.pop()
    colors = f"-color_primaries {primaries} -color_trc {transfer} -color_range tv -colorspace"
    colors += " " + matrix.replace("bt2020", "bt2020nc")
    command = ["ffmpeg", "-v", "error", "-y", "-loop", "1", "-t", "2", "-i", source]
    if name == "film_short_pictures.mp4":
        command += ["-f", "lavfi", "-t", "6", "-i", "anullsrc"]
    command += ["-r", "2", "-vf", scale, "-c:v", codec, "-crf", "12", "-b:v", "0", *options, *colors.split()]
    subprocess.run([*command, str(FILES / name)], check=True)


def with_matrix(data: bytes, matrix: tuple[int, ...]) -> bytes:
    """Write into a film's header how it is to be turned."""
    a, b, c, d = (value * 0x10000 for value in matrix)
    at = data.index(b"tkhd") + 44
    return data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000) + data[at + 36 :]


def main() -> None:
    """Make them all."""
    FILES.mkdir(exist_ok=True)
    for name, data in pictures():
        (FILES / name).write_bytes(data)
    with tempfile.TemporaryDirectory() as folder:
        opaque, pale, dim = (str(Path(folder, name)) for name in ("opaque.png", "pale.png", "dim.png"))
        fields().save(opaque)
        faded().save(pale)
        fields().point(lambda value: value * 3 // 4).save(dim)
        for name in (*AVIFS, *FILMS):
            source = pale if name.startswith("film_tr") else dim if "_pq" in name else opaque
            (avif if name in AVIFS else film)(name, source)
    for name, (source, matrix) in MATRICES.items():
        (FILES / name).write_bytes(with_matrix((FILES / source).read_bytes(), matrix))


if __name__ == "__main__":
    main()
