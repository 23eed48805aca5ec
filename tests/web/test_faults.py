"""A catalog, storage or key backend that fails causes 503 or 500, stores nothing and tells nothing."""

from __future__ import annotations

import pytest

from chevupload.config import Policy
from chevupload.errors import BackendError, Busy, CatalogError, StorageError
from chevupload.testing.memory import MemoryCatalog
from tests.support import LEAKS, UPLOAD, Failing, assert_refusal, file, noise


@pytest.mark.parametrize("method", ["reserve", "publish", "has_category", "album", "has_duplicate"])
@pytest.mark.parametrize(("error", "status"), [(CatalogError("secret detail"), 503), (KeyError("secret detail"), 500)])
def test_a_broken_catalog(refusing, method, error, status):
    """503 when it says that it is away, 500 when it breaks its word; nothing is stored, nothing told."""
    catalog = MemoryCatalog()
    broken = Failing(catalog, method, error)
    stand = refusing(catalog=broken, policy=Policy(duplicates="reject"))
    answer = stand.send(
        {"source": file(), "category_id": "3" if method == "has_category" else "", "album_id": "a"[: method == "album"]}
    )
    assert_refusal(answer, status, status)
    assert answer.headers.get("Retry-After") == ("10" if status == 503 else None)


@pytest.mark.parametrize(("error", "status"), [(StorageError("secret detail"), 503), (OSError("secret detail"), 500)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_broken_storage(refusing, error, status, count):
    """A storage that fails at its first, second or third file keeps none of them."""
    stand = refusing(storage=lambda local: Failing(local, "adopt", error, count=count))
    answer = stand.send({"source": file(noise((600, 400)))})
    assert_refusal(answer, status, status)


@pytest.mark.parametrize(
    ("error", "status"), [(BackendError("secret detail"), 503), (ValueError("secret detail"), 500)]
)
def test_a_broken_key_backend(refusing, error, status):
    """So are keys."""

    def whose(key, environ):
        raise error

    stand = refusing(keys=whose)
    assert_refusal(stand.send({"source": file()}), status, status)
    assert stand.send({"source": file()}, path=f"{UPLOAD}?format=txt").status_code == status


def _busy(job, *, client):
    raise Busy


@pytest.mark.parametrize("format", ["json", "txt", "redirect"])
@pytest.mark.parametrize("path", [UPLOAD, "/1/upload"])
def test_every_format_says_when_to_ask_again(refusing, path, format):
    """Storage, database or workers: a client of any dialect reads 503, and after how many seconds to come back."""
    away = {
        "storage": refusing(storage=lambda local: Failing(local, "adopt", StorageError("secret detail"))),
        "database": refusing(catalog=Failing(MemoryCatalog(), "reserve", CatalogError("secret detail"))),
        "workers": refusing(),
    }
    away["workers"].component.renderer.process = _busy
    for stand in away.values():
        answer = stand.send({"image": file(), "format": format}, path=path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert answer.content_type.startswith("application/json" if format == "json" else "text/plain")
        assert [leak for leak in LEAKS if leak in answer.text] == []


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_pages_and_files_say_when_to_ask_again(make, accept):
    """So do the viewer, the delete link and the files, to people and to programs; and nothing is deleted."""
    stand = make(catalog=(catalog := MemoryCatalog()))
    image = stand.upload()
    asked = [("GET", "url_viewer"), ("GET", "delete_url"), ("POST", "delete_url"), ("GET", "url"), ("HEAD", "url")]
    for method in ("get", "find"):
        setattr(catalog, method, Failing(catalog, method, CatalogError("secret detail"))._call)
    for method, member in asked:
        answer = stand.open(image[member], method, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10"), member
        assert [leak for leak in LEAKS if leak in answer.text] == []
    assert len(stand.stored()) == 2


def test_a_file_whose_storage_is_away(make):
    """Away is another thing than missing: nobody forgets a picture because a disk was not there for a minute."""
    stand = make()
    image = stand.upload()
    stand.images.rename(stand.folder / "elsewhere")
    answer = stand.open(image["url"])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    (stand.folder / "elsewhere").rename(stand.images)
    assert stand.open(image["url"]).status_code == 200
