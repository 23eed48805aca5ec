"""What a host may replace, and the duties that come with it.

An implementation is any object with these methods; it is called from many threads at once and, under a forking
server, in processes forked after its construction. It raises :class:`~chevupload.errors.BackendError` subclasses when
it cannot do its work, never its library's own exceptions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, runtime_checkable

from chevupload.audit import AuditEntry
from chevupload.errors import StorageError
from chevupload.model import (
    Album,
    ApiKey,
    Cursor,
    FileHeaders,
    KeyStyle,
    MediaJob,
    MediaResult,
    NewKey,
    Principal,
    Upload,
    UploadType,
)
from chevupload.policy.quota import UNLIMITED, Counted, Quota, Usage
from chevupload.policy.restrictions import NO_RESTRICTIONS, KeyRestrictions
from chevupload.records.event import Event
from chevupload.records.job import Job, JobRange
from chevupload.records.move import Move
from chevupload.records.selection import EVERYTHING, Selection, Statistics

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class KeyBackend(Protocol):
    """Whose key is this?"""

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """Return whom ``key`` stands for, or None for an unknown, revoked or expired key alike.

        ``key`` is never empty and at most 512 characters. Compare digests, in constant time. Must not read
        ``wsgi.input``.
        """
        ...


@runtime_checkable
class UserKeyBackend(KeyBackend, Protocol):
    """A key backend that knows its users by their ids, too.

    With it, a user may do the same with a key, on the upload page when signed in at the host, and where the host's own
    code names the user's id.
    """

    def principal(self, user_id: str) -> Principal | None:
        """Return whom a key of this user would stand for, or None where it would open nothing.

        None is the answer for an id that nobody has and for a user who is disabled alike.
        """
        ...


@runtime_checkable
class KeyStore(Protocol):
    """The keys that users make for themselves: what the page of keys, and a host's own pages, work with."""

    def add_key(
        self,
        user_id: str,
        *,
        label: str = "",
        style: KeyStyle = "chevereto",
        expires_at: datetime | None = None,
        restrictions: KeyRestrictions = NO_RESTRICTIONS,
    ) -> NewKey:
        """Make a key for a user; its text is in the answer, and nowhere else."""
        ...

    def keys_of(self, user_id: str) -> Sequence[ApiKey]:
        """Return the keys of a user, the oldest first, revoked and expired ones too."""
        ...

    def revoke_key(self, key_id: str, *, user_id: str) -> bool:
        """End a key for good. False when this user has none of this id, or it was revoked before."""
        ...

    def forget_keys(self, user_id: str) -> None:
        """Remove every key of a deleted user, so that a later user with the same id has none."""
        ...


@runtime_checkable
class Storage(Protocol):
    """Where files stay. Paths are relative, with forward slashes, in ``[A-Za-z0-9_./-]``, and never leave it."""

    def save(self, path: str, file: BinaryIO, *, headers: FileHeaders) -> None:
        """Store what ``file`` holds from its position to its end, without closing it.

        A reader sees the whole file or none. ``headers`` are for those who fetch it from the storage itself, where
        anybody can.

        Raises:
            FileExists: where the storage can tell at no cost; otherwise an existing file is replaced.
            StorageError: nothing was stored.
        """
        ...

    def open(self, path: str, part: range | None = None) -> BinaryIO:
        """Open a stored file for reading; the caller closes it. It is seekable.

        ``part`` is what the caller is going to read of a file that may end before that: a store may fetch it at once,
        instead of asking for the file's size first. The file then ends no later than ``part``, for the caller.

        Raises:
            FileMissing: there is no such file.
        """
        ...

    def delete(self, path: str) -> None:
        """Remove a file. An absent one is fine: deleting twice is how a sweep finishes what a crash interrupted."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is a file at ``path``."""
        ...

    def url(self, path: str) -> str | None:
        """Return the public URL of a file, or None when the component should serve it itself."""
        ...


@runtime_checkable
class SigningStorage(Storage, Protocol):
    """A storage from which anybody can fetch a file who was given a signed URL.

    Attributes:
        can_sign: whether this one can, which may depend on where its files are.
    """

    can_sign: bool

    def signed_url(self, path: str, *, seconds: int) -> str:
        """Return an address of a file that answers GET for so many seconds from now.

        Raises:
            StorageError: nothing can be signed now.
        """
        ...


