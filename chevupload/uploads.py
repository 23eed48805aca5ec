"""The way of one upload, from a spooled source to a published record: inspect, render, reserve, put, publish.

Requests come in by :meth:`Uploads.create`, a host's own code by :meth:`Uploads.save`.

May know: every floor below by its interfaces. The order of writes is the promise: a record names every file before the
file is written and is ready only after the last one, so a crash at any point leaves either a whole upload or a pending
record from which the sweep removes everything.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from chevupload.clock import Clock
from chevupload.config import Limits, Policy, Renditions
from chevupload.errors import (
    BackendError,
    CatalogError,
    ConfigError,
    DuplicateUpload,
    EmptySource,
    FileExists,
    ForeignAlbum,
    InvalidParameter,
    NameTaken,
    RequestDenied,
    UnknownCategory,
)
from chevupload.hooks import Hooks
from chevupload.interfaces import AdoptingStorage, Catalog, JoiningCatalog, Readable, Renderer, Storage
from chevupload.model import MIME_TYPES, MediaFile, MediaJob, MediaResult, Parameters, Principal, Upload
from chevupload.naming import base_name, client_filename, default_title, new_id, split_extension, with_suffix
from chevupload.notes import Notes
from chevupload.request.parameters import MAX_DESCRIPTION, MAX_TITLE, expires_at, parse_parameters
from chevupload.request.sources import Source, random_filename
from chevupload.spool import Spool

logger = logging.getLogger("chevupload")

_EXTENSIONS = {
    **{"JPEG": "jpeg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif", "HEIC": "heic"},
    **{"MP4": "mp4", "MOV": "mov", "WEBM": "webm"},
}
_NAME_ATTEMPTS = 8
"""Each but the first draws 64 random bits; more than one collision means that something else is wrong."""
_READ_BYTES = 262_144
_DUPLICATE_WINDOW = timedelta(days=1)


Owner: TypeAlias = Principal | str | int | UUID | None
"""Whose an upload is: a user by id, a Principal, or nobody, which is a guest."""


class Uploads:
    """Takes uploads in and takes them away again."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        storage: Storage,
        renderer: Renderer,
        limits: Limits,
        renditions: Renditions,
        policy: Policy,
        hooks: Hooks,
        notes: Notes,
        spool_folder: str,
        clock: Clock,
    ) -> None:
        """Use these parts; ``spool_folder`` is where workers write, ``clock`` returns an aware UTC time."""
        self._catalog = catalog
        self._storage = storage
        self._adopting = storage if isinstance(storage, AdoptingStorage) else None
        self._renderer = renderer
        self._limits = limits
        self._renditions = renditions
        self._policy = policy
        self._hooks = hooks
        self._notes = notes
        self._spool_folder = spool_folder
        self._clock = clock
        self._open: set[str] = set()
        """Ids of uploads in transactions of this process' host that are not over yet."""

    def save(
        self,
        file: Readable,
        *,
        owner: Owner,
        filename: str | None = None,
        title: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | str = (),
        album_id: str | None = None,
        category_id: int | None = None,
        width: int | None = None,
        expiration: timedelta | str | None = None,
        nsfw: bool = False,
        use_file_date: bool = False,
        session: Any = None,
    ) -> Upload:
        """Take a file that the host has, from a form of its own for example, and return its published record.

        Args:
            file: read from its position to its end; a file, or what a framework has for an uploaded one.
            owner: a user's id, which is kept as text; a Principal; or None for a guest.
            filename: by default the file's own ``filename`` or ``name``.
            title: as the parameter of the API, by the same rules; so are the others.
            expiration: until when from now, or an ISO 8601 duration.
            use_file_date: for a Principal that is an admin only.
            session: an SQLAlchemy session on the catalog's database: the upload is published when its transaction
                commits, and taken away when it does not. Without one it is published at once.

        Raises:
            Refusal: parameters or picture are not acceptable; nothing was stored. Its message may be shown.
            BackendError: a part is away; nothing was stored, or the sweep will remove it.
            ConfigError: a session that the catalog cannot join.
        """
        principal = as_principal(owner)
        texts = {
            "title": title,
            "description": description,
            "tags": tags if isinstance(tags, str) else ",".join(tags),
            "album_id": album_id,
            "category_id": _digits(category_id),
            "width": _digits(width),
            "expiration": _seconds(expiration) if isinstance(expiration, timedelta) else expiration,
            "nsfw": _digits(nsfw),
            "use_file_date": _digits(use_file_date),
        }
        parameters = parse_parameters(texts.get, is_admin=principal.is_admin, is_guest=principal.is_guest)
        with Spool(self._spool_folder, self.max_bytes(principal)) as spool:
            while data := file.read(_READ_BYTES):
                spool.write(data)
            if not spool.size:
                raise EmptySource
            return self.create(Source(spool, filename or _name_of(file)), parameters, principal, session=session)

    def get(self, upload_id: str) -> Upload | None:
        """Return an upload that readers can see, or None.

        Raises:
            BackendError: the catalog is away.
        """
        upload = self._catalog.get(upload_id)
        return None if upload is None or upload.is_expired(self._clock()) else upload

    def list(self, owner: Owner, *, limit: int = 50, before: Upload | None = None) -> Sequence[Upload]:
        """Return the uploads of a user that readers can see, the newest first; guests have none of their own.

        Args:
            owner: a user's id or Principal, as they were saved with.
            limit: how many at most.
            before: the last one of the page before.

        Raises:
            BackendError: the catalog is away.
        """
        user_id = as_principal(owner).user_id
        return [] if user_id is None else self._catalog.owned(user_id, now=self._clock(), limit=limit, before=before)

    def delete_all(self, owner: Owner) -> int:
        """Take every upload of a user away that readers can see, and return how many there were.

        Raises:
            BackendError: a part is away. What is marked by then, the sweep finishes.
        """
        count = 0
        while page := self.list(owner):
            count += sum(map(self.delete, page))
        return count

    def delete(self, upload: Upload | str) -> bool:
        """Take an upload away, given as it is or by its id: gone for readers at once, then its files, then its record.

        False when it was gone.

        Raises:
            BackendError: a part is away. Once the record is marked, the sweep finishes the rest. Or the transaction
                that it was saved in is still open: rolling that back takes it away.
        """
        found = self._catalog.get(upload) if isinstance(upload, str) else upload
        if found is not None and found.id in self._open:
            raise CatalogError("an open transaction holds this upload: roll it back to take the upload away")
        if found is None or not self.withdraw(found):
            return False
        self.clear(found)
        return True

    def withdraw(self, upload: Upload) -> bool:
        """Take an upload away from its readers, and leave its files to the sweep. False when it was gone.

        Raises:
            BackendError: the catalog is away.
        """
        if not self._catalog.withdraw(upload.id):
            return False
        self._hooks.deleted(upload)
        return True

    def max_bytes(self, principal: Principal) -> int:
        """Return how large a file of this sender may be."""
        if principal.max_bytes is not None:
            return principal.max_bytes
        return self._limits.max_guest_bytes if principal.is_guest else self._limits.max_bytes

    def create(self, source: Source, parameters: Parameters, principal: Principal, *, session: Any = None) -> Upload:
        """Take one source in and return its published record; with a session, published when that commits.

        Raises:
            Refusal: parameters or picture are not acceptable; nothing was stored.
            BackendError: a part is away; nothing was stored, or the sweep will remove it.
            ConfigError: a session that the catalog cannot join.
        """
        self._check(source, parameters, principal)
        result = self._renderer.process(self._job(source, parameters, principal))
        with _owned(result):
            if result.original_md5 is not None:
                # What is turned or converted before it is stored is only known again by what came of it.
                self._refuse_duplicate(result.original_md5, principal)
            drafted = self._draft(source, parameters, principal, result)
            files = _files(source, result)
            self._hooks.ask(drafted, principal, files[0].path)
            if session is not None:
                return self._create_joined(drafted, files, principal, session)
            upload = self._store(drafted, files, self._catalog)
        self._hooks.uploaded(upload, principal)
        return upload

    def settle(self, upload: Upload) -> bool:
        """Look how the host's transaction ended that was to publish ``upload``; take away what it did not.

        Returns whether the upload is there.

        Raises:
            BackendError: a part is away; the next sweep looks again.
        """
        if self._catalog.get(upload.id) is None:
            # Its reservation may have gone with the transaction: taken again, nobody else can meet its files. If the
            # transaction is still open, the database has us wait for its end, which may be that the upload is ready.
            with contextlib.suppress(NameTaken):
                self._catalog.reserve(upload)
            if self._catalog.abandon(upload.id):
                self.clear(upload)
        is_ready = self._catalog.get(upload.id) is not None
        self._notes.remove(upload)
        return is_ready

    def clear(self, upload: Upload) -> None:
        """Remove the files, then the record, of an upload that is marked as deleting."""
        for path in upload.paths:
            self._storage.delete(path)
        self._catalog.forget(upload.id)

    def _create_joined(
        self, drafted: Upload, files: tuple[MediaFile, ...], principal: Principal, session: Any
    ) -> Upload:
        """Store inside the host's transaction: noted on disk, until it is known how that ended."""
        if not isinstance(self._catalog, JoiningCatalog):
            raise ConfigError("this catalog cannot join a session")
        stored: builtins.list[Upload] = []

        def when_over() -> None:
            for upload in stored:
                self._open.discard(upload.id)
                if self.settle(upload):
                    self._hooks.uploaded(upload, principal)

        catalog = self._catalog.joined(session, when_over)
        upload = self._store(drafted, files, catalog, note=self._notes.noted)
        self._open.add(upload.id)
        stored.append(upload)
        return upload

    def _check(self, source: Source, parameters: Parameters, principal: Principal) -> None:
        """Refuse what costs nothing to refuse, before anything is decoded."""
        if principal.is_guest and not self._policy.guests:
            raise RequestDenied
        if parameters.album_id is not None:
            album = self._catalog.album(parameters.album_id)
            if album is None or principal.is_guest or album.owner_id != principal.user_id:
                raise ForeignAlbum
        if parameters.category_id is not None and not self._catalog.has_category(parameters.category_id):
            raise UnknownCategory
        self._refuse_duplicate(source.spool.md5, principal)

    def _refuse_duplicate(self, md5: str, principal: Principal) -> None:
        if self._policy.duplicates == "reject" and not principal.is_admin:
            since = self._clock() - _DUPLICATE_WINDOW
            if self._catalog.has_duplicate(md5, owner_id=principal.user_id, since=since):
                raise DuplicateUpload

    def _job(self, source: Source, parameters: Parameters, principal: Principal) -> MediaJob:
        return MediaJob(
            source=source.spool.path,
            folder=self._spool_folder,
            formats=self._policy.formats,
            width=parameters.width,
            keep_exif=self._policy.keep_exif,
            thumb_side=self._renditions.thumb_side,
            medium_width=self._renditions.medium_width,
            quality=self._renditions.quality,
            max_pixels=principal.max_pixels or self._limits.max_pixels,
            max_total_pixels=self._limits.max_total_pixels,
            max_frames=self._limits.max_frames,
        )

    def _draft(self, source: Source, parameters: Parameters, principal: Principal, result: MediaResult) -> Upload:
        """Describe the upload, all but its final name."""
        received_at = self._clock()
        now = received_at.replace(microsecond=0)
        created_at = (self._file_date(result) if parameters.use_file_date else None) or now
        extension = _EXTENSIONS[result.format]
        filename = client_filename(source.filename or "") or random_filename(extension)
        if result.format == "JPEG" and split_extension(filename)[1] == "jpg":
            extension = "jpg"
        description = parameters.description or result.description
        return Upload(
            id=new_id(),
            owner_id=principal.user_id,
            created_at=created_at,
            received_at=received_at,
            folder=self._folder(created_at),
            name=base_name(filename),
            extension=extension,
            size=result.original.size if result.original else source.spool.size,
            width=result.width,
            height=result.height,
            md5=result.original_md5 or source.spool.md5,
            source_md5=source.spool.md5 if result.resized else None,
            original_filename=filename,
            original_exifdata=_exif_text(result, filename, source.spool.size, now),
            title=(parameters.title or result.title or default_title(filename) or "")[:MAX_TITLE] or None,
            description=description[:MAX_DESCRIPTION] if description else None,
            tags=parameters.tags,
            nsfw=parameters.nsfw,
            album_id=parameters.album_id,
            category_id=parameters.category_id,
            storage_mode=self._policy.storage_mode,
            is_animated=result.frames > 1,
            is_360=result.is_360,
            thumb_size=result.thumb.size,
            medium_size=result.medium.size if result.medium else 0,
            frame_size=result.frame.size if result.frame else 0,
            duration=result.duration,
            expires_at=expires_at(parameters.expiration, now) if parameters.expiration else None,
        )

    def _file_date(self, result: MediaResult) -> datetime | None:
        """Return the picture's own date, unless it is none, or none that the site's time zone can spell."""
        if result.taken_at is None:
            return None
        try:
            date = datetime.fromisoformat(result.taken_at).replace(tzinfo=UTC)
            date.astimezone(self._policy.timezone)
        except (ValueError, OverflowError):
            return None
        return date

    def _folder(self, date: datetime) -> str:
        if self._policy.storage_mode == "direct":
            return ""
        return date.astimezone(self._policy.timezone).strftime("%Y/%m/%d")

    def _named(self, drafted: Upload) -> Iterator[Upload]:
        """Yield the upload under one name after the other, each with an id of its own."""
        for attempt in range(_NAME_ATTEMPTS):
            upload_id = new_id()
            name = {
                "original": drafted.name if attempt == 0 else with_suffix(drafted.name),
                "mixed": with_suffix(drafted.name),
                "random": base_name(""),
                "id": upload_id,
            }[self._policy.naming]
            yield replace(drafted, id=upload_id, name=name)

    def _store(
        self,
        drafted: Upload,
        files: tuple[MediaFile, ...],
        catalog: Catalog,
        note: Callable[[Upload], AbstractContextManager[object]] = contextlib.nullcontext,
    ) -> Upload:
        """Write a drafted upload under the first free name, inside of ``note``."""
        for upload in self._named(drafted):
            with contextlib.suppress(NameTaken, FileExists), note(upload):
                self._write(upload, files, catalog)
                return upload
        raise CatalogError("no free name")

    def _write(self, upload: Upload, files: tuple[MediaFile, ...], catalog: Catalog) -> None:
        """Reserve, put and publish; on any error undo what was done."""
        catalog.reserve(upload)
        written: builtins.list[str] = []
        try:
            self._look(upload)
            for path, file in zip(upload.paths, files, strict=True):
                # Noted before it is there: whatever interrupts the writing, nothing is forgotten.
                written.append(path)
                self._put(path, file, content_type=MIME_TYPES[path.rpartition(".")[2]])
            catalog.publish(upload.id)
        except FileExists:
            # The last of them is a stranger's.
            self._undo(upload, written[:-1], catalog)
            raise
        except BaseException:
            self._undo(upload, written, catalog)
            raise

    def _look(self, upload: Upload) -> None:
        """Find a stranger's file in the way before the first file is adopted, which could not be adopted again."""
        if self._adopting is not None and any(self._adopting.exists(path) for path in upload.paths):
            raise FileExists("a file with this name exists")

    def _put(self, path: str, file: MediaFile, *, content_type: str) -> None:
        if self._adopting is not None:
            self._adopting.adopt(path, file.path)
            return
        with open(file.path, "rb") as content:
            self._storage.save(path, content, content_type=content_type)

    def _undo(self, upload: Upload, written: Iterable[str], catalog: Catalog) -> None:
        """Remove what an interrupted upload left; what cannot be removed now, the sweep removes later."""
        try:
            if catalog.withdraw(upload.id):
                for path in written:
                    self._storage.delete(path)
                catalog.forget(upload.id)
                self._notes.remove(upload)
        except BackendError:
            logger.exception("upload %s could not be undone; the sweep will remove it", upload.id)


