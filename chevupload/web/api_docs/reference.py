"""What the API takes and refuses, told once for the page that people read and the document that programs read.

Sources: the contract of this API, section 3, for parameters; the errors themselves for refusals; Chevereto V4 for the
presets of ``expiration``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chevupload import errors
from chevupload.config import Limits, Policy, Renditions, Routes
from chevupload.errors import Refusal
from chevupload.spool import format_bytes

EXPIRATIONS = (
    *("PT5M", "PT15M", "PT30M", "PT1H", "PT3H", "PT6H", "PT12H", "P1D", "P2D", "P3D", "P4D", "P5D", "P6D"),
    *("P1W", "P2W", "P3W", "P1M", "P2M", "P3M", "P4M", "P5M", "P6M", "P1Y"),
)
"""Lifetimes that Chevereto's documentation lists; any other ISO 8601 duration will do."""

_SPACE = r"\s*"
_DATE = "|".join(
    first + "".join(f"([0-9]{{1,6}}{unit})?" for unit in later)
    for first, later in (("[0-9]{1,6}Y", "MWD"), ("[0-9]{1,6}M", "WD"), ("[0-9]{1,6}W", "D"), ("[0-9]{1,6}D", ""))
)
_TIME = "|".join(
    first + "".join(f"([0-9]{{1,9}}{unit})?" for unit in later)
    for first, later in (("[0-9]{1,9}H", "MS"), ("[0-9]{1,9}M", "S"), ("[0-9]{1,9}S", ""))
)
_FLAG = "0*[01]|[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|[yY][eE][sS]|[nN][oO]|[oO][nN]|[oO][fF][fF]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a description has to know of a server.

    Attributes:
        base_url: of the mount point, as the reader sees it.
        formats: those that are accepted and can be decoded.
    """

    base_url: str
    routes: Routes
    limits: Limits
    policy: Policy
    renditions: Renditions
    formats: tuple[str, ...]

    def url(self, route: str) -> str:
        """Return the URL of a route."""
        return f"{self.base_url}/{route}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of an upload.

    Attributes:
        about: what it does, and what happens to what it cannot mean.
        pattern: of the texts that are taken; None takes any.
        json_types: what else than a text a JSON body may hold, besides null for nothing; a boolean is its word.
        example: a value.
    """

    name: str
    about: str
    pattern: str | None = None
    json_types: tuple[Mapping[str, Any], ...] = field(default=())
    example: str = ""


def parameters() -> tuple[Parameter, ...]:
    """Return every parameter but the source, in the order of importance."""
    number = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
    any_number = ({"type": "number"},)
    return (
        Parameter(
            name="key",
            about="The API key, where the header X-API-Key cannot be sent. The header wins.",
            json_types=any_number,
        ),
        Parameter(
            name="title",
            about="At most 100 characters. Without it, the title in the file’s metadata, else the file’s name.",
            json_types=any_number,
            example="A cat",
        ),
        Parameter(name="name", about="The same, as ImgBB calls it; title wins.", json_types=any_number),
        Parameter(
            name="description",
            about="At most 65,535 bytes. Without it, the description in the file’s metadata.",
            json_types=any_number,
        ),
        Parameter(
            name="tags",
            about="Separated by commas, each at most 32 characters; those with / or # are dropped. Not for guests.",
            json_types=any_number,
            example="cat,garden",
        ),
        Parameter(
            name="album_id",
            about="The id of an album that belongs to the key’s user; refused with 403 otherwise.",
            json_types=any_number,
        ),
        Parameter(
            name="category_id",
            about="The number of a category that exists; refused otherwise. 0 is none.",
            pattern=f"^{_SPACE}[0-9]{{0,9}}{_SPACE}$",
            json_types=(number,),
            example="1",
        ),
        Parameter(
            name="width",
            about="Make the picture this many pixels wide, at most its own width; refused otherwise. The height"
            " follows. Animations and videos stay as they are.",
            pattern=f"^{_SPACE}[0-9]{{0,9}}{_SPACE}$",
            json_types=(number,),
            example="1024",
        ),
        Parameter(
            name="expiration",
            about="Delete the upload after this ISO 8601 duration, or number of seconds: five minutes to one year."
            " Anything else is refused.",
            pattern=f"^{_SPACE}([0-9]{{1,15}}|P(({_DATE})(T({_TIME}))?|T({_TIME})))?{_SPACE}$",
            json_types=({"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999},),
            example="P3D",
        ),
        Parameter(
            name="nsfw",
            about="1 marks the upload as not safe for work; 0, true, false, yes, no, on and off are taken, too.",
            pattern=f"^{_SPACE}({_FLAG})?{_SPACE}$",
            json_types=({"type": "integer", "enum": [0, 1]},),
            example="1",
        ),
        Parameter(
            name="format",
            about="How to answer: json, txt or redirect. Anything else is json.",
            json_types=any_number,
            example="txt",
        ),
        Parameter(
            name="use_file_date",
            about="1 takes the date in the picture’s Exif for the upload’s; for admins, ignored for others.",
            pattern=f"^{_SPACE}({_FLAG})?{_SPACE}$",
            json_types=({"type": "integer", "enum": [0, 1]},),
        ),
    )


def refusals() -> list[type[Refusal]]:
    """Return every kind of refusal, by HTTP status and code."""
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Refusal)]
    # MissingExtra is for the log; its clients read what it derives from.
    told = [kind for kind in found if kind not in (Refusal, errors.MissingExtra)]
    return sorted(told, key=lambda kind: (kind.status, kind.code, kind.text))


_NOT_OF_UPLOADS = (
    *(errors.MissingVersion, errors.MissingAction, errors.InvalidVersion, errors.InvalidAction),
    *(errors.NotFound, errors.Gone, errors.MethodNotAllowed, errors.UnsupportedFormat),
)


def upload_refusals() -> list[type[Refusal]]:
    """Return the refusals that an upload may meet."""
    return [kind for kind in refusals() if kind not in _NOT_OF_UPLOADS]


def limits_of(service: Service) -> list[tuple[str, str]]:
    """Return the limits that uploaders care for: what is limited, and how."""
    limits, policy = service.limits, service.policy
    rows = [("File of a user", format_bytes(limits.max_bytes))]
    if policy.guests:
        rows.append(("File of a guest", format_bytes(limits.max_guest_bytes)))
    who = {"users": "users, not guests", "everybody": "users and guests", "nobody": "nobody"}[policy.url_sources]
    return [
        *rows,
        ("Pixels, width times height", f"{limits.max_pixels:,}"),
        ("Pixels of an animation, all frames together", f"{limits.max_total_pixels:,}"),
        ("Frames of an animation", f"{limits.max_frames:,}"),
        ("Scans of a progressive JPEG", f"{limits.max_scans:,}"),
        ("Fields of a form", f"{limits.max_fields:,}"),
        ("Time for the body to arrive", f"{limits.body_seconds:g} seconds"),
        ("Time to decode a file", f"{limits.decode_seconds:g} seconds"),
        ("Who may send a URL as source", who),
        ("The same file twice within a day", "allowed" if policy.duplicates == "allow" else "refused"),
    ]