@runtime_checkable
class AdoptingStorage(Storage, Protocol):
    """A storage on the server's own disk that can take a file over instead of copying it.

    Attributes:
        incoming: the folder from which adopting costs no copy; what clients send is spooled there.
    """

    incoming: Path

    def adopt(self, path: str, file_path: str) -> None:
        """Move the local file ``file_path`` to ``path``, atomically; it is the storage's from then on.

        Raises:
            FileExists: ``path`` is taken, and ``file_path`` is left alone.
            StorageError: it failed, and ``file_path`` is left alone.
        """
        ...


@runtime_checkable
class ReplacingStorage(Storage, Protocol):
    """A storage in which a file can be replaced. Without it, derived pictures are rendered again by a repair only."""

    def replace(self, path: str, file: BinaryIO, *, headers: FileHeaders) -> None:
        """Store what ``file`` holds from its position to its end, in place of a file that may be there.

        A reader sees the whole file that was there before, or the whole new one.

        Raises:
            StorageError: the file that was there before is there still.
        """
        ...


@runtime_checkable
class BulkDeletingStorage(Storage, Protocol):
    """A storage that removes many files at once. From any other, they are removed one by one."""

    def delete_many(self, paths: Sequence[str]) -> Mapping[str, StorageError]:
        """Remove files, and return by their paths why some are still there. Absent ones are fine.

        Raises:
            StorageError: of none of them is known whether it is still there.
        """
        ...


@runtime_checkable
class ProbedStorage(Storage, Protocol):
    """A storage that can tell whether files can be kept in it, for the health route.

    Of any other one, the health route asks :meth:`Storage.exists`, which knows a service that is away, and no bucket
    that is missing.
    """

    def probe(self) -> None:
        """Ask the service for what has to be there: a folder that can be written to, or a bucket; nothing is stored.

        Raises:
            StorageError: nothing can be kept here now.
        """
        ...


@runtime_checkable
class ListingStorage(Storage, Protocol):
    """A storage that can tell what is in it, so that a check finds files that no record knows."""

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield path and bytes of every file, those of others too, in any order.

        In memory is one folder, or one page, at a time. What comes or goes meanwhile may be among them or not.
        Unfinished files are not.
        """
        ...

    def modified(self, path: str) -> datetime:
        """Return when a file was stored, as an aware time.

        Raises:
            FileMissing: there is no such file.
        """
        ...


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
    ) -> Upload | None:
        """Set fields of a ready upload that is not expired at ``now``, all in one step, and return it as it is then.

        None, and nothing is changed, when there is none. Fields are those of :class:`~chevupload.model.Details`, and
        ``expires_at``. With ``events``, which only :class:`EventRecords` have to look at, a new event ``changed`` is
        kept in one step with that, if any value differs from the one before.
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
class AlbumRecords(UploadRecords, Protocol):
    """Albums beside the records. Without it, ``album_id`` is refused."""

    def album(self, album_id: str) -> Album | None:
        """Return an album."""
        ...

    def forget_albums(self, owner_id: str) -> None:
        """Remove every album of a deleted owner, so that a later owner with the same id has none."""
        ...


@runtime_checkable
class OwnedAlbumRecords(AlbumRecords, Protocol):
    """Albums that are listed by their owner. Without it, the upload page asks for none."""

    def owned_albums(self, owner_id: str, *, limit: int, after: str | None = None) -> Sequence[Album]:
        """Return up to ``limit`` albums of an owner by their titles, in the order that the database has for texts.

        Those whose titles follow the title ``after`` are returned, whether or not there is an album with that.
        """
        ...


