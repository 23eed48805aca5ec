"""The routes for programs by which a user's uploads are listed, changed and deleted.

Source: docs/programs.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chevupload.audit import Actor
from chevupload.errors import ConfigError, ForeignAlbum, InvalidParameter, NotFound
from chevupload.model import Principal, Upload
from chevupload.protocols import EditableRecords, OwnedRecords
from chevupload.signing import CursorSigner
from chevupload.uploads.editing import Changes
from chevupload.web.api_feature import PATTERNS, ApiFeature, page_size
from chevupload.web.api_json import deleted_document, image_document, imgbb_document
from chevupload.web.context import WebContext
from chevupload.web.feature import BELOW, route
from chevupload.web.receiver import SESSION
from chevupload.web.urls import Links
from chevupload.wsgi.responses import Document, json_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ONE = re.compile(r"([A-Za-z0-9]{1,32})/?")
"""The part of a path below the route: an upload's id."""
_FILTERS = frozenset({"album_id", "type", "q"})
_LIST = _FILTERS | {"limit", "before"}
_CHANGES = frozenset(Changes.__annotations__)


class UploadsApi(ApiFeature):
    """Answers the routes for uploads."""

    def __init__(self, context: WebContext) -> None:
        """Answer with these parts.

        Raises:
            ConfigError: the route is on, and the catalog cannot list and change uploads.
        """
        super().__init__(context)
        self._cursors = CursorSigner(context.secret_keys, of="uploads")
        if context.config.routes.uploads is not None:
            for needed in (OwnedRecords, EditableRecords):
                if not isinstance(context.catalog, needed):
                    raise ConfigError(f"Routes(uploads=...) needs a catalog with the methods of {needed.__name__}")

    @route("uploads", "GET, OPTIONS", patterns=PATTERNS, refusals="json", is_shared=True)
    def list(self, environ: WSGIEnvironment) -> Response:
        """Answer a page of the uploads of the key's user, the newest first."""
        sender, form = self._read(environ, _LIST, scope="list")
        fields = form.fields
        for name in sorted(form.names & _FILTERS):
            # A program's variable may be empty by mistake, and what is listed may be deleted next.
            if not fields.get(name, "").strip():
                raise InvalidParameter(f"Invalid {name}, it is empty: leave it out to list all uploads")
        limit, before = page_size(fields), fields.get("before")
        place = None if before is None else self._cursors.read(sender.user_id, before)
        album_id = fields["album_id"].strip() if "album_id" in fields else sender.album_id
        if sender.album_id not in (None, album_id):
            raise ForeignAlbum
        wanted: Any = {"album_id": album_id, "type": fields.get("type"), "q": fields.get("q")}
        # One more than is shown tells whether there are others.
        found = self._context.uploads.list(sender, limit=limit + 1, before=place, **wanted)
        page = found[:limit]
        following = self._cursors.sign(sender.user_id, str(page[-1].cursor)) if len(found) > limit else None
        links = self._links(environ, sender)
        images = [self._image(upload, links) for upload in page]
        return json_answer({"status_code": 200, "uploads": images, "next": following, "status_txt": "OK"})

    @route("uploads", "GET, PATCH, DELETE, OPTIONS", patterns=BELOW, rest=ONE, refusals="json", is_shared=True)
    def one(self, environ: WSGIEnvironment, upload_id: str) -> Response:
        """Answer one upload, change it, or delete it."""
        methods = {"GET": self._show, "PATCH": self._change, "DELETE": self._delete}
        return methods[environ["REQUEST_METHOD"]](environ, upload_id)

    @route("imgbb_image", "GET, DELETE, OPTIONS", patterns=BELOW, rest=ONE, refusals="imgbb", is_shared=True)
    def imgbb_image(self, environ: WSGIEnvironment, upload_id: str) -> Response:
        """Answer one upload as ImgBB does, or delete it."""
        if environ["REQUEST_METHOD"] == "DELETE":
            return self._delete(environ, upload_id, skips_unknown=True)
        sender, _ = self._read(environ, scope="list", skips_unknown=True)
        return json_answer(imgbb_document(self._own(upload_id, sender), self._links(environ, sender)))

    def _show(self, environ: WSGIEnvironment, upload_id: str) -> Response:
        sender, _ = self._read(environ, scope="list")
        return self._single(environ, self._own(upload_id, sender), sender)

    def _change(self, environ: WSGIEnvironment, upload_id: str) -> Response:
        sender, form = self._read(environ, _CHANGES, scope="edit")
        upload = self._own(upload_id, sender)
        # An empty value clears, and is none of the fields that say something.
        changes: Any = {name: form.fields.get(name) for name in form.names & _CHANGES}
        if not changes:
            raise InvalidParameter(f"Nothing to change, expected one of {', '.join(sorted(_CHANGES))}")
        album_id = (changes.get("album_id", sender.album_id) or "").strip()
        if sender.album_id not in (None, album_id):
            raise ForeignAlbum
        by = Actor(key_id=sender.key_id, environ=environ)
        changed = self._context.uploads.update(upload, session=environ.get(SESSION), by=by, **changes)
        if changed is None:
            raise NotFound
        return self._single(environ, changed, sender)

    def _delete(self, environ: WSGIEnvironment, upload_id: str, *, skips_unknown: bool = False) -> Response:
        sender, _ = self._read(environ, scope="delete", skips_unknown=skips_unknown)
        by = Actor(key_id=sender.key_id, environ=environ)
        if not self._context.uploads.delete(self._own(upload_id, sender), by=by):
            raise NotFound
        return json_answer(deleted_document())

    def _single(self, environ: WSGIEnvironment, upload: Upload, sender: Principal) -> Response:
        image = self._image(upload, self._links(environ, sender))
        return json_answer({"status_code": 200, "image": image, "status_txt": "OK"})

    def _image(self, upload: Upload, links: Links) -> Document:
        config = self._config
        image = image_document(upload, links, timezone=config.policy.timezone, renditions=config.renditions)
        return image | {"album_id": upload.album_id}

    def _links(self, environ: WSGIEnvironment, sender: Principal) -> Links:
        """Return what builds URLs for a sender: whose key is not for deleting is given no link that deletes."""
        links = self._context.links(environ)
        return links if sender.may("delete") else links.without_delete()
