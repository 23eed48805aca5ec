"""What records promise whose files can be moved: each place of a file is known until it is empty."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest

from chevupload.model import Rendition, Upload
from chevupload.protocols import CheckableRecords, MovableRecords
from chevupload.records.move import Move
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import MINUTE, NOW, in_threads, new_upload


def stored(catalog: MovableRecords, upload_id: str = "a1") -> Upload:
    """Publish an upload in the storage ``old``."""
    upload = new_upload(upload_id, storage="old")
    catalog.reserve(upload)
    catalog.publish(upload.id)
    return upload


def move_of(upload: Upload, source: str = "old", target: str = "new") -> Move:
    """Return a move of an upload, which begins now."""
    return Move(upload_id=upload.id, paths=upload.paths, source=source, target=target, at=NOW)


def claimed(catalog: MovableRecords, *, limit: int = 10) -> list[Move]:
    """Claim every move that is a minute old in two minutes."""
    return [*catalog.claim_moves(now=NOW + 2 * MINUTE, before=NOW + MINUTE, limit=limit)]


class MovableRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.MovableRecords`."""

    ability = MovableRecords

    def test_a_move_changes_the_storage(self, catalog: MovableRecords) -> None:
        """The record names the other storage, and the move is kept until it is ended."""
        upload = stored(catalog)
        assert catalog.begin_move(move_of(upload))
        assert [*catalog.moves([upload.id, "nobody"])] == [move_of(upload)]
        assert catalog.switch_storage(upload, "new", now=NOW + MINUTE / 2)
        assert catalog.get(upload.id) == replace(upload, storage="new")
        (move,) = claimed(catalog)
        assert (move.kept_in, move.left_in, move.paths) == ("new", ("old",), upload.paths)
        catalog.end_moves([move])
        assert not catalog.moves([upload.id])

    def test_a_record_that_has_moved_is_not_forgotten(self, catalog: MovableRecords) -> None:
        """Who has read it before has removed its former files alone: the sweep reads it again."""
        if not isinstance(catalog, CheckableRecords):
            pytest.skip("these records are checked by their host")
        upload = stored(catalog)
        catalog.begin_move(move_of(upload))
        assert catalog.switch_storage(upload, "new", now=NOW)
        catalog.withdraw(upload.id)
        catalog.forget([upload])
        moved = replace(upload, storage="new")
        assert list(catalog.holders({upload.stem})) == [moved]
        catalog.forget([moved])
        assert list(catalog.holders({upload.stem})) == []

    def test_no_switch_without_a_move(self, catalog: MovableRecords) -> None:
        """Nobody would know of the former files."""
        upload = stored(catalog)
        assert not catalog.switch_storage(upload, "new", now=NOW)
        catalog.begin_move(move_of(upload, target="third"))
        assert not catalog.switch_storage(upload, "new", now=NOW)
        assert catalog.get(upload.id) == upload

    def test_no_switch_of_what_has_changed(self, catalog: MovableRecords) -> None:
        """Other sizes are other files, another storage is another move, and what is gone is gone."""
        upload = stored(catalog)
        catalog.begin_move(move_of(upload))
        assert not catalog.switch_storage(replace(upload, thumb_size=upload.thumb_size + 1), "new", now=NOW)
        extras = (Rendition("w800", 800, 533, 8),)
        assert not catalog.switch_storage(replace(upload, extras=extras), "new", now=NOW)
        assert not catalog.switch_storage(replace(upload, storage="new"), "old", now=NOW)
        assert catalog.get(upload.id) == upload
        catalog.withdraw(upload.id)
        assert not catalog.switch_storage(upload, "new", now=NOW)

    def test_a_move_begins_again(self, catalog: MovableRecords) -> None:
        """It goes on after a crash, or back; another one waits for its end."""
        upload = stored(catalog)
        catalog.begin_move(move_of(upload))
        later = replace(move_of(upload, source="new", target="old"), at=NOW + MINUTE)
        assert catalog.begin_move(later)
        assert [*catalog.moves([upload.id])] == [later]
        assert not catalog.begin_move(move_of(upload, target="third"))
        assert not catalog.begin_move(replace(later, paths=(*upload.paths, "more.png")))
        assert [*catalog.moves([upload.id])] == [later]

    def test_what_is_claimed_ends(self, catalog: MovableRecords) -> None:
        """Its files are being removed: it does not begin again, and the record stays where it is."""
        upload = stored(catalog)
        catalog.begin_move(move_of(upload))
        (move,) = claimed(catalog)
        assert (move.kept_in, move.left_in) == ("old", ("new",))
        assert not catalog.begin_move(move_of(upload))
        assert not catalog.switch_storage(upload, "new", now=NOW)
        catalog.end_moves([move])
        assert catalog.begin_move(move_of(upload))

    def test_whom_a_move_is_claimed_for(self, catalog: MovableRecords) -> None:
        """Old ones alone; of an upload that is gone, from both places; of one that is going, later."""
        young, gone, going = (stored(catalog, upload_id) for upload_id in ("young", "gone", "going"))
        catalog.begin_move(replace(move_of(young), at=NOW + MINUTE))
        for upload in (gone, going):
            catalog.begin_move(move_of(upload))
            catalog.withdraw(upload.id)
        catalog.forget([gone])
        (move,) = claimed(catalog)
        assert (move.upload_id, move.kept_in, move.left_in) == ("gone", None, ("old", "new"))
        assert claimed(catalog) == []

    def test_one_caller_claims_a_move(self, catalog: MovableRecords) -> None:
        """Of several at once, each gets others."""
        for number in range(24):
            catalog.begin_move(move_of(stored(catalog, f"u{number}")))

        def claim_all(number: int) -> list[str]:
            found: list[str] = []
            while page := claimed(catalog, limit=3):
                found += (move.upload_id for move in page)
            return found

        found = [*chain.from_iterable(in_threads(4, claim_all))]
        found += (move.upload_id for move in claimed(catalog, limit=24))
        assert len({*found}) == len(found) == 24
