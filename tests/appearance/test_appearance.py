"""What is made of a file looks as a browser shows the file; the browser's word is kept in ``expected.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chevupload.model import MediaFile
from tests.appearance.cases import CASES, EXPECTED, FILES, Case
from tests.appearance.looks import distance, look, opened, square_look
from tests.media.pictures import processed

SMALL = {"thumb_side": 64, "medium_side": 100}


def ids(case: Case) -> str:
    return case.name


def apart(made: MediaFile, expected: Any, *, is_square: bool = False) -> float:
    picture = opened(Path(made.path).read_bytes())
    return distance((square_look if is_square else look)(picture), expected)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_pictures_look_like_the_original(tmp_path: Path, case: Case) -> None:
    """Thumb, medium and frame, and an original that is written anew; size and length are those of a player."""
    result, expected = processed(tmp_path, case.content, **SMALL), EXPECTED[case.name]
    assert ([result.width, result.height], result.duration) == (expected["size"], expected["seconds"])
    assert result.thumb is not None
    assert apart(result.thumb, expected["square"], is_square=True) < case.tolerance
    for made in (result.medium, result.frame, result.original):
        assert made is None or apart(made, expected["whole"]) < case.tolerance


@pytest.mark.parametrize("case", [case for case in CASES if not case.moves], ids=ids)
def test_a_smaller_original_looks_like_it(tmp_path: Path, case: Case) -> None:
    """So does one in another format."""
    for changes in ({"width": 60}, {"convert": dict.fromkeys(("JPEG", "PNG", "AVIF", "HEIC"), "WEBP")}):
        result = processed(tmp_path, case.content, **SMALL, **changes)
        if case.name == "jpeg_cmyk_profile.jpg" and result.format == "JPEG":
            continue  # The browser's own way with four inks: only it can tell.
        assert result.original is None or apart(result.original, EXPECTED[case.name]["whole"]) < case.tolerance


def test_every_file_is_a_case() -> None:
    """None lies about, and none is missing."""
    assert {path.name for path in FILES.iterdir()} == {case.name for case in CASES} == set(EXPECTED)
