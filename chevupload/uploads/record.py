"""What is recorded of an upload before it is stored, and the names that it may get.

Source: docs/api.md, Parameters and Files.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime, tzinfo
from typing import Any

from chevupload.config import Policy
from chevupload.formats import FORMATS
from chevupload.model import Details, MediaResult, Principal, Upload
from chevupload.naming import (
    SUFFIX_LENGTH,
    base_name,
    client_filename,
    default_title,
    month_digits,
    normalized,
    split_extension,
    with_suffix,
)
from chevupload.spool import Spool
from chevupload.uploads.parameters import (
    MAX_DESCRIPTION,
    MAX_TITLE,
    Expiration,
    Parameters,
    bounded_end,
    parse_expiration,
    with_tag,
)

_NAMELESS_DIGITS = 12
"""Of the name of a file that came without one. Source: Chevereto V4, base64 uploads."""


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of an upload and the client's name for them; None when it gave none."""

    spool: Spool
    filename: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of a source.

    Attributes:
        upload: its record.
        is_repeated: whether an earlier request had stored it.
        is_duplicate: whether that was another request, with the same bytes.
    """

    upload: Upload
    is_repeated: bool = False
    is_duplicate: bool = False


def build_record(
    source: Source,
    parameters: Parameters,
    sender: Principal,
    media: MediaResult,
    *,
    policy: Policy,
    max_tags: int,
    upload_id: str,
    random_name: str,
    received_at: datetime,
    request_digest: str | None,
) -> Upload:
    """Describe an upload, all but its storage, under the name that is tried first.

    Nothing is drawn or looked up here: ``random_name`` holds 32 hexadecimal digits, for what is random in the name.
    """
    now = received_at.replace(microsecond=0)
    created_at = (_file_date(media, policy.timezone) if parameters.use_file_date else None) or now
    extensions = FORMATS[media.format].extensions
    filename = client_filename(source.filename or "") or f"{random_name[:_NAMELESS_DIGITS]}.{extensions[0]}"
    told = split_extension(filename)[1]
    extension = told if told in extensions else extensions[0]
    # What was sent is in form C already.
    title = parameters.title or normalized(media.title or "") or default_title(filename)
    description = parameters.description or normalized(media.description or "")
    date = created_at.astimezone(policy.timezone)
    if policy.monthly_ids:
        upload_id = month_digits(date.year, date.month) + upload_id[2:]
    source_md5 = source.spool.md5
    details: dict[str, Any] = {field.name: getattr(parameters, field.name) for field in fields(Details)}
    details["title"] = title[:MAX_TITLE] if title else None
    details["description"] = description[:MAX_DESCRIPTION] or None
    if media.camera is not None and not sender.is_guest:
        details["tags"] = with_tag(parameters.tags, media.camera, max_tags)
    return Upload(
        **details,
        id=upload_id,
        owner_id=sender.user_id,
        created_at=created_at,
        received_at=received_at,
        folder=_folder(upload_id, date, policy),
        name=_first_name(filename, policy, upload_id, random_name),
        extension=extension,
        size=media.original.size if media.original else source.spool.size,
        width=media.width,
        height=media.height,
        md5=media.original_md5 or source_md5,
        source_md5=source_md5 if media.resized or media.converted else None,
        original_filename=filename,
        original_exifdata=_exif_text(media, filename, source.spool.size, now),
        storage_mode=policy.storage_mode,
        is_animated=media.frames > 1,
        is_360=media.is_360,
        thumb_size=media.thumb.size,
        medium_size=media.medium.size if media.medium else 0,
        frame_size=media.frame.size if media.frame else 0,
        extras=tuple(file.rendition for file in media.extras) if media.extras else (),
        duration=media.duration,
        expires_at=end_of_life(parameters.expiration, sender, policy, now),
        request_digest=request_digest,
        request_md5=source_md5 if request_digest else None,
    )


def _first_name(filename: str, policy: Policy, upload_id: str, random_name: str) -> str:
    if policy.naming == "id":
        return upload_id
    base = "" if policy.naming == "random" else base_name(filename)
    if not base:
        return random_name
    return with_suffix(base, random_name[-SUFFIX_LENGTH:]) if policy.naming == "mixed" else base


def _folder(upload_id: str, date: datetime, policy: Policy) -> str:
    digits = hashlib.sha256(upload_id.encode()).hexdigest()[:2] if policy.hash_folders else ""
    dated = date.strftime("%Y/%m/%d") if policy.storage_mode == "datefolder" else ""
    return "/".join(filter(None, (digits, dated)))


def _file_date(media: MediaResult, timezone: tzinfo) -> datetime | None:
    """Return the picture's own date; None if there is none, or if the site's time zone cannot express it."""
    if media.taken_at is None:
        return None
    try:
        date = datetime.fromisoformat(media.taken_at).replace(tzinfo=UTC)
        date.astimezone(timezone)
    except (ValueError, OverflowError):
        return None
    return date


def end_of_life(expiration: Expiration | None, sender: Principal, policy: Policy, now: datetime) -> datetime | None:
    """Return the site's time for guests, else what is asked for, else the user's own time. Source: Chevereto V4.

    A ticket asks for a time, too: of several that are asked for, the shortest counts, and a guest's is no longer.
    """
    of_ticket = None if sender.ticket is None else parse_expiration(sender.ticket.expiration)
    if sender.is_guest and policy.guest_lifetime is not None:
        expiration = Expiration.of(policy.guest_lifetime)
    elif expiration is None and of_ticket is None and sender.lifetime is not None:
        expiration = Expiration.of(sender.lifetime)
    return min([bounded_end(one, now) for one in (expiration, of_ticket) if one is not None], default=None)


def _exif_text(media: MediaResult, filename: str, size: int, now: datetime) -> str | None:
    """Spell Exif as Chevereto does: PHP's reading of it, as JSON text."""
    if media.exif is None:
        return None
    file = {"FileName": filename, "FileDateTime": str(int(now.timestamp())), "FileSize": str(size)}
    return json.dumps({**file, **media.exif}, allow_nan=False, separators=(",", ":"))
