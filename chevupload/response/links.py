"""Every URL that an answer holds.

May know: settings, the model, names and tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlsplit

from chevupload.config import Routes
from chevupload.model import Upload
from chevupload.naming import viewer_slug
from chevupload.storages import Storages


class Links:
    """Builds URLs below one base URL, which is the mount point's."""

    def __init__(self, base_url: str, *, routes: Routes, storages: Storages, sign: Callable[[str], str]) -> None:
        """Build below ``base_url``; ``sign`` makes an upload's delete token."""
        self.base_url = base_url.rstrip("/")
        self._routes = routes
        self._storages = storages
        self._sign = sign

    def file(self, upload: Upload, path: str) -> str:
        """Return the URL of a stored file, which is one of the upload's: its storage's own, or ours."""
        return self._storages.url(upload, path) or f"{self.base_url}/{self._routes.files}/{quote(path)}"

    def thumb(self, upload: Upload) -> str:
        """Return the URL of the thumbnail; of the file where there is none."""
        return self.file(upload, upload.thumb_path or upload.path)

    def viewer(self, upload: Upload) -> str:
        """Return the canonical viewer URL, which carries the title; without viewers, the file's."""
        if self._viewer_route(upload) is None:
            return self.file(upload, upload.path)
        slug = viewer_slug(upload.title)
        return f"{self.base_url}/{self._viewer_route(upload)}/{slug}.{upload.id}" if slug else self.short(upload)

    def viewer_path(self, upload: Upload) -> str:
        """Return the viewer URL without scheme and host."""
        return urlsplit(self.viewer(upload)).path

    def short(self, upload: Upload) -> str:
        """Return the viewer URL without the title; without viewers, the file's."""
        route = self._viewer_route(upload)
        return self.file(upload, upload.path) if route is None else f"{self.base_url}/{route}/{upload.id}"

    def delete(self, upload: Upload) -> str | None:
        """Return the URL that deletes the upload; None without viewers."""
        if self._viewer_route(upload) is None:
            return None
        return f"{self.short(upload)}/delete/{self._sign(upload.id)}"

    def _viewer_route(self, upload: Upload) -> str | None:
        return self._routes.video if upload.type == "video" else self._routes.viewer
