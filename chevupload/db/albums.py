"""The rows of albums: looked up, listed and changed, in a transaction of their own or in one of the host."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from chevupload.db.columns import Unindexed
from chevupload.db.database import Transactions
from chevupload.db.tables import Tables
from chevupload.errors import AlbumTaken, CatalogError
from chevupload.model import Album


class SqlAlbums:
    """See EditableAlbumRecords."""

    def __init__(self, database: Transactions, tables: Tables) -> None:
        """Keep albums in ``database``, which may be a transaction of the host."""
        self._album_database = database
        self._albums, self._uploads = tables.albums, tables.uploads

    def album(self, album_id: str) -> Album | None:
        """See AlbumRecords."""
        return self._first_album(self._albums.c.id == album_id)

    def find_album(self, owner_id: str, title: str) -> Album | None:
        """See EditableAlbumRecords."""
        return self._first_album(self._has_title(owner_id, title))

    def owned_albums(self, owner_id: str, *, limit: int, after: str | None = None) -> list[Album]:
        """See OwnedAlbumRecords."""
        column = self._albums.c
        query = self._select_albums().where(column.owner_id == owner_id)
        if after is not None:
            query = query.where(column.title > after)
        with self._album_database.connect() as connection:
            return [Album(*row) for row in connection.execute(query.order_by(column.title).limit(limit))]

    def count_albums(self, owner_id: str) -> int:
        """See EditableAlbumRecords."""
        query = select(func.count()).select_from(self._albums).where(self._albums.c.owner_id == owner_id)
        with self._album_database.connect() as connection:
            return connection.scalar(query) or 0

    def add_album(self, album: Album) -> None:
        """See EditableAlbumRecords."""
        try:
            with self._album_database.begin() as connection:
                self.insert_album(connection, album)
        except IntegrityError as error:
            raise self.album_error(album) from error

    def rename_album(self, album: Album) -> bool:
        """See EditableAlbumRecords."""
        change = update(self._albums).where(self._albums.c.id == album.id).values(title=album.title)
        try:
            with self._album_database.change() as connection:
                return connection.execute(change).rowcount == 1
        except IntegrityError as error:
            raise self.album_error(album) from error

    def clear_album(self, album: Album, *, limit: int) -> int:
        """See EditableAlbumRecords."""
        column = self._uploads.c
        is_in_it = column.album_id == album.id
        page = select(column.id).where(Unindexed(column.owner_id) == album.owner_id, is_in_it).limit(limit)
        with self._album_database.begin() as connection:
            if connection.dialect.name in ("mysql", "mariadb"):
                # Or a transaction of the host finds what others have changed since it began, again and again.
                page = page.with_for_update()
            found = connection.scalars(page).all()
            if found:
                # In order, so that several at once wait for each other and never deadlock.
                change = update(self._uploads).where(column.id.in_(sorted(found)), is_in_it)
                connection.execute(change.values(album_id=None))
            return len(found)

    def remove_album(self, album_id: str) -> bool:
        """See EditableAlbumRecords."""
        with self._album_database.change() as connection:
            return connection.execute(delete(self._albums).where(self._albums.c.id == album_id)).rowcount == 1

    def forget_albums(self, owner_id: str) -> None:
        """See AlbumRecords."""
        with self._album_database.change() as connection:
            connection.execute(delete(self._albums).where(self._albums.c.owner_id == owner_id))

    def insert_album(self, connection: Connection, album: Album) -> None:
        """Add the row of an album."""
        connection.execute(insert(self._albums), {"id": album.id, "owner_id": album.owner_id, "title": album.title})

    def album_error(self, album: Album) -> CatalogError:
        """Return what a violated constraint means for an album."""
        if self.has_title(album):
            return AlbumTaken("the owner has an album with this title")
        # A foreign key of the host's own tables, for example.
        return CatalogError("the album cannot be stored")

    def has_title(self, album: Album) -> bool:
        """Whether the owner of an album has one with this title."""
        return self._first_album(self._has_title(album.owner_id, album.title), is_newest=True) is not None

    def _has_title(self, owner_id: str, title: str) -> ColumnElement[bool]:
        return (self._albums.c.owner_id == owner_id) & (self._albums.c.title == title)

    def _select_albums(self) -> Any:
        column = self._albums.c
        return select(column.id, column.owner_id, column.title)

    def _first_album(self, condition: ColumnElement[bool], *, is_newest: bool = False) -> Album | None:
        """Return an album; with ``is_newest``, also one that came after a transaction of the host began to read."""
        query = self._select_albums().where(condition)
        with self._album_database.connect() as connection:
            row = connection.execute(query.with_for_update(read=True) if is_newest else query).first()
        return None if row is None else Album(*row)
