"""A catalog, storage or key backend that fails causes 503 or 500, stores nothing and tells nothing."""

from __future__ import annotations

import pytest

from chevupload.config import Policy
from chevupload.errors import BackendError, CatalogError, StorageError
from chevupload.store.memory import MemoryCatalog
from tests.support import UPLOAD, Failing, assert_refusal, file, noise


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
