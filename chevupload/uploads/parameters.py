"""The parameters of an upload: one row each, and the checks of what a request or a host gives for them.

The form, the API page, the OpenAPI document and :meth:`Uploads.save` follow the table. Rules: docs/api.md, Parameters;
lengths and tag rules from Chevereto V4. Nothing is guessed: a value that is not valid is refused before anything is
stored.
"""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self, TypedDict

from chevupload.config import MAX_LIFETIME, MIN_LIFETIME, Policy
from chevupload.errors import ForeignAlbum, InvalidParameter
from chevupload.model import Details, Principal
from chevupload.naming import normalized
from chevupload.policy.restrictions import MAX_ALBUM_ID

SOURCE_NAMES = ("source", "image")
"""Chevereto's name for the file, and ImgBB's; the first wins."""
LIST_NAMES = ("tags",)
"""Texts with commas between, which JSON bodies may have as lists."""
MAX_TITLE = 100
"""Characters."""
MAX_DESCRIPTION = 65_535
"""Bytes in UTF-8."""
MAX_TAG = 32
"""Characters."""
MAX_QUERY = 100
"""Characters of what is searched for: as many as a title has."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_POINTLESS_TAG = re.compile(r"([/\\,.?&=#%+@!*;: ])\1*\Z")
_DATE = "|".join(
    first + "".join(f"([0-9]{{1,6}}{unit})?" for unit in later)
    for first, later in (("[0-9]{1,6}Y", "MWD"), ("[0-9]{1,6}M", "WD"), ("[0-9]{1,6}W", "D"), ("[0-9]{1,6}D", ""))
)
_TIME = "|".join(
    first + "".join(f"([0-9]{{1,9}}{unit})?" for unit in later)
    for first, later in (("[0-9]{1,9}H", "MS"), ("[0-9]{1,9}M", "S"), ("[0-9]{1,9}S", ""))
)
_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_FLAG = "0*[01]|[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|[yY][eE][sS]|[nN][oO]|[oO][nN]|[oO][fF][fF]"
_MAX_COUNT = 999_999_999
_NUMBER = {"type": "number"}
_COUNT_TYPE = {"type": "integer", "minimum": 0, "maximum": _MAX_COUNT}
_LIST_TYPE = {"type": "array", "items": {"type": "string", "pattern": "^[^,]*$"}}
_FLAG_TYPE = {"type": "integer", "enum": [0, 1]}


@dataclass(frozen=True, slots=True)
class Expiration:
    """How long an upload lives: calendar months, then seconds."""

    months: int
    seconds: int

    @classmethod
    def of(cls, lifetime: timedelta) -> Self:
        """Return a lifetime in seconds, a part of one counting as a whole."""
        return cls(0, math.ceil(lifetime.total_seconds()))

    def after(self, moment: datetime) -> datetime:
        """Return when it ends that begins at ``moment``; one month after 31 January is the last day of February.

        Raises:
            ValueError: the year would be past 9999; or OverflowError.
        """
        years, month = divmod(moment.month - 1 + self.months, 12)
        year = moment.year + years
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day) + timedelta(seconds=self.seconds)


_YEAR = Expiration(12, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters(Details):
    """The optional parameters of one upload, checked: what is kept with it, and what is done with it."""

    album: str | None = None
    width: int | None = None
    expiration: Expiration | None = None
    use_file_date: bool = False


_NOTHING = Parameters()


class GivenParameters(TypedDict, total=False):
    """What a host's own code may give; a text is read as the API reads it."""

    title: str | None
    description: str | None
    tags: Iterable[str] | str | None
    album_id: str | None
    album: str | None
    category_id: int | str | None
    width: int | str | None
    expiration: timedelta | str | None
    nsfw: bool | str | None
    use_file_date: bool | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One row of the table.

    Attributes:
        name: of the field in a form, in a query and in JSON.
        about: what it does, and what happens to a value that is not valid.
        fills: the field of :class:`Parameters` that it fills; empty for what is not kept.
        read: turns a text into the type that ``check`` takes; None is nothing. A text fits ``pattern`` by then.
        check: returns the value as it is kept, None for nothing, or raises ValueError.
        expected: what a refusal asks for.
        audience: whose it is; it is ignored if anybody else sends it.
        policy: of the switch in :class:`~chevupload.config.Policy` without which requests have no such parameter.
        pattern: of the texts that are taken, without white space at their ends; None takes any.
        json_types: what else than a text a JSON body may hold, besides null for nothing; a boolean is its word.
        example: a value.
    """

    name: str
    about: str
    fills: str = ""
    read: Callable[[str], Any] = str
    check: Callable[[Any], Any] = str
    expected: str = "a text"
    audience: Literal["everybody", "users", "admins"] = "everybody"
    policy: str | None = None
    pattern: str | None = None
    json_types: tuple[Mapping[str, Any], ...] = (_NUMBER,)
    example: str = ""

    @property
    def is_flag(self) -> bool:
        """Whether it is yes or no."""
        return self.check is _check_flag

    def value_of(self, given: object) -> Any:
        """Return the checked value of a text, or of what a host gave as its type; None is nothing.

        Raises:
            InvalidParameter: it is not valid; the message names the parameter.
        """
        try:
            if isinstance(given, str):
                if self.pattern is not None:
                    given = given.strip()
                    if not re.fullmatch(self.pattern, given):
                        raise ValueError("not of this form")
                given = self.read(given) if given else None
            return None if given is None else self.check(given)
        except ValueError:
            raise InvalidParameter(f"Invalid {self.name}, expected {self.expected}") from None


def check_parameters(get: Callable[[str], object], sender: Principal, *, max_tags: int) -> Parameters:
    """Return the checked parameters of an upload.

    Args:
        get: returns what was given for a name, None for nothing.
        sender: whose upload it is.
        max_tags: how many tags are kept.

    Raises:
        InvalidParameter: one of them is not valid, or not what the sender's ticket says, or there is an album both by
            its id and by its title; the message names it.
        ForeignAlbum: the sender's key is for another album.
    """
    values = _read_parameters(get, sender, max_tags)
    if sender.ticket is not None:
        for name, value in _read_parameters(sender.ticket.parameters.get, sender, max_tags).items():
            if values.setdefault(name, value) != value:
                raise InvalidParameter(f"Invalid {name}, the ticket has another value")
    if "album" in values and "album_id" in values:
        raise InvalidParameter("Invalid album, there is an album_id, too")
    if sender.album_id is not None and values.setdefault("album_id", sender.album_id) != sender.album_id:
        raise ForeignAlbum
    return Parameters(**values)


def check_changes(given: Mapping[str, object], owner: Principal, *, max_tags: int) -> dict[str, Any]:
    """Return the checked values of the parameters that are given, by the fields of :class:`Parameters`.

    What is given as nothing has the value of an upload for which nothing was given.

    Raises:
        InvalidParameter: one of them is not valid; the message names it.
    """
    values = _read_parameters(given.get, owner, max_tags)
    return {name: values.get(name, getattr(_NOTHING, name)) for name in given}


def check_query(text: str | None) -> str | None:
    """Return a text that is searched for; None is nothing.

    Raises:
        InvalidParameter: it is too long.
    """
    query = clean_text(text or "").strip()
    if len(query) > MAX_QUERY:
        raise InvalidParameter(f"Invalid q, expected at most {MAX_QUERY} characters")
    return query or None


def _read_parameters(get: Callable[[str], object], sender: Principal, max_tags: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    audiences = {"everybody": True, "users": not sender.is_guest, "admins": sender.is_admin}
    for row in PARAMETERS:
        is_wanted = row.fills and row.fills not in values and audiences[row.audience]
        if is_wanted and (value := row.value_of(get(row.name))) is not None:
            values[row.fills] = value[:max_tags] if row.fills == "tags" else value
    return values


def clean_text(text: str) -> str:
    """Return ``text`` in Unicode's form C.

    Control characters and halves of surrogate pairs, which neither databases nor pages can hold, become U+FFFD.
    """
    return _CONTROL.sub("\ufffd", normalized(text))


def clean_album_title(title: object) -> str:
    """Return a title of an album as it is kept: one line, in Unicode's form C.

    Raises:
        InvalidParameter: it is no text, empty, or longer than 100 characters.
    """
    cleaned = " ".join(clean_text(title).split()) if isinstance(title, str) else ""
    if not 0 < len(cleaned) <= MAX_TITLE:
        raise InvalidParameter(f"Invalid album title, expected 1 to {MAX_TITLE} characters")
    return cleaned


def clean_tags(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of tags: trimmed, doubles and unusable ones dropped.

    Names that differ from an earlier one by upper and lower case only come last. Source: recorded answers of Chevereto.
    """
    spellings: dict[str, str] = {}
    variants: dict[str, None] = {}
    for name in filter(_is_tag, (" ".join(clean_text(name).split()) for name in names)):
        if spellings.setdefault(name.casefold(), name) != name:
            variants[name] = None
    return (*spellings.values(), *variants)