@runtime_checkable
class EditableAlbumRecords(OwnedAlbumRecords, Protocol):
    """Albums that are made and changed. Without it, ``albums.add`` and its like raise ConfigError.

    Uploads cannot name an album by its title then, and ``Policy(album_names=True)`` is a ConfigError.

    No two albums of an owner have the same title. If these are :class:`JoinableRecords` too, what ``joined`` returns
    has these methods, and reads and changes albums in the host's transaction.
    """

    def reserve(self, upload: Upload, *, album: Album | None = None) -> None:
        """Record ``upload`` as pending; keep ``album``, a new one that it is in, in one step with that.

        Raises as that of UploadRecords, AlbumTaken where the owner has an album with this title. Nothing is recorded
        then. In a host's transaction, the album is there when that commits.
        """
        ...

    def find_album(self, owner_id: str, title: str) -> Album | None:
        """Return the album of an owner with exactly this title."""
        ...

    def count_albums(self, owner_id: str) -> int:
        """Return how many albums an owner has."""
        ...

    def add_album(self, album: Album) -> None:
        """Keep a new album.

        Raises:
            AlbumTaken: its owner has one with this title.
        """
        ...

    def rename_album(self, album: Album) -> bool:
        """Give the album with this id the title of ``album``. False when there is none.

        Raises:
            AlbumTaken: its owner has another one with this title.
        """
        ...

    def clear_album(self, album: Album, *, limit: int) -> int:
        """Take up to ``limit`` uploads of the owner's, in whatever state, out of the album; return how many."""
        ...

    def remove_album(self, album_id: str) -> bool:
        """Remove an album, and leave the records of its uploads alone. False when there is none."""
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
class SweepableRecords(UploadRecords, Protocol):
    """Records whose leftovers can be found: expired, stalled and half-deleted uploads.

    Without it, ``maintenance.sweep`` raises ConfigError: what expires is gone for readers, and its files stay.
    """

    def withdraw_expired(
        self, *, now: datetime, limit: int, after: Upload | None = None, events: bool = False
    ) -> Sequence[Upload]:
        """Mark up to ``limit`` ready uploads that are expired at ``now`` as deleting, and return them.

        Of several callers at once, each upload is returned to one. The next page is asked for with the last upload of
        this one as ``after``; an empty page is the end. With ``events``, which only :class:`EventRecords` have to look
        at, a new event ``expired`` of each is kept in one step with that.
        """
        ...

    def withdraw_stalled(self, *, now: datetime, pending_since: datetime) -> None:
        """Mark as deleting what is pending since ``pending_since`` or longer; give names free whose year is over.

        Of each in one step: an upload that is published meanwhile is either withdrawn before, and cannot be published
        any more, or left alone.
        """
        ...

    def claim(self, *, now: datetime, since: datetime, limit: int, after: Upload | None = None) -> Sequence[Upload]:
        """Mark up to ``limit`` uploads in state deleting as the caller's to remove, and return them.

        Of several callers at once, each upload is returned to one. Left out are those that were claimed after ``since``
        and not given back. The next page is asked for with the last upload of this one as ``after``: it has none of the
        pages before, even if they were given back. An empty page is the end.
        """
        ...

    def unclaim(self, uploads: Sequence[Upload]) -> None:
        """Give back uploads that could not be removed: the next caller may claim them at once."""
        ...


@runtime_checkable
class CheckableRecords(UploadRecords, Protocol):
    """Records that can be compared with files. Without it, ``maintenance.check`` raises ConfigError."""

    def uploads(self) -> Iterator[Upload]:
        """Yield every ready upload, for a check; without holding a transaction open in between."""
        ...

    def holders(self, stems: Collection[str]) -> Sequence[Upload]:
        """Return the uploads of any state that hold one of these stems, in any mix of upper and lower case."""
        ...

    def resize(self, upload: Upload, *, counted: Counted | None = None, changed_at: datetime | None = None) -> bool:
        """Record the sizes of the derived files of a ready upload as ``upload`` has them.

        False when there is none, or when its files are in another storage by now. With ``counted``, which only
        :class:`UsageRecords` have to look at, the owner's usage follows in one step. With ``changed_at``, which only
        :class:`EventRecords` have to look at, a new event ``changed`` of that time is kept in one step.
        """
        ...


@runtime_checkable
class UsageRecords(UploadRecords, Protocol):
    """Records that know how much each owner keeps. Without it, ``Policy(usage=...)`` is a ConfigError.

    An upload counts from ``reserve`` to ``forget``, in whatever state it is. All guests together are one owner, None.
    With ``counted``, which says whose bytes count, the usage changes in one step with the records; what ``joined``
    returns takes it, too. Usage may differ from the records only by what was changed without ``counted``.
    """

    def reserve(self, upload: Upload, *, counted: Counted | None = None, quota: Quota = UNLIMITED) -> None:
        """Record ``upload`` as pending. Raises as that of UploadRecords, and:

        Raises:
            QuotaExceeded: its owner would keep more than ``quota``; nothing was recorded. RequestTaken comes first: a
                request that is repeated needs no room.
        """
        ...

    def forget(self, uploads: Sequence[Upload], *, counted: Counted | None = None) -> None:
        """Remove the records of uploads in state deleting; see UploadRecords. Their owners have room again.

        The records themselves say what they came to, not ``uploads``, which may be older.
        """
        ...

    def usage(self, owner_id: str | None, *, counted: Counted) -> Usage:
        """Return what an owner keeps, counting the records if that was never done."""
        ...

    def recount(self, owner_id: str | None, *, counted: Counted) -> Usage:
        """Count the records of an owner, beside changes of others, and return what this owner keeps from now on."""
        ...

    def owners(self) -> Iterator[str | None]:
        """Yield everybody who keeps uploads or has a usage, and guests first; without holding a transaction open."""
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


