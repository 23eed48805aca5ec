"""Every URL that an answer holds.

May know: settings, the model, names and tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlsplit

from chevupload.config import Routes
from chevupload.interfaces import Storage
from chevupload.model import Upload
from chevupload.naming import viewer_slug


class Links:
    """Builds URLs below one base URL, which is the mount point's."""

    def __init__(self, base_url: str, *, routes: Routes, storage: Storage, sign: Callable[[str], str]) -> None:
        """Build below ``base_url``; ``sign`` makes an upload's delete token."""
        self.base_url = base_url.rstrip("/")
        self._routes = routes
        self._storage = storage
        self._sign = sign

    def file(self, path: str) -> str:
        """Return the URL of a stored file: the storage's own, or ours."""
        return self._storage.url(path) or f"{self.base_url}/{self._routes.files or 'images'}/{quote(path)}"

    def viewer(self, upload: Upload) -> str:
        """Return the canonical viewer URL, which carries the title."""
        slug = viewer_slug(upload.title)
        return f"{self._viewer_base(upload)}/{slug}.{upload.id}" if slug else self.short(upload)

    def viewer_path(self, upload: Upload) -> str:
        """Return the viewer URL without scheme and host."""
        return urlsplit(self.viewer(upload)).path

    def short(self, upload: Upload) -> str:
        """Return the viewer URL without the title."""
        return f"{self._viewer_base(upload)}/{upload.id}"

    def delete(self, upload: Upload) -> str:
        """Return the URL that deletes the upload."""
        return f"{self.short(upload)}/delete/{self._sign(upload.id)}"

    def _viewer_base(self, upload: Upload) -> str:
        route = self._routes.video if upload.type == "video" else self._routes.viewer
        return f"{self.base_url}/{route or 'image'}"
