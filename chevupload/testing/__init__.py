"""What every key backend, storage, catalog and host must keep to, as pytest classes: subclass one, give its fixtures.

And helpers for a host's own tests: :func:`isolated`, :func:`picture` and :func:`serve`, for which no pytest is
needed.

Nothing else here imports this package, so that a server needs no pytest.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chevupload.testing.catalog import AlbumRecordsContract as AlbumRecordsContract
    from chevupload.testing.catalog import CatalogContract as CatalogContract
    from chevupload.testing.catalog import CategoryRecordsContract as CategoryRecordsContract
    from chevupload.testing.catalog import CheckableRecordsContract as CheckableRecordsContract
    from chevupload.testing.catalog import DuplicateRecordsContract as DuplicateRecordsContract
    from chevupload.testing.catalog import IdempotentRecordsContract as IdempotentRecordsContract
    from chevupload.testing.catalog import OwnedRecordsContract as OwnedRecordsContract
    from chevupload.testing.catalog import SweepableRecordsContract as SweepableRecordsContract
    from chevupload.testing.catalog import UploadRecordsContract as UploadRecordsContract
    from chevupload.testing.catalog import ViewedRecordsContract as ViewedRecordsContract
    from chevupload.testing.commands import CommandContract as CommandContract
    from chevupload.testing.commands import HostCommands as HostCommands
    from chevupload.testing.host import HostContract as HostContract
    from chevupload.testing.host import RunningHost as RunningHost
    from chevupload.testing.isolation import isolated as isolated
    from chevupload.testing.keys import KeyBackendContract as KeyBackendContract
    from chevupload.testing.keys import KeyStoreContract as KeyStoreContract
    from chevupload.testing.memory import MemoryCatalog as MemoryCatalog
    from chevupload.testing.memory import MemoryStorage as MemoryStorage
    from chevupload.testing.memory import StaticKeys as StaticKeys
    from chevupload.testing.records import NOW as NOW
    from chevupload.testing.records import in_threads as in_threads
    from chevupload.testing.records import new_upload as new_upload
    from chevupload.testing.samples import picture as picture
    from chevupload.testing.samples import tell_sender as tell_sender
    from chevupload.testing.serving import serve as serve
    from chevupload.testing.storage import AdoptingStorageContract as AdoptingStorageContract
    from chevupload.testing.storage import StorageContract as StorageContract

_HOMES = {
    "AdoptingStorageContract": "storage",
    "AlbumRecordsContract": "catalog",
    "CatalogContract": "catalog",
    "CategoryRecordsContract": "catalog",
    "CheckableRecordsContract": "catalog",
    "CommandContract": "commands",
    "DuplicateRecordsContract": "catalog",
    "HostCommands": "commands",
    "HostContract": "host",
    "IdempotentRecordsContract": "catalog",
    "KeyBackendContract": "keys",
    "KeyStoreContract": "keys",
    "MemoryCatalog": "memory",
    "MemoryStorage": "memory",
    "NOW": "records",
    "OwnedRecordsContract": "catalog",
    "RunningHost": "host",
    "StaticKeys": "memory",
    "StorageContract": "storage",
    "SweepableRecordsContract": "catalog",
    "UploadRecordsContract": "catalog",
    "ViewedRecordsContract": "catalog",
    "in_threads": "records",
    "isolated": "isolation",
    "new_upload": "records",
    "picture": "samples",
    "serve": "serving",
    "tell_sender": "samples",
}

__all__ = sorted(_HOMES)

if sys.modules.get("pytest"):
    # A broken promise is told with the values that broke it: pytest has to know of a module before it is imported.
    _homes = sorted({f"{__name__}.{home}" for home in _HOMES.values()})
    importlib.import_module("pytest").register_assert_rewrite(*_homes)


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
