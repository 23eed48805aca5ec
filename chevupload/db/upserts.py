"""Rows that may be there already: inserted by one statement that is no error then, on each database.

Source: SQLAlchemy's pages on ``INSERT ... ON CONFLICT`` and ``ON DUPLICATE KEY UPDATE``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from sqlalchemy import Column, Dialect, Table

from chevupload.db.columns import MYSQL


def insert_new(table: Table, key: Column[Any], dialect: Dialect) -> Any:
    """Return an insert into ``table`` that leaves a row as it is which has this ``key``."""
    if dialect.name in MYSQL:
        return _insert(table, dialect).on_duplicate_key_update({key.name: key})
    return _insert(table, dialect).on_conflict_do_nothing(index_elements=[key])


def insert_once(table: Table, key: Column[Any], other: Column[Any], dialect: Dialect) -> Any:
    """Return an insert that counts one row only if none in ``table`` had this ``key``.

    Otherwise the transaction has to be rolled back: a row that was there may have lost ``other``, a text. MySQL's
    drivers tell by that alone; a plain insert would be an error there, whose constraint has to be guessed.
    """
    if dialect.name in MYSQL:
        added = _insert(table, dialect).on_duplicate_key_update({other.name: ""})
    else:
        added = _insert(table, dialect).on_conflict_do_nothing(index_elements=[key])
    return added.execution_options(preserve_rowcount=True)


def insert_or_add(table: Table, key: Column[Any], numbers: Sequence[Column[Any]], dialect: Dialect) -> Any:
    """Return an insert into ``table`` that adds its ``numbers`` to those of the row which has this ``key``."""
    if dialect.name in MYSQL:
        added = _insert(table, dialect)
        return added.on_duplicate_key_update({one.name: one + added.inserted[one.name] for one in numbers})
    adding = _insert(table, dialect)
    sums = {one.name: one + adding.excluded[one.name] for one in numbers}
    return adding.on_conflict_do_update(index_elements=[key], set_=sums)


def insert_or_replace(table: Table, key: Column[Any], value: Column[Any], rows: Any, dialect: Dialect) -> Any:
    """Return an insert of what the query ``rows`` finds, key and value; a row that has this ``key`` gets the value."""
    if dialect.name in MYSQL:
        added = _insert(table, dialect).from_select([key.name, value.name], rows)
        return added.on_duplicate_key_update({value.name: added.inserted[value.name]})
    adding = _insert(table, dialect).from_select([key.name, value.name], rows)
    return adding.on_conflict_do_update(index_elements=[key], set_={value.name: adding.excluded[value.name]})


def _insert(table: Table, dialect: Dialect) -> Any:
    # The module of the dialect in use is loaded already; those of the others would stay in memory for nothing.
    name = "mysql" if dialect.name in MYSQL else "postgresql" if dialect.name == "postgresql" else "sqlite"
    return import_module(f"sqlalchemy.dialects.{name}").insert(table)