def as_principal(owner: Owner) -> Principal:
    """Return who owns an upload: a Principal as it is, a user's id as text, None as a guest.

    Raises:
        TypeError: it is something else, such as a user; what that is as text need not be its id.
    """
    if isinstance(owner, Principal):
        return owner
    if not isinstance(owner, str | int | UUID | None):
        raise TypeError(f"an owner is a user's id, a Principal or None, not {type(owner).__name__}")
    return Principal(user_id=None if owner is None else str(owner))


def _seconds(lifetime: timedelta) -> str:
    """Spell a lifetime as the API's text parameter does; what is over already must not come to stay for ever."""
    if lifetime <= timedelta(0):
        raise InvalidParameter("Invalid expiration, expected a time to come")
    return str(math.ceil(lifetime.total_seconds()))


def _digits(number: float | None) -> str | None:
    """Spell a number as the API's text parameters do."""
    return None if number is None else str(int(number))


def _name_of(file: Readable) -> str | None:
    """Return what a file of a framework or of the standard library says of its name."""
    name = getattr(file, "filename", None) or getattr(file, "name", None)
    return name if isinstance(name, str) else None


def _files(source: Source, result: MediaResult) -> tuple[MediaFile, ...]:
    """List the local files in the order of :attr:`Upload.paths`."""
    original = result.original or MediaFile(path=source.spool.path, size=source.spool.size)
    return (original, *(file for file in (result.medium, result.thumb, result.frame) if file))


@contextlib.contextmanager
def _owned(result: MediaResult) -> Iterator[None]:
    """Remove the files of ``result`` that nobody adopted."""
    made = (result.original, result.medium, result.thumb, result.frame)
    try:
        yield
    finally:
        for file in filter(None, made):
            Path(file.path).unlink(missing_ok=True)


def _exif_text(result: MediaResult, filename: str, size: int, now: datetime) -> str | None:
    """Spell Exif as Chevereto does: PHP's reading of it, as JSON text."""
    if result.exif is None:
        return None
    file = {"FileName": filename, "FileDateTime": str(int(now.timestamp())), "FileSize": str(size)}
    return json.dumps({**file, **result.exif}, allow_nan=False, separators=(",", ":"))
