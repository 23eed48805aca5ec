"""What an upload refers to besides its owner: an album and a category."""

from __future__ import annotations

from typing import Any, cast

from chevupload.errors import ForeignAlbum, InvalidParameter, UnknownCategory
from chevupload.model import Principal
from chevupload.protocols import AlbumRecords, CategoryRecords
from chevupload.uploads.context import UploadContext


def check_references(
    context: UploadContext, owner: Principal, album_id: str | None, category_id: int | None, session: Any
) -> None:
    """Refuse what an upload of ``owner`` cannot refer to; None refers to nothing.

    Raises:
        ForeignAlbum: there is no such album of this owner.
        UnknownCategory: there is no such category.
        InvalidParameter: the site has no albums, or no categories.
        BackendError: the catalog is away.
        ConfigError: a session that the catalog cannot join.
    """
    catalog = context.catalog
    if album_id is not None:
        if not isinstance(catalog, AlbumRecords):
            raise InvalidParameter("Invalid album_id, this site has no albums")
        album = catalog.album(album_id)
        if album is None and session is not None:
            # The host may have made it in this transaction.
            album = cast(AlbumRecords, context.transactions.records(session)).album(album_id)
        if album is None or owner.is_guest or album.owner_id != owner.user_id:
            raise ForeignAlbum
    if category_id is not None:
        if not isinstance(catalog, CategoryRecords):
            raise InvalidParameter("Invalid category_id, this site has no categories")
        if not catalog.has_category(category_id):
            raise UnknownCategory
