"""Column types, and a way around an index, that mean the same on SQLite, PostgreSQL, MySQL and MariaDB.

Times are stored as naive UTC, which every database keeps as it is; names compare byte by byte, where MySQL on its own
would take ``aB`` for ``Ab``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, Index, String, Text, and_, bindparam, text, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from chevupload.model import Rendition

MYSQL = ("mysql", "mariadb")
"""The names of the one dialect of both."""


def tell_alembic() -> None:
    """Let Alembic, if this process uses it, write the types of this module into a host's migrations.

    It is told when these types and when tables of them are there, because a host may load Alembic after the first.
    """
    if "alembic" in sys.modules:
        import_module("chevupload.db.autogenerate")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored and returned in UTC."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Keep microseconds, which MySQL would cut off."""
        if dialect.name in MYSQL:
            return dialect.type_descriptor(_of_mysql(dialect, "datetime")(fsp=6))
        return super().load_dialect_impl(dialect)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store the time in UTC, without saying so.

        Raises:
            ValueError: a naive datetime, of which nobody knows what time it means.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware datetime."""
        return None if value is None else value.replace(tzinfo=UTC)


class ShortText(TypeDecorator[str]):
    """A short text that is looked up, compared byte by byte."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        """Hold up to ``length`` characters."""
        super().__init__(length)
        self.length = length

    @property
    def python_type(self) -> type[str]:
        """Text, which a decorator does not say by itself."""
        return str

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Compare case, accents and the spaces at the end, each of which MySQL and MariaDB would overlook.

        The two have different names for it; by its URL alone, one may be taken for the other.
        """
        if dialect.name not in MYSQL:
            return super().load_dialect_impl(dialect)
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        varchar = _of_mysql(dialect, "varchar")
        return dialect.type_descriptor(varchar(self.length, charset="utf8mb4", collation=collation))


class LongText(TypeDecorator[str]):
    """A text of any length and any characters."""

    impl = Text
    cache_ok = True
    python_type = str

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Hold more than 64 KiB, and all of Unicode, where MySQL would not by itself."""
        if dialect.name not in MYSQL:
            return super().load_dialect_impl(dialect)
        return dialect.type_descriptor(_of_mysql(dialect, "longtext")(charset="utf8mb4"))


def _of_mysql(dialect: Any, name: str) -> Any:
    """Return a type of MySQL's. Its dialect is the one at hand: to import it would load it for all databases."""
    return dialect.ischema_names[name]


def short_text(length: int) -> TypeEngine[str]:
    """Return the type of a short text that is looked up, compared byte by byte."""
    return ShortText(length)


def long_text() -> TypeEngine[str]:
    """Return the type of a text of any length and any characters."""
    return LongText()


class RenditionsText(TypeDecorator[tuple[Rendition, ...]]):
    """Additional renditions as JSON text; NULL where there are none."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[Rendition, ...] | None, dialect: Dialect) -> str | None:
        """Spell each as a list of name, width, height and bytes."""
        return json.dumps(value, separators=(",", ":")) if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[Rendition, ...]:
        """Return them."""
        return () if value is None else tuple(Rendition(*one) for one in json.loads(value))


UNFINISHED = "state <> 'ready'"
"""Which uploads the sweep looks at, as its index says it: SQLite takes that index for a query with these very words."""


VIDEOS = "extension IN ('mov', 'mp4', 'webm')"
"""Which uploads are videos, as the index of those says it, for the same reason."""


def only_where(condition: str) -> dict[str, Any]:
    """Return the arguments of an index with only the rows for which ``condition`` holds; MySQL's have all rows."""
    return {f"{dialect}_where": text(condition) for dialect in ("postgresql", "sqlite")}


def is_made(index: Index, dialect_name: str) -> bool:
    """Whether a database of this dialect has an index: MySQL's has no one of videos, which would be of all rows."""
    return dialect_name in ("postgresql", "sqlite") or not str(index.name).endswith("_videos")


class Unindexed(FunctionElement[Any]):
    """A column as it is, in a condition for which SQLite shall not look at an index.

    SQLite knows nothing of its rows unless somebody has it count them, and of two indexes would take the one that all
    rows share. The other databases count, and judge by themselves.
    """

    inherit_cache = True


@compiles(Unindexed)
def _as_it_is(element: Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(Unindexed, "sqlite")
def _without_index(element: Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    # Source: SQLite's page on its query optimizer, "disqualifying WHERE clause terms using unary +".
    return f"+{compiler.process(element.clauses, **options)}"


class Unlocked(Unindexed):
    """A column as it is, in a condition for which MySQL and MariaDB shall not look at an index either.

    With few rows, they would find a row by this index instead of its key, and lock the gaps around it, so that nobody
    could add a row until the transaction is over.
    """

    inherit_cache = True


@compiles(Unlocked, *MYSQL)
def _as_a_copy(element: Unlocked, compiler: SQLCompiler, **options: Any) -> str:
    return f"CONCAT({compiler.process(element.clauses, **options)})"


def follows(order: Sequence[ColumnElement[Any]], row: object) -> ColumnElement[bool]:
    """Return the condition of coming after ``row``, which has the values of these columns, in the order of an index.

    SQLite and PostgreSQL begin to read the index there; MySQL and MariaDB, which need a condition of the first column
    alone for it, at its value.
    """
    values = tuple(getattr(row, str(column.key)) for column in order)
    return and_(Unindexed(order[0]) >= bindparam(None, values[0], type_=order[0].type), tuple_(*order) > values)


tell_alembic()
