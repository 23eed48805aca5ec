"""The values that travel through one upload: frozen, and free of any library.

Times are aware UTC datetimes; those that an answer shows have whole seconds, and ``received_at`` puts uploads of one
second in their order.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeAlias
from uuid import UUID

from chevupload.config import Limits, Originals
from chevupload.formats import BY_EXTENSION
from chevupload.policy.flood import Flood
from chevupload.policy.restrictions import NO_RESTRICTIONS, RESTRICTION_KINDS, KeyRestrictions, Scope, narrower
from chevupload.records.ticket import TicketClaims
from chevupload.scaling import ExtraRenditions, Side

UploadType: TypeAlias = Literal["image", "video"]
"""Of an upload, by its stored extension."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9]{1,16})-([A-Za-z0-9_-]{1,64})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a key stands for.

    Attributes:
        user_id: the owner of what is uploaded, in the host's own spelling; None is a guest.
        is_admin: may use ``use_file_date``, upload duplicates and see what the site's health is made of, and has no
            flood limit.
        max_bytes: a limit of this user's own, instead of the site's.
        max_pixels: a limit of width times height of this user's own.
        originals: how this user's originals are stored, instead of the site's way.
        flood: how many uploads this user may store in a time, instead of the site's numbers; for a guest, the address.
        quota_files: how many uploads this user may keep, instead of the site's number.
        quota_bytes: how many bytes this user may keep, instead of the site's number.
        lifetime: of this user's uploads that ask for none, within five minutes and a year; None keeps them. Source:
            Chevereto's setting of an account.
        data: anything that the host wants to find again in its own hooks; nothing here looks at it.
        scopes: what this sender may do; None is everything.
        album_id: the one album that this sender uploads to.
        formats: those that this sender uploads, of the formats that the site accepts; None is all of them.
        origins: those that the header ``Origin`` of a request must be one of; None is any, and none at all.
        key_max_bytes: a limit that lowers the user's or the site's, and never raises it.
        key_id: of the key that was sent, if its backend says so.
        ticket: what the ticket says that was sent as the key; None for any other key.
        is_guest: whether uploads of this principal have no owner.
    """

    user_id: str | None = None
    is_admin: bool = False
    max_bytes: int | None = None
    max_pixels: int | None = None
    originals: Originals | None = None
    quota_files: int | None = None
    quota_bytes: int | None = None
    lifetime: timedelta | None = None
    flood: Flood | None = None
    data: Any = field(default=None, compare=False, repr=False)
    scopes: frozenset[Scope] | None = None
    album_id: str | None = None
    formats: frozenset[str] | None = None
    origins: frozenset[str] | None = None
    key_max_bytes: int | None = None
    key_id: str | None = field(default=None, compare=False)
    ticket: TicketClaims | None = None
    is_guest: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Check the id, which is compared with text everywhere, the lifetime and the restrictions.

        Raises:
            TypeError: the id is no text, such as the number that the host's database has; the lifetime is no timedelta,
                or the flood no Flood.
            ValueError: the lifetime is over already.
            ConfigError: a restriction that cannot be meant.
        """
        if not isinstance(self.user_id, str | None):
            raise TypeError(f"a user_id is text, not {type(self.user_id).__name__}")
        if not isinstance(self.flood, Flood | None):
            raise TypeError(f"a flood is a Flood, not {type(self.flood).__name__}")
        if not isinstance(self.lifetime, timedelta | None):
            raise TypeError(f"a lifetime is a timedelta, not {type(self.lifetime).__name__}")
        if self.lifetime is not None and self.lifetime <= timedelta(0):
            raise ValueError(f"a lifetime is longer than nothing: {self.lifetime!r}")
        for kind, name in _RESTRICTIONS.items():
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, RESTRICTION_KINDS[kind].checked(f"Principal.{name}", value))
        object.__setattr__(self, "is_guest", self.user_id is None)

    @property
    def restrictions(self) -> KeyRestrictions:
        """What the key that was sent is for."""
        of_key = {name: getattr(self, of_principal) for name, of_principal in _RESTRICTIONS.items()}
        return KeyRestrictions(**of_key)

    def may(self, scope: Scope) -> bool:
        """Whether the key that was sent is for this."""
        return self.scopes is None or scope in self.scopes

    def largest_file(self, limits: Limits) -> int:
        """Return how many bytes a file of this sender may have, on a site with these limits."""
        of_site = limits.max_guest_bytes if self.is_guest else limits.max_bytes
        of_user = of_site if self.max_bytes is None else self.max_bytes
        return of_user if self.key_max_bytes is None else min(of_user, self.key_max_bytes)

    def narrowed(self, by: KeyRestrictions) -> Self:
        """Return the same sender with what ``by`` takes away taken away, too."""
        if by == NO_RESTRICTIONS:
            return self
        scopes = narrower(self.scopes, by.scopes, frozenset.intersection)
        if self.album_id is not None and by.album_id not in (None, self.album_id):
            # Nothing can be in two albums.
            scopes = frozenset()
        return replace(
            self,
            scopes=scopes,
            album_id=by.album_id or self.album_id,
            formats=narrower(self.formats, by.formats, frozenset.intersection),
            origins=narrower(self.origins, by.origins, frozenset.intersection),
            key_max_bytes=narrower(self.key_max_bytes, by.max_bytes, min),
        )


