"""What a site chooses: one frozen :class:`Config`, checked at construction. Defaults say their units and reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, timedelta, tzinfo
from typing import Any, Literal, TypeAlias, cast

from chevupload.errors import ConfigError
from chevupload.formats import NAMES, STILLS, TARGETS
from chevupload.naming import EXTRA_NAME
from chevupload.policy.flood import FLOOD, Flood
from chevupload.policy.quota import Counted
from chevupload.scaling import ExtraRenditions, RenditionSize
from chevupload.validation import (
    BASE_URL,
    BYTES,
    CORS_ORIGIN,
    COUNT,
    FLAG,
    ORIGIN,
    PAGE_URL,
    PIXELS,
    PROXIES,
    SECONDS,
    TEXT,
    TIME_SPAN,
    TIME_ZONE,
    WRITABLE_FOLDER,
    Kind,
    check,
    choice,
    each,
    instance_of,
    mask_url,
    matching,
    optional,
    read_words,
    section,
    setting,
    whole,
    words_of,
)

MIN_LIFETIME = timedelta(minutes=5)
MAX_LIFETIME = timedelta(days=366)
"""What an upload may be told to live: to the longest year. Source: Chevereto V4."""


def _lifetime(value: Any) -> timedelta:
    lifetime: timedelta = TIME_SPAN.take(value)
    if not MIN_LIFETIME <= lifetime <= MAX_LIFETIME:
        raise ValueError(value)
    return lifetime


_LIFETIME = Kind("a timedelta of five minutes to a year, or its seconds", _lifetime, float)
_TAG_URL = matching(
    "a path from the root of the host, such as '/tags/{tag}', or an http or https address, with one {tag} in it",
    re.compile(r"(?:/(?!/)|https?://)[^\s{}\"<>\\]*\{tag\}[^\s{}\"<>\\]*\Z"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost. Sizes are in bytes (decimal units, as Chevereto counts), times in seconds.

    Raises:
        ConfigError: a limit is zero or negative.
    """

    max_bytes: int = setting(100_000_000, BYTES)
    """Largest file of a user. Chevereto's default."""
    max_guest_bytes: int = setting(10_000_000, BYTES)
    """Largest file of a guest. Chevereto's default."""
    max_pixels: int = setting(50_000_000, PIXELS)
    """Width times height, of a picture or of a film. A 50-megapixel camera fits; a full decode of it costs 200 MB."""
    max_total_pixels: int = setting(500_000_000, PIXELS)
    """Width times height times frames, of an animation. Only the first is decoded here, yet viewers decode them all."""
    max_frames: int = setting(2_000, COUNT)
    """Frames of an animation."""
    max_scans: int = setting(100, COUNT)
    """Scans of a progressive JPEG, for each of which a decoder goes through the whole picture. Encoders make about ten,
    those that look for the smallest file some dozens. Chrome and Android stop at 100, too (Skia)."""
    max_fields: int = setting(100, COUNT)
    """Fields and parts of one form. No client sends more than twenty."""
    max_files: int = setting(20, COUNT)
    """Files of one form of the upload page, from a browser without JavaScript; with it, the page sends each by itself.
    They are stored one after the other while the browser waits for the answer."""
    max_tags: int = setting(200, COUNT)
    """Tags of one upload; the others are dropped, as Chevereto drops what is over its own setting, which by default has
    no limit."""
    max_albums: int = setting(1_000, COUNT)
    """Albums of one owner. The upload page and the page of keys show the first 500."""
    max_field_bytes: int = setting(262_144, BYTES)
    """How much of a text field other than the source is kept; the rest is dropped. Chevereto's descriptions hold 65,535
    bytes."""
    spool_bytes: int = setting(1_000_000_000, BYTES)
    """Temporary files of all uploads at a time, in each process of the server; an upload that would need more is
    answered with 503. Ten of the largest uploads fit. Senders whose key is not known yet share half of it."""
    body_seconds: float = setting(300.0, SECONDS)
    """Time from the first to the last byte of a body. It is checked between reads of 256 KiB: a read that stalls is
    ended only by the timeout of the server or proxy."""
    refusal_scan_bytes: int = setting(1_048_576, BYTES)
    """Largest file with which a refused request's body is still read (and dropped) to learn which format the refusal
    should have. Form fields fit, most pictures do not: a wrong key is not worth the processor time of a large body."""
    decode_seconds: float = setting(20.0, SECONDS)
    """Wall time for inspecting and rendering one picture or film, after which its worker is killed."""
    decode_memory_bytes: int = setting(1_073_741_824, BYTES)
    """Address space of one worker process."""
    decode_workers: int = setting(2, COUNT)
    """Worker processes for each process of the server; also the number of pictures decoded at a time. ``chevupload
    serve`` has one where it has few threads and this is not set."""
    queue_seconds: float = setting(30.0, SECONDS)
    """How long an upload waits for a free worker before it is answered with 503."""
    waiting_uploads: int = setting(8, COUNT)
    """Uploads that wait for a free worker at a time, in each process of the server; more are answered with 503 at once.
    Each holds a thread: with half of the threads of a process, the other half stays free for everything else.
    ``chevupload serve`` has half of its threads at most where this is not set: 6 with 12 threads."""

    def __post_init__(self) -> None:
        """Check every limit."""
        check(self)


