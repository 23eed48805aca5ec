"""The storages of a site: one, or several by name, with a host's choice among them for each upload.

A record keeps the name of the storage that has its files, so that they are found there later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from chevupload.errors import BackendError, ConfigError, StorageError, UnknownStorage
from chevupload.model import Principal, Upload
from chevupload.protocols import AdoptingStorage, Storage
from chevupload.storage.bulk import delete_files
from chevupload.validation import function_of, instance_of

ChooseStorage: TypeAlias = Callable[[Upload, Principal], str]
"""Names the storage of an upload that is about to be stored; its name becomes another one if it is taken."""

_STORAGE = instance_of(Storage, "LocalStorage(folder)")
_NAME = re.compile(r"[A-Za-z0-9_.-]{0,64}\Z")


class Storages:
    """Finds the storage of each upload.

    Attributes:
        by_name: every storage; one that stands alone has the empty name.
        choose: names the storage of each upload; None takes the first.
        adopting: those on the server's own disk, the one for uploads by default first.
    """

    def __init__(self, storage: Storage | Mapping[str, Storage], choose: ChooseStorage | None = None) -> None:
        """Use one storage, or the first of several, or the one that ``choose`` names.

        Raises:
            ConfigError: a name that is none, no storage at all, or a choice of one.
        """
        self.by_name: Mapping[str, Storage] = dict(storage) if isinstance(storage, Mapping) else {"": storage}
        if not self.by_name:
            raise ConfigError("no storage at all")
        for name, one in self.by_name.items():
            if not isinstance(name, str) or not _NAME.match(name):
                raise ConfigError(f"not a usable name of a storage: {name!r}")
            _STORAGE.checked("storage", one)
        if choose is not None and not isinstance(storage, Mapping):
            raise ConfigError("choose needs storages by name: Storages({name: storage, ...}, choose=...)")
        if choose is not None:
            function_of("upload", "principal").checked("choose", choose)
        self.choose = choose
        self._default = next(iter(self.by_name))
        self.adopting = tuple(one for one in self.by_name.values() if isinstance(one, AdoptingStorage))

    def with_storage(self, upload: Upload, principal: Principal) -> Upload:
        """Return ``upload`` with the name of the storage that it goes to.

        Raises:
            Refusal: the host's choice is to take it nowhere.
            StorageError: the host's choice names no storage of the site.
        """
        name = self._default if self.choose is None else self.choose(upload, principal)
        if name not in self.by_name:
            raise StorageError(f"choose names {name!r}, and the storages are {sorted(self.by_name)}")
        return upload if name == upload.storage else replace(upload, storage=name)

    def of(self, upload: Upload) -> Storage:
        """Return the storage that has the files of ``upload``.

        Raises:
            UnknownStorage: the site has none of this name any more; the upload is left as it is.
        """
        try:
            return self.by_name[upload.storage]
        except KeyError:
            raise UnknownStorage(f"upload {upload.id} is in a storage {upload.storage!r}, which is not there") from None

    def delete(self, uploads: Sequence[Upload]) -> Mapping[str, BackendError]:
        """Remove the files of uploads, and return by their ids why some of them still have files."""
        failed: dict[str, BackendError] = {}
        by_storage: dict[str, list[Upload]] = {}
        for upload in uploads:
            by_storage.setdefault(upload.storage, []).append(upload)
        for group in by_storage.values():
            try:
                errors = delete_files(self.of(group[0]), [path for upload in group for path in upload.paths])
            except BackendError as error:
                failed |= {upload.id: error for upload in group}
                continue
            failed |= {upload.id: errors[path] for upload in group for path in upload.paths if path in errors}
        return failed
