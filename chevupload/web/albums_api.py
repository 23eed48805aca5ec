"""The routes for programs by which a user's albums are listed, made, renamed and deleted.

Source: docs/programs.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeGuard

from chevupload.errors import AlbumExists, ConfigError, NotFound, RequestDenied
from chevupload.model import Album, Principal
from chevupload.protocols import EditableAlbumRecords
from chevupload.signing import CursorSigner
from chevupload.uploads.idempotency import checked_key
from chevupload.web.api_feature import PATTERNS, ApiFeature, page_size
from chevupload.web.api_json import deleted_document
from chevupload.web.context import WebContext
from chevupload.web.feature import BELOW, route
from chevupload.web.receiver import SESSION
from chevupload.wsgi.responses import Document, json_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ONE = re.compile(r"([^/\x00-\x1f\x7f]{1,64})/?")
"""The part of a path below the route: an album's id."""
_PAGE = frozenset({"limit", "after"})
_TITLE = frozenset({"title"})


class AlbumsApi(ApiFeature):
    """Answers the routes for albums."""

    def __init__(self, context: WebContext) -> None:
        """Answer with these parts.

        Raises:
            ConfigError: the route is on, and the catalog cannot change albums.
        """
        super().__init__(context)
        self._albums = context.albums
        self._cursors = CursorSigner(context.secret_keys, of="albums")
        if context.config.routes.albums is not None and not isinstance(context.catalog, EditableAlbumRecords):
            raise ConfigError("Routes(albums=...) needs a catalog with the methods of EditableAlbumRecords")

    @route("albums", "GET, POST, OPTIONS", patterns=PATTERNS, refusals="json", is_shared=True)
    def albums(self, environ: WSGIEnvironment) -> Response:
        """Answer a page of the albums of the key's user, by their titles; or make one."""
        return {"GET": self._list, "POST": self._add}[environ["REQUEST_METHOD"]](environ)

    @route("albums", "GET, PATCH, DELETE, OPTIONS", patterns=BELOW, rest=ONE, refusals="json", is_shared=True)
    def one(self, environ: WSGIEnvironment, album_id: str) -> Response:
        """Answer one album, rename it, or delete it; its uploads stay."""
        methods = {"GET": self._show, "PATCH": self._rename, "DELETE": self._delete}
        return methods[environ["REQUEST_METHOD"]](environ, album_id)

    def _list(self, environ: WSGIEnvironment) -> Response:
        sender, form = self._read(environ, _PAGE, scope="list")
        limit, after = page_size(form.fields), form.fields.get("after")
        place = None if after is None else self._cursors.read(sender.user_id, after)
        if sender.album_id is None:
            # One more than is shown tells whether there are others.
            found = self._albums.list(sender, limit=limit + 1, after=place)
        else:
            only = self._albums.get(sender.album_id)
            found = [only] if _is_own(only, sender) and place is None else []
        page = found[:limit]
        following = self._cursors.sign(sender.user_id, page[-1].title) if len(found) > limit else None
        albums = [_document(album) for album in page]
        return json_answer({"status_code": 200, "albums": albums, "next": following, "status_txt": "OK"})

    def _show(self, environ: WSGIEnvironment, album_id: str) -> Response:
        sender, _ = self._read(environ, scope="list")
        return _answer(self._own_album(album_id, sender))

    def _add(self, environ: WSGIEnvironment) -> Response:
        sender, form = self._read(environ, _TITLE, scope="edit")
        _check_is_for_all(sender)
        title, repeated = form.fields.get("title", ""), environ.get("HTTP_IDEMPOTENCY_KEY")
        if repeated is not None:
            checked_key(repeated)
        try:
            album = self._albums.add(sender, title, session=environ.get(SESSION))
        except AlbumExists:
            # Sent once more, a request has made what is there.
            if repeated is None or (found := self._albums.find(sender, title)) is None:
                raise
            album = found
        return _answer(album)

    def _rename(self, environ: WSGIEnvironment, album_id: str) -> Response:
        sender, form = self._read(environ, _TITLE, scope="edit")
        album = self._own_album(album_id, sender)
        renamed = self._albums.rename(album.id, form.fields.get("title", ""), session=environ.get(SESSION))
        if renamed is None:
            raise NotFound
        return _answer(renamed)

    def _delete(self, environ: WSGIEnvironment, album_id: str) -> Response:
        sender, _ = self._read(environ, scope="delete")
        album = self._own_album(album_id, sender)
        # It takes all uploads out of the album, and the album from all other keys.
        _check_is_for_all(sender)
        if not self._albums.delete(album.id, session=environ.get(SESSION)):
            raise NotFound
        return json_answer(deleted_document("album"))

    def _own_album(self, album_id: str, sender: Principal) -> Album:
        """Return an album of the sender's, if the key is for it.

        Raises:
            NotFound: there is none; one of somebody else is no other case.
        """
        album = self._albums.get(album_id)
        if not _is_own(album, sender):
            raise NotFound
        return album


def _is_own(album: Album | None, sender: Principal) -> TypeGuard[Album]:
    return album is not None and album.owner_id == sender.user_id and sender.album_id in (None, album.id)


def _check_is_for_all(sender: Principal) -> None:
    if sender.album_id is not None:
        raise RequestDenied("Request denied: this key is for one album")


def _answer(album: Album) -> Response:
    return json_answer({"status_code": 200, "album": _document(album), "status_txt": "OK"})


def _document(album: Album) -> Document:
    return {"id": album.id, "title": album.title}
