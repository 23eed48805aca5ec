from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.naming import (
    DERIVED_SUFFIX,
    MAX_NAME,
    base_name,
    client_filename,
    default_title,
    month_digits,
    random_id,
    split_extension,
    with_suffix,
)


def test_ids_are_random():
    """Eight characters that need no escape anywhere."""
    ids = {random_id(8) for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9]{8}", id_) for id_ in ids)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.png", "a.png"),
        ("", ""),
        ("/", ""),
        ("C:\\fakepath\\a.png", "a.png"),
        ("../../etc/passwd", "passwd"),
        ("a/b\\c.png ", "c.png"),
        ("x" * 300, "x" * 255),
        ("a\x00b\n\x7f\udcff.png", "a\ufffdb\ufffd\ufffd\ufffd.png"),
        ("файл.jpg", "файл.jpg"),
    ],
)
def test_client_filenames(text, name):
    """The last segment of whatever path, in characters that every database holds."""
    assert client_filename(text) == name


@pytest.mark.parametrize(
    ("filename", "parts"),
    [
        ("photo.final.JPG", ("photo.final", "jpg")),
        ("noext", ("noext", "")),
        (".htaccess", ("", "htaccess")),
        ("a.", ("a", "")),
        ("", ("", "")),
    ],
)
def test_extensions(filename, parts):
    """Only what follows the last dot is the extension, in lower case; without a dot there is none."""
    assert split_extension(filename) == parts


@pytest.mark.parametrize(
    ("filename", "title"),
    [
        ("my_file-name.jpg", "my file name"),
        ("IMG_20240101", "IMG 20240101"),
        ("cannon-zoom-lens.jpeg", "cannon zoom lens"),
        ("My Photo_of-the  Day (1).JPG", "My Photo of the Day (1)"),
        ("a--_ \tb.png", "a b"),
        (" a .png", "a"),
        (".htaccess", None),
        ("", None),
    ],
)
def test_default_titles(filename, title):
    """The name without its extension, runs of separators folded."""
    assert default_title(filename) == title


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("photo.jpg", "photo"),
        ("a.png.png", "a"),
        ("a.png.PNG", "a"),
        ("a.tar.gz", "a.tar"),
        ("..a.png", "a"),
        ("foo.th.jpg", "foo"),
        ("foo.TH.jpg", "foo"),
        ("foo.md.th.fr.original.lg.jpg", "foo"),
        ("foo.th", "foo"),
        ("foo.w800.jpg", "foo"),
        ("foo.S40.th.w1600.jpg", "foo"),
        ("foo.w80000.jpg", "foo.w80000"),
        ("foo.v2.h264.x264.s01.mp4", "foo.v2.h264.x264.s01"),
        ("foo.th.jpg.jpg", "foo"),
        ("My Photo_of-the  Day (1).JPG", "My-Photo_of-the-Day-1"),
        ("ünïcode-日本 файл.jpg", "unicode--fayl"),
        ("Ёж Щука.png", "Yozh-Shchuka"),
        ("Straße Łódź Æsir.png", "Strasse-Lodz-AEsir"),
        ("--a--.png", "a"),
        ("X-MAX.png", "X-MAX"),
        (".png.png", "png"),
        (".th.jpg", "th"),
        ("." * 250 + "a.png", "a"),
        ("a\u00a0b\tc.png", "a-b-c"),
        ("evil.php", "evil"),
        ("a'\"<>|*?.png", "a"),
        ("x" * 300 + ".png", "x" * 200),
        ("x" * 199 + ".tail.png", "x" * 199),
        ("a.md.t(h.png", "a"),
        ("a..t(h.png", "a"),
        ("(.a.).png", "a"),
        ("a․th.png", "a"),
        ("x" * 197 + ".theory.png", "x" * 197),
        ("con.png", "con"),
    ],
)
def test_stored_names(filename, name):
    """Safe, and never one of our own derivatives' names."""
    assert base_name(filename) == name


@pytest.mark.parametrize("filename", ["", ".", "...", ".htaccess", "日本.png", "-.png", "!!!.png"])
def test_a_name_of_which_nothing_is_left_is_empty(filename):
    """Where nothing of the client's name can be kept, the record has a random one instead."""
    assert base_name(filename) == ""


SUFFIXES = st.lists(
    st.sampled_from([*".th0(é -a․…", "..", ".th", ".md", ".FR", ".w800", ".S40", ".lg", ".original"])
    | st.text(max_size=3),
    max_size=12,
).map("".join)


@pytest.mark.slow
@given(SUFFIXES | st.text(max_size=300) | st.integers(180, 210).flatmap(lambda n: SUFFIXES.map(lambda s: "x" * n + s)))
def test_every_stored_name_is_safe(filename):
    """Plain characters, bounded, no dots at its ends, no derivative's suffix."""
    name = base_name(filename)
    assert re.fullmatch(r"[A-Za-z0-9_.-]{0,200}", name)
    assert name.strip(".") == name
    assert not re.search(rf"{DERIVED_SUFFIX}$", name, re.IGNORECASE)


def test_a_suffix_keeps_the_length():
    """A name that was made unique is no longer than a stored name may be."""
    suffix = "0123456789abcdef"
    assert with_suffix("photo", suffix) == f"photo{suffix}"
    assert with_suffix("x" * MAX_NAME, suffix) == "x" * 184 + suffix


def test_digits_of_months_rise_as_bytes():
    """A database that compares by bytes has them in their order; what is out of their range stays within."""
    months = [month_digits(year, month) for year in range(1970, 2290) for month in range(1, 13)]
    assert months == sorted(set(months))
    assert [months[0], month_digits(2026, 3), months[-1]] == ["00", "As", "zv"]
    assert [month_digits(1, 1), month_digits(9999, 12)] == ["00", "zz"]
