"""What an owner uploads once more: refused, or answered with the earlier upload, as the policy says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from chevupload.errors import ConfigError, DuplicateUpload
from chevupload.formats import BY_EXTENSION
from chevupload.model import Principal, Upload
from chevupload.protocols import DuplicateRecords
from chevupload.uploads.context import UploadContext
from chevupload.uploads.parameters import Parameters
from chevupload.uploads.record import Source, end_of_life

_WINDOW = timedelta(days=1)
"""In which a duplicate is refused. Source: Chevereto V4."""
_MOST = 50
"""How many uploads of the same bytes are looked at: they differ by their lifetimes, their sizes or their albums."""


class Duplicates:
    """Looks for duplicates: by the file as it came, and by what would be stored of it.

    Raises:
        DuplicateUpload: the policy refuses them, and the sender has uploaded this within a day. Admins may.
        BackendError: the catalog is away.
    """

    def __init__(self, context: UploadContext) -> None:
        """Use these parts.

        Raises:
            ConfigError: the catalog cannot look for duplicates.
        """
        self._policy, self._clock = context.config.policy, context.clock
        if not isinstance(context.catalog, DuplicateRecords):
            chosen = f"Policy(duplicates={self._policy.duplicates!r})"
            raise ConfigError(f"{chosen} needs a catalog with the methods of DuplicateRecords")
        self._records: DuplicateRecords = context.catalog

    def of_source(self, source: Source, parameters: Parameters, sender: Principal) -> Upload | None:
        """Return the earlier upload that was stored as the file came, before it is decoded."""
        self._refuse(source.spool.md5, sender)
        if not self._may_return(sender) or parameters.width is not None:
            # With a width, what would be stored is another picture.
            return None
        now = self._clock()
        ends_at = end_of_life(parameters.expiration, sender, self._policy, now.replace(microsecond=0))
        return _lasting(self._found("md5", source.spool.md5, sender, now), ends_at)

    def of_record(self, record: Upload, source: Source, parameters: Parameters, sender: Principal) -> Upload | None:
        """Return the earlier upload of which the same is stored as ``record`` is about to store."""
        source_md5, now = source.spool.md5, self._clock()
        is_changed = record.md5 != source_md5
        if is_changed:
            # What is turned or stripped before it is stored is only known again by what came of it.
            self._refuse(record.md5, sender)
        if not self._may_return(sender) or not (is_changed or parameters.width is not None):
            return None
        found = _lasting(self._found("md5", record.md5, sender, now), record.expires_at)
        if found is not None or record.source_md5 is None:
            return found
        # A later version of an encoder makes other bytes of it.
        same_source = self._found("source_md5", source_md5, sender, now)
        return _lasting([one for one in same_source if _look(one) == _look(record)], record.expires_at)

    def _refuse(self, md5: str, sender: Principal) -> None:
        if self._policy.duplicates != "reject" or sender.is_admin:
            return
        if self._records.has_duplicate(md5, owner_id=sender.user_id, since=self._clock() - _WINDOW):
            raise DuplicateUpload

    def _may_return(self, sender: Principal) -> bool:
        """Whether an earlier upload may be the answer.

        Guests are nobody in particular. Who has a ticket, or a key for the pages of a site, need not be the owner, and
        would be shown what is not theirs.
        """
        is_owner = not sender.is_guest and sender.ticket is None and sender.origins is None
        return self._policy.duplicates == "return" and is_owner

    def _found(
        self, field: Literal["md5", "source_md5"], md5: str, sender: Principal, now: datetime
    ) -> Iterable[Upload]:
        """Return the uploads of the sender's with this hash, those in the key's album alone if it is for one."""
        assert sender.user_id is not None, "no guest"
        found = self._records.duplicates(md5, field=field, owner_id=sender.user_id, now=now, limit=_MOST)
        return [upload for upload in found if sender.album_id in (None, upload.album_id)]


def _lasting(uploads: Iterable[Upload], ends_at: datetime | None) -> Upload | None:
    """Return the first one that lives at least until then; None is for ever."""
    for upload in uploads:
        if upload.expires_at is None or (ends_at is not None and upload.expires_at >= ends_at):
            return upload
    return None


def _look(upload: Upload) -> tuple[int, int, str]:
    return upload.width, upload.height, BY_EXTENSION[upload.extension].name
