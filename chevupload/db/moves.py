"""Moves between storages, and the change of a record's storage that depends on them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from chevupload.clock import Clock
from chevupload.db.columns import Unlocked
from chevupload.db.connect import lock_sqlite
from chevupload.db.database import Transactions
from chevupload.db.records import SqlRecords
from chevupload.db.statements import Statements
from chevupload.model import Upload
from chevupload.records.move import Move

_SIZES = ("size", "thumb_size", "medium_size", "frame_size", "extras")


class SqlMoves(SqlRecords):
    """See MovableRecords."""

    def __init__(self, database: Transactions, statements: Statements, clock: Clock) -> None:
        """Use these parts."""
        super().__init__(database, statements, clock)
        self._moves, uploads = statements.tables.moves, self._uploads
        moves, column = self._moves, self._moves.c
        both: tuple[Any, Any] = (bindparam("from_storage"), bindparam("to_storage"))
        is_open = (
            column.upload_id == bindparam("moved_id"),
            column.is_ending.is_(False),
            column.source.in_(both),
            column.target.in_(both),
        )
        self._renew_move = (
            update(moves)
            .where(*is_open, column.paths == bindparam("same_paths"))
            .values(source=both[0], target=both[1], at=bindparam("now", type_=column.at.type))
        )
        self._touch_move = update(moves).where(*is_open).values(at=bindparam("now", type_=column.at.type))
        # NULL is the same as NULL.
        is_same = [uploads.c[name].is_not_distinct_from(bindparam(f"same_{name}")) for name in _SIZES]
        self._switch_storage = (
            update(uploads)
            .where(statements.is_it, statements.is_ready, uploads.c.storage == both[0], *is_same)
            .values(storage=both[1])
        )

    def begin_move(self, move: Move) -> bool:
        """See MovableRecords."""
        named = {"moved_id": move.upload_id, **_names(move.source, move.target), "now": move.at}
        paths = "\n".join(move.paths)
        row = {"upload_id": move.upload_id, "paths": paths, "source": move.source, "target": move.target, "at": move.at}
        try:
            with self._database.begin() as connection:
                if connection.execute(self._renew_move, {**named, "same_paths": paths}).rowcount != 1:
                    connection.execute(insert(self._moves), {**row, "is_ending": False})
        except IntegrityError:
            # Another move of the upload is kept.
            return False
        return True

    def switch_storage(self, upload: Upload, target: str, *, now: datetime) -> bool:
        """See MovableRecords."""
        names = _names(upload.storage, target)
        sizes = {f"same_{name}": getattr(upload, name) for name in _SIZES}
        with self._database.begin() as connection:
            # First, which holds the row until the record is changed: nobody can claim it in between.
            if connection.execute(self._touch_move, {"moved_id": upload.id, **names, "now": now}).rowcount != 1:
                return False
            return connection.execute(self._switch_storage, {"upload_id": upload.id, **names, **sizes}).rowcount == 1

    def moves(self, upload_ids: Collection[str]) -> list[Move]:
        """See MovableRecords."""
        found = select(self._moves).where(self._moves.c.upload_id.in_(upload_ids))
        with self._database.connect() as connection:
            return [_move(row) for row in connection.execute(found)]

    def claim_moves(self, *, now: datetime, before: datetime, limit: int) -> list[Move]:
        """See MovableRecords. A claimed row can be used for no switch any more, so where the record is stays so."""
        column, uploads = self._moves.c, self._uploads.c
        is_deleting = exists().where(uploads.id == column.upload_id, Unlocked(uploads.state) == "deleting")
        due = select(self._moves).where(column.at < before, ~is_deleting).order_by(column.upload_id).limit(limit)
        with self._database.begin() as connection:
            lock_sqlite(connection)
            rows = connection.execute(due.with_for_update(skip_locked=True)).all()
            if not rows:
                return []
            ids = [row.upload_id for row in rows]
            connection.execute(update(self._moves).where(column.upload_id.in_(ids)).values(is_ending=True, at=now))
            found = connection.execute(select(uploads.id, uploads.storage).where(uploads.id.in_(ids))).all()
        storages: dict[str, str] = {row.id: row.storage for row in found}
        return [replace(_move(row), kept_in=storages.get(row.upload_id)) for row in rows]

    def end_moves(self, moves: Collection[Move]) -> None:
        """See MovableRecords."""
        ids = sorted(move.upload_id for move in moves)
        with self._database.begin() as connection:
            connection.execute(delete(self._moves).where(self._moves.c.upload_id.in_(ids)))


def _names(source: str, target: str) -> dict[str, str]:
    return {"from_storage": source, "to_storage": target}


def _move(row: Row[Any]) -> Move:
    names = {name: getattr(row, name) for name in ("upload_id", "source", "target", "at")}
    return Move(**names, paths=tuple(row.paths.split("\n")))