def with_tag(tags: tuple[str, ...], name: str, limit: int) -> tuple[str, ...]:
    """Add one tag by the rules for tags that are sent; a name that breaks them adds nothing."""
    return clean_tags((*tags, name))[:limit]


def _is_tag(name: str) -> bool:
    if not name or name == "0" or len(name) > MAX_TAG:
        return False
    return not ("/" in name or "#" in name or "," in name or _POINTLESS_TAG.match(name))


def parse_expiration(text: str | None) -> Expiration | None:
    """Read an ISO 8601 duration or whole seconds; None and zero ask for no time.

    Raises:
        InvalidParameter: it is something else: a guess could delete a picture that was to stay.
    """
    expiration: Expiration | None = EXPIRATION.value_of(text)
    return expiration


def bounded_end(expiration: Expiration, now: datetime) -> datetime:
    """Return when an upload of ``now`` expires: between five minutes and one calendar year from then."""
    latest = _YEAR.after(now)
    # What is far longer than a year may be more than a date can hold.
    if expiration.months > _YEAR.months or expiration.seconds > MAX_LIFETIME.total_seconds():
        return latest
    return max(now + MIN_LIFETIME, min(expiration.after(now), latest))


def _is_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return clean_text(value)


def _check_title(value: object) -> str | None:
    return _is_text(value)[:MAX_TITLE] or None