MAX_EXTRA = 8
"""Additional renditions of an upload: each is one more file to encode, to store and to count."""
_EXTRA_NAME = re.compile(rf"{EXTRA_NAME}\Z")


def _sizes(value: Any) -> tuple[tuple[str, RenditionSize], ...]:
    pairs = tuple(value.items() if isinstance(value, Mapping) else map(tuple, value))
    if len(pairs) > MAX_EXTRA or len(dict(pairs)) < len(pairs):
        raise ValueError(value)
    return tuple((name, _size(name, size)) for name, size in pairs)


def _size(name: str, size: Any) -> RenditionSize:
    size = RenditionSize.read(size) if isinstance(size, str) else size
    if not _EXTRA_NAME.match(name) or not isinstance(size, RenditionSize):
        raise ValueError(name)
    return size


def _read_sizes(text: str) -> tuple[tuple[str, str], ...]:
    """Read ``w800=800x s400=400x400^``."""
    return tuple((name, size) for name, _, size in (word.partition("=") for word in read_words(text)))


EXTRA = Kind(
    'a mapping such as {\'w800\': RenditionSize(width=800)}, in TOML {w800 = "800x", s400 = "400x400^"}, as a text '
    f"w800=800x s400=400x400^, of up to {MAX_EXTRA} names, each w or s and a number of 10 to 9999",
    _sizes,
    _read_sizes,
    is_mapping=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renditions:
    """The derived pictures. Sides are in pixels; defaults are Chevereto V4's.

    Raises:
        ConfigError: a side is not positive, an unknown word, the quality is outside 1..100, or an additional size that
            cannot be meant.
    """

    thumb_side: int = setting(320, PIXELS)
    """Side of the square, cover-cropped thumbnail."""
    medium_side: int = setting(500, PIXELS)
    """The fixed side of the medium picture; the other side keeps the ratio. There is a medium picture when this side of
    the original is longer, or when the original is animated."""
    medium_fixed: Literal["width", "height"] = setting("width", choice("width", "height"))
    """The side of the medium picture that is fixed."""
    quality: int = setting(90, whole("a whole number from 1 to 100", most=100))
    """Quality of lossy encoders, 1..100."""
    extra: ExtraRenditions = setting((), EXTRA)
    """Additional sizes by their names; kept as pairs. A picture that is
    no larger than one of them has no such file. Those that are there get them by ``chevupload render``."""

    def __post_init__(self) -> None:
        """Check sides and quality."""
        check(self)


ROUTE_SETTING = "{}_route"
"""How a flat setting for a route is called."""
_STORE_URL = re.compile(r"(?:memory://|(?:rediss?|unix)://\S+)\Z")
STORE = replace(matching("'memory://', or the URL of a Redis", _STORE_URL), is_secret=True, mask=mask_url)
_LOCATION = re.compile(r"/[A-Za-z0-9._~/-]*\Z")
_PATH = r"[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*"
_EXPECTED_PATH = "a path such as 'api/1/upload' of letters, digits, _ and -, with inner slashes and dots"
_ROUTE = optional(matching(_EXPECTED_PATH, re.compile(rf"{_PATH}\Z")))
_HOME = optional(matching(f"'/', or {_EXPECTED_PATH}", re.compile(rf"(?:{_PATH}|/)\Z")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Where the component answers, below its mount point. None switches a route off.

    Raises:
        ConfigError: a route holds anything but letters, digits, ``_``, ``-`` and inner slashes and dots, or two are the
            same. Only ``home`` may be a slash alone.
    """

    upload: str | None = setting("api/1/upload", _ROUTE)
    """Uploads, in Chevereto's dialect."""
    imgbb: str | None = setting("1/upload", _ROUTE)
    """Uploads, in ImgBB's dialect."""
    tickets: str | None = setting(None, _ROUTE)
    """Makes tickets for keys that are for them; ``api/1/tickets``, for example."""
    uploads: str | None = setting(None, _ROUTE)
    """Lists, changes and deletes the uploads of a key's user. ``chevupload serve`` has it at ``api/1/uploads``."""
    albums: str | None = setting(None, _ROUTE)
    """Lists, makes, renames and deletes the albums of a key's user. ``chevupload serve`` has it at ``api/1/albums``."""
    account: str | None = setting(None, _ROUTE)
    """Tells what a key is for, and what its user may keep. ``chevupload serve`` has it at ``api/1/account``."""
    imgbb_image: str | None = setting(None, _ROUTE)
    """Tells of one upload of a key's user, and deletes it, in ImgBB's dialect. ``chevupload serve`` has it at
    ``1/image``."""
    viewer: str | None = setting("image", _ROUTE)
    """Viewer, short and delete links of pictures. Switched off, answers link to the file, and nothing deletes."""
    video: str | None = setting("clip", _ROUTE)
    """Viewer, short and delete links of videos."""
    files: str | None = setting("images", _ROUTE)
    """The stored files. Can be switched off where the storage has a public URL of its own."""
    keys: str | None = setting("settings/api", _ROUTE)
    """The page on which users manage their keys. It needs a key store and ``current_user``."""
    health: str | None = setting(None, _ROUTE)
    """Says whether database and storage answer, for load balancers. ``chevupload serve`` has it at ``health``."""
    liveness: str | None = setting(None, _ROUTE)
    """Says that the process answers, without looking at database or storage: for supervisors that restart a process.
    ``chevupload serve`` has it at ``health/live``."""
    upload_page: str | None = setting(None, _ROUTE)
    """The page on which people upload. ``chevupload serve`` has it at ``upload``; a host may have one of its own."""
    assets: str | None = setting("chevupload-assets", _ROUTE)
    """The pages' style sheet and scripts. Switched off, pages have neither, but for what a host's layout brings."""
    api_page: str | None = setting(None, _ROUTE)
    """The page that describes the API and makes settings for clients; ``api-v1`` in Chevereto, and with ``serve``. Off
    by default, because a host may want to describe the API in its own words."""
    openapi: str | None = setting("api/1/openapi.json", _ROUTE)
    """Describes the API for programs, as OpenAPI 3.1."""
    oembed: str | None = setting(None, _ROUTE)
    """What other sites need to show a viewer link as a picture or video: ``oembed`` in Chevereto, and with ``serve``.
    Nothing without viewers."""
    pup: str | None = setting(None, _ROUTE)
    """The script that puts an upload button beside the editors of other sites; ``sdk/pup.js`` in Chevereto, and with
    ``serve``. Nothing without an upload page, which it opens."""
    home: str | None = setting(None, _HOME)
    """The start page, which leads to the others. ``/`` is the mount point itself, where ``serve`` has it."""

    def __post_init__(self) -> None:
        """Check the spelling of every route."""
        check(self)
        seen: dict[str, str] = {}
        for field in fields(self):
            route = getattr(self, field.name)
            if route is not None and seen.setdefault(route, field.name) != field.name:
                raise ConfigError(f"Routes.{field.name} and Routes.{seen[route]} must differ: {route!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a storage's files reach those who ask for them at the component's own URLs, once they may be seen.

    A storage with a public URL is not asked: answers carry that, and the component's URLs redirect to it.

    Raises:
        ConfigError: an unknown word, a location that is missing or of no use, or a signature of less than a minute.
    """

    by: Literal["component", "signed_url", "x_accel", "x_sendfile"] = setting(
        "component", choice("component", "signed_url", "x_accel", "x_sendfile")
    )
    """By the component itself; by a redirect to a signed URL of the storage; or by the web server in front, which is
    told where the file is: nginx by ``X-Accel-Redirect``, Apache and Lighttpd by ``X-Sendfile``."""
    location: str | None = setting(None, optional(TEXT))
    """Where the web server finds the files: for nginx the path of an internal location, for the others the folder."""
    signed_seconds: int = setting(3_600, whole("a whole number of seconds, 60 or more", least=60))
    """How long a signed URL answers. Each stays the same for half of that, so that browsers can keep what it gave."""

    def __post_init__(self) -> None:
        """Check word, location and time."""
        check(self)
        if self.by.startswith("x_"):
            if self.location is None or not _LOCATION.match(self.location):
                raise ConfigError(
                    f"Delivery.location must be an absolute path of plain characters for {self.by}: {self.location!r}"
                )
            object.__setattr__(self, "location", self.location.rstrip("/"))
        elif self.location is not None:
            raise ConfigError(f"Delivery.location is for x_accel and x_sendfile, not for {self.by}: {self.location!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a site chooses.

    Raises:
        ConfigError: an unknown word, or an unknown format.
    """

    formats: tuple[str, ...] = setting(NAMES, words_of("formats", NAMES))
    """Accepted formats. Some need an extra, such as ``heic`` or ``video``, to be decoded."""
    naming: Literal["original", "random", "mixed", "id"] = setting(
        "original", choice("original", "random", "mixed", "id")
    )
    """How stored files are named: the client's name, 32 hex digits, name and 16 hex digits, or the upload's id."""
    storage_mode: Literal["datefolder", "direct"] = setting("datefolder", choice("datefolder", "direct"))
    """``YYYY/MM/DD`` folders, or none."""
    hash_folders: bool = setting(False, FLAG)
    """Whether a folder of two hexadecimal digits, which differ from upload to upload, comes before the date: object
    stores spread their work by the beginning of a name, and a day is in 256 folders."""
    monthly_ids: bool = setting(False, FLAG)
    """Whether the first two characters of a new upload's id tell the month of its date folder, so that tables can be
    partitioned by month. They can be guessed: take an ``id_length`` that is two more."""
    id_length: int = setting(11, whole("a whole number of characters from 8 to 32", least=8, most=32))
    """How long the ids of new uploads are, in characters out of 62. With 11, a guess hits one of ten thousand million
    uploads once in five thousand million times; with 8, once in 21,800 times."""
    duplicates: Literal["allow", "reject", "return"] = setting("allow", choice("allow", "reject", "return"))
    """What becomes of the same bytes that an owner sends once more: stored again; refused within a day, but for admins;
    or answered with the owner's own earlier upload, however old, which stays as it is."""
    album_names: bool = setting(False, FLAG)
    """Whether an upload may say its album by a title, in the parameter ``album``; an album that its owner does not have
    is made. ``chevupload serve`` has it on. The host's own code may in any case."""
    delete_on_get: bool = setting(False, FLAG)
    """True deletes on GET, as Chevereto does. Link previews and scanners fetch with GET, so the default asks first."""
    guests: bool = setting(True, FLAG)
    """Whether a guest key may upload."""
    guest_page: bool = setting(False, FLAG)
    """Whether anybody may upload on the upload page, without a key; ``guests`` has to be true, too."""
    url_sources: Literal["users", "everybody", "nobody"] = setting("users", choice("users", "everybody", "nobody"))
    """Who may name a URL for this server to fetch: users, guests too, or nobody."""
    flood: Flood | None = setting(None, FLOOD)
    """How many uploads one user, or one address without a user, may store in a minute, an hour, a day, a week and a
    month: ``Flood()`` has Chevereto's numbers. In a text ``minute=50 day=off``, where other times have Chevereto's, or
    ``off``. A Principal's own ``flood`` wins; admins have no limit."""
    wrong_keys: int | None = setting(None, optional(COUNT))
    """How many wrong keys an address may send in a minute, after which no key from it is looked up until the minute
    is over."""
    cors_origins: tuple[str, ...] | Literal["*"] = setting("*", each("origins", CORS_ORIGIN, star=True))
    """Origins that browsers may upload from. The key is the credential and no cookie is read, so a star is safe."""
    popup_origins: tuple[str, ...] = setting((), each("origins", ORIGIN))
    """Origins of pages, such as ``https://forum.example``, that may open the upload page as a pop-up and are then told
    the links of what is uploaded in it. Source: Chevereto's pop-up plugin."""
    timezone: tzinfo = setting(UTC, TIME_ZONE)
    """Time zone of ``date`` in answers and of the date folders."""
    tag_url: str | None = setting(None, optional(_TAG_URL))
    """Where the host shows what has a tag: a path from the root of the host or a URL, with ``{tag}`` for the name, such
    as ``/tags/{tag}``. Answers and viewers lead there. Without it, viewers have no such links, and answers have
    Chevereto's text, ``/tag/`` and the name, which leads to nothing here."""
    guest_lifetime: timedelta | None = setting(None, optional(_LIFETIME))
    """Time after which a guest's upload is deleted, five minutes to a year, also where the guest asks for another time,
    as in Chevereto. None keeps it for as long as the guest asks, or for ever."""
    login_url: str | None = setting(None, optional(PAGE_URL))
    """Where users sign in. The page of keys redirects there, the upload page links there; ``next`` is added to the
    query."""
    audit_lifetime: timedelta | None = setting(None, optional(TIME_SPAN))
    """How long a table keeps the audit log; a sweep removes what is older. None writes no table: the logger
    ``chevupload.audit`` has it in any case."""
    pending_grace: timedelta = setting(timedelta(hours=1), TIME_SPAN)
    """Age from which the sweep removes an unfinished upload. It has to be longer than the longest upload."""
    usage: Counted | None = setting(None, optional(choice("originals", "all")))
    """Whether it is kept how many uploads each owner has, and of how many bytes: those of ``originals`` alone, or of
    ``all`` files, the derived pictures too. Quotas need it; after a change of it, ``chevupload usage --recount``."""
    quota_files: int | None = setting(None, optional(COUNT))
    """How many uploads a user may keep whose Principal says nothing else. None is any number."""
    quota_bytes: int | None = setting(None, optional(BYTES))
    """How many bytes a user may keep whose Principal says nothing else. None is any number."""
    guest_quota_files: int | None = setting(None, optional(COUNT))
    """How many uploads all guests together may keep."""
    guest_quota_bytes: int | None = setting(None, optional(BYTES))
    """How many bytes all guests together may keep."""

    def __post_init__(self) -> None:
        """Check words and formats."""
        check(self)
        quotas = (self.quota_files, self.quota_bytes, self.guest_quota_files, self.guest_quota_bytes)
        if self.usage is None and any(quota is not None for quota in quotas):
            raise ConfigError("quota_files, quota_bytes and those of guests need usage, which is 'originals' or 'all'")


Conversions: TypeAlias = Mapping[str, str] | tuple[tuple[str, str], ...]
"""From format to format, as a mapping or as pairs."""


def _pairs(convert: Any) -> tuple[tuple[str, str], ...]:
    pairs = tuple(convert.items() if isinstance(convert, Mapping) else map(tuple, convert))
    targets = dict(pairs)
    if len(targets) < len(pairs):
        raise ValueError(convert)
    for source, target in targets.items():
        if source not in STILLS or target not in TARGETS or source == target:
            raise ValueError(convert)
    return tuple(sorted(targets.items()))


def _read_pairs(text: str) -> Conversions:
    """Read ``PNG:WEBP GIF:PNG``."""
    return tuple((source, target) for source, _, target in (word.partition(":") for word in read_words(text)))


CONVERSIONS = Kind(
    f"a mapping such as {{'PNG': 'WEBP'}}, in TOML {{PNG = \"WEBP\"}}, as a text PNG:WEBP, from formats of "
    f"{', '.join(STILLS)} to others of {', '.join(TARGETS)}",
    _pairs,
    _read_pairs,
    is_mapping=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Originals:
    """How originals are stored. Animations and videos always keep their size and format.

    Raises:
        ConfigError: a side that is not positive, or a conversion that cannot be meant.
    """

    max_width: int | None = setting(None, optional(PIXELS))
    """Pixels. A wider picture is stored scaled down to it, its ratio kept; nothing is enlarged. None is no limit."""
    max_height: int | None = setting(None, optional(PIXELS))
    """Pixels. A higher picture is stored scaled down to it. With both, a picture is scaled to fit into the box."""
    convert: Conversions = setting((), CONVERSIONS)
    """The format that a still picture of a format is stored in; kept as pairs. What is
    transparent becomes white where the target has no transparency. A picture that is too large for the target keeps its
    format."""
    keep_exif: bool = setting(True, FLAG)
    """Keep Exif, XMP, IPTC, and what films have instead, in the stored original. Derived pictures never carry them."""
    camera_tag: bool = setting(False, FLAG)
    """Add the camera's maker and model to a user's tags, where they make a valid tag. Needs ``keep_exif``."""

    def __post_init__(self) -> None:
        """Check sides and conversions."""
        check(self)


_DELIVERY = instance_of(Delivery, "Delivery(by='signed_url')")


def _deliveries(value: Any) -> Delivery | Mapping[str, Delivery]:
    if not isinstance(value, Mapping):
        return cast(Delivery, _DELIVERY.take(value))
    return {str(name): _DELIVERY.take(one) for name, one in value.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that a site chooses, but for its pages and the parts that it brings.

    Raises:
        ConfigError: a value of another type, or an address or number that cannot be used.
    """

    limits: Limits = section(Limits(), instance_of(Limits, "Limits(max_bytes=5_000_000)"))
    """What one request may cost."""
    renditions: Renditions = section(Renditions(), instance_of(Renditions, "Renditions(thumb_side=320)"))
    """Sides and quality of the derived pictures."""
    originals: Originals = section(Originals(), instance_of(Originals, "Originals(max_width=4_000)"))
    """Size, format and metadata of the stored originals, of those uploaders whose Principal has none of its own."""
    policy: Policy = section(Policy(), instance_of(Policy, "Policy(guests=False)"))
    """The other choices of the site."""
    routes: Routes = section(Routes(), instance_of(Routes, "Routes(upload_page='upload')"), named=ROUTE_SETTING)
    """Where the component answers."""
    delivery: Delivery | Mapping[str, Delivery] = section(
        Delivery(),
        Kind(f"{_DELIVERY.expected}, or a mapping of these by a storage's name", _deliveries),
        named="delivery_{}",
    )
    """How stored files are sent: one choice for all storages, or one for each storage's name."""
    base_url: str | None = setting(None, optional(BASE_URL))
    """URL of the mount point as clients see it. None takes it from each request."""
    trusted_proxies: int = setting(0, PROXIES)
    """How many proxies in front set X-Forwarded headers. With 0 these headers are ignored."""
    flood_store: str = setting("memory://", STORE)
    """Where uploads and wrong keys are counted: ``memory://`` for each process of the server by itself, or for all of
    them together the URL of a Redis or Valkey, such as ``redis://host:6379/1``, which needs the extra ``ratelimit``. A
    site needs a Redis database for itself."""
    spool_folder: str | None = setting(None, optional(WRITABLE_FOLDER))
    """Folder for temporary files, ``~`` being the home folder. None takes the storage's own incoming folder, or the
    system's."""

    def __post_init__(self) -> None:
        """Check each value."""
        check(self)
