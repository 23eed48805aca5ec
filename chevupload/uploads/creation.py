"""The way of every upload, from a spooled source to a published record, straight down in :meth:`Creation.create`.

Requests come to it by the API, files of a host's own code by :meth:`~chevupload.uploads.service.Uploads.save`.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from chevupload.errors import (
    AlbumTaken,
    CatalogError,
    ConfigError,
    FileExists,
    NameTaken,
    Refusal,
    RequestDenied,
    RequestTaken,
    TicketUsed,
)
from chevupload.model import MediaFile, MediaJob, Principal, Upload
from chevupload.naming import other_name, random_id
from chevupload.policy.quota import Quota
from chevupload.protocols import EditableAlbumRecords, IdempotentRecords, TicketRecords
from chevupload.records.ticket import TicketClaims
from chevupload.uploads.albums import Albums
from chevupload.uploads.context import UploadContext
from chevupload.uploads.duplicates import Duplicates
from chevupload.uploads.idempotency import find_earlier, pending
from chevupload.uploads.parameters import Parameters
from chevupload.uploads.persist import Reservation, Writer
from chevupload.uploads.record import Source, Stored, build_record
from chevupload.uploads.references import check_album, check_category
from chevupload.uploads.ticket_uses import choose_use, digests
from chevupload.uploads.upload_log import UploadLog

_NAME_ATTEMPTS = 8
"""Each but the first draws 64 random bits; more than one collision means that something else is wrong."""
_MORE_ATTEMPTS = 3
"""To take a use of a ticket, or to make an album: what others take first they may give back."""


class Creation:
    """Makes uploads.

    Attributes:
        is_idempotent: whether a request that is sent once more is known again, which needs a catalog for it.
    """

    def __init__(self, context: UploadContext, albums: Albums) -> None:
        """Use these parts.

        Raises:
            ConfigError: the policy needs a catalog that can do more.
        """
        catalog = context.catalog
        self._context, self._config, self._clock = context, context.config, context.clock
        self._writer, self._transactions, self._albums = context.writer, context.transactions, albums
        self.is_idempotent = isinstance(catalog, IdempotentRecords)
        self._ticket_records = catalog if isinstance(catalog, TicketRecords) else None
        self._idempotent_records = catalog if isinstance(catalog, IdempotentRecords) else None
        self._duplicates = None if self._config.policy.duplicates == "allow" else Duplicates(context)
        if self._config.policy.album_names and not isinstance(catalog, EditableAlbumRecords):
            raise ConfigError("Policy(album_names=True) needs a catalog with the methods of EditableAlbumRecords")

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
        hooks = self._context.hooks
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
        if sender.is_guest and not self._config.policy.guests:
            raise RequestDenied
        if parameters.album_id is not None:
            check_album(self._context, sender, parameters.album_id, session)
        if parameters.category_id is not None:
            check_category(self._context, parameters.category_id)
        if self._duplicates is not None:
            earlier = self._duplicates.of_source(source, parameters, sender)
            if earlier is not None:
                return Stored(earlier, is_repeated=True, is_duplicate=True)
        log.done("check")
        album, is_new = None, False
        if parameters.album is not None:
            album, is_new = self._albums.named(sender, parameters.album, session=session)
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
            if self._duplicates is not None:
                earlier = self._duplicates.of_record(record, source, parameters, sender)
                if earlier is not None:
                    return Stored(earlier, is_repeated=True, is_duplicate=True)
            files = media.files
            if media.original is None:
                files = (MediaFile(path=source.spool.path, size=source.spool.size), *files)
            record = self._context.storages.with_storage(record, sender)
            if hooks.before_store is not None:
                with open(files[0].path, "rb") as file:
                    hooks.before_store(record, sender, file)
                log.done("check")
            writer = self._writer if session is None else self._transactions.writer(session, sender)
            until = None if sender.ticket is None else sender.ticket.expires_at
            reservation = Reservation(
                counted=self._config.policy.usage,
                quota=quota,
                taken_until=until,
                album=album if is_new else None,
            )
            stored = self._store_under_free_name(writer, record, files, source, sender, log, reservation, session)
        # With a session, the hook is told once that has committed.
        if hooks.on_upload is not None and session is None and not stored.is_repeated:
            hooks.uploaded(stored.upload, sender)
        return stored

    def was_requested(self, request_digest: str) -> bool:
        """Whether a request with this digest has stored something, or is about to.

        Raises:
            BackendError: the catalog is away.
        """
        return self._idempotent_records is not None and self._idempotent_records.requested(request_digest) is not None

    def was_used(self, ticket: TicketClaims) -> bool:
        """Whether something was uploaded with a ticket, or is about to be.

        Raises:
            BackendError: the catalog is away.
        """
        return self._ticket_records is not None and bool(self._ticket_records.uses(list(digests(ticket))))

    def quota(self, principal: Principal) -> Quota:
        """Return how much this owner may keep.

        Raises:
            ConfigError: the Principal has a quota, and no usage is kept.
        """
        policy, files, bytes_ = self._config.policy, principal.quota_files, principal.quota_bytes
        if policy.usage is None and (files is not None or bytes_ is not None):
            raise ConfigError("the quota of a Principal needs Policy(usage='originals') or Policy(usage='all')")
        if files is None:
            files = policy.guest_quota_files if principal.is_guest else policy.quota_files
        if bytes_ is None:
            bytes_ = policy.guest_quota_bytes if principal.is_guest else policy.quota_bytes
        return Quota(files=files, bytes=bytes_)

    def job(self, source: Source, parameters: Parameters, sender: Principal) -> MediaJob:
        """Return what a renderer is to make of a source."""
        formats, of_sender = self._config.policy.formats, sender.formats
        return MediaJob(
            source=source.spool.path,
            folder=self._context.spools.path,
            formats=formats if of_sender is None else tuple(name for name in formats if name in of_sender),
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

    def _store_under_free_name(
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
        """Store a record under a name that is free, or return what another request has stored meanwhile of the same.

        Raises:
            QuotaExceeded: its owner would keep more than the quota of ``reservation``; nothing was stored.
            RequestPending: others were faster each time, with the same ticket or new album.
            BackendError: a part is away; nothing was stored, or the sweep will remove it.
        """
        attempts = _NAME_ATTEMPTS + _MORE_ATTEMPTS * (reservation.album is not None)
        if sender.ticket is not None:
            attempts += sender.ticket.uses + _MORE_ATTEMPTS
        upload, storage = record, self._context.storages.by_name[record.storage]
        reason: Exception = CatalogError("no free name")
        cause: Exception | None = None
        for _ in range(attempts):
            try:
                writer.store(upload, storage, files, log, reservation)
                return Stored(upload)
            except (NameTaken, FileExists) as error:
                cause = error
                upload = replace(upload, name=other_name(record.name, self._config.policy.naming))
            except AlbumTaken:
                # Another upload has made it, or this one, whose name was not free.
                reason = pending()
                assert reservation.album is not None, "no new album"
                album, is_new = self._albums.named(sender, reservation.album.title, session=session)
                upload = replace(upload, album_id=album.id)
                reservation = replace(reservation, album=album if is_new else None)
            except RequestTaken:
                # Of several at the same time, the first one to reserve has won; the others had not seen it.
                reason = pending()
                digest, earlier = self._find_request(upload.request_digest, source, sender)
                if earlier is not None:
                    return Stored(earlier, is_repeated=True)
                upload = replace(upload, request_digest=digest)
        raise reason from cause

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
        assert self._ticket_records is not None, "no ticket without records of uses"
        # An upload that was abandoned frees its use; one that is gone does not.
        for _ in range(2):
            digest, is_taken = choose_use(sender.ticket, source.spool.md5, self._ticket_records)
            if not is_taken:
                return digest, None
            if (earlier := self._earlier(digest, source)) is not None:
                return digest, earlier
        raise TicketUsed

    def _earlier(self, digest: str, source: Source) -> Upload | None:
        assert self._idempotent_records is not None, "no digest without is_idempotent"
        return find_earlier(
            digest,
            source.spool.md5,
            records=self._idempotent_records,
            writer=self._writer,
            transactions=self._transactions,
            now=self._clock(),
        )