def _check_description(value: object) -> str | None:
    return _is_text(value).encode()[:MAX_DESCRIPTION].decode("utf-8", "ignore") or None


def _check_album_id(value: object) -> str | None:
    return _is_text(value).strip()[:MAX_ALBUM_ID] or None


def _check_album(value: object) -> str | None:
    return None if isinstance(value, str) and not value.strip() else clean_album_title(value)


def _check_tags(value: Iterable[str]) -> tuple[str, ...]:
    names = tuple(value)
    if not all(isinstance(name, str) for name in names):
        raise ValueError("not texts")
    return clean_tags(names)


def _check_count(value: object) -> int | None:
    if not isinstance(value, int) or not 0 <= value <= _MAX_COUNT:
        raise ValueError("not a whole number")
    return int(value) or None


def _read_flag(text: str) -> bool:
    return text.lower().lstrip("0") in ("1", "true", "yes", "on")


def _check_flag(value: object) -> bool:
    if value not in (True, False):
        raise ValueError("neither yes nor no")
    return bool(value)


def _read_expiration(text: str) -> Expiration:
    if not text.startswith("P"):
        return Expiration(0, int(text))
    found = _DURATION.fullmatch(text)
    assert found is not None, "texts fit the pattern"
    years, months, weeks, days, hours, minutes, seconds = map(int, found.groups("0"))
    return Expiration(12 * years + months, 86_400 * (7 * weeks + days) + 3600 * hours + 60 * minutes + seconds)


def _check_expiration(value: object) -> Expiration | None:
    """Take a lifetime; zero asks for no time if it was sent as text, where forms mean nothing by it."""
    if isinstance(value, timedelta):
        if value <= timedelta(0):
            # What is over already must not come to stay for ever.
            raise InvalidParameter("Invalid expiration, expected a time to come")
        return Expiration.of(value)
    if not isinstance(value, Expiration):
        raise ValueError("not a lifetime")
    return value if value.months or value.seconds else None