_RESTRICTIONS = {name: name.replace("max_bytes", "key_max_bytes") for name in RESTRICTION_KINDS}
"""What restricts a principal, by what it is called in a key."""

MAX_KEY_LENGTH = 512
"""Characters of the longest key that is looked up."""

Owner: TypeAlias = Principal | str | int | UUID | None
"""Whose an upload is: a user by id, a Principal, or nobody, which is a guest."""


def as_principal(owner: Owner) -> Principal:
    """Return who owns an upload: a Principal as it is, a user's id as text, None as a guest.

    Raises:
        TypeError: it is something else, such as a user; what that is as text need not be its id.
    """
    if isinstance(owner, Principal):
        return owner
    if not isinstance(owner, str | int | UUID | None):
        raise TypeError(f"an owner is a user's id, a Principal or None, not {type(owner).__name__}")
    return Principal(user_id=None if owner is None else str(owner))


KeyStyle: TypeAlias = Literal["chevereto", "imgbb"]
"""The two spellings of a key: Chevereto's, and ImgBB's for clients that insist on it."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: its public id, and its text, which is shown once and never stored."""

    id: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is known of a key once it was shown: anything but its text.

    Attributes:
        user_id: whose it is, in the host's own spelling.
        expires_at: None lives for ever.
        revoked_at: None is not revoked.
        restrictions: what it is for.
        last_used_on: the day in UTC, None when nobody has used it.
    """

    id: str
    user_id: str
    label: str
    style: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    restrictions: KeyRestrictions = NO_RESTRICTIONS
    last_used_on: date | None = None

    def is_usable(self, now: datetime) -> bool:
        """Whether the key itself opens anything at ``now``."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaJob:
    """What a media worker is asked to do: one file to inspect and render. Plain values only, it crosses a pipe as JSON.

    Attributes:
        source: path of the file; it is only read.
        folder: where the worker may write, on the same file system as the source.
        formats: accepted formats, by the names of :data:`chevupload.formats.FORMATS`.
        width: width of the original that the request asks for, None to keep it.
        originals: what the operator chose about it.
        extra: names and sizes of the additional renditions.
    """

    source: str
    folder: str
    formats: tuple[str, ...]
    width: int | None
    originals: Originals
    thumb_side: int
    medium_side: int
    medium_fixed: Side
    quality: int
    max_pixels: int
    max_total_pixels: int
    max_frames: int
    max_scans: int
    extra: ExtraRenditions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """A file that a media worker wrote. Its receiver owns it, and moves or removes it. ``size`` is in bytes."""

    path: str
    size: int


