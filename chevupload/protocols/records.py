"""Where the records of uploads stay, and what is looked up and changed in them for those who upload."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from chevupload.model import (
    Cursor,
    Upload,
    UploadType,
)


@runtime_checkable
class UploadRecords(Protocol):
    """Where records stay: all that a site needs to take uploads, to serve them and to delete them.

    An upload is *pending* from ``reserve`` to ``publish``, then *ready*, and *deleting* from ``withdraw`` to
    ``forget``. What a method did is lasting when it returns. Each further ability has a protocol of its own below; what
    needs one that is absent is refused, or has no effect, as told there.
    """

    def reserve(self, upload: Upload) -> None:
        """Record ``upload`` as pending, before any of its files is written.

        Raises:
            NameTaken: its id, or its stem in any mix of upper and lower case, belongs to another upload, or to one that
                was forgotten within the last year.
            RequestTaken: its ``request_digest``, which only :class:`IdempotentRecords` have to look at, belongs to
                another upload that is pending or ready.
        """
        ...

    def publish(self, upload_id: str) -> None:
        """Make a pending upload ready.

        Raises:
            CatalogError: it is not pending any more; a sweep took it for abandoned.
        """
        ...

    def get(self, upload_id: str) -> Upload | None:
        """Return a ready upload, expired or not."""
        ...

    def find(self, stem: str) -> Upload | None:
        """Return the ready upload, expired or not, whose :attr:`~chevupload.model.Upload.stem` is ``stem``."""
        ...

    def withdraw(self, upload_id: str) -> bool:
        """Mark a pending or ready upload as deleting: gone for every reader. False when there is none."""
        ...

    def forget(self, uploads: Sequence[Upload]) -> None:
        """Remove the records of uploads in state deleting, whose files are gone. Absent ones are fine.

        A record that has other additional renditions than its upload says, or another storage, is left: there are files
        still.

        Their stems stay taken for a year. Caches may keep files under their names for so long, and another process that
        is about to remove them cannot meet the files of another upload.
        """
        ...


@runtime_checkable
class OwnedRecords(UploadRecords, Protocol):
    """Records that are listed by their owner. Without it, ``uploads.list`` and ``forget`` raise ConfigError."""

    def owned(
        self,
        owner_id: str,
        *,
        now: datetime,
        limit: int,
        before: Cursor | None = None,
        album_id: str | None = None,
        type: UploadType | None = None,
        query: str | None = None,
    ) -> Sequence[Upload]:
        """Return up to ``limit`` ready uploads of an owner that are not expired at ``now``, the newest first.

        Those of one moment are in the order of their ids, the last one first. Those that follow the place ``before``
        are returned, whether or not the upload that it was made of is still there. With ``album_id`` or ``type``, only
        those of this album or type. With ``query``, only those whose ``title``, ``description``, ``name`` or
        ``original_filename`` has this text in it; upper and lower case of ASCII letters are the same.
        """
        ...


@runtime_checkable
class EditableRecords(UploadRecords, Protocol):
    """Records that can be changed. Without it, ``uploads.update`` raises ConfigError.

    If these are :class:`JoinableRecords` too, what ``joined`` returns changes records in the host's transaction.
    """

    def change(
        self, upload_id: str, values: Mapping[str, Any], *, now: datetime, events: bool = False
    ) -> tuple[Upload, Upload] | None:
        """Set fields of a ready upload that is not expired at ``now``; return it as it was before, and as it is then.

        All of that is one step. None, and nothing is changed, when there is none. Fields are those of
        :class:`~chevupload.model.Details`, and ``expires_at``. With ``events``, which only :class:`EventRecords` have
        to look at, a new event ``changed`` is kept in one step with that, if any value differs from the one before.
        """
        ...


@runtime_checkable
class IdempotentRecords(UploadRecords, Protocol):
    """Records that are found by the request that made them. Without it, a header ``Idempotency-Key`` is refused."""

    def requested(self, request_digest: str) -> Upload | None:
        """Return the pending or ready upload, expired or not, with this ``request_digest``."""
        ...

    def abandon(self, upload_id: str) -> bool:
        """Mark a pending upload as deleting, in one step with looking whether it is. False when there is none."""
        ...


@runtime_checkable
class TicketRecords(IdempotentRecords, Protocol):
    """Records that count the uses of tickets. Without it, ``tickets.mint`` raises ConfigError.

    A use is taken by an upload, under the upload's ``request_digest``, and stays taken when the upload is gone: until
    it is freed, or until its time is over and a sweep removes it.
    """

    def reserve(self, upload: Upload, *, taken_until: datetime | None = None) -> None:
        """Record ``upload`` as pending; with ``taken_until``, take a use until then, in one step with that.

        Raises as that of UploadRecords, RequestTaken also where the use is taken, and nothing is recorded then.
        """
        ...

    def uses(self, digests: Collection[str]) -> Mapping[str, str]:
        """Return, of the uses with these digests that are taken, the ``request_md5`` of their uploads."""
        ...

    def free(self, digest: str) -> None:
        """Free a use whose upload was not stored. ``abandon`` does so, too, in one step."""
        ...


@runtime_checkable
class DuplicateRecords(UploadRecords, Protocol):
    """Records that are found by their content. Without it, ``Policy(duplicates=...)`` can only be ``allow``."""

    def has_duplicate(self, md5: str, *, owner_id: str | None, since: datetime) -> bool:
        """Whether ``owner_id`` has a ready upload since then whose ``md5`` or ``source_md5`` is this."""
        ...

    def duplicates(
        self, md5: str, *, field: Literal["md5", "source_md5"], owner_id: str, now: datetime, limit: int
    ) -> Sequence[Upload]:
        """Return up to ``limit`` ready uploads of an owner not expired at ``now`` whose ``field`` is ``md5``.

        The newest comes first.
        """
        ...


@runtime_checkable
class CategoryRecords(UploadRecords, Protocol):
    """Categories beside the records. Without it, ``category_id`` is refused."""

    def has_category(self, category_id: int) -> bool:
        """Whether there is such a category."""
        ...


@runtime_checkable
class ViewedRecords(UploadRecords, Protocol):
    """Records that count their views. Without it, every upload has none."""

    def add_views(self, counts: Mapping[str, int]) -> None:
        """Add to the views of uploads, by their ids, in as few statements as possible; those not ready have none."""
        ...


@runtime_checkable
class JoinableRecords(UploadRecords, Protocol):
    """Records that can be published inside a transaction of the host. Without it, a ``session`` raises ConfigError."""

    def joined(self, session: Any, when_over: Callable[[], None] | None = None) -> UploadRecords:
        """Return records whose ``publish`` lasts only if the host's transaction in ``session`` commits.

        ``when_over`` is called once when that transaction is over, however it ended, from outside of it. Who publishes
        nothing gives none.
        """
        ...

    def abandon(self, upload_id: str) -> bool:
        """Mark a pending upload as deleting, in one step with looking whether it is. False when there is none."""
        ...
