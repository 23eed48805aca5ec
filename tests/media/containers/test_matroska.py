"""WebM films lose their metadata where it stands, and nothing else."""

from __future__ import annotations

import io
import random

import pytest

from chevupload.errors import BrokenImage
from chevupload.media.containers import matroska as module
from chevupload.media.containers.matroska import strip
from tests.media.films import film
from tests.media.located import PLACE, WRITERS, located, played, shown
from tests.media.mutations import mutated

FILMS = [writer for writer in WRITERS if writer.startswith("WEBM")]
SUBTITLES, NOTES = b"\x11", b"\x21"


def voided(data: bytes) -> tuple[bytes, bool]:
    target = io.BytesIO()
    is_changed = strip(io.BytesIO(data), target)
    assert target.tell() == len(target.getvalue())
    return target.getvalue(), is_changed


@pytest.mark.parametrize("writer", FILMS)
@pytest.mark.parametrize("timed", [SUBTITLES, NOTES])
def test_a_film_loses_every_place(writer: str, timed: bytes) -> None:
    """In tags, titles and a track of its own, with and without lengths; pictures play as they did."""
    data = located(writer, timed=timed)
    result, is_changed = voided(data)
    assert (is_changed, len(result)) == (True, len(data))
    assert (data.count(PLACE) > 8, PLACE in result, b"secret" in data, b"secret" in result) == (
        True,
        False,
        True,
        False,
    )
    assert (played(result), shown(result)) == (played(data), shown(data))
    assert voided(result) == (result, False)


@pytest.mark.parametrize("options", [{}, {"live": "1"}])
def test_a_film_with_sound_plays_as_it_did(options: dict[str, str]) -> None:
    """Sound is no note; the program that wrote it is not named any more, but for the part that players ask for."""
    data = film("webm", seconds=9, sound=True, **options)
    result, _ = voided(data)
    assert played(result, None) == played(data, None)
    assert (data.count(b"Lavf") > 1, result.count(b"Lavf")) == (True, 1)


def element(name: str, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return bytes.fromhex(name) + (len(data) | 1 << 28).to_bytes(4, "big") + data


HEAD = element("1a45dfa3", element("4282", b"webm"))


def test_long_and_short_elements_become_strip() -> None:
    """An element of two bytes, and one whose length is spelled in eight bytes, are as long as they were."""
    long = bytes.fromhex("1254c367" + "01000000000000" + "06") + b"secret"
    result, _ = voided(HEAD + element("18538067", b"\xbf\x80", long, element("e7", b"kept")))
    assert result == HEAD + element(
        "18538067", b"\xec\x80", b"\xec" + b"\x01" + (9).to_bytes(7, "big") + bytes(9), element("e7", b"kept")
    )


def test_groups_of_a_note_go() -> None:
    """A block may stand in a group; what has none, or is another track's, stays."""
    track = element("ae", element("d7", b"\2"), element("83", NOTES), element("536e", b"secret"))
    groups = [
        element("a0", element("a1", number + b"\0\0\0", text))
        for number, text in ((b"\x82", b"secret"), (b"\x81", b"kept"))
    ]
    data = HEAD + element("18538067", element("1654ae6b", track), element("1f43b675", *groups, element("a0", b"")))
    result, _ = voided(data)
    assert (len(result), b"secret" in result, b"kept" in result) == (len(data), False, True)


@pytest.mark.parametrize(
    "more", [element("1254c367", b"secret"), b"secret", HEAD + b"secret", b"\0secret", b"\x81\0secret"]
)
def test_what_follows_the_film_goes(more: bytes) -> None:
    """Elements behind the segment, and what is none; in it, too."""
    data = film("webm")
    result, _ = voided(data + more)
    assert (b"secret" in result, played(result)) == (False, played(data))
    inside, _ = voided(HEAD + element("18538067", element("1549a966", b"\0secret"), b"\0secret"))
    assert b"secret" not in inside


def test_a_recording_that_was_cut_off_keeps_what_it_has() -> None:
    """Its last element says more than there is."""
    data = film("webm", seconds=9)
    cut = data[: data.index(b"\x1f\x43\xb6\x75") + 200]
    assert shown(voided(cut)[0], 1) == shown(data, 1)


def test_a_block_of_no_track_is_refused() -> None:
    """Where notes go, nothing stays of which nobody knows whose it is."""
    track = element("ae", element("d7", b"\2"), element("83", NOTES))
    with pytest.raises(BrokenImage):
        voided(HEAD + element("18538067", element("1654ae6b", track), element("1f43b675", element("a3"))))


def test_elements_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read without bounds."""
    monkeypatch.setattr(module, "MAX_ELEMENTS", 2_000)
    with pytest.raises(BrokenImage):
        voided(HEAD + element("18538067", element("1549a966", b"\xec\x80" * 2_000)))


@pytest.mark.slow
def test_damage_ends_in_a_copy_or_a_refusal() -> None:
    """Whatever stands in the elements, the copy is no longer than the file."""
    whole = [located(writer, timed=NOTES) for writer in FILMS]
    for number in range(300):
        data = mutated(random.Random(number), whole[number % len(whole)])
        try:
            assert len(voided(data)[0]) <= len(data)
        except BrokenImage:
            continue
