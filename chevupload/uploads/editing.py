"""What is kept with an upload, changed after it was stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, TypedDict, cast

from chevupload.audit import Actor
from chevupload.errors import ConfigError, HeldByTransaction
from chevupload.keys import principal_of
from chevupload.model import Upload, as_principal
from chevupload.protocols import AuditRecords, EditableRecords
from chevupload.uploads.context import UploadContext
from chevupload.uploads.parameters import check_changes
from chevupload.uploads.record import end_of_life
from chevupload.uploads.references import check_album, check_category


class Changes(TypedDict, total=False):
    """What can be changed of an upload. None clears; what is not given stays."""

    title: str | None
    description: str | None
    tags: Iterable[str] | str | None
    album_id: str | None
    category_id: int | str | None
    nsfw: bool | str | None
    expiration: timedelta | str | None


class Editing:
    """Changes what is kept with uploads."""

    def __init__(self, context: UploadContext) -> None:
        """Use these parts."""
        self._context = context

    def change(self, upload: Upload, changes: Changes, session: Any, by: Actor) -> Upload | None:
        """Change an upload; see :meth:`chevupload.uploads.service.Uploads.update`."""
        if unknown := changes.keys() - Changes.__annotations__:
            raise TypeError(f"update() got unexpected changes: {', '.join(sorted(unknown))}")
        transactions = self._context.transactions
        if transactions.holds(upload, session):
            raise HeldByTransaction("an open transaction holds this upload: it can be changed when that is over")
        values = self._checked(upload, changes, session)
        records: Any = self._context.catalog if session is None else transactions.changing(session, upload)
        if not isinstance(records, EditableRecords):
            raise ConfigError("this catalog cannot change an upload: it has no method change")
        # Records without an ability do not know its words.
        events = {"events": True} if self._context.hooks.on_event else {}
        found = records.change(upload.id, values, now=self._context.clock(), **events)
        if found is None:
            return None
        before, changed = found
        if changed != before:
            self._context.audit.record_by(
                by,
                "upload_changed",
                owner_id=upload.owner_id,
                detail=" ".join((upload.id, *changes)),
                records=None if session is None else cast(AuditRecords, records),
            )
        return changed

    def _checked(self, upload: Upload, changes: Mapping[str, Any], session: Any) -> dict[str, Any]:
        """Return the new values of fields of a record."""
        config, owner = self._context.config, as_principal(upload.owner_id)
        values = check_changes(changes, owner, max_tags=config.limits.max_tags)
        if (album_id := values.get("album_id")) is not None:
            check_album(self._context, owner, album_id, session)
        if (category_id := values.get("category_id")) is not None:
            check_category(self._context, category_id)
        if "expiration" in values:
            sender = principal_of(self._context.keys, upload.owner_id) or owner
            now = self._context.clock().replace(microsecond=0)
            values["expires_at"] = end_of_life(values.pop("expiration"), sender, config.policy, now)
        return values
