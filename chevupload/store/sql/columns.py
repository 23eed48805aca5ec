"""Column types that mean the same on SQLite, PostgreSQL, MySQL and MariaDB.

May know: nothing of the package. Times are stored as naive UTC, which every database keeps as it is; names compare
byte by byte, where MySQL on its own would take ``aB`` for ``Ab``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.dialects.mysql import DATETIME, LONGTEXT, VARCHAR
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored and returned in UTC."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Keep microseconds, which MySQL would cut off."""
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

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


def short_text(length: int) -> TypeEngine[str]:
    """Return the type of a short text that is looked up, compared byte by byte."""
    binary = VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(binary, "mysql", "mariadb")


def long_text() -> TypeEngine[str]:
    """Return the type of a text of any length and any characters."""
    return Text().with_variant(LONGTEXT(charset="utf8mb4"), "mysql", "mariadb")
