"""The albums of owners: made, listed, renamed and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chevupload.errors import (
    AlbumExists,
    AlbumTaken,
    ConfigError,
    ForeignAlbum,
    InvalidParameter,
    RequestDenied,
    TooManyAlbums,
)
from chevupload.model import Album, Owner, Principal, as_principal
from chevupload.naming import random_id
from chevupload.protocols import EditableAlbumRecords, UploadRecords
from chevupload.uploads.context import UploadContext
from chevupload.uploads.parameters import clean_album_title

_ID_LENGTH = 12
_PAGE = 200
"""How many uploads are taken out of an album together."""


class Albums:
    """Makes albums of owners, lists, renames and deletes them.

    With a ``session``, an SQLAlchemy session on the catalog's database, a method reads and changes albums in its
    transaction, which the host ends. By default that is the session that these albums were made with, if any.

    Raises:
        BackendError: the catalog is away.
        ConfigError: the catalog cannot change albums, or cannot join the session.
    """

    def __init__(self, context: UploadContext, *, session: Any = None) -> None:
        """Use these parts."""
        self._catalog, self._transactions, self._session = context.catalog, context.transactions, session
        self._max_albums = context.config.limits.max_albums

    def add(self, owner: Owner, title: str, *, session: Any = None) -> Album:
        """Make an album of an owner, a user's id or Principal.

        Raises:
            InvalidParameter: the title is empty, or longer than 100 characters.
            AlbumExists: the owner has an album with this title.
            TooManyAlbums: the owner has ``Limits.max_albums``. Of several that come at once, a few more may be made.
            RequestDenied: the owner is a guest.
        """
        records = self._records(session)
        album = self.new(owner, clean_album_title(title), records=records)
        try:
            records.add_album(album)
        except AlbumTaken:
            raise AlbumExists from None
        return album

    def new(self, owner: Owner, title: str, *, records: EditableAlbumRecords) -> Album:
        """Return an album that is not kept yet, if its owner may have one more.

        Raises:
            TooManyAlbums, RequestDenied: as :meth:`add`.
        """
        owner_id = as_principal(owner).user_id
        if owner_id is None:
            raise RequestDenied("Request denied: guests have no albums")
        if records.count_albums(owner_id) >= self._max_albums:
            raise TooManyAlbums(f"Too many albums - max {self._max_albums}")
        return Album(random_id(_ID_LENGTH), owner_id, title)

    def list(
        self, owner: Owner, *, limit: int = 50, after: Album | str | None = None, session: Any = None
    ) -> Sequence[Album]:
        """Return albums of an owner by their titles; guests have none.

        Args:
            owner: a user's id or Principal.
            limit: how many at most.
            after: the last one of the page before, or its title. It may be gone, or have another title, meanwhile.
            session: see :class:`Albums`.
        """
        records, owner_id = self._records(session), as_principal(owner).user_id
        title = after.title if isinstance(after, Album) else after
        return [] if owner_id is None else records.owned_albums(owner_id, limit=limit, after=title)

    def get(self, album_id: str, *, session: Any = None) -> Album | None:
        """Return an album, whose ``owner_id`` tells whose it is."""
        return self._records(session).album(album_id)

    def find(self, owner: Owner, title: str, *, session: Any = None) -> Album | None:
        """Return the album of an owner with this title; guests have none.

        Raises:
            InvalidParameter: the title is empty, or longer than 100 characters.
        """
        records, owner_id = self._records(session), as_principal(owner).user_id
        return None if owner_id is None else records.find_album(owner_id, clean_album_title(title))

    def rename(self, album_id: str, title: str, *, session: Any = None) -> Album | None:
        """Give an album another title, and return it; None when it is gone.

        Raises:
            InvalidParameter: the title is empty, or longer than 100 characters.
            AlbumExists: its owner has another album with this title.
        """
        records, title = self._records(session), clean_album_title(title)
        if (album := records.album(album_id)) is None:
            return None
        album = replace(album, title=title)
        try:
            return album if records.rename_album(album) else None
        except AlbumTaken:
            raise AlbumExists from None

    def delete(self, album_id: str, *, session: Any = None) -> bool:
        """Remove an album; its uploads stay, in no album. False when it was gone.

        Where this is interrupted, the album is there still, with the uploads that are left in it. A key for this album
        alone uploads nothing any more.
        """
        records = self._records(session)
        if (album := records.album(album_id)) is None:
            return False
        self._clear(records, album)
        is_removed = records.remove_album(album_id)
        # What was checked while the album was there may have come into it since. An upload that is still being rendered
        # comes later, and keeps an id that no other album gets.
        self._clear(records, album)
        return is_removed

    def named(self, sender: Principal, title: str, *, session: Any = None) -> tuple[Album, bool]:
        """Return the album of this title that an upload goes to, and whether it is new: to be kept with the upload.

        Raises:
            InvalidParameter: the site has no albums, or makes none.
            ForeignAlbum: a guest has no albums, or the sender's key is for another one.
            TooManyAlbums: as :meth:`add`.
        """
        if not isinstance(self._catalog, EditableAlbumRecords):
            raise InvalidParameter("Invalid album, this site makes no albums")
        if sender.is_guest:
            raise ForeignAlbum
        found = self.find(sender, title)
        if found is None and session is not None:
            # The host may have made it in this transaction.
            found = self.find(sender, title, session=session)
        if sender.album_id is not None and (found is None or found.id != sender.album_id):
            raise ForeignAlbum
        return (self.new(sender, title, records=self._catalog), True) if found is None else (found, False)

    def _clear(self, records: EditableAlbumRecords, album: Album) -> None:
        while records.clear_album(album, limit=_PAGE) == _PAGE:
            pass

    def _records(self, session: Any) -> EditableAlbumRecords:
        session = self._session if session is None else session
        records: UploadRecords = self._catalog if session is None else self._transactions.records(session)
        if not isinstance(records, EditableAlbumRecords):
            raise ConfigError("albums need a catalog with the methods of EditableAlbumRecords")
        return records
