"""The uploads of a site: taken in, listed and taken away.

:meth:`Uploads.create` is the way of every upload, from a spooled source to a published record. Requests come to it by
the API, files of a host's own code by :meth:`Uploads.save`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from chevupload.audit import HOST, Actor
from chevupload.errors import (
    AlbumTaken,
    ConfigError,
    EmptySource,
    HeldByTransaction,
    InvalidParameter,
    Refusal,
    RequestDenied,
    RequestTaken,
    TicketUsed,
)
from chevupload.keys import principal_of
from chevupload.model import (
    Cursor,
    MediaFile,
    MediaJob,
    MediaResult,
    Owner,
    Principal,
    Upload,
    UploadType,
    as_principal,
)
from chevupload.naming import random_id
from chevupload.policy.quota import Quota, Usage
from chevupload.protocols import (
    AuditRecords,
    EditableAlbumRecords,
    IdempotentRecords,
    OwnedRecords,
    Readable,
    TicketRecords,
    UsageRecords,
    Wrapper,
)
from chevupload.records.ticket import TicketClaims
from chevupload.spool import Spool
from chevupload.uploads.albums import Albums
from chevupload.uploads.context import UploadContext
from chevupload.uploads.duplicates import Duplicates
from chevupload.uploads.editing import Changes, Editing
from chevupload.uploads.idempotency import find_earlier, pending
from chevupload.uploads.parameters import GivenParameters, Parameters, check_parameters, check_query, clean_text
from chevupload.uploads.persist import Reservation, Writer
from chevupload.uploads.record import Source, Stored, build_record, candidates
from chevupload.uploads.references import check_references
from chevupload.uploads.ticket_uses import choose_use, digests
from chevupload.uploads.upload_log import UploadLog

_READ_BYTES = 262_144
_PAGE = 200
"""How many uploads are taken away together."""
_MORE_ATTEMPTS = 3
"""To take a use of a ticket, or to make an album: what others take first they may give back."""
_ID = re.compile("[A-Za-z0-9_-]{1,64}")


class SaveParameters(GivenParameters, total=False):
    """What :meth:`Uploads.save` takes beside a file and its owner."""

    filename: str | None
    session: Any


class UpdateParameters(Changes, total=False):
    """What :meth:`Uploads.update` takes beside an upload."""

    session: Any
    by: Actor


class ListParameters(TypedDict, total=False):
    """What :meth:`Uploads.list` takes beside an owner."""

    limit: int
    before: Upload | Cursor | str | None
    album_id: str | None
    type: UploadType | None
    q: str | None


class Uploads:
    """Takes uploads in and takes them away again.

    Attributes:
        is_idempotent: whether a request that is sent once more is known again, which needs a catalog for it.
    """

    def __init__(self, context: UploadContext) -> None:
        """Use these parts.

        Raises:
            ConfigError: the policy needs a catalog that can do more.
        """
        catalog = context.catalog
        self._context, self._config, self._clock = context, context.config, context.clock
        self._catalog, self._writer, self._transactions = catalog, context.writer, context.transactions
        self.is_idempotent = isinstance(catalog, IdempotentRecords)
        self._uses = catalog if isinstance(catalog, TicketRecords) else None
        self._requests = catalog if isinstance(catalog, IdempotentRecords) else None
        self._owned = catalog if isinstance(catalog, OwnedRecords) else None
        self._editing = Editing(context)
        if self._config.policy.audit_lifetime is not None and not isinstance(catalog, AuditRecords):
            raise ConfigError("Policy(audit_lifetime=...) needs a catalog with the methods of AuditRecords")
        self._duplicates = Duplicates(context)
        self._named_albums = Albums(context)
        if self._config.policy.album_names and not isinstance(catalog, EditableAlbumRecords):
            raise ConfigError("Policy(album_names=True) needs a catalog with the methods of EditableAlbumRecords")
        self._counted, self._usages = self._config.policy.usage, None
        if self._counted is not None:
            if not isinstance(catalog, UsageRecords):
                raise ConfigError("Policy(usage=...) needs a catalog with the methods of UsageRecords")
            self._usages = catalog

    def create(
        self,
        source: Source,
        parameters: Parameters,
        sender: Principal,
        *,
        log: UploadLog,
        client: str = "",
        session: Any = None,
        request_digest: str | None = None,
        refusal: Refusal | None = None,
    ) -> Stored:
        """Take one source in and return its published record; with a session, published when that commits.

        Args:
            source: the file, and its name.
            parameters: checked already.
            sender: whose it is.
            log: measures the steps.
            client: whom the renderer is fair to: a user's id, or a client's address.
            session: of the host, on the catalog's database.
            request_digest: what a request with the same one has stored before is returned, and nothing is stored. With
                a ticket it is the ticket that decides, and the file.
            refusal: why nothing new may be stored.

        Raises:
            Refusal: parameters or picture are not acceptable; nothing was stored.
            BackendError: a part is away; nothing was stored, or the sweep will remove it.
            ConfigError: a session that the catalog cannot join, or a quota where no usage is kept.
        """
        log.owner, log.bytes = sender.user_id, source.spool.size
        log.done("receive")
        if not sender.may("upload"):
            raise RequestDenied
        request_digest, earlier = self._find_request(request_digest, source, sender)
        if earlier is not None:
            return Stored(earlier, is_repeated=True)
        if refusal is not None:
            raise refusal
        quota = self.quota(sender)
        self._check(parameters, sender, session)
        if (earlier := self._duplicates.of_source(source, parameters, sender)) is not None:
            return Stored(earlier, is_repeated=True, is_duplicate=True)
        log.done("check")
        album, is_new = None, False
        if parameters.album is not None:
            album, is_new = self._named_albums.named(sender, parameters.album, session=session)
            parameters = replace(parameters, album_id=album.id)
        with self._context.renderer.process(self.job(source, parameters, sender), client=client) as media:
            log.done("render")
            record = build_record(
                source,
                parameters,
                sender,
                media,
                policy=self._config.policy,
                max_tags=self._config.limits.max_tags,
                upload_id=random_id(self._config.policy.id_length),
                random_name=secrets.token_hex(16),
                received_at=self._clock(),
                request_digest=request_digest,
            )
            if (earlier := self._duplicates.of_record(record, source, parameters, sender)) is not None:
                return Stored(earlier, is_repeated=True, is_duplicate=True)
            record = self._context.storages.chosen(record, sender)
            files = _files(source, media)
            self._context.hooks.ask(record, sender, files[0].path)
            log.done("check")
            writer = self._writer if session is None else self._transactions.writer(session, sender)
            until = None if sender.ticket is None else sender.ticket.expires_at
            reservation = Reservation(quota=quota, taken_until=until, album=album if is_new else None)
            stored = self._store(writer, record, files, source, sender, log, reservation, session)
        if session is None and not stored.is_repeated:
            self._context.hooks.uploaded(stored.upload, sender)
        return stored

    def was_requested(self, request_digest: str) -> bool:
        """Whether a request with this digest has stored something, or is about to.

        Raises:
            BackendError: the catalog is away.
        """
        return self._requests is not None and self._requests.requested(request_digest) is not None

    def was_used(self, ticket: TicketClaims) -> bool:
        """Whether something was uploaded with a ticket, or is about to be.

        Raises:
            BackendError: the catalog is away.
        """
        return self._uses is not None and bool(self._uses.uses(list(digests(ticket))))

    def save(
        self,
        file: Readable | Wrapper,
        *,
        owner: Owner,
        filename: str | None = None,
        session: Any = None,
        **parameters: Unpack[GivenParameters],
    ) -> Upload:
        """Take a file that the host has, from a form of its own for example, and return its published record.

        Args:
            file: read from its position to its end; a file, or what a framework has for an uploaded one.
            owner: a user's id, which is kept as text; a Principal; or None for a guest. Of an id, the key backend tells
                what the user may do, if it is a :class:`~chevupload.protocols.UserKeyBackend`; one that it does not
                know has the limits of the site.
            filename: by default the file's own ``filename`` or ``name``.
            session: an SQLAlchemy session on the catalog's database: the upload is published when its transaction
                commits, and taken away when it does not. Without one it is published at once.
            parameters: those of the API, by the same rules: ``title``, ``description``, ``tags``, ``album_id``,
                ``album``, ``category_id``, ``width``, ``expiration`` (a timedelta, or a text), ``nsfw``, and
                ``use_file_date``, which is for a Principal that is an admin only.

        Raises:
            Refusal: parameters or picture are not acceptable; nothing was stored. Its message may be shown.
            BackendError: a part is away; nothing was stored, or the sweep will remove it.
            ConfigError: a session that the catalog cannot join.
            TypeError: an unknown parameter.
        """
        if unknown := parameters.keys() - GivenParameters.__annotations__:
            raise TypeError(f"save() got unexpected parameters: {', '.join(sorted(unknown))}")
        principal = principal_of(self._context.keys, owner) or as_principal(owner)
        checked = check_parameters(parameters.get, principal, max_tags=self._config.limits.max_tags)
        with UploadLog() as log, self.spool(self.max_bytes(principal)) as spool:
            content = file.stream if isinstance(file, Wrapper) else file
            while data := content.read(_READ_BYTES):
                spool.write(data)
            if not spool.size:
                raise EmptySource
            source = Source(spool, filename or _name_of(file))
            client = principal.user_id or ""
            log.stored = self.create(source, checked, principal, log=log, client=client, session=session)
            return log.stored.upload

    def get(self, upload_id: str) -> Upload | None:
        """Return an upload that readers can see, or None.

        Raises:
            BackendError: the catalog is away.
        """
        upload = self._catalog.get(upload_id)
        return None if upload is None or upload.is_expired(self._clock()) else upload

    def update(
        self, upload: Upload | str, *, session: Any = None, by: Actor = HOST, **changes: Unpack[Changes]
    ) -> Upload | None:
        """Change what is kept with an upload, given as it is or by its id, and return it as it is then.

        None when readers cannot see it any more; nothing is changed then.

        Args:
            upload: as :meth:`get` returns it, or its id.
            session: an SQLAlchemy session on the catalog's database, whose transaction the change is a part of. Until
                that is over, nothing else changes or deletes the upload.
            by: who changes it, for the audit log.
            changes: ``title``, ``description``, ``tags``, ``album_id``, ``category_id``, ``nsfw`` and ``expiration``,
                by the rules of :meth:`save`. None and an empty text clear; what is not given stays. ``expiration`` is
                counted from now. When it is cleared, the upload expires as one that asks for no time: never, or after
                the site's time for guests, or the user's own time.

        Raises:
            Refusal: a value is not acceptable; nothing was changed. Its message may be shown.
            BackendError: a part is away, or an open transaction holds the upload; nothing was changed.
            ConfigError: the catalog cannot change uploads, or cannot join the session.
            TypeError: an unknown change.
        """
        if isinstance(upload, Upload):
            found: Upload | None = upload
        else:
            found = self._transactions.found(upload, session) or self._catalog.get(upload)
        return None if found is None else self._editing.change(found, changes, session, by)

    def list(
        self,
        owner: Owner,
        *,
        limit: int = 50,
        before: Upload | Cursor | str | None = None,
        album_id: str | None = None,
        type: UploadType | None = None,
        q: str | None = None,
    ) -> Sequence[Upload]:
        """Return the uploads of a user that readers can see, the newest first; guests have none of their own.

        Args:
            owner: a user's id or Principal, as they were saved with.
            limit: how many at most.
            before: the last one of the page before, its :attr:`~chevupload.model.Upload.cursor`, that as text as a
                link has it, or its id; empty text is the beginning. An upload that was deleted meanwhile still has its
                place, but for its id alone.
            album_id: those in this album alone; None is all.
            type: ``image`` or ``video``: those of this type alone.
            q: those alone whose title, description or file name has this text in it, in any mix of upper and lower
                case. Empty text is all. It is read from the newest upload on, until there are enough.

        Raises:
            InvalidParameter: ``before`` is no cursor and no id of this owner's, ``album_id`` is empty, ``type`` is
                neither of the two, or ``q`` is longer than 100 characters.
            BackendError: the catalog is away.
            ConfigError: the catalog cannot list them.
        """
        user_id = as_principal(owner).user_id
        if self._owned is None:
            raise ConfigError("this catalog cannot list the uploads of a user: it has no method owned")
        if type not in (None, "image", "video"):
            raise InvalidParameter("Invalid type, expected image or video")
        album = None if album_id is None else clean_text(album_id)
        if album is not None and not album.strip():
            raise InvalidParameter("Invalid album_id, it is empty: None lists all uploads")
        query = check_query(q)
        if user_id is None:
            return []
        place, now = self._place(user_id, before), self._clock()
        return self._owned.owned(user_id, now=now, limit=limit, before=place, album_id=album, type=type, query=query)

    def _place(self, user_id: str, before: Upload | Cursor | str | None) -> Cursor | None:
        """Return where a list goes on; None is its beginning."""
        if not before:
            return None
        if isinstance(before, Upload | Cursor):
            return before.cursor if isinstance(before, Upload) else before
        try:
            return Cursor.of(before)
        except ValueError:
            found = self._catalog.get(before) if _ID.fullmatch(before) else None
        if found is None or found.owner_id != user_id:
            raise InvalidParameter("Invalid before, expected a cursor, or the id of an upload")
        return found.cursor

    def delete_all(self, owner: Owner, *, by: Actor | None = HOST) -> int:
        """Take every upload of a user away that readers can see, and return how many there were; ``by`` as below.

        Raises:
            BackendError: a part is away. What is marked by then, the sweep finishes.
        """
        count = 0
        while page := self.list(owner, limit=_PAGE):
            count += self.delete_page(page, by=by)
        return count

    def delete_page(self, uploads: Sequence[Upload], *, by: Actor | None = HOST) -> int:
        """Take several uploads away together, and return how many there were.

        ``by`` is who does so, for the audit log; None writes nothing, as where the erasing of their owner is written.

        Raises:
            BackendError: a part is away. What is marked by then, the sweep finishes.
        """
        withdrawn = [upload for upload in uploads if self._withdraw(upload, by)]
        for error in self._writer.clear_all(withdrawn).values():
            raise error
        return len(withdrawn)

    def delete(self, upload: Upload | str, *, by: Actor | None = HOST) -> bool:
        """Take an upload away, given as it is or by its id: gone for readers at once, then its files, then its record.

        False when it was gone. ``by`` is as for :meth:`delete_page`.

        Raises:
            BackendError: a part is away. Once the record is marked, the sweep finishes the rest. Or the transaction
                that it was saved in is still open: rolling that back takes it away.
        """
        found = self._catalog.get(upload) if isinstance(upload, str) else upload
        if found is None or not self._withdraw(found, by):
            return False
        self._writer.clear(found)
        return True

    def _withdraw(self, upload: Upload, by: Actor | None) -> bool:
        if self._transactions.holds(upload):
            raise HeldByTransaction("an open transaction holds this upload: roll it back to take the upload away")
        if not self._writer.withdraw(upload):
            return False
        if by is not None:
            self._context.audit.record_by(by, "upload_deleted", owner_id=upload.owner_id, detail=upload.id)
        return True

    def max_bytes(self, principal: Principal) -> int:
        """Return how large a file of this sender may be."""
        limits = self._config.limits
        of_site = limits.max_guest_bytes if principal.is_guest else limits.max_bytes
        of_user = of_site if principal.max_bytes is None else principal.max_bytes
        return of_user if principal.key_max_bytes is None else min(of_user, principal.key_max_bytes)

    def quota(self, principal: Principal) -> Quota:
        """Return how much this owner may keep.

        Raises:
            ConfigError: the Principal has a quota, and no usage is kept.
        """
        policy, files, bytes_ = self._config.policy, principal.quota_files, principal.quota_bytes
        if self._counted is None and (files is not None or bytes_ is not None):
            raise ConfigError("the quota of a Principal needs Policy(usage='originals') or Policy(usage='all')")
        if files is None:
            files = policy.guest_quota_files if principal.is_guest else policy.quota_files
        if bytes_ is None:
            bytes_ = policy.guest_quota_bytes if principal.is_guest else policy.quota_bytes
        return Quota(files=files, bytes=bytes_)

    def usage(self, owner: Owner, *, recount: bool = False) -> Usage:
        """Return how many uploads an owner keeps, and of how many bytes; all guests are one owner.

        What has expired, or is half deleted, counts until the sweep has removed it.

        Args:
            owner: a user's id, a Principal, or None for guests.
            recount: count the records anew, beside uploads that are under way, and go on from there.

        Raises:
            BackendError: the catalog is away.
            ConfigError: no usage is kept.
        """
        user_id = as_principal(owner).user_id
        if self._usages is None or self._counted is None:
            raise ConfigError("no usage is kept: it needs the policy's usage, which is 'originals' or 'all'")
        read = self._usages.recount if recount else self._usages.usage
        return read(user_id, counted=self._counted)

    def owners(self) -> Iterator[str | None]:
        """Yield the ids of all who keep uploads or have kept some, None for guests first.

        Raises:
            BackendError: the catalog is away.
            ConfigError: no usage is kept.
        """
        if self._usages is None:
            raise ConfigError("no usage is kept: it needs the policy's usage, which is 'originals' or 'all'")
        return self._usages.owners()

    def spool(self, max_bytes: int) -> Spool:
        """Return a temporary file where workers read."""
        return Spool(self._context.spools.path, max_bytes, budget=self._context.spools.for_all)

    def job(self, source: Source, parameters: Parameters, sender: Principal) -> MediaJob:
        """Return what a renderer is to make of a source."""
        formats = self._config.policy.formats
        return MediaJob(
            source=source.spool.path,
            folder=self._context.spools.path,
            formats=tuple(name for name in formats if sender.formats is None or name in sender.formats),
            width=parameters.width,
            originals=sender.originals or self._config.originals,
            thumb_side=self._config.renditions.thumb_side,
            medium_side=self._config.renditions.medium_side,
            medium_fixed=self._config.renditions.medium_fixed,
            quality=self._config.renditions.quality,
            max_pixels=sender.max_pixels or self._config.limits.max_pixels,
            max_total_pixels=self._config.limits.max_total_pixels,
            max_frames=self._config.limits.max_frames,
            max_scans=self._config.limits.max_scans,
            extra=self._config.renditions.extra,
        )

    def _store(
        self,
        writer: Writer,
        record: Upload,
        files: tuple[MediaFile, ...],
        source: Source,
        sender: Principal,
        log: UploadLog,
        reservation: Reservation,
        session: Any,
    ) -> Stored:
        """Store a record, or return what another request has stored meanwhile that is the same."""
        ticket = sender.ticket
        attempts = (1 if ticket is None else ticket.uses + _MORE_ATTEMPTS) + _MORE_ATTEMPTS * bool(reservation.album)
        for _ in range(attempts):
            try:
                names = candidates(record, self._config.policy)
                return Stored(writer.store(names, files, log, reservation))
            except AlbumTaken:
                # Another upload has made it, or this one, whose name was not free.
                assert reservation.album is not None, "no new album"
                album, is_new = self._named_albums.named(sender, reservation.album.title, session=session)
                record = replace(record, album_id=album.id)
                reservation = replace(reservation, album=album if is_new else None)
            except RequestTaken:
                # Of several at the same time, the first one to reserve has won; the others had not seen it.
                digest, earlier = self._find_request(record.request_digest, source, sender)
                if earlier is not None:
                    return Stored(earlier, is_repeated=True)
                record = replace(record, request_digest=digest)
        raise pending()

    def _find_request(self, digest: str | None, source: Source, sender: Principal) -> tuple[str | None, Upload | None]:
        """Return the digest that the upload of a request has, and what a request with it has stored before.

        Raises:
            RequestPending: that is on its way.
            RequestReused: it was of another file.
            TicketUsed: the sender's ticket is used up, or what was uploaded of this file with it is gone.
            BackendError: the catalog is away.
        """
        if sender.ticket is None:
            return digest, None if digest is None else self._earlier(digest, source)
        assert self._uses is not None, "no ticket without records of uses"
        # An upload that was abandoned frees its use; one that is gone does not.
        for _ in range(2):
            digest, is_taken = choose_use(sender.ticket, source.spool.md5, self._uses)
            if not is_taken:
                return digest, None
            if (earlier := self._earlier(digest, source)) is not None:
                return digest, earlier
        raise TicketUsed

    def _earlier(self, digest: str, source: Source) -> Upload | None:
        assert self._requests is not None, "no digest without is_idempotent"
        return find_earlier(
            digest,
            source.spool.md5,
            records=self._requests,
            writer=self._writer,
            transactions=self._transactions,
            now=self._clock(),
        )

    def _check(self, parameters: Parameters, principal: Principal, session: Any) -> None:
        """Refuse what costs nothing to refuse, before anything is decoded."""
        if principal.is_guest and not self._config.policy.guests:
            raise RequestDenied
        check_references(self._context, principal, parameters.album_id, parameters.category_id, session)


def _name_of(file: Readable | Wrapper) -> str | None:
    """Return what a file of a framework or of the standard library says of its name."""
    name = getattr(file, "filename", None) or getattr(file, "name", None)
    return name if isinstance(name, str) else None


def _files(source: Source, media: MediaResult) -> tuple[MediaFile, ...]:
    """List the local files in the order of :attr:`Upload.paths`."""
    unchanged = () if media.original else (MediaFile(path=source.spool.path, size=source.spool.size),)
    return (*unchanged, *media.files)
