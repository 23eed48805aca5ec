"""What a key is for is checked when it is said, and only ever takes away."""

from __future__ import annotations

import pytest

from chevupload.errors import ConfigError
from chevupload.model import Principal
from chevupload.policy.restrictions import SCOPES, KeyRestrictions

WRONG = [
    {"scopes": {"upload", "fly"}},
    {"scopes": "upload"},
    {"scopes": {1}},
    {"album_id": ""},
    {"album_id": "a" * 65},
    {"album_id": "a\nb"},
    {"album_id": 7},
    {"formats": {"PNG", "TIFF"}},
    {"formats": "PNG"},
    {"origins": {"https://Forum.example"}},
    {"origins": {"https://forum.example/"}},
    {"origins": "https://forum.example"},
    {"origins": {f"https://{number}.example" for number in range(21)}},
    {"origins": {f"https://{'a' * 300}.example"}},
]


@pytest.mark.parametrize("wrong", [*WRONG, {"max_bytes": 0}, {"max_bytes": True}, {"max_bytes": "9"}], ids=str)
def test_what_cannot_be_meant_is_refused(wrong):
    """By the name of what is wrong, for keys and for the principals of a host's own backend alike."""
    (name,) = wrong
    with pytest.raises(ConfigError, match=rf"KeyRestrictions\.{name} must be"):
        KeyRestrictions(**wrong)
    name = name.replace("max_bytes", "key_max_bytes")
    with pytest.raises(ConfigError, match=rf"Principal\.{name} must be"):
        Principal(user_id="7", **{name: next(iter(wrong.values()))})


def test_sets_are_kept_as_sets():
    """However they are given."""
    given = KeyRestrictions(scopes=["upload", "list"], formats=("PNG",), origins={"null", "https://forum.example:8080"})
    assert given == KeyRestrictions(
        scopes=frozenset({"list", "upload"}), formats=frozenset({"PNG"}), origins=frozenset(given.origins)
    )
    assert Principal(scopes=["upload"]).scopes == frozenset({"upload"})


def test_who_is_restricted_by_nothing_may_do_everything():
    """As before there were restrictions."""
    principal = Principal(user_id="7", max_bytes=9)
    assert [scope for scope in SCOPES if not principal.may(scope)] == []
    assert principal.narrowed(KeyRestrictions()) is principal


def test_restrictions_only_ever_take_away():
    """What one allows and the other does not is not allowed, whichever of them comes first."""
    one = KeyRestrictions(
        scopes={"upload", "list"}, max_bytes=5, formats={"PNG", "GIF"}, origins={"https://a.example", "null"}
    )
    other = KeyRestrictions(
        scopes={"upload", "edit"}, max_bytes=7, formats={"PNG", "JPEG"}, origins={"null"}, album_id="album"
    )
    user = Principal(user_id="7", is_admin=True, max_bytes=100, data="plan")
    both = user.narrowed(one).narrowed(other)
    assert both == user.narrowed(other).narrowed(one) == both.narrowed(one)
    assert both == Principal(
        user_id="7",
        is_admin=True,
        max_bytes=100,
        scopes={"upload"},
        formats={"PNG"},
        origins={"null"},
        album_id="album",
        key_max_bytes=5,
    )
    assert both.data == "plan"
    nothing = both.narrowed(KeyRestrictions(scopes={"delete"}, formats=()))
    assert [scope for scope in SCOPES if nothing.may(scope)] == []
    assert nothing.formats == frozenset()


def test_nothing_can_be_in_two_albums():
    """Who is for one album and for another one may do nothing."""
    assert Principal(album_id="a").narrowed(KeyRestrictions(album_id="b")).scopes == frozenset()
    assert Principal(album_id="a").narrowed(KeyRestrictions(album_id="a")).scopes is None
