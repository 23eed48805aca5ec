"""Albums beside the records of uploads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from chevupload.model import (
    Album,
    Upload,
)
from chevupload.protocols.records import UploadRecords


@runtime_checkable
class AlbumRecords(UploadRecords, Protocol):
    """Albums beside the records. Without it, ``album_id`` is refused."""

    def album(self, album_id: str) -> Album | None:
        """Return an album."""
        ...

    def forget_albums(self, owner_id: str) -> None:
        """Remove every album of a deleted owner, so that a later owner with the same id has none."""
        ...


@runtime_checkable
class OwnedAlbumRecords(AlbumRecords, Protocol):
    """Albums that are listed by their owner. Without it, the upload page asks for none."""

    def owned_albums(self, owner_id: str, *, limit: int, after: str | None = None) -> Sequence[Album]:
        """Return up to ``limit`` albums of an owner by their titles, in the order that the database has for texts.

        Those whose titles follow the title ``after`` are returned, whether or not there is an album with that.
        """
        ...


@runtime_checkable
class EditableAlbumRecords(OwnedAlbumRecords, Protocol):
    """Albums that are made and changed. Without it, ``albums.add`` and its like raise ConfigError.

    Uploads cannot name an album by its title then, and ``Policy(album_names=True)`` is a ConfigError.

    No two albums of an owner have the same title. If these are :class:`JoinableRecords` too, what ``joined`` returns
    has these methods, and reads and changes albums in the host's transaction.
    """

    def reserve(self, upload: Upload, *, album: Album | None = None) -> None:
        """Record ``upload`` as pending; keep ``album``, a new one that it is in, in one step with that.

        Raises as that of UploadRecords, AlbumTaken where the owner has an album with this title. Nothing is recorded
        then. In a host's transaction, the album is there when that commits.
        """
        ...

    def find_album(self, owner_id: str, title: str) -> Album | None:
        """Return the album of an owner with exactly this title."""
        ...

    def count_albums(self, owner_id: str) -> int:
        """Return how many albums an owner has."""
        ...

    def add_album(self, album: Album) -> None:
        """Keep a new album.

        Raises:
            AlbumTaken: its owner has one with this title.
        """
        ...

    def rename_album(self, album: Album) -> bool:
        """Give the album with this id the title of ``album``. False when there is none.

        Raises:
            AlbumTaken: its owner has another one with this title.
        """
        ...

    def clear_album(self, album: Album, *, limit: int) -> int:
        """Take up to ``limit`` uploads of the owner's, in whatever state, out of the album; return how many."""
        ...

    def remove_album(self, album_id: str) -> bool:
        """Remove an album, and leave the records of its uploads alone. False when there is none."""
        ...
