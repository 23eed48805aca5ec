"""Uploads samples to a component, and says what came of them in a word or two for each question."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import av
import pi_heif
from PIL import Image, ImageOps
from PIL.ImageSequence import Iterator

from tests.formats.samples import CAMERA, COMMENT, PLACE, SIZE, Variant
from tests.media.films import corners
from tests.media.pictures import PNG
from tests.support import Stand

NONE = "–"
"""What the format has not, or no sample here has."""
UPRIGHT = ["r", "g", "white", "b"]
"""The corners of the samples' picture."""
SECRETS = {"camera": CAMERA, "place": PLACE, "comment": COMMENT}


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answered upload, and the files that are served for it."""

    sent: bytes
    image: dict[str, Any]
    original: bytes
    derived: dict[str, bytes]

    @property
    def is_untouched(self) -> bool:
        """Whether the stored original is what was sent, byte for byte."""
        return self.original == self.sent

    @property
    def is_film(self) -> bool:
        """Whether the original is no picture."""
        return self.image["type"] == "video"

    def pictures(self) -> dict[str, Image.Image]:
        """Open the derived pictures, by their names."""
        return {name: opened(data) for name, data in self.derived.items()}


def uploaded(stand: Stand, sent: bytes) -> Outcome:
    """Upload a sample and fetch what is stored of it."""
    image = stand.upload(sent, "sample")
    derived = {
        name: stand.open(image[name]["url"]).data
        for name in ("thumb", "medium", "frame")
        if image.get(name, {}).get("url")
    }
    return Outcome(sent, image, stand.open(image["url"]).data, derived)


def opened(data: bytes) -> Image.Image:
    """Open a picture as a viewer shows it: its first frame, upright."""
    if _is_heic(data):
        return pi_heif.open_heif(io.BytesIO(data)).to_pillow()
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return ImageOps.exif_transpose(image)


def frames(data: bytes) -> list[tuple[bytes, int | None]]:
    """Return the pixels of each frame, and how long it is seen, in milliseconds."""
    with Image.open(io.BytesIO(data)) as image:
        # Pixels first: some decoders know of a frame's time only with them.
        return [(frame.convert("RGBA").tobytes(), frame.info.get("duration")) for frame in Iterator(image)]


def stored(outcome: Outcome) -> list[str]:
    """Tell as what it is stored, what is made of it, and what the answer says of its time."""
    kept = "untouched" if outcome.is_untouched else "written anew"
    made = [_made(outcome, name) for name in ("thumb", "medium", "frame")]
    animated = "yes" if outcome.image["is_animated"] else "no"
    seconds = f"{outcome.image['duration']} s" if outcome.is_film else NONE
    return [f"`.{outcome.image['extension']}`, {kept}", *made, animated, seconds]


def _made(outcome: Outcome, name: str) -> str:
    data = outcome.derived.get(name)
    if data is None:
        return NONE
    with Image.open(io.BytesIO(data)) as image:
        told = str(image.format)
    if len(frames(data)) > 1:
        told += ", animated"
    return told if corners(opened(data).convert("RGB")) == UPRIGHT else f"{told}, not the first frame"


def transparent(stand: Stand, variant: Variant) -> str:
    """Tell whether the hole in the middle is one still, and nothing else is."""
    if not variant.has("transparency"):
        return NONE
    outcome = uploaded(stand, variant.transparent())
    pictures = {"original": opened(outcome.original)} | outcome.pictures()
    return _yes({name: _has_hole(picture.convert("RGBA")) for name, picture in pictures.items()}, "kept")


def _has_hole(picture: Image.Image) -> bool:
    alpha = picture.getchannel("A")
    return (alpha.getpixel((alpha.width // 2, alpha.height // 2)), alpha.getpixel((2, 2))) == (0, 255)


def turned(stand: Stand, variant: Variant) -> str:
    """Tell whether everything is upright of what was stored lying on its side, and how that came about."""
    if not variant.has("orientation"):
        return NONE
    outcome = uploaded(stand, variant.tilted())
    pictures = outcome.pictures()
    if not outcome.is_film:  # what a player shows of it, the pictures show
        pictures["original"] = opened(outcome.original)
    right = {name: corners(picture.convert("RGB")) == UPRIGHT for name, picture in pictures.items()}
    right["size"] = (outcome.image["width"], outcome.image["height"]) == SIZE
    return _yes(right, "right; original untouched" if outcome.is_untouched else f"right; {_turning(outcome)}")


def _turning(outcome: Outcome) -> str:
    same = opened(outcome.sent).tobytes() == opened(outcome.original).tobytes()
    is_lossless = same and _depth(outcome.sent) == _depth(outcome.original)
    return "original turned" if is_lossless else "original turned, encoded again"


def _yes(right: dict[str, bool], word: str) -> str:
    wrong = [name for name, is_right in right.items() if not is_right]
    return f"wrong: {', '.join(wrong)}" if wrong else word


def profiled(stand: Stand, variant: Variant) -> list[str]:
    """Tell what became of the color profile, in the original and in the pictures made of it."""
    if not variant.has("profile"):
        return [NONE, NONE]
    outcome = uploaded(stand, variant.profiled())
    fates = {_fate(picture, variant.profile) for picture in outcome.pictures().values()}
    return [_fate(opened(outcome.original), variant.profile), " or ".join(sorted(fates))]


def _fate(picture: Image.Image, profile: bytes) -> str:
    if picture.info.get("icc_profile") == profile:
        return "kept"
    # The profile of CMYK says that all is gray, so what became gray was turned by it.
    is_gray = all(max(pixel) - min(pixel) < 12 for _, pixel in picture.convert("RGB").resize((4, 4)).getcolors() or [])
    return "turned to sRGB" if is_gray else "lost"


def told(keeping: Stand, removing: Stand, variant: Variant) -> list[str]:
    """Tell what of camera, place and comment stays where it may, in derived pictures, and where it is removed."""
    if not variant.has("metadata"):
        return [NONE] * 4
    sent = variant.told()
    known = [name for name, secret in SECRETS.items() if secret in sent]
    assert known, variant.name
    kept, removed = uploaded(keeping, sent), uploaded(removing, sent)
    derived = b"".join([*kept.derived.values(), *removed.derived.values()])
    return [_left(kept.original, known), _left(derived, known), _left(removed.original, known), _way(removed)]


def _left(data: bytes, known: list[str]) -> str:
    return ", ".join(name for name in known if SECRETS[name] in data) or "nothing"


def _way(removed: Outcome) -> str:
    """Tell how metadata was removed."""
    return "untouched" if removed.is_untouched else f"`.{removed.image['extension']}`, {_written(removed)}"


def _written(outcome: Outcome) -> str:
    """Tell what an original that was written anew has lost by that."""
    if outcome.is_film:
        return "same packets" if _packets(outcome.sent) == _packets(outcome.original) else "other packets"
    if _is_heic(outcome.sent):
        same = opened(outcome.sent).tobytes() == opened(outcome.original).tobytes()
        return "same pixels" if same else "encoded again"
    before, after = frames(outcome.sent), frames(outcome.original)
    if [time for _, time in before] != [time for _, time in after]:
        return "other frames"
    return "same pixels" if before == after and _depth(outcome.sent) == _depth(outcome.original) else "encoded again"


def _packets(film: bytes) -> list[tuple[int, int | None, bytes]]:
    """Return what a player gets of pictures and sound, and when."""
    with av.open(io.BytesIO(film)) as container:
        streams = [*container.streams.video, *container.streams.audio]
        return [(packet.stream.index, packet.pts, bytes(packet)) for packet in container.demux(streams)]


def _depth(data: bytes) -> int:
    """Return the bits of each color, of which only PNG has more than Pillow tells."""
    return data[24] if data.startswith(PNG) else 8


def _is_heic(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and b"heic" in data[8:24]