@runtime_checkable
class EventRecords(UploadRecords, Protocol):
    """Records that keep events until they are told. Without it, ``Hooks(on_event=...)`` is a ConfigError.

    An event is kept in one step with the change that it tells of: either both last or neither does. If these are
    :class:`JoinableRecords` too, what ``joined`` returns keeps an event in the host's transaction.
    """

    def publish(self, upload_id: str, *, event: Event | None = None) -> None:
        """Make a pending upload ready, and keep ``event``. Raises as that of UploadRecords."""
        ...

    def withdraw(self, upload_id: str, *, event: Event | None = None) -> bool:
        """Mark a pending or ready upload as deleting. False when there is none.

        ``event`` is kept if the upload was ready: nobody was told of a pending one.
        """
        ...

    def claim_events(self, *, now: datetime, until: datetime, limit: int) -> Sequence[Event]:
        """Return up to ``limit`` events whose ``next_at`` has come, as the caller's to tell.

        Their ``next_at`` is ``until`` from now on, and their ``attempt`` one more, also in what is returned. Of several
        callers at once each gets events that no other gets. Of each upload, the earliest event alone can be claimed,
        also while it is claimed by somebody or waits for its ``next_at``.
        """
        ...

    def settle_events(self, *, told: Collection[Event], later: Collection[Event]) -> None:
        """Remove the events ``told``, and record ``next_at``, ``attempt`` and ``handled`` of those for ``later``.

        One that is removed already stays so.
        """
        ...

    def end_handler(self, name: str) -> None:
        """Record that the handler of this name wants no more events; once more makes no difference."""
        ...

    def resume_handler(self, name: str) -> bool:
        """Record that the handler of this name wants events again. False when it did not end."""
        ...

    def ended_handlers(self) -> Collection[str]:
        """Return the names of the handlers that want no more events."""
        ...

    def oldest_event(self) -> datetime | None:
        """Return when the oldest event that is kept happened; None when all were told."""
        ...


@runtime_checkable
class JobRecords(UploadRecords, Protocol):
    """Records that keep jobs of batch work. Without it, ``component.jobs`` raises ConfigError.

    The uploads of a job are the ready ones to which its arguments apply, in the order that the database has for ids.
    """

    def add_job(self, job: Job) -> Job:
        """Record a new job, and return it; or return the unfinished one with the same kind and arguments."""
        ...

    def job(self, job_id: str) -> Job | None:
        """Return a job as it is now."""
        ...

    def unfinished_jobs(self) -> Sequence[Job]:
        """Return the jobs that have not ended, the oldest first."""
        ...

    def split_job(self, job: Job, *, size: int, limit: int) -> bool:
        """Add up to ``limit`` ranges, each of ``size`` uploads but the last one, behind those there are.

        Of several callers at once, each adds others. False once the job is split.
        """
        ...

    def claim_range(self, job_id: str, *, now: datetime, until: datetime) -> JobRange | None:
        """Return the first range that nobody has claimed at ``now``, as the caller's ``until`` then.

        Its ``attempt`` is one more from now on. Of several callers at once each gets another one.
        """
        ...

    def claimed_until(self, job_id: str) -> datetime | None:
        """Return until when the range is claimed that is claimed for longest, also if that is over; None without any.

        A range that nobody has claimed yet is claimed until its job was begun.
        """
        ...

    def range_uploads(self, job: Job, held: JobRange, *, limit: int) -> Sequence[Upload]:
        """Return the next uploads of a range, up to ``limit``: none once all are done."""
        ...

    def advance_range(self, held: JobRange, new: JobRange | None, *, done: int = 0, failed: int = 0) -> bool:
        """Record ``after_id``, ``left``, ``attempt`` and ``until`` of ``new``; or without it that the range is done.

        ``done`` uploads more are done, ``failed`` among them. False, and nothing is recorded, if the ``after_id`` is
        not that of ``held`` any more: somebody else has gone on with this range.
        """
        ...

    def end_job(self, job_id: str, now: datetime) -> bool:
        """Record that a job has ended. False if it is not split, has ranges, or has ended before."""
        ...


