"""What is recorded of an upload before it is stored: everything but the name that turns out to be free.

Source: the contract of this API, sections 3, 4 and 7.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from chevupload.clock import Clock
from chevupload.config import Policy
from chevupload.formats import FORMATS
from chevupload.model import Expiration, MediaResult, Parameters, Principal, Upload
from chevupload.naming import (
    base_name,
    client_filename,
    default_title,
    new_id,
    normalized,
    split_extension,
    with_suffix,
)
from chevupload.uploads.parameters import MAX_DESCRIPTION, MAX_TITLE, expires_at, with_tag
from chevupload.uploads.source import Source, random_filename

_NAME_ATTEMPTS = 8
"""Each but the first draws 64 random bits; more than one collision means that something else is wrong."""


class Drafts:
    """Describes uploads, and names them."""

    def __init__(self, *, policy: Policy, max_tags: int, clock: Clock) -> None:
        """Follow ``policy``; ``clock`` returns an aware UTC time."""
        self._policy = policy
        self._max_tags = max_tags
        self._clock = clock

    def draft(
        self,
        source: Source,
        parameters: Parameters,
        principal: Principal,
        result: MediaResult,
        *,
        request_digest: str | None = None,
    ) -> Upload:
        """Describe the upload, all but its final name."""
        received_at = self._clock()
        now = received_at.replace(microsecond=0)
        created_at = (self._file_date(result) if parameters.use_file_date else None) or now
        extensions = FORMATS[result.format].extensions
        filename = client_filename(source.filename or "") or random_filename(extensions[0])
        told = split_extension(filename)[1]
        extension = told if told in extensions else extensions[0]
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
            source_md5=source.spool.md5 if result.resized or result.converted else None,
            original_filename=filename,
            original_exifdata=_exif_text(result, filename, source.spool.size, now),
            title=normalized(parameters.title or result.title or default_title(filename) or "")[:MAX_TITLE] or None,
            description=normalized(description)[:MAX_DESCRIPTION] if description else None,
            tags=self._tags(parameters, principal, result),
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
            expires_at=self._expires_at(parameters, principal, now),
            request_digest=request_digest,
            request_md5=source.spool.md5 if request_digest else None,
        )

    def named(self, drafted: Upload) -> Iterator[Upload]:
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

    def _expires_at(self, parameters: Parameters, principal: Principal, now: datetime) -> datetime | None:
        """Return the site's time for guests, else what is asked for, else the user's own time. Source: Chevereto V4."""
        if principal.is_guest and self._policy.guest_lifetime is not None:
            return expires_at(Expiration.of(self._policy.guest_lifetime), now)
        if parameters.expiration is not None:
            return expires_at(parameters.expiration, now)
        return None if principal.lifetime is None else expires_at(Expiration.of(principal.lifetime), now)

    def _tags(self, parameters: Parameters, principal: Principal, result: MediaResult) -> tuple[str, ...]:
        """Return the tags of the request, and the camera's where the operator wants it; guests have none."""
        if result.camera is None or principal.is_guest:
            return parameters.tags
        return with_tag(parameters.tags, result.camera, self._max_tags)

    def _folder(self, date: datetime) -> str:
        if self._policy.storage_mode == "direct":
            return ""
        return date.astimezone(self._policy.timezone).strftime("%Y/%m/%d")


def _exif_text(result: MediaResult, filename: str, size: int, now: datetime) -> str | None:
    """Spell Exif as Chevereto does: PHP's reading of it, as JSON text."""
    if result.exif is None:
        return None
    file = {"FileName": filename, "FileDateTime": str(int(now.timestamp())), "FileSize": str(size)}
    return json.dumps({**file, **result.exif}, allow_nan=False, separators=(",", ":"))
