"""The way of one upload, from a spooled source to a published record: check, inspect, render, describe, keep.

Requests come in by :meth:`Uploads.create`, a host's own code by :meth:`Uploads.save`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

from chevupload.clock import Clock
from chevupload.config import Limits, Originals, Policy, Renditions
from chevupload.errors import (
    CatalogError,
    DuplicateUpload,
    EmptySource,
    ForeignAlbum,
    InvalidParameter,
    RequestDenied,
    UnknownCategory,
)
from chevupload.keys import principal_of
from chevupload.model import (
    Cursor,
    MediaFile,
    MediaJob,
    MediaResult,
    Owner,
    Parameters,
    Principal,
    Upload,
    as_principal,
)
from chevupload.protocols import Catalog, KeyBackend, Readable, Renderer, Wrapper
from chevupload.spool import Spool, SpoolFolder
from chevupload.storage.registry import Storages
from chevupload.uploads.hooks import Hooks
from chevupload.uploads.idempotency import Repeats
from chevupload.uploads.parameters import parse_parameters
from chevupload.uploads.persist import Keeping
from chevupload.uploads.record import Drafts
from chevupload.uploads.source import Source
from chevupload.uploads.upload_log import Journal

_READ_BYTES = 262_144
_DUPLICATE_WINDOW = timedelta(days=1)


class SaveParameters(TypedDict, total=False):
    """What :meth:`Uploads.save` takes beside a file and its owner."""

    filename: str | None
    title: str | None
    description: str | None
    tags: Iterable[str] | str
    album_id: str | None
    category_id: int | None
    width: int | None
    expiration: timedelta | str | None
    nsfw: bool
    use_file_date: bool
    session: Any


class Uploads:
    """Takes uploads in and takes them away again."""

    def __init__(
        self,
        *,
        keys: KeyBackend,
        catalog: Catalog,
        keeping: Keeping,
        storages: Storages,
        renderer: Renderer,
        limits: Limits,
        renditions: Renditions,
        originals: Originals,
        policy: Policy,
        hooks: Hooks,
        spools: SpoolFolder,
        clock: Clock,
    ) -> None:
        """Use these parts; workers write where ``spools`` are, ``clock`` returns an aware UTC time."""
        self._keys = keys
        self._catalog = catalog
        self._keeping = keeping
        self._storages = storages
        self._drafts = Drafts(policy=policy, max_tags=limits.max_tags, clock=clock)
        self._renderer = renderer
        self._limits = limits
        self._renditions = renditions
        self._originals = originals
        self._policy = policy
        self._hooks = hooks
        self._spools = spools
        self._clock = clock
        self._repeats = Repeats(catalog=catalog, clock=clock, withdraw=self.withdraw, is_open=keeping.is_open)

    def save(
        self,
        file: Readable | Wrapper,
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
            owner: a user's id, which is kept as text; a Principal; or None for a guest. Of an id, the key backend tells
                what the user may do, if it is a :class:`~chevupload.protocols.UserKeyBackend`; one that it does not
                know has the limits of the site.
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
        principal = principal_of(self._keys, owner) or as_principal(owner)
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
        parameters = parse_parameters(
            texts.get, is_admin=principal.is_admin, is_guest=principal.is_guest, max_tags=self._limits.max_tags
        )
        with Journal() as journal, self._spool(self.max_bytes(principal)) as spool:
            content = file.stream if isinstance(file, Wrapper) else file
            while data := content.read(_READ_BYTES):
                spool.write(data)
            if not spool.size:
                raise EmptySource
            source = Source(spool, filename or _name_of(file))
            return self.create(
                source, parameters, principal, journal=journal, sender=principal.user_id or "", session=session
            )

    def get(self, upload_id: str) -> Upload | None:
        """Return an upload that readers can see, or None.

        Raises:
            BackendError: the catalog is away.
        """
        upload = self._catalog.get(upload_id)
        return None if upload is None or upload.is_expired(self._clock()) else upload

    def list(self, owner: Owner, *, limit: int = 50, before: Upload | str | None = None) -> Sequence[Upload]:
        """Return the uploads of a user that readers can see, the newest first; guests have none of their own.

        Args:
            owner: a user's id or Principal, as they were saved with.
            limit: how many at most.
            before: the last one of the page before, or its :attr:`~chevupload.model.Upload.cursor` as text, as a link
                has it; empty text is the beginning. It may be deleted meanwhile.

        Raises:
            InvalidParameter: a text that is no cursor.
            BackendError: the catalog is away.
        """
        user_id, place = as_principal(owner).user_id, _cursor(before)
        return [] if user_id is None else self._catalog.owned(user_id, now=self._clock(), limit=limit, before=place)

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
        if found is not None and self._keeping.is_open(found):
            raise CatalogError("an open transaction holds this upload: roll it back to take the upload away")
        if found is None or not self.withdraw(found):
            return False
        self._keeping.clear(found)
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

    def render_again(self, upload: Upload) -> Upload:
        """Render the derived pictures of an upload from its original, in place of those there are.

        Raises:
            Refusal: the original is none that would be accepted now.
            BackendError: a part is away; asking again goes on where it ended.
        """
        with self._spool(upload.size) as spool:
            self._keeping.read(upload, spool)
            result = self._renderer.process(self._job(Source(spool, None), Parameters(), Principal()))
            with _owned(result):
                derived = {"thumb": result.thumb, "medium": result.medium, "frame": result.frame}
                return self._keeping.replace_derived(upload, {name: file for name, file in derived.items() if file})

    def max_bytes(self, principal: Principal) -> int:
        """Return how large a file of this sender may be."""
        if principal.max_bytes is not None:
            return principal.max_bytes
        return self._limits.max_guest_bytes if principal.is_guest else self._limits.max_bytes

    def create(
        self,
        source: Source,
        parameters: Parameters,
        principal: Principal,
        *,
        journal: Journal,
        sender: str = "",
        session: Any = None,
        request_digest: str | None = None,
    ) -> Upload:
        """Take one source in and return its published record; with a session, published when that commits.

        With a ``request_digest``, what a request like it has stored before is returned, and nothing is stored. The
        ``sender`` is whom the renderer is fair to: a user's id, or a client's address.

        Raises:
            Refusal: parameters or picture are not acceptable; nothing was stored.
            BackendError: a part is away; nothing was stored, or the sweep will remove it.
            ConfigError: a session that the catalog cannot join.
        """
        journal.owner, journal.bytes = principal.user_id, source.spool.size
        journal.done("receive")
        take = partial(self._take, source, parameters, principal, journal, sender, session, request_digest)
        journal.upload, is_new = self._repeats.once(request_digest, source.spool.md5, take)
        journal.is_repeated = not is_new
        return journal.upload

    def _take(
        self,
        source: Source,
        parameters: Parameters,
        principal: Principal,
        journal: Journal,
        sender: str,
        session: Any,
        request_digest: str | None,
    ) -> Upload:
        self._check(source, parameters, principal)
        journal.done("check")
        result = self._renderer.process(self._job(source, parameters, principal), sender=sender)
        with _owned(result):
            journal.done("render")
            if result.original_md5 is not None:
                # What is turned or converted before it is stored is only known again by what came of it.
                self._refuse_duplicate(result.original_md5, principal)
            drafted = self._drafts.draft(source, parameters, principal, result, request_digest=request_digest)
            drafted = self._storages.chosen(drafted, principal)
            files = _files(source, result)
            self._hooks.ask(drafted, principal, files[0].path)
            named = self._drafts.named(drafted)
            journal.done("check")
            if session is not None:
                told = partial(self._hooks.uploaded, principal=principal)
                return self._keeping.keep_joined(named, files, journal, session=session, when_there=told)
            upload = self._keeping.keep(named, files, journal)
        self._hooks.uploaded(upload, principal)
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

    def _spool(self, max_bytes: int) -> Spool:
        return Spool(self._spools.path, max_bytes, budget=self._spools.for_all)

    def _job(self, source: Source, parameters: Parameters, principal: Principal) -> MediaJob:
        return MediaJob(
            source=source.spool.path,
            folder=self._spools.path,
            formats=self._policy.formats,
            width=parameters.width,
            originals=principal.originals or self._originals,
            thumb_side=self._renditions.thumb_side,
            medium_side=self._renditions.medium_side,
            medium_fixed=self._renditions.medium_fixed,
            quality=self._renditions.quality,
            max_pixels=principal.max_pixels or self._limits.max_pixels,
            max_total_pixels=self._limits.max_total_pixels,
            max_frames=self._limits.max_frames,
            max_scans=self._limits.max_scans,
        )


def _cursor(before: Upload | str | None) -> Cursor | None:
    """Return where a list goes on; None is its beginning."""
    try:
        return before.cursor if isinstance(before, Upload) else Cursor.of(before) if before else None
    except ValueError:
        raise InvalidParameter("Invalid cursor of a list") from None


def _seconds(lifetime: timedelta) -> str:
    """Spell a lifetime as the API's text parameter does; what is over already must not come to stay for ever."""
    if lifetime <= timedelta(0):
        raise InvalidParameter("Invalid expiration, expected a time to come")
    return str(math.ceil(lifetime.total_seconds()))


def _digits(number: float | None) -> str | None:
    """Spell a number as the API's text parameters do."""
    return None if number is None else str(int(number))


def _name_of(file: Readable | Wrapper) -> str | None:
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
