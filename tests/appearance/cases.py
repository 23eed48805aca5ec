"""Files whose colors, shape, transparency, length or first picture are easily shown wrongly, one for each kind.

A new row wants a file in ``files``, and what a browser makes of it in ``expected.json``, which
``python -m tests.appearance.record`` writes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = Path(__file__).parent / "files"
RECORD = Path(__file__).parent / "expected.json"
EXPECTED: dict[str, dict[str, Any]] = json.loads(RECORD.read_text())
"""What the browser shows of each file: its size, its length in whole seconds, and how it and its middle look."""
MAPPED = 10.0
"""How far tone-mapped pictures may be from the browser's, of 255."""

COARSE = 7.0
"""The same where the browser's own colors are coarse: its matrix of BT.2020 ends at a factor of 2 for blue."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of file.

    Attributes:
        name: of the file.
        about: what is easily shown wrongly.
        tolerance: how far the fields of what is made may be from the original's on average, of 255.
        code: the code points of a HEIC, which no browser shows: a PNG that has them, too, is shown instead.
    """

    name: str
    about: str
    tolerance: float = 3.0
    code: tuple[int, int] | None = None

    @property
    def content(self) -> bytes:
        """The file."""
        return (FILES / self.name).read_bytes()

    @property
    def format(self) -> str:
        """What it is called."""
        if self.is_film:
            return {"mp4": "MP4", "webm": "WebM"}[self.name.rpartition(".")[2]]
        return {"webp": "WebP"}.get(kind := self.name.partition("_")[0], kind.upper())

    @property
    def moves(self) -> bool:
        """Whether it is stored as it is, whatever is asked for."""
        return self.is_film or self.name.startswith(("apng", "gif_small_first", "webp_small_first"))

    @property
    def is_film(self) -> bool:
        """Whether it is played."""
        return self.name.startswith("film")


CASES = (
    Case("png_gamma.png", "gamma"),
    Case("png_gamma_turned.png", "gamma, and an original that is turned"),
    Case("png_gamma_primaries.png", "gamma and primaries"),
    Case("png_gamma_palette.png", "gamma of a palette"),
    Case("png_gamma_gray.png", "gamma of gray"),
    Case("png_gamma_gray_alpha.png", "gamma of gray with an alpha channel"),
    Case("png_gamma_like_srgb.png", "gamma that is taken for sRGB"),
    Case("png_srgb_before_gamma.png", "sRGB comes before gamma"),
    Case("png_code_p3.png", "Display P3 by code points"),
    Case("png_code_bt2020.png", "BT.2020 by code points"),
    Case("png_code_before_profile.png", "code points come before a profile"),
    Case("png_profile_before_gamma.png", "a profile comes before gamma"),
    Case("png_gray_profile.png", "profile of gray"),
    Case("png_gray_alpha_profile.png", "profile of gray with an alpha channel"),
    Case("png_gray_colored_profile.png", "profile of colors in a gray picture"),
    Case("png_pq.png", "PQ", MAPPED),
    Case("png_pq_peak.png", "PQ, and the brightest light is told", MAPPED),
    Case("png_hlg_alpha.png", "HLG with an alpha channel", MAPPED),
    Case("png_gray1_hole.png", "a transparent value of 1 bit"),
    Case("png_gray2_hole.png", "a transparent value of 2 bits"),
    Case("png_gray4_hole.png", "a transparent value of 4 bits"),
    Case("png_gray16_hole.png", "a transparent value of 16 bits"),
    Case("png_rgb16_hole.png", "a transparent color of 16 bits"),
    Case("apng_hidden.png", "a default image that is no frame"),
    Case("apng_hidden_small.png", "the same, and a first frame smaller than the canvas"),
    Case("gif_small_first.gif", "a first frame smaller than the canvas"),
    Case("webp_small_first.webp", "a first frame smaller than the canvas"),
    Case("jpeg_p3.jpg", "Display P3 by profile"),
    Case("jpeg_gray_profile.jpg", "profile of gray"),
    Case("jpeg_rgb.jpg", "RGB, not YCbCr"),
    Case("jpeg_cmyk.jpg", "CMYK"),
    Case("jpeg_cmyk_profile.jpg", "CMYK with a profile"),
    Case("jpeg_ycck.jpg", "YCCK"),
    Case("webp_p3_alpha.webp", "Display P3 by profile, with an alpha channel"),
    Case("bmp_profile.bmp", "a profile in a BMP, which is stored as PNG"),
    Case("avif_p3.avif", "Display P3 by code points"),
    Case("avif_p3_turned.avif", "the same, and an original that is turned"),
    Case("avif_bt2020.avif", "BT.2020 by code points, 12 bits"),
    Case("avif_bt601.avif", "primaries of television, limited range"),
    Case("avif_pq.avif", "PQ, 10 bits, limited range", MAPPED),
    Case("avif_hlg.avif", "HLG", MAPPED),
    Case("avif_gray_pq.avif", "PQ in gray", MAPPED),
    Case("avif_cropped.avif", "a clean aperture"),
    Case("avif_mirrored.avif", "turned and mirrored"),
    Case("heic_p3.heic", "Display P3 by code points", code=(12, 13)),
    Case("heic_pq.heic", "PQ", MAPPED, code=(9, 16)),
    Case("heic_hlg.heic", "HLG", MAPPED, code=(9, 18)),
    Case("film_pq.webm", "PQ (HDR10)", MAPPED),
    Case("film_hlg.mp4", "HLG", MAPPED),
    Case("film_bt2020.webm", "BT.2020 without high dynamic range", COARSE),
    Case("film_p3.mp4", "Display P3"),
    Case("film_pal.mp4", "European television"),
    Case("film_wide_pixels.mp4", "pixels wider than high"),
    Case("film_wide_pixels_turned.mp4", "the same, turned"),
    Case("film_tall_pixels.webm", "pixels higher than wide"),
    Case("film_mirrored.mp4", "left is right"),
    Case("film_upside_down.mp4", "up is down"),
    Case("film_mirrored_turned.mp4", "mirrored and turned"),
    Case("film_transparent.webm", "transparency, shown on white"),
    Case("film_short_pictures.mp4", "heard for longer than it is seen"),
)
