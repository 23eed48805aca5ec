"""Uploads that are published inside a transaction of the host, which ends it when it likes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from weakref import ref

from chevupload.clock import Clock
from chevupload.errors import ConfigError, NameTaken, QuotaExceeded, Taken
from chevupload.model import MediaFile, Principal, Upload
from chevupload.policy.quota import Counted
from chevupload.protocols import JoinableRecords, Storage, UploadRecords
from chevupload.storage.registry import Storages
from chevupload.uploads.hooks import Hooks
from chevupload.uploads.intent_log import IntentLog
from chevupload.uploads.persist import Reservation, Writer
from chevupload.uploads.upload_log import UploadLog


class HostTransactions:
    """Follows uploads from their reservation to the end of the host's transaction, here or in a process that died."""

    def __init__(
        self,
        *,
        catalog: UploadRecords,
        storages: Storages,
        writer: Writer,
        hooks: Hooks,
        clock: Clock,
        counted: Counted | None,
        intents: IntentLog,
    ) -> None:
        """Use these parts; ``writer`` takes away what was not committed."""
        self._records = catalog if isinstance(catalog, JoinableRecords) else None
        self._storages = storages
        self._hooks = hooks
        self._clock = clock
        self._counted = counted
        self._writer = writer
        self._intents = intents
        self._held: dict[str, Held] = {}
        """What transactions of this process' host hold that are not over yet, by the ids of the uploads."""

    def writer(self, session: Any, sender: Principal) -> SessionWriter:
        """Return what stores one upload of ``sender`` in the transaction of ``session``.

        The host's hook is told of the upload when the transaction has committed.

        Raises:
            BackendError: the host's database is away.
            ConfigError: a session that the catalog cannot join.
        """
        stored: list[Upload] = []

        def when_over() -> None:
            for upload in stored:
                self._held.pop(upload.id, None)
                if (settled := self.settle(upload)) is not None:
                    self._hooks.uploaded(settled, sender)

        records = self.records(session, when_over)
        parts = (records, self._storages, self._hooks, self._clock, self._counted)
        return SessionWriter(*parts, intents=self._intents, session=_current(session), held=self._held, stored=stored)

    def records(self, session: Any, when_over: Callable[[], None] | None = None) -> UploadRecords:
        """Return records inside the transaction of ``session``; see JoinableRecords.

        Raises:
            BackendError: the host's database is away.
            ConfigError: a session that the catalog cannot join.
        """
        if self._records is None:
            raise ConfigError("this catalog cannot join a session: it has no method joined")
        return self._records.joined(session, when_over)

    def changing(self, session: Any, upload: Upload) -> UploadRecords:
        """Return records as :meth:`records` does, to change ``upload``, which the transaction holds to its end."""

        def when_over() -> None:
            self._held.pop(upload.id, None)

        records = self.records(session, when_over)
        if self.found(upload.id, session) is None:
            self._held[upload.id] = Held(ref(_current(session)), upload)
        return records

    def holds(self, upload: Upload, session: Any = None) -> bool:
        """Whether a transaction of this process' host holds the upload, and is not over; or one of another session."""
        held = self._held.get(upload.id)
        holder = None if held is None else held.session()
        return holder is not None and holder is not _current(session)

    def found(self, upload_id: str, session: Any) -> Upload | None:
        """Return the upload with this id that the transaction of ``session`` has saved or changed, as it was before."""
        held = self._held.get(upload_id)
        if held is None or session is None or held.session() is not _current(session):
            return None
        return held.upload

    def older_than(self, moment: float) -> Iterator[Upload]:
        """Yield the uploads whose end nobody has seen since ``moment``, a time of the file system in seconds."""
        return iter(()) if self._records is None else self._intents.older_than(moment)

    def settle(self, upload: Upload) -> Upload | None:
        """Look how the host's transaction for ``upload`` ended, and remove the upload if it was not committed.

        Returns the upload as it is now, or None.

        Raises:
            BackendError: a part is away; the next sweep looks again.
        """
        assert self._records is not None, "no upload was stored in a transaction"
        if self._records.get(upload.id) is None:
            # Its reservation may have gone with the transaction: taken again, nobody else can meet its files. If the
            # transaction is still open, the database has us wait for its end, which may be that the upload is ready.
            # Its request may have been repeated since, and is not needed for what is only going to be removed.
            with contextlib.suppress(NameTaken):
                records: Any = self._records
                records.reserve(replace(upload, request_digest=None), **Reservation(counted=self._counted).arguments())
            if self._records.abandon(upload.id):
                self._writer.clear(upload)
        settled = self._records.get(upload.id)
        self._intents.remove(upload)
        return settled


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """An upload that an open transaction has saved or changed, as it was before a change, and the session of that.

    A session that its host drops without a word gives its connection back, and holds nothing any more.
    """

    session: ref[Any]
    upload: Upload


def _current(session: Any) -> Any:
    """Return a session itself; of a registry with one for each thread, such as scoped_session, that of this one."""
    registry = getattr(session, "registry", None)
    return session if registry is None else registry()


class SessionWriter(Writer):
    """Stores an upload inside the host's transaction: in the intent log, until it is known how that ended."""

    def __init__(
        self,
        records: UploadRecords,
        storages: Storages,
        hooks: Hooks,
        clock: Clock,
        counted: Counted | None,
        *,
        intents: IntentLog,
        session: Any,
        held: dict[str, Held],
        stored: list[Upload],
    ) -> None:
        """Write into ``records`` of ``session``, and add what was written to ``held`` and ``stored``."""
        super().__init__(records, storages, hooks, clock, counted)
        self._intents = intents
        self._session, self._held = session, held
        self._stored = stored

    def store(
        self,
        upload: Upload,
        storage: Storage,
        files: tuple[MediaFile, ...],
        log: UploadLog,
        reservation: Reservation,
    ) -> None:
        """See :meth:`Writer.store`. Readers see the upload when the transaction commits."""
        self._intents.add(upload)
        try:
            super().store(upload, storage, files, log, reservation)
        except (Taken, QuotaExceeded):
            # Nothing of it was written. After any other error nobody knows, and the entry stays for the sweep.
            self._intents.remove(upload)
            raise
        self._held[upload.id] = Held(ref(self._session), upload)
        self._stored.append(upload)

    def _undo(self, upload: Upload, storage: Storage, written: Iterable[str], *, frees_use: bool) -> bool:
        is_undone = super()._undo(upload, storage, written, frees_use=frees_use)
        if is_undone:
            self._intents.remove(upload)
        return is_undone
