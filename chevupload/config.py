"""Frozen settings with their units and the reasons of their defaults, checked at construction.

May know: :mod:`chevupload.errors`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import UTC, timedelta, tzinfo
from typing import Literal

from chevupload.errors import ConfigError

VIDEOS = ("MP4", "MOV", "WEBM")
"""Video formats that can be accepted."""
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "HEIC", *VIDEOS)
"""Formats that can be accepted; those of pictures by Pillow's names."""
FRAMED = ("HEIC", *VIDEOS)
"""Formats that no picture on a page can have: a frame is stored beside them, which can."""


def _positive(settings: object, *names: str) -> None:
    for name in names:
        if getattr(settings, name) <= 0:
            raise ConfigError(f"{type(settings).__name__}.{name} must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost. Sizes are in bytes (decimal units, as Chevereto counts), times in seconds.

    Raises:
        ConfigError: a limit is zero or negative.
    """

    max_bytes: int = 100_000_000
    """Largest file of a user. Chevereto's default."""
    max_guest_bytes: int = 10_000_000
    """Largest file of a guest. Chevereto's default."""
    max_pixels: int = 50_000_000
    """Width times height, of a picture or of a film. A 50-megapixel camera fits; a full decode of it costs 200 MB."""
    max_total_pixels: int = 500_000_000
    """Width times height times frames, of an animation. Only the first is decoded here, yet viewers decode them all."""
    max_frames: int = 2_000
    """Frames of an animation."""
    max_fields: int = 100
    """Fields and parts of one form. No client sends more than twenty."""
    max_field_bytes: int = 262_144
    """Kept of a text field other than the source; the rest is dropped. Chevereto's descriptions hold 65,535 bytes."""
    body_seconds: float = 300.0
    """From the first to the last byte of a body. It is looked at between reads of 256 KiB: a read that stalls ends only
    by the server's or proxy's own timeout."""
    refusal_scan_bytes: int = 1_048_576
    """Largest file with which a refused request's body is still read (and dropped) to learn which format the refusal
    should have. Form fields fit, most pictures do not: a wrong key is not worth the processor time of a large body."""
    decode_seconds: float = 20.0
    """Wall time for inspecting and rendering one picture or film, after which its worker is killed."""
    decode_memory_bytes: int = 1_073_741_824
    """Address space of one worker process."""
    decode_workers: int = 2
    """Worker processes for each process of the server; also the number of pictures decoded at a time."""
    queue_seconds: float = 30.0
    """How long an upload waits for a free worker before it is answered with 503."""

    def __post_init__(self) -> None:
        """Check every limit."""
        _positive(self, *(field.name for field in fields(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Renditions:
    """The derived pictures. Sides are in pixels; defaults are Chevereto V4's.

    Raises:
        ConfigError: a side is not positive, or the quality is outside 1..100.
    """

    thumb_side: int = 320
    """Side of the square, cover-cropped thumbnail."""
    medium_width: int = 500
    """Width of the medium picture, made when the original is wider, or animated."""
    quality: int = 90
    """Quality of lossy encoders, 1..100."""

    def __post_init__(self) -> None:
        """Check sides and quality."""
        _positive(self, "thumb_side", "medium_width", "quality")
        if self.quality > 100:
            raise ConfigError("Renditions.quality must be at most 100")


_LOCATION = re.compile(r"/[A-Za-z0-9._~/-]*\Z")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?\Z|https?://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?\Z")
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Where the component answers, below its mount point. None switches a route off.

    Raises:
        ConfigError: a route holds anything but letters, digits, ``_``, ``-`` and inner slashes and dots, or two are the
            same.
    """

    upload: str | None = "api/1/upload"
    """Uploads, in Chevereto's dialect."""
    imgbb: str | None = "1/upload"
    """Uploads, in ImgBB's."""
    viewer: str | None = "image"
    """Viewer, short and delete links of pictures. Switched off, answers link to the file, and nothing deletes."""
    video: str | None = "clip"
    """The same for videos."""
    files: str | None = "images"
    """The stored files. Can be switched off where the storage has a public URL of its own."""
    keys: str | None = "settings/api"
    """The page on which users manage their keys; there with a key store and ``current_user`` only."""
    health: str | None = None
    """Says whether database and storage answer, for load balancers. ``chevupload serve`` has it at ``health``."""
    upload_page: str | None = None
    """The page on which people upload. ``chevupload serve`` has it at ``upload``; a host may have one of its own."""
    assets: str | None = "chevupload-assets"
    """The pages' style sheet and scripts. Switched off, pages have neither, but for what a host's layout brings."""
    api_page: str | None = None
    """The page that describes the API and makes settings for clients; ``api-v1`` in Chevereto, and with ``serve``. Off
    by default: it is for people, whom a host may want to tell in its own words."""
    openapi: str | None = "api/1/openapi.json"
    """The same for programs, as OpenAPI 3.1."""
    oembed: str | None = "api/1/oembed"
    """What other sites need to show a viewer link as a picture or video. Nothing without viewers."""

    def __post_init__(self) -> None:
        """Check the spelling of every route."""
        used = [route for field in fields(self) if (route := getattr(self, field.name)) is not None]
        for route in used:
            if not _SEGMENT.match(route):
                raise ConfigError(f"not a usable route: {route!r}")
        if len(set(used)) != len(used):
            raise ConfigError("two routes are the same")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a storage's files reach those who ask for them at the component's own URLs, once they may be seen.

    A storage with a public URL is not asked: answers carry that, and the component's URLs redirect to it.

    Raises:
        ConfigError: an unknown word, a location that is missing or of no use, or a signature of less than a minute.
    """

    by: Literal["component", "signed_url", "x_accel", "x_sendfile"] = "component"
    """By the component itself; by a redirect to a signed URL of the storage; or by the web server in front, which is
    told where the file is: nginx by ``X-Accel-Redirect``, Apache and Lighttpd by ``X-Sendfile``."""
    location: str | None = None
    """Where the web server finds the files: for nginx the path of an internal location, for the others the folder."""
    signed_seconds: int = 3_600
    """How long a signed URL answers. Each stays the same for half of that, so that browsers can keep what it gave."""

    def __post_init__(self) -> None:
        """Check word, location and time."""
        if self.by not in ("component", "signed_url", "x_accel", "x_sendfile"):
            raise ConfigError(f"unknown delivery: {self.by!r}")
        if self.by.startswith("x_"):
            if self.location is None or not _LOCATION.match(self.location):
                raise ConfigError("Delivery.location must be an absolute path of plain characters")
            object.__setattr__(self, "location", self.location.rstrip("/"))
        elif self.location is not None:
            raise ConfigError("Delivery.location is for x_accel and x_sendfile")
        if self.signed_seconds < 60:
            raise ConfigError("Delivery.signed_seconds must be 60 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a site chooses.

    Raises:
        ConfigError: an unknown word, or a format that is not in :data:`FORMATS`.
    """

    formats: tuple[str, ...] = FORMATS
    """Accepted formats, a subset of :data:`FORMATS`. HEIC needs the extra ``heic``, videos ``video``."""
    naming: Literal["original", "random", "mixed", "id"] = "original"
    """How stored files are named: the client's name, 32 hex digits, name and 16 hex digits, or the upload's id."""
    storage_mode: Literal["datefolder", "direct"] = "datefolder"
    """``YYYY/MM/DD`` folders, or none."""
    duplicates: Literal["allow", "reject"] = "allow"
    """Whether an owner may upload the same bytes twice within a day. Admins always may."""
    delete_on_get: bool = False
    """True deletes on GET, as Chevereto does. Link previews and scanners fetch with GET, so the default asks first."""
    guests: bool = True
    """Whether a guest key may upload."""
    guest_page: bool = False
    """Whether anybody may upload on the upload page, without a key; ``guests`` has to be true, too."""
    url_sources: Literal["users", "everybody", "nobody"] = "users"
    """Who may name a URL for this server to fetch: users, guests too, or nobody."""
    cors_origins: tuple[str, ...] | Literal["*"] = "*"
    """Origins that browsers may upload from. The key is the credential and no cookie is read, so a star is safe."""
    popup_origins: tuple[str, ...] = ()
    """Origins of pages, such as ``https://forum.example``, that may open the upload page as a pop-up and are then told
    the links of what is uploaded in it. Source: Chevereto's pop-up plugin."""
    timezone: tzinfo = UTC
    """Of ``date`` in answers and of the date folders."""
    login_url: str | None = None
    """Where to sign in for the page of keys, which leads there by itself, and for the upload page, which names it;
    ``next`` is added to its query."""
    pending_grace: timedelta = timedelta(hours=1)
    """Age from which the sweep takes an unfinished upload for abandoned; longer than the longest upload."""

    def __post_init__(self) -> None:
        """Check words and formats."""
        if unknown := set(self.formats) - set(FORMATS):
            raise ConfigError(f"unknown formats: {', '.join(sorted(unknown))}")
        if self.naming not in ("original", "random", "mixed", "id"):
            raise ConfigError(f"unknown naming: {self.naming!r}")
        if self.storage_mode not in ("datefolder", "direct"):
            raise ConfigError(f"unknown storage mode: {self.storage_mode!r}")
        if isinstance(self.cors_origins, str) and self.cors_origins != "*":
            raise ConfigError("cors_origins is a tuple of origins, or '*'")
        if isinstance(self.popup_origins, str) or not all(map(_ORIGIN.match, self.popup_origins)):
            raise ConfigError(f"popup_origins is a tuple of origins: {self.popup_origins!r}")
        if self.url_sources not in ("users", "everybody", "nobody"):
            raise ConfigError(f"unknown url_sources: {self.url_sources!r}")
        if self.duplicates not in ("allow", "reject"):
            raise ConfigError(f"unknown duplicates policy: {self.duplicates!r}")