class Rendition(NamedTuple):
    """An additional rendition of an upload: its name, its pixels, and its bytes."""

    name: str
    width: int
    height: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraFile(MediaFile):
    """The file of an additional rendition, with what its record will be made of."""

    name: str
    width: int
    height: int

    @property
    def rendition(self) -> Rendition:
        """What is recorded of it."""
        return Rendition(self.name, self.width, self.height, self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaResult:
    """What a media worker found and made; as a context it removes at its end the files that nobody moved.

    Attributes:
        format: name of the stored original's format, so PNG for a BMP that nothing else is chosen for.
        width: of the stored original in pixels, when it is shown upright.
        height: of the same.
        frames: 1 for a still picture, and for a video.
        is_360: an equirectangular panorama, by its XMP packet.
        title: embedded title, or None.
        description: embedded description, or None.
        exif: what PHP's Exif reader returns, as values for JSON, without the file's name and date; None when the file
            has no Exif, or when it was removed.
        taken_at: the Exif date as ``YYYY-MM-DD HH:MM:SS``, or None.
        original: the file to store instead of the source, or None to store the source as it is.
        original_md5: its hash, when there is one.
        resized: whether the original was made smaller, because of the request or of the operator's choice.
        converted: whether it has the format that the operator chose, and not its own.
        thumb: the thumbnail.
        medium: the medium picture, or None.
        frame: the picture that a video shows before it plays, and another framed format instead of itself; or None.
        duration: of a video in whole seconds.
        camera: maker and model, where they are asked for as a tag; None otherwise.
        extras: the additional renditions, as far as the picture is larger than they are.
    """

    format: str
    width: int
    height: int
    frames: int = 1
    is_360: bool = False
    title: str | None = None
    description: str | None = None
    exif: dict[str, Any] | None = None
    taken_at: str | None = None
    original: MediaFile | None
    original_md5: str | None
    resized: bool = False
    thumb: MediaFile
    medium: MediaFile | None
    frame: MediaFile | None = None
    duration: int = 0
    converted: bool = False
    camera: str | None = None
    extras: tuple[ExtraFile, ...] = ()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    @property
    def files(self) -> tuple[MediaFile, ...]:
        """Every file that was written, in the order of :attr:`Upload.paths`."""
        return tuple(filter(None, (self.original, self.medium, self.thumb, self.frame, *self.extras)))

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Remove the files that nobody moved."""
        for file in self.files:
            Path(file.path).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeaders:
    """What a storage tells those who fetch a file from it directly: values of HTTP headers, in ASCII.

    Attributes:
        content_type: of the content, never of the name.
        cache_control: for how long caches may keep the file, true however late it is fetched.
        content_disposition: shown rather than saved, and under which name it would be saved.
    """

    content_type: str
    cache_control: str
    content_disposition: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list of an owner's uploads, the newest first: behind the upload that it is made of.

    As text it goes into a link to the next page. The list goes on there even when that upload is deleted meanwhile.
    """

    received_at: datetime
    id: str

    def __str__(self) -> str:
        """Spell the cursor: microseconds since 1970, and the id."""
        return f"{(self.received_at - _EPOCH) // timedelta(microseconds=1)}-{self.id}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a cursor.

        Raises:
            ValueError: it is not a cursor.
        """
        found = _CURSOR.match(text)
        if found is None:
            raise ValueError("not a cursor")
        # Sixteen digits are years up to 2286, which every database knows.
        return cls(_EPOCH + timedelta(microseconds=int(found[1])), found[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What is kept with an upload as its sender gave it, checked; None where nothing was given."""

    title: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    nsfw: bool = False
    album_id: str | None = None
    category_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload(Details):
    """One upload's record.

    Attributes:
        id: its public id, used in viewer, short and delete links.
        owner_id: the principal's user id, or None for a guest's.
        created_at: the date it shows, which ``use_file_date`` takes from the picture.
        received_at: when its record was made, which is after it was rendered.
        folder: ``YYYY/MM/DD``, or the empty string.
        name: stored base name without extension.
        size: bytes of the stored original; width and height are its pixels.
        md5: of the stored original; ``source_md5`` of what was received, when a resize or a chosen
            conversion changed it.
        original_exifdata: JSON text, or None.
        thumb_size: bytes of the thumbnail. ``medium_size`` and ``frame_size`` are 0 when there is no such file.
        extras: the additional renditions there are; ``extra_paths`` has their storage paths by their names.
        duration: whole seconds, 0 for pictures.
        expires_at: None lives for ever.
        request_digest: of the request that it came with, if that may be repeated; no two uploads share it.
        request_md5: hash of the file as that request sent it.
        storage: name of the storage that has its files; empty where the site has one only.
        type: image or video, by the stored extension; ``mime`` is the content type of the original.
        stem: folder and base name without the extension, which no two uploads share.
        path: storage path of the original; ``medium_path``, ``thumb_path`` and ``frame_path`` are those of the derived
            pictures, None for one that was not made. They are JPEG where the original cannot stand on a page.
        paths: of every file, the original first.
    """

    id: str
    owner_id: str | None
    created_at: datetime
    received_at: datetime
    folder: str
    name: str
    extension: str
    size: int
    width: int
    height: int
    md5: str
    source_md5: str | None = None
    original_filename: str
    original_exifdata: str | None = None
    storage_mode: str
    is_animated: bool = False
    is_360: bool = False
    duration: int = 0
    thumb_size: int = 0
    medium_size: int = 0
    frame_size: int = 0
    expires_at: datetime | None = None
    views: int = 0
    request_digest: str | None = None
    request_md5: str | None = None
    storage: str = ""
    extras: tuple[Rendition, ...] = ()

    type: UploadType = field(init=False, compare=False, repr=False)
    mime: str = field(init=False, compare=False, repr=False)
    stem: str = field(init=False, compare=False, repr=False)
    path: str = field(init=False, compare=False, repr=False)
    medium_path: str | None = field(init=False, compare=False, repr=False)
    thumb_path: str | None = field(init=False, compare=False, repr=False)
    frame_path: str | None = field(init=False, compare=False, repr=False)
    extra_paths: dict[str, str] = field(init=False, compare=False, repr=False)
    paths: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Compute what follows from extension, folder, name and sizes, once for all who ask."""
        row = BY_EXTENSION[self.extension]
        stem = f"{self.folder}/{self.name}" if self.folder else self.name
        shown = "jpeg" if row.is_framed else self.extension
        paths = {
            "path": f"{stem}.{self.extension}",
            "medium_path": f"{stem}.md.{shown}" if self.medium_size else None,
            "thumb_path": f"{stem}.th.{shown}" if self.thumb_size else None,
            "frame_path": f"{stem}.fr.jpeg" if self.frame_size else None,
        }
        extra = {one.name: f"{stem}.{one.name}.{shown}" for one in self.extras} if self.extras else {}
        values = {"type": row.kind, "mime": row.mime, "stem": stem, **paths, "extra_paths": extra}
        for name, value in {**values, "paths": tuple(filter(None, (*paths.values(), *extra.values())))}.items():
            object.__setattr__(self, name, value)

    def to_json(self) -> str:
        """Spell the record as JSON, which :meth:`from_json` reads; what follows from other values is left out."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        return json.dumps(values, default=datetime.isoformat)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what :meth:`to_json` spelled.

        Raises:
            KeyError, TypeError, ValueError: it is the record of another version, or none.
        """
        values = json.loads(text)
        for name in ("created_at", "received_at", "expires_at"):
            if values[name] is not None:
                values[name] = datetime.fromisoformat(values[name])
        extras = tuple(Rendition(*one) for one in values.get("extras", ()))
        return cls(**values | {"tags": tuple(values["tags"]), "extras": extras})

    @property
    def cursor(self) -> Cursor:
        """Place behind this upload in the list of its owner's."""
        return Cursor(self.received_at, self.id)

    @property
    def display_title(self) -> str:
        """What pages call it: its title, or else its file's name. Source: Chevereto V4, field of this name."""
        return self.title or f"{self.name}.{self.extension}"

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of every file, by its storage path, in the order of ``paths``."""
        derived = filter(None, (self.medium_size, self.thumb_size, self.frame_size))
        return dict(zip(self.paths, (self.size, *derived, *(one.size for one in self.extras)), strict=True))

    @property
    def extras_size(self) -> int | None:
        """Bytes of all additional renditions; None where there are none, as in the table."""
        return sum(one.size for one in self.extras) or None

    def is_expired(self, now: datetime) -> bool:
        """Whether the upload is gone at ``now``."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Album:
    """An album: its public id, its owner's user id and its title."""

    id: str
    owner_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Category:
    """A category: its integer id and its name."""

    id: int
    name: str
