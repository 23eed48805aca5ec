"""Every URL that an answer holds."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from chevupload.config import Config
from chevupload.model import Upload
from chevupload.storage.registry import Storages
from chevupload.web.previews import whole_pictures
from chevupload.wsgi.routing import request_base_url

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_ID = r"(?:[^/]*\.)?([A-Za-z0-9]{1,32})"
VIEWER = re.compile(_ID)
"""The part of a path below the viewers' route: an upload's id behind any slug."""
QR_CODE = re.compile(f"{_ID}/qr")
DELETE_LINK = re.compile(f"{_ID}/delete/([^/]{{1,200}})")
"""The id, and the token."""
_REMEMBERED = 1_024
"""Paths and titles, each of which one page writes several times."""


@dataclass(frozen=True, slots=True)
class ImageSet:
    """What a browser chooses from for an ``img``: the attribute ``srcset``, and how wide the file in ``src`` is."""

    srcset: str
    width: int


class FileUrl(NamedTuple):
    """The URL of a stored file: its storage's own, which is elsewhere, or ours."""

    url: str
    is_elsewhere: bool


class Links:
    """Builds URLs below one base URL, which is the mount point's."""

    def __init__(
        self,
        environ: WSGIEnvironment,
        *,
        config: Config,
        storages: Storages,
        sign: Callable[[str], str],
        signed_url: Callable[[Upload, str], str | None],
    ) -> None:
        """Build below ``base_url`` of ``config``, or where the request of ``environ`` reached the mount point.

        ``sign`` makes an upload's delete token; ``signed_url`` tells where a request for a file is sent on to, or None.

        Raises:
            MalformedRequest: the request's Host header is no host.
        """
        self.base_url = (config.base_url or request_base_url(environ)).rstrip("/")
        self._routes = config.routes
        self._own = f"{self.base_url}/{config.routes.files}/"
        self._viewers = {"image": config.routes.viewer, "video": config.routes.video}
        self._storages = storages
        self._sign = sign
        self._signed_url = signed_url
        self._renditions = config.renditions
        self._tag_url = config.policy.tag_url
        self._can_delete = True

    def without_delete(self) -> Links:
        """Return what builds the same URLs for a reader who is given no delete links."""
        links = copy.copy(self)
        links._can_delete = False
        return links

    def file(self, upload: Upload, path: str) -> str:
        """Return the URL of a stored file, which is one of the upload's: its storage's own, or ours."""
        return self.files(upload, (path,))[path].url

    def files(self, upload: Upload, paths: Iterable[str] | None = None) -> dict[str, FileUrl]:
        """Return the URLs of the upload's files by their paths, of all unless some are given."""
        # Where the storage is not there any more, ours says so.
        storage, urls = self._storages.by_name.get(upload.storage), {}
        for path in upload.paths if paths is None else paths:
            public = None if storage is None else storage.url(path)
            urls[path] = FileUrl(public or self._own + _quoted(path), public is not None)
        return urls

    def tag(self, name: str) -> str | None:
        """Return where the host shows what has a tag; None where it has no such page."""
        return None if self._tag_url is None else self._tag_url.replace("{tag}", quote(name, safe=""))

    def source(self, upload: Upload, path: str) -> str:
        """Return the URL that a file comes from in the end, by a redirect or without: what a page has to allow.

        Raises:
            StorageError: the storage cannot sign.
        """
        return self._signed_url(upload, path) or self.file(upload, path)

    def thumb(self, upload: Upload) -> str:
        """Return the URL of the thumbnail; of the file where there is none."""
        return self.file(upload, upload.thumb_path or upload.path)

    def medium(self, upload: Upload) -> str:
        """Return the URL of the medium picture; where there is none, of a video's frame, or of the file."""
        return self.file(upload, upload.medium_path or upload.frame_path or upload.path)

    def image_set(self, upload: Upload, path: str | None) -> ImageSet | None:
        """Return what stands beside ``src`` in an ``img`` of the file at ``path``: that file and additional renditions.

        Those are the larger ones beside the medium picture, which keeps its place, and the smaller ones beside the
        whole. None where there is nothing to choose from; derived pictures of what moves stand still.
        """
        if path is None or upload.is_animated or not upload.extras:
            return None
        sizes = whole_pictures(upload, self._renditions)
        least = sizes[path][0] if path == upload.medium_path else 0
        extras = [one for one in upload.extra_paths.values() if one in sizes and sizes[one][0] > least]
        if not extras:
            return None
        chosen = [one for one in sizes if one == path or one in extras]
        srcset = ", ".join(f"{self.file(upload, one)} {sizes[one][0]}w" for one in chosen)
        return ImageSet(srcset, sizes[path][0])

    def viewer(self, upload: Upload) -> str:
        """Return the canonical viewer URL, which carries the title; without viewers, the file's."""
        if (route := self._viewers[upload.type]) is None:
            return self.file(upload, upload.path)
        slug = viewer_slug(upload.title) if upload.title else ""
        return f"{self.base_url}/{route}/{slug}.{upload.id}" if slug else f"{self.base_url}/{route}/{upload.id}"

    def viewer_path(self, upload: Upload) -> str:
        """Return the viewer URL without scheme and host."""
        return urlsplit(self.viewer(upload)).path

    def short(self, upload: Upload) -> str:
        """Return the viewer URL without the title; without viewers, the file's."""
        route = self._viewers[upload.type]
        return self.file(upload, upload.path) if route is None else f"{self.base_url}/{route}/{upload.id}"

    def delete(self, upload: Upload) -> str | None:
        """Return the URL that deletes the upload; None without viewers, or for a reader who is not given it."""
        if (route := self._viewers[upload.type]) is None or not self._can_delete:
            return None
        return f"{self.base_url}/{route}/{upload.id}/delete/{self._sign(upload.id)}"

    def qr(self, upload: Upload) -> str | None:
        """Return the path of the QR code of the short link; None without viewers."""
        return None if self._viewers[upload.type] is None else f"{urlsplit(self.short(upload)).path}/qr"

    def oembed(self, upload: Upload) -> str | None:
        """Return the URL that describes the viewer to other sites; None without such a route."""
        if self._routes.oembed is None or self._viewers[upload.type] is None:
            return None
        return f"{self.base_url}/{self._routes.oembed}?url={quote(self.viewer(upload), safe='')}&format=json"

    def cached(self, upload: Upload) -> dict[str, str]:
        """Return every URL under which a cache may hold something of the upload, by what it is.

        A file with a URL of its storage's own has two: ours, ``original_here`` for example, redirects there. Signed
        URLs are not among them: they are not known, and hold for a short time only.
        """
        names = {"original": upload.path, "medium": upload.medium_path, "thumb": upload.thumb_path}
        names |= {"frame": upload.frame_path, **upload.extra_paths}
        files = {name: path for name, path in names.items() if path is not None}
        urls = self.files(upload)
        found: dict[str, str | None] = {name: urls[path].url for name, path in files.items()}
        if self._routes.files is not None and urls[upload.path].is_elsewhere:
            found |= {f"{name}_here": self._own + _quoted(path) for name, path in files.items()}
        if self._viewers[upload.type] is not None:
            short = self.short(upload)
            found |= {"viewer": self.viewer(upload), "short": short, "qr": f"{short}/qr", "oembed": self.oembed(upload)}
        return {name: url for name, url in found.items() if url is not None}

    def viewed_id(self, url: str) -> str | None:
        """Return the id of the upload whose viewer ``url`` leads to; None when it leads elsewhere."""
        rests = self._below(url, self._routes.viewer, self._routes.video)
        return next((found[1] for rest in rests if (found := VIEWER.fullmatch(rest))), None)

    def file_path(self, url: str) -> str | None:
        """Return the storage path of the file that ``url`` leads to, by us or by its storage; None for other URLs."""
        if (path := next(self._below(url, self._routes.files), None)) is not None:
            return path
        address = url.partition("#")[0].partition("?")[0]
        parts = address.split("/")
        paths = ("/".join(parts[number:]) for number in range(3, len(parts)))
        storages = self._storages.by_name.values()
        return next((one for one in paths if one and any(storage.url(one) == address for storage in storages)), None)

    def _below(self, url: str, *routes: str | None) -> Iterator[str]:
        """Yield the part of ``url`` behind each of these routes that it is below."""
        try:
            there, here = urlsplit(url), urlsplit(self.base_url)
        except ValueError:
            return
        # Whoever copies a link may write its scheme, and its host in capitals, as they like.
        if there.scheme not in ("http", "https") or there.netloc.lower() != here.netloc.lower():
            return
        for route in routes:
            rest = there.path.removeprefix(f"{here.path}/{route}/")
            if route is not None and rest != there.path:
                yield unquote(rest)


_quoted = lru_cache(maxsize=_REMEMBERED)(quote)


@lru_cache(maxsize=_REMEMBERED)
def viewer_slug(title: str) -> str:
    """Make the readable part of a viewer link, percent-encoded; empty when the title has nothing to offer.

    Source: Chevereto V4's rules for viewer slugs.
    """
    kept = re.sub(r"[\\/~&!'\"?]", "", title)
    kept = re.sub(r"<[^>]*>", "", kept)
    return quote(re.sub(r"[\s-]+", " ", kept).strip().replace(" ", "-"), safe="")
