"""Animations go the whole way: told as such, stored with every frame, and shown by their first one."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from chevupload.config import Originals
from tests.formats.outcome import SECRETS, UPRIGHT, frames
from tests.formats.samples import DURATIONS, SIZE, VARIANTS
from tests.media.films import corners

MOVING = ("APNG", "GIF, animated", "WebP, animated", "AVIF, sequence")


@pytest.fixture(params=MOVING)
def variant(request):
    """Return a format that moves."""
    return next(variant for variant in VARIANTS if variant.name == request.param)


def assert_first_frame(stand, image):
    for member, size in (("thumb", (320, 320)), ("medium", (500, 333))):
        data = stand.open(image[member]["url"]).data
        with Image.open(io.BytesIO(data)) as shown:
            assert (shown.format.lower(), shown.size, len(frames(data))) == (image["extension"], size, 1)
            assert corners(shown.convert("RGB")) == UPRIGHT


def test_it_is_stored_as_it_is(stand, variant):
    """Byte for byte, whatever width is asked for; its pictures stand still."""
    content = variant.plain()
    image = stand.upload(content, "a.gif", width="100")
    assert (image["is_animated"], image["width"], image["height"], image["source_md5"]) == (1, *SIZE, None)
    assert stand.open(image["url"]).data == content
    assert_first_frame(stand, image)


def test_it_moves_without_its_metadata(make, variant):
    """Every frame stays, for as long as it was seen."""
    stand = make(originals=Originals(keep_exif=False))
    image = stand.upload(variant.told())
    stored = stand.open(image["url"]).data
    assert [name for name, secret in SECRETS.items() if secret in stored] == []
    assert (image["is_animated"], [time for _, time in frames(stored)]) == (1, DURATIONS)
    assert_first_frame(stand, image)
