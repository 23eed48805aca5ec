"""What an operator chooses about originals is checked when it is chosen."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from chevupload import Originals, Principal
from chevupload.errors import ConfigError


def test_conversions_are_kept_as_pairs() -> None:
    """However they are given: two that mean the same are equal, hashable, and copied with a process."""
    mapping = Originals(convert={"PNG": "WEBP", "HEIC": "JPEG"})
    pairs = Originals(convert=(("PNG", "WEBP"), ("HEIC", "JPEG")))
    assert (mapping, hash(mapping), pickle.loads(pickle.dumps(mapping))) == (pairs, hash(pairs), pairs)
    assert dict(mapping.convert) == {"PNG": "WEBP", "HEIC": "JPEG"}
    assert hash(Principal(user_id="1", originals=mapping)) == hash(Principal(user_id="1", originals=pairs))


def test_a_mapping_that_changes_later_changes_nothing() -> None:
    """The value is frozen, and keeps what it was given."""
    given = {"PNG": "WEBP"}
    made = Originals(convert=given)
    given["PNG"] = "JPEG"
    assert dict(made.convert)["PNG"] == "WEBP"


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"max_width": 0}, "Originals.max_width must be a whole number of pixels above 0, or None: 0"),
        ({"max_height": -1}, "Originals.max_height must be a whole number"),
        ({"convert": {"TIFF": "PNG"}}, "Originals.convert must be a mapping"),
        ({"convert": {"PNG": "GIF"}}, "Originals.convert must be a mapping"),
        ({"convert": {"PNG": "HEIC"}}, "Originals.convert must be a mapping"),
        ({"convert": {"PNG": "AVIF"}}, "Originals.convert must be a mapping"),
        ({"convert": {"MP4": "WEBP"}}, "Originals.convert must be a mapping"),
        ({"convert": {"PNG": "PNG"}}, "Originals.convert must be a mapping"),
        ({"convert": {"png": "WEBP"}}, "Originals.convert must be a mapping"),
        ({"convert": (("PNG", "WEBP"), ("PNG", "JPEG"))}, "Originals.convert must be a mapping"),
        ({"convert": "PNG:WEBP"}, "Originals.convert must be a mapping"),
        ({"convert": ("PNG", "WEBP")}, "Originals.convert must be a mapping"),
        ({"convert": 5}, "Originals.convert must be a mapping"),
    ],
)
def test_what_cannot_be_meant_is_refused(chosen: dict[str, Any], told: str) -> None:
    """At construction, by its name."""
    with pytest.raises(ConfigError, match=told):
        Originals(**chosen)
