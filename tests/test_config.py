from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from chevupload.config import FORMATS, Limits, Policy, Renditions, Routes
from chevupload.errors import ConfigError


@pytest.mark.parametrize("settings", [Limits, Renditions, Routes, Policy])
def test_defaults_are_right_and_final(settings):
    """Settings need no argument to be valid, and nobody changes them behind a running component."""
    made = settings()
    assert made == settings()
    with pytest.raises(FrozenInstanceError):
        setattr(made, fields(made)[0].name, None)


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_is_positive(name, value):
    """Whether zero means nothing or no limit nobody can tell, so it is refused, and the message names the limit."""
    with pytest.raises(ConfigError, match=f"Limits.{name} must be positive"):
        Limits(**{name: value})
    assert getattr(Limits(**{name: 1}), name) == 1


@pytest.mark.parametrize("name", ["thumb_side", "medium_width", "quality"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_side_is_positive(name, value):
    """A picture without pixels or quality is found at construction, by name, not at the first upload."""
    with pytest.raises(ConfigError, match=f"Renditions.{name} must be positive"):
        Renditions(**{name: value})


def test_quality_ends_at_100():
    """Encoders know qualities up to 100; whatever is above is a mistake."""
    assert Renditions(quality=100).quality == 100
    with pytest.raises(ConfigError, match="at most 100"):
        Renditions(quality=101)


@pytest.mark.parametrize("name", ["upload", "viewer", "video", "files"])
@pytest.mark.parametrize(
    "value", ["", "/", "/a", "a/", "a//b", "..", "a b", "a..b", ".a", "a.", "é", "a?", "a\n", "{id}", "a%2f"]
)
def test_a_route_is_plain(name, value):
    """A route is compared with request paths and written into links as it is, so it holds nothing to escape."""
    with pytest.raises(ConfigError, match="not a usable route"):
        Routes(**{name: value})


@pytest.mark.parametrize("value", [None, "a", "api/2/up-load", "A_b/1"])
def test_usable_routes(value):
    """A route may have several segments, and None switches it off."""
    assert Routes(upload=value).upload == value


def test_several_routes_may_be_off():
    """None is no address, so any number of routes may be off without being taken for the same."""
    assert Routes(upload=None, viewer=None, video=None, files=None) == Routes(
        upload=None, viewer=None, video=None, files=None
    )


def test_routes_differ():
    """Of two routes at one address one could never be reached."""
    with pytest.raises(ConfigError, match="the same"):
        Routes(viewer="clip")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"formats": ("JPEG", "TIFF", "EPS")}, "unknown formats: EPS, TIFF"),
        ({"formats": ("jpeg",)}, "unknown formats: jpeg"),
        ({"formats": "JPEG"}, "unknown formats"),
        ({"naming": "uuid"}, "unknown naming: 'uuid'"),
        ({"storage_mode": "flat"}, "unknown storage mode: 'flat'"),
        ({"duplicates": "no"}, "unknown duplicates policy: 'no'"),
        ({"cors_origins": "https://example.org"}, "cors_origins is a tuple"),
    ],
)
def test_unknown_words_are_refused(settings, message):
    """A misspelled choice is named in a ConfigError instead of falling back to another one."""
    with pytest.raises(ConfigError, match=message):
        Policy(**settings)


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_can_be_chosen(format_):
    """A site may accept any single format."""
    assert Policy(formats=(format_,)).formats == (format_,)


@pytest.mark.parametrize("naming", ["original", "random", "mixed", "id"])
@pytest.mark.parametrize("storage_mode", ["datefolder", "direct"])
@pytest.mark.parametrize("duplicates", ["allow", "reject"])
def test_every_known_word_is_taken(naming, storage_mode, duplicates):
    """Every choice that is offered can be made together with every other."""
    policy = Policy(naming=naming, storage_mode=storage_mode, duplicates=duplicates)
    assert (policy.naming, policy.storage_mode, policy.duplicates) == (naming, storage_mode, duplicates)
