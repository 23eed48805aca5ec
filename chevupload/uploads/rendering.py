"""Derived pictures that are rendered again, in place of those there are: by a job for many uploads, or by a repair."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chevupload.errors import Busy, CatalogError, ConfigError, FileMissing, Refusal, UnknownStorage
from chevupload.model import ExtraFile, MediaFile, Principal, Upload
from chevupload.protocols import CheckableRecords, ReplacingStorage, Storage
from chevupload.storage.headers import stored_headers
from chevupload.storage.pieces import pieces
from chevupload.uploads.context import UploadContext
from chevupload.uploads.creation import Creation
from chevupload.uploads.parameters import Parameters
from chevupload.uploads.persist import save_file
from chevupload.uploads.record import Source

logger = logging.getLogger("chevupload")

DERIVED = ("thumb", "medium", "frame")
"""Every picture that may be made of an original, but for additional renditions."""


class Rendering:
    """Renders the derived pictures of an upload again."""

    def __init__(self, context: UploadContext, creation: Creation) -> None:
        """Use these parts."""
        self._context, self._creation = context, creation

    def render(self, upload: Upload, names: Collection[str] | None = None) -> None:
        """Render the derived pictures of an upload from its original, with the settings of now.

        Where the storage can replace files, a reader has each as it was before or as it is now. What is not made any
        more is removed.

        Args:
            upload: as it is in the catalog.
            names: those of :data:`DERIVED` and of additional renditions that may be written; None is all.

        Raises:
            Refusal: the original would not be accepted now.
            BackendError: a part is away; asking again goes on where it ended.
            ConfigError: the catalog cannot record it.
        """
        storage = self._context.storages.of(upload)
        with self._context.spools.open(upload.size) as spool:
            for piece in pieces(storage, upload.path):
                spool.write(piece)
            job = self._creation.job(Source(spool, None), Parameters(), Principal())
            with self._context.renderer.process(job) as media:
                found: dict[str, MediaFile | None] = {name: getattr(media, name) for name in DERIVED}
                found |= {file.name: file for file in media.extras}
                is_wanted = found if names is None else names
                made = {name: file for name, file in found.items() if file and name in is_wanted}
                self._replace(upload, storage, made)

    def _replace(self, upload: Upload, storage: Storage, made: Mapping[str, MediaFile]) -> None:
        """Put the files ``made`` in place of the derived ones there are."""
        records = self._context.catalog
        if not isinstance(records, CheckableRecords):
            raise ConfigError("this catalog cannot record sizes: it has none of the methods of CheckableRecords")
        sizes: dict[str, Any] = {f"{name}_size": made[name].size if name in made else 0 for name in DERIVED}
        extras = tuple(file.rendition for file in made.values() if isinstance(file, ExtraFile))
        again = replace(upload, **sizes, extras=extras)
        for name, file in made.items():
            _put(storage, again, again.extra_paths.get(name) or str(getattr(again, f"{name}_path")), file)
        # Records without an ability do not know its words.
        event = {"changed_at": self._context.clock()} if self._context.hooks.on_event else {}
        is_recorded = records.resize(again, counted=self._context.config.policy.usage, **event)
        if not is_recorded and records.get(upload.id) is not None:
            raise CatalogError(f"upload {upload.id} was moved while it was rendered: render it again")
        # Deleted meanwhile, it may have left these behind already.
        for path in {*upload.paths, *again.paths} - {*(again.paths if is_recorded else ())}:
            storage.delete(path)


class Render:
    """The kind of job that renders derived pictures again."""

    name = "render"
    range_size = 20
    step_size = 1
    parameters: frozenset[str] = frozenset()

    def __init__(self, context: UploadContext, rendering: Rendering) -> None:
        """Use these parts."""
        self._rendering, self._context = rendering, context

    def begin(self, arguments: Mapping[str, str]) -> None:
        """Look whether no reader has to miss a file meanwhile.

        Raises:
            ConfigError: a storage cannot replace files.
        """
        for name, storage in self._context.storages.by_name.items():
            if not isinstance(storage, ReplacingStorage):
                raise ConfigError(f"the storage {name!r} cannot replace files: it has no method replace")

    def run(self, uploads: Sequence[Upload], arguments: Mapping[str, str]) -> int:
        """See JobKind. An upload that cannot be rendered stays as it is."""
        failed = 0
        for upload in uploads:
            try:
                self._rendering.render(upload)
            except Busy:
                raise
            except (Refusal, FileMissing, UnknownStorage) as error:
                failed += 1
                logger.warning("upload %s could not be rendered again: %s", upload.id, error)
        return failed

    def end(self, arguments: Mapping[str, str]) -> None:
        """Leave it at that."""


def _put(storage: Storage, upload: Upload, path: str, file: MediaFile) -> None:
    if isinstance(storage, ReplacingStorage):
        with open(file.path, "rb") as content:
            storage.replace(path, content, headers=stored_headers(upload, path))
    else:
        storage.delete(path)
        save_file(storage, upload, path, file)
