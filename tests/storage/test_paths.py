"""No text outside the alphabet of paths reaches a storage."""

from __future__ import annotations

import re

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from chevupload.errors import StorageError
from chevupload.naming import checked_path, joined_url
from chevupload.storage.fsspec_storage import FsspecStorage
from chevupload.storage.local import LocalStorage
from chevupload.testing.memory import MemoryStorage
from chevupload.testing.storage import PNG

REFUSED = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    "a/..",
    "~",
    "~/a",
    "a*",
    "[ab]",
    "a?",
    "{a,b}",
    "a b",
    "a\n",
    "a\x00",
    "file:a",
    "a::b",
    "a\\b",
    "é",
    "\uff0e\uff0e/a",
    "\ud800",
]


@pytest.mark.parametrize("path", REFUSED)
def test_odd_paths_are_refused(path):
    """What could leave the folder, expand as a pattern or start a URL is no path."""
    with pytest.raises(StorageError, match=r"^not a storage path$"):
        checked_path(path)


@pytest.mark.parametrize("path", ["a", "a.png", "2026/01/02/a-b_c.th.jpeg", "...", "a/..b", ".a", "-", "a..b"])
def test_plain_paths_pass(path):
    """Dots, dashes and underscores inside a segment are harmless, and stored names hold them."""
    assert checked_path(path) == path


@pytest.mark.slow
@given(st.text(max_size=40) | st.text("ab./-~*", max_size=12))
def test_whatever_passes_is_safe(path):
    """For any text the rule is the alphabet and the three forbidden segments, no more and no less."""
    safe = re.fullmatch(r"[A-Za-z0-9_./-]+", path) and not {"", ".", ".."} & set(path.split("/"))
    if safe:
        assert checked_path(path) == path
    else:
        with pytest.raises(StorageError):
            checked_path(path)


@pytest.fixture(scope="module")
def storages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("storage")
    return (
        MemoryStorage(public_url="https://cdn"),
        FsspecStorage(MemoryFileSystem(), "refused", public_url="https://cdn"),
        LocalStorage(folder, public_url="https://cdn"),
    )


@pytest.mark.slow
@given(path=st.text(max_size=20).filter(lambda text: not re.fullmatch(r"[A-Za-z0-9_./-]+", text)))
def test_no_storage_touches_such_a_path(storages, path):
    """Every method of every storage checks for itself, so that no mistake above reaches a file system."""
    for storage in storages:
        for method in (storage.open, storage.delete, storage.exists, storage.url):
            with pytest.raises(StorageError):
                method(path)
        with pytest.raises(StorageError):
            storage.save(path, None, headers=PNG)
    with pytest.raises(StorageError):
        storages[2].adopt(path, "/dev/null")


def test_url_is_below_the_public_one():
    """One slash joins the public URL and the path; where there is no such URL a file has none."""
    assert joined_url("https://cdn/x/", "a/b.png") == "https://cdn/x/a/b.png"
    assert joined_url("https://cdn/X", "a/b.png") == "https://cdn/X/a/b.png"
