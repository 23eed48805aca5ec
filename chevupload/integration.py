"""What every adapter of a host does alike: mount points, and the component as one request of the host sees it.

The verbs are the same in every host: ``save``, ``get``, ``update``, ``list``, ``usage``, ``delete``, ``document`` and
``forget``, and ``albums`` and ``links`` besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from chevupload.app import FEATURES, ChevUpload
from chevupload.audit import Actor
from chevupload.config import Routes
from chevupload.errors import ConfigError
from chevupload.model import Owner, Upload
from chevupload.policy.quota import Usage
from chevupload.protocols import Readable, Wrapper
from chevupload.uploads.albums import Albums
from chevupload.uploads.service import ListParameters, SaveParameters, UpdateParameters
from chevupload.web.feature import paths_of
from chevupload.web.receiver import SESSION
from chevupload.web.urls import Links
from chevupload.wsgi.form import ParsedForm, set_parsed_form
from chevupload.wsgi.responses import Document
from chevupload.wsgi.routing import trust_proxies

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = [
    "METHODS",
    "SESSION",
    "ParsedForm",
    "RequestUploads",
    "below",
    "checked_prefix",
    "host_routes",
    "set_parsed_form",
]

_PREFIX = re.compile(r"[A-Za-z0-9._~/-]*\Z")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""Every method goes to the component, whose refusal of some is what its clients can read."""


class RequestUploads:
    """The uploads of a component, for the code that answers one request of the host.

    Attributes:
        component: the component itself.
    """

    def __init__(self, component: ChevUpload, environ: WSGIEnvironment, *, prefix: str = "", session: Any = None):
        """See ``component``, mounted at ``prefix`` of the host, as the sender of ``environ`` does.

        With ``session``, uploads are published in its transaction.
        """
        self.component = component
        self._environ = below(environ, prefix, environ.get("PATH_INFO", ""))
        self._session = session

    @property
    def _actor(self) -> Actor:
        """Who sends the request, for the audit log."""
        return Actor(environ=trust_proxies(self._environ, self.component.config.trusted_proxies))

    @property
    def links(self) -> Links:
        """What builds URLs of uploads."""
        return self.component.links(self._environ)

    @property
    def albums(self) -> Albums:
        """The albums of users; see :class:`chevupload.uploads.albums.Albums`."""
        return Albums(self.component.context, session=self._session)

    def document(self, upload: Upload) -> Document:
        """Return the API's answer; see :meth:`chevupload.app.ChevUpload.document`."""
        return self.component.document(upload, self._environ)

    def save(self, file: Readable | Wrapper, *, owner: Owner, **parameters: Unpack[SaveParameters]) -> Upload:
        """Take a file in; see :meth:`chevupload.uploads.service.Uploads.save`."""
        parameters.setdefault("session", self._session)
        return self.component.uploads.save(file, owner=owner, **parameters)

    def get(self, upload_id: str) -> Upload | None:
        """Return an upload; see :meth:`chevupload.uploads.service.Uploads.get`."""
        return self.component.uploads.get(upload_id)

    def update(self, upload: Upload | str, **changes: Unpack[UpdateParameters]) -> Upload | None:
        """Change what is kept with an upload; see :meth:`chevupload.uploads.service.Uploads.update`."""
        changes.setdefault("session", self._session)
        changes.setdefault("by", self._actor)
        return self.component.uploads.update(upload, **changes)

    def list(self, owner: Owner, **chosen: Unpack[ListParameters]) -> Sequence[Upload]:
        """Return a user's uploads; see :meth:`chevupload.uploads.service.Uploads.list`."""
        return self.component.uploads.list(owner, **chosen)

    def usage(self, owner: Owner) -> Usage:
        """Return what an owner keeps; see :meth:`chevupload.uploads.service.Uploads.usage`."""
        return self.component.uploads.usage(owner)

    def delete(self, upload: Upload | str) -> bool:
        """Take an upload away; see :meth:`chevupload.uploads.service.Uploads.delete`."""
        return self.component.uploads.delete(upload, by=self._actor)

    def forget(self, owner: Owner) -> None:
        """Take away what a user has who is being deleted; see :meth:`chevupload.app.ChevUpload.forget`."""
        self.component.forget(owner, by=self._actor)


def host_routes(routes: Routes, *, rest: str) -> Iterator[tuple[str, str, str]]:
    """Yield what a host routes to the component: a route's name, a name of its own for each path, and the path.

    Args:
        routes: the component's.
        rest: how the host spells a parameter that takes the rest of a path, such as ``<path:rest>``.
    """
    for name, paths in paths_of(FEATURES, routes).items():
        for ending, path in zip(("", "-slash", "-below"), paths, strict=False):
            yield name, f"{name}{ending}", path.replace("{rest}", rest)


def below(environ: WSGIEnvironment, prefix: str, path: str, **more: Any) -> WSGIEnvironment:
    """Return ``environ`` as an application sees it that is mounted at ``prefix`` and asked for ``path`` below it."""
    return {**environ, "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + prefix, "PATH_INFO": path, **more}


def checked_prefix(prefix: str | None) -> str:
    """Return a mount point with one slash before it and none behind; the root is empty.

    Raises:
        ConfigError: it holds what a URL would have to escape.
    """
    stripped = (prefix or "").strip("/")
    if not _PREFIX.match(stripped):
        raise ConfigError(f"not a usable prefix: {prefix!r}")
    return f"/{stripped}" if stripped else ""