def whole_number(name: str, about: str = "", **more: Any) -> Parameter:
    """Return the row of a whole number, of which zero is nothing."""
    return Parameter(
        name=name,
        about=about,
        read=int,
        check=_check_count,
        expected="a whole number",
        pattern="[0-9]{0,9}",
        json_types=(_COUNT_TYPE,),
        **more,
    )


def _flag(name: str, about: str, **more: Any) -> Parameter:
    return Parameter(
        name=name,
        about=about,
        fills=name,
        read=_read_flag,
        check=_check_flag,
        expected="0 or 1",
        pattern=f"({_FLAG})?",
        json_types=(_FLAG_TYPE,),
        **more,
    )


EXPIRATION = Parameter(
    name="expiration",
    about="Delete the upload after this ISO 8601 duration, or number of seconds. A shorter time than"
    " five minutes becomes five minutes, a longer one than a year a year.",
    fills="expiration",
    read=_read_expiration,
    check=_check_expiration,
    expected="an ISO 8601 duration such as P3D or whole seconds",
    pattern=f"([0-9]{{1,15}}|P(({_DATE})(T({_TIME}))?|T({_TIME})))?",
    json_types=({"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999},),
    example="P3D",
)

PARAMETERS = (
    Parameter(name="key", about="The API key, where the header X-API-Key cannot be sent. The header wins."),
    Parameter(
        name="title",
        about="At most 100 characters. Without it, the title in the file’s metadata, else the file’s name.",
        fills="title",
        check=_check_title,
        example="A cat",
    ),
    Parameter(name="name", about="The same, as ImgBB calls it; title wins.", fills="title", check=_check_title),
    Parameter(
        name="description",
        about="At most 65,535 bytes. Without it, the description in the file’s metadata.",
        fills="description",
        check=_check_description,
    ),
    Parameter(
        name="tags",
        about="Separated by commas, each at most 32 characters; those with / or # are dropped. Not for guests.",
        fills="tags",
        read=lambda text: text.split(","),
        check=_check_tags,
        expected="texts",
        json_types=(_NUMBER, _LIST_TYPE),
        # A guest has no tags of his own. Source: Chevereto V4.
        audience="users",
        example="cat,garden",
    ),
    Parameter(
        name="album_id",
        about="The id of an album that belongs to the key’s user; refused with 403 otherwise.",
        fills="album_id",
        check=_check_album_id,
    ),
    Parameter(
        name="album",
        about="The title of an album of the key’s user, at most 100 characters. It is made where there is none. Refused"
        " beside an album_id.",
        fills="album",
        check=_check_album,
        policy="album_names",
        example="Holidays",
    ),
    whole_number(
        "category_id",
        "The number of a category that exists; refused otherwise. 0 is none.",
        fills="category_id",
        example="1",
    ),
    whole_number(
        "width",
        "Make the picture this many pixels wide, at most its own width; refused otherwise. The height"
        " follows. Animations and videos stay as they are.",
        fills="width",
        example="1024",
    ),
    EXPIRATION,
    _flag(
        "nsfw",
        "1 marks the upload as not safe for work; 0, true, false, yes, no, on and off are taken, too.",
        example="1",
    ),
    Parameter(name="format", about="How to answer: json, txt or redirect. Anything else is json.", example="txt"),
    _flag(
        "use_file_date",
        "1 takes the date in the picture’s Exif for the upload’s; for admins, ignored for others.",
        audience="admins",
    ),
)
"""Every parameter but the source, in the order of importance."""


def taken_parameters(policy: Policy) -> tuple[Parameter, ...]:
    """Return the parameters that requests may have, but the source."""
    return tuple(row for row in PARAMETERS if row.policy is None or getattr(policy, row.policy))


def text_names(policy: Policy) -> frozenset[str]:
    """Return the names of the text fields that requests may have."""
    return frozenset(row.name for row in taken_parameters(policy))
