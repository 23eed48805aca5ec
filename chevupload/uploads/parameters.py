"""Turns text fields into parameters, or refuses them.

Rules: the contract of this API, section 3; lengths and tag rules from Chevereto V4. Nothing is guessed: a value that
cannot be meant is refused, before anything is stored.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from chevupload.config import MAX_LIFETIME, MIN_LIFETIME
from chevupload.errors import InvalidParameter
from chevupload.model import Expiration, Parameters
from chevupload.naming import normalized

MAX_TITLE = 100
"""Characters."""
MAX_DESCRIPTION = 65_535
"""Bytes in UTF-8."""
MAX_TAG = 32
"""Characters."""
MAX_LIFETIME_MONTHS = 12

_SECONDS = re.compile(r"[0-9]{1,15}\Z", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}\Z", re.ASCII)
_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?"
    r"(?:T(?=.)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?\Z",
    re.ASCII,
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_POINTLESS_TAG = re.compile(r"([/\\,.?&=#%+@!*;: ])\1*\Z")
_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def parse_parameters(get: Callable[[str], str | None], *, is_admin: bool, is_guest: bool, max_tags: int) -> Parameters:
    """Read every optional parameter through ``get``, which returns None for an absent one.

    Raises:
        InvalidParameter: one of them cannot be meant; the message names it.
    """
    title = get("title") or get("name")
    description = get("description")
    use_file_date = get("use_file_date") if is_admin else None
    return Parameters(
        title=clean_text(title)[:MAX_TITLE] or None if title else None,
        description=_cut(clean_text(description), MAX_DESCRIPTION) or None if description else None,
        # A guest has no tags of his own. Source: Chevereto V4.
        tags=() if is_guest else parse_tags(get("tags") or "", max_tags),
        album_id=clean_text(get("album_id") or "").strip()[:64] or None,
        category_id=parse_count("category_id", get("category_id")),
        width=parse_count("width", get("width")),
        expiration=parse_expiration(get("expiration")),
        nsfw=_flag("nsfw", get("nsfw")),
        use_file_date=_flag("use_file_date", use_file_date),
    )


def clean_text(text: str) -> str:
    """Return ``text`` in Unicode's form C.

    Control characters and halves of surrogate pairs, which neither databases nor pages can hold, become U+FFFD.
    """
    return _CONTROL.sub("\ufffd", normalized(text))


def parse_tags(text: str, limit: int) -> tuple[str, ...]:
    """Split a comma separated list: trimmed, doubles dropped, unusable ones and those over ``limit`` dropped too.

    Names that differ from an earlier one by upper and lower case only come last. Source: recorded answers of Chevereto.
    """
    names = (" ".join(clean_text(item).split()) for item in text.split(","))
    spellings: dict[str, str] = {}
    variants: dict[str, None] = {}
    for name in filter(_is_tag, names):
        if spellings.setdefault(name.casefold(), name) != name:
            variants[name] = None
    return (*spellings.values(), *variants)[:limit]


def with_tag(tags: tuple[str, ...], name: str, limit: int) -> tuple[str, ...]:
    """Add one tag by the rules of those that are sent: what none of them could be called adds nothing."""
    return tags if "," in name else parse_tags(",".join((*tags, name)), limit)


def _is_tag(name: str) -> bool:
    if not name or name == "0" or len(name) > MAX_TAG:
        return False
    return not ("/" in name or "#" in name or _POINTLESS_TAG.match(name))


def parse_count(name: str, text: str | None) -> int | None:
    """Read a whole number; absent and zero are None.

    Raises:
        InvalidParameter: it is something else.
    """
    value = (text or "").strip()
    if not value:
        return None
    if not _COUNT.match(value):
        raise InvalidParameter(f"Invalid {name}, expected a whole number")
    return int(value) or None


def parse_expiration(text: str | None) -> Expiration | None:
    """Read an ISO 8601 duration or whole seconds; None and zero never expire.

    Raises:
        InvalidParameter: it is something else: a guess could delete a picture that was to stay.
    """
    value = (text or "").strip()
    if not value:
        return None
    if _SECONDS.match(value):
        return Expiration(0, int(value)) if int(value) else None
    found = _DURATION.match(value)
    if found is None:
        raise InvalidParameter("Invalid expiration, expected an ISO 8601 duration such as P3D or whole seconds")
    years, months, weeks, days, hours, minutes, seconds = (int(number or 0) for number in found.groups())
    total = seconds + 60 * minutes + 3600 * hours + 86_400 * (days + 7 * weeks)
    return Expiration(12 * years + months, total) if total or years or months else None


def expires_at(expiration: Expiration, now: datetime) -> datetime:
    """Return when an upload of ``now`` expires: between five minutes and one calendar year from then."""
    latest = add_months(now, MAX_LIFETIME_MONTHS)
    if expiration.months > MAX_LIFETIME_MONTHS or expiration.seconds > MAX_LIFETIME.total_seconds():
        return latest
    wanted = add_months(now, expiration.months) + timedelta(seconds=expiration.seconds)
    return max(now + MIN_LIFETIME, min(wanted, latest))


def add_months(moment: datetime, months: int) -> datetime:
    """Move by calendar months: one from 31 January is the last day of February.

    Raises:
        ValueError: the year would be past 9999.
    """
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def _flag(name: str, text: str | None) -> bool:
    value = (text or "").strip().lower()
    if not value:
        return False
    try:
        return _FLAGS[value.lstrip("0") or "0" if value.isdecimal() else value]
    except KeyError:
        raise InvalidParameter(f"Invalid {name}, expected 0 or 1") from None


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode("utf-8", "ignore")
