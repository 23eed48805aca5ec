"""What the API refuses and limits, told once for the page that people read and the document that programs read.

Sources: the errors themselves for refusals; Chevereto V4 for the presets of ``expiration``.
"""

from __future__ import annotations

from dataclasses import dataclass

from chevupload import errors
from chevupload.config import Limits, Policy, Renditions, Routes
from chevupload.errors import Refusal
from chevupload.spool import format_bytes

_DUPLICATES = {
    "allow": "allowed",
    "reject": "refused within a day",
    "return": "answered with the user’s own earlier upload",
}

EXPIRATIONS = (
    *("PT5M", "PT15M", "PT30M", "PT1H", "PT3H", "PT6H", "PT12H", "P1D", "P2D", "P3D", "P4D", "P5D", "P6D"),
    *("P1W", "P2W", "P3W", "P1M", "P2M", "P3M", "P4M", "P5M", "P6M", "P1Y"),
)
"""Lifetimes that Chevereto's documentation lists; any other ISO 8601 duration will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a description has to know of a server.

    Attributes:
        base_url: of the mount point, as the reader sees it.
        formats: those that are accepted and can be decoded.
        sends_webhooks: whether events are sent to receivers.
    """

    base_url: str
    routes: Routes
    limits: Limits
    policy: Policy
    renditions: Renditions
    formats: tuple[str, ...]
    sends_webhooks: bool

    def url(self, route: str) -> str:
        """Return the URL of a route."""
        return f"{self.base_url}/{route}"


def refusals() -> list[type[Refusal]]:
    """Return every kind of refusal, by HTTP status and code."""
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Refusal)]
    # MissingExtra is for the log; its clients read what it derives from.
    told = [kind for kind in found if kind not in (Refusal, errors.MissingExtra)]
    return sorted(told, key=lambda kind: (kind.status, kind.code, kind.text))


def limits_of(service: Service) -> list[tuple[str, str]]:
    """Return the limits that uploaders care for: what is limited, and how."""
    limits, policy = service.limits, service.policy
    rows = [("File of a user", format_bytes(limits.max_bytes))]
    if policy.guests:
        rows.append(("File of a guest", format_bytes(limits.max_guest_bytes)))
    if policy.flood is not None and policy.flood.windows:
        windows = ", ".join(f"{window.most:,} in a {window.name}" for window in policy.flood.windows)
        rows.append(("Uploads of a user, or of an address without one", windows.replace("a hour", "an hour")))
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
        ("The same file twice", _DUPLICATES[policy.duplicates]),
    ]