@runtime_checkable
class MovableRecords(UploadRecords, Protocol):
    """Records whose files can be moved to another storage. Without it, a move raises ConfigError.

    A :class:`~chevupload.records.move.Move` is kept from before the first file is copied until one storage has none of
    them.
    """

    def begin_move(self, move: Move) -> bool:
        """Keep ``move``, in place of one of the same paths between the same two storages, in either direction.

        False when another one of this upload is kept, or when it was claimed.
        """
        ...

    def switch_storage(self, upload: Upload, target: str, *, now: datetime) -> bool:
        """Record that the files of a ready upload are in ``target``, and that its move was changed ``now``.

        False, and nothing is changed, when the upload is not ready, its storage or sizes are not those of ``upload``,
        or its move between the two storages is not kept, or was claimed.
        """
        ...

    def moves(self, upload_ids: Collection[str]) -> Sequence[Move]:
        """Return the moves of these uploads that are kept."""
        ...

    def claim_moves(self, *, now: datetime, before: datetime, limit: int) -> Sequence[Move]:
        """Return up to ``limit`` moves of before ``before`` as the caller's to end, with ``kept_in``.

        They are of ``now`` from then on. Those of uploads in state deleting are left out.
        """
        ...

    def end_moves(self, moves: Collection[Move]) -> None:
        """Keep these moves no more."""
        ...


@runtime_checkable
class AuditRecords(UploadRecords, Protocol):
    """Records that keep the audit log, too. Without it, ``Policy(audit_lifetime=...)`` is a ConfigError.

    If these are :class:`JoinableRecords` too, what ``joined`` returns keeps an event in the host's transaction.
    """

    def add_audit(self, entry: AuditEntry) -> None:
        """Keep an event."""
        ...

    def forget_audit(self, *, before: datetime) -> None:
        """Remove the events of before that time, in transactions that are short."""
        ...

    def audit_of(self, user_ids: Collection[str]) -> Iterator[AuditEntry]:
        """Yield the events of these users in their order, without holding a transaction open in between."""
        ...


@runtime_checkable
class SearchableRecords(UploadRecords, Protocol):
    """Records in which an operator searches. Without it, the commands that do raise ConfigError."""

    def search(self, selection: Selection = EVERYTHING) -> Iterator[Upload]:
        """Yield the ready uploads of a selection, expired ones too, without holding a transaction open in between.

        Those of one owner come in the order of their times, the oldest first, any others in an order of the catalog's.
        What is deleted or comes meanwhile may be among them or not.
        """
        ...

    def count(self, selection: Selection) -> Usage:
        """Return how many uploads a selection has, and the bytes of all of their files."""
        ...

    def statistics(self, *, owners: int) -> Statistics:
        """Return what the ready uploads come to, and those of so many owners who keep most."""
        ...


@runtime_checkable
class ErasableRecords(UploadRecords, Protocol):
    """Records of which nothing stays of an erased owner. Without it, what is unfinished is the sweep's."""

    def remaining(self, owner_id: str, *, limit: int) -> Sequence[Upload]:
        """Return up to ``limit`` uploads of an owner in any state: pending, ready, expired or deleting."""
        ...

    def forget_owner(self, owner_id: str) -> None:
        """Remove what else is kept about an owner who has no upload any more, but for albums and the audit log."""
        ...


@runtime_checkable
class Catalog(
    OwnedRecords,
    EditableRecords,
    IdempotentRecords,
    DuplicateRecords,
    EditableAlbumRecords,
    CategoryRecords,
    ViewedRecords,
    SweepableRecords,
    CheckableRecords,
    Protocol,
):
    """Records with every ability but that of joining a host's transaction."""


class Readable(Protocol):
    """What a host has for an uploaded file: a file, Django's UploadedFile, and others."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""
        ...


@runtime_checkable
class Wrapper(Protocol):
    """What wraps such a file and answers as it, as werkzeug's FileStorage does, whose types do not say so."""

    @property
    def stream(self) -> Readable:
        """The file."""
        ...


class Writable(Protocol):
    """Takes bytes, as many as it likes."""

    def write(self, data: bytes) -> int:
        """Take ``data``, or raise :class:`~chevupload.errors.TooLarge`."""
        ...


class Fetcher(Protocol):
    """Brings the file behind a URL."""

    def fetch(self, url: str, into: Writable) -> str | None:
        """Write what ``url`` holds into ``into``, which refuses what is too large, and return the file's name if known.

        Raises:
            Refusal: the URL is not acceptable, or did not answer as it should.
        """
        ...


class Renderer(Protocol):
    """Inspects and renders pictures: in worker processes, or inline."""

    def process(self, job: MediaJob, *, client: str = "") -> MediaResult:
        """Do one job. On any error nothing is left in the job's folder.

        Args:
            job: what to do.
            client: whose job it is, a user's id or a client's address: nobody should keep the others waiting. The
                site's own jobs have none.

        Raises:
            Refusal: the picture is not accepted.
            Busy: no worker became free in time, or too many jobs wait already.
        """
        ...

    def warm(self) -> None:
        """Be ready: the first picture waits for nothing."""
        ...

    def close(self) -> None:
        """End every worker."""
        ...
