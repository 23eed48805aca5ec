"""What every key backend, storage, catalog and host must keep to, as pytest classes: subclass one, give its fixtures.

May know: pytest, and of the package only what a host's own code may know too. Nothing else here imports this package,
so that a server needs no pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from chevupload.testing.catalog import CatalogContract as CatalogContract
    from chevupload.testing.host import HostContract as HostContract
    from chevupload.testing.host import RunningHost as RunningHost
    from chevupload.testing.host import serve as serve
    from chevupload.testing.host import tell_sender as tell_sender
    from chevupload.testing.keys import KeyBackendContract as KeyBackendContract
    from chevupload.testing.keys import KeyStoreContract as KeyStoreContract
    from chevupload.testing.storage import AdoptingStorageContract as AdoptingStorageContract
    from chevupload.testing.storage import StorageContract as StorageContract

_HOMES = {
    "AdoptingStorageContract": "storage",
    "CatalogContract": "catalog",
    "HostContract": "host",
    "KeyBackendContract": "keys",
    "KeyStoreContract": "keys",
    "RunningHost": "host",
    "StorageContract": "storage",
    "serve": "host",
    "tell_sender": "host",
}

__all__ = sorted(_HOMES)

# A broken promise is told with the values that broke it: pytest has to know of a module before it is imported.
pytest.register_assert_rewrite(*sorted({f"{__name__}.{home}" for home in _HOMES.values()}))


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
