"""What an upload refers to besides its owner: an album and a category."""

from __future__ import annotations

from typing import Any, cast

from chevupload.errors import ForeignAlbum, InvalidParameter, UnknownCategory
from chevupload.model import Principal
from chevupload.protocols import AlbumRecords, CategoryRecords
from chevupload.uploads.context import UploadContext


def check_album(context: UploadContext, owner: Principal, album_id: str, session: Any) -> None:
    """Refuse an album that an upload of ``owner`` cannot be in.

    Raises:
        ForeignAlbum: there is no such album of this owner.
        InvalidParameter: the site has no albums.
        BackendError: the catalog is away.
        ConfigError: a session that the catalog cannot join.
    """
    if not isinstance(context.catalog, AlbumRecords):
        raise InvalidParameter("Invalid album_id, this site has no albums")
    album = context.catalog.album(album_id)
    if album is None and session is not None:
        # The host may have made it in this transaction.
        album = cast(AlbumRecords, context.transactions.records(session)).album(album_id)
    if album is None or owner.is_guest or album.owner_id != owner.user_id:
        raise ForeignAlbum


def check_category(context: UploadContext, category_id: int) -> None:
    """Refuse a category that an upload cannot have.

    Raises:
        UnknownCategory: there is no such category.
        InvalidParameter: the site has no categories.
        BackendError: the catalog is away.
    """
    if not isinstance(context.catalog, CategoryRecords):
        raise InvalidParameter("Invalid category_id, this site has no categories")
    if not context.catalog.has_category(category_id):
        raise UnknownCategory
