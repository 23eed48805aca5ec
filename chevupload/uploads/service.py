"""The uploads of a site, for a host's own code: taken in, listed, changed and taken away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypedDict, Unpack

from chevupload.audit import HOST, Actor
from chevupload.errors import ConfigError, EmptySource, HeldByTransaction, InvalidParameter
from chevupload.keys import principal_of
from chevupload.model import Cursor, Owner, Upload, UploadType, as_principal
from chevupload.policy.quota import Usage
from chevupload.protocols import AuditRecords, OwnedRecords, Readable, UsageRecords, Wrapper
from chevupload.uploads.context import UploadContext
from chevupload.uploads.creation import Creation
from chevupload.uploads.editing import Changes, Editing
from chevupload.uploads.parameters import GivenParameters, check_parameters, check_query, clean_text
from chevupload.uploads.record import Source
from chevupload.uploads.upload_log import UploadLog

_READ_BYTES = 262_144
_PAGE = 200
"""How many uploads are taken away together."""
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
    """What hosts and pages do with uploads: save one, find, change and take them away."""

    def __init__(self, context: UploadContext, creation: Creation) -> None:
        """Use these parts.

        Raises:
            ConfigError: the policy needs a catalog that can do more.
        """
        catalog, policy = context.catalog, context.config.policy
        self._context, self._creation, self._editing = context, creation, Editing(context)
        self._catalog, self._writer, self._transactions = catalog, context.writer, context.transactions
        self._owned = catalog if isinstance(catalog, OwnedRecords) else None
        if policy.audit_lifetime is not None and not isinstance(catalog, AuditRecords):
            raise ConfigError("Policy(audit_lifetime=...) needs a catalog with the methods of AuditRecords")
        self._counted, self._usages = policy.usage, None
        if self._counted is not None:
            if not isinstance(catalog, UsageRecords):
                raise ConfigError("Policy(usage=...) needs a catalog with the methods of UsageRecords")
            self._usages = catalog

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
        limits = self._context.config.limits
        checked = check_parameters(parameters.get, principal, max_tags=limits.max_tags)
        with UploadLog() as log, self._context.spools.open(principal.largest_file(limits)) as spool:
            content = file.stream if isinstance(file, Wrapper) else file
            while data := content.read(_READ_BYTES):
                spool.write(data)
            if not spool.size:
                raise EmptySource
            source = Source(spool, filename or _name_of(file))
            client = principal.user_id or ""
            log.stored = self._creation.create(source, checked, principal, log=log, client=client, session=session)
            return log.stored.upload

    def get(self, upload_id: str) -> Upload | None:
        """Return an upload that readers can see, or None.

        Raises:
            BackendError: the catalog is away.
        """
        upload = self._catalog.get(upload_id)
        return None if upload is None or upload.is_expired(self._context.clock()) else upload

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
        place, now = self._place(user_id, before), self._context.clock()
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


def _name_of(file: Readable | Wrapper) -> str | None:
    """Return what a file of a framework or of the standard library says of its name."""
    name = getattr(file, "filename", None) or getattr(file, "name", None)
    return name if isinstance(name, str) else None
