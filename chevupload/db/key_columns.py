"""The columns of the table of keys that everybody may read: all but the digest.

What a key is for is kept as words with a space between two; NULL takes nothing away.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Row, Table

from chevupload.formats import NAMES
from chevupload.policy.restrictions import NO_RESTRICTIONS, SCOPES, KeyRestrictions

_RESTRICTIONS = tuple(field.name for field in fields(KeyRestrictions))
_KNOWN_WORDS = {"scopes": frozenset(SCOPES), "formats": frozenset(NAMES)}
_OTHERS = ("id", "label", "style", "created_at", "expires_at", "revoked_at", "last_used_on")


def restriction_columns(keys: Table) -> list[ColumnElement[Any]]:
    """Return what :func:`restrictions_of` reads, under names that a table of users has no column of."""
    return [keys.c[name].label(f"key_{name}") for name in _RESTRICTIONS]


def restrictions_of(row: Row[Any]) -> KeyRestrictions:
    """Return what the key of ``row`` is for; a word that only a later version knows allows nothing."""
    found = {name: value for name in _RESTRICTIONS if (value := getattr(row, f"key_{name}")) is not None}
    if not found:
        return NO_RESTRICTIONS
    for name in found.keys() - {"album_id", "max_bytes"}:
        words = frozenset(found[name].split())
        found[name] = words & _KNOWN_WORDS.get(name, words)
    return KeyRestrictions(**found)


def restriction_values(restrictions: KeyRestrictions) -> dict[str, Any]:
    """Return the values of the columns for what a key is for."""
    values = {name: getattr(restrictions, name) for name in _RESTRICTIONS}
    return {name: " ".join(sorted(value)) if isinstance(value, frozenset) else value for name, value in values.items()}


def listed_columns(keys: Table) -> list[ColumnElement[Any]]:
    """Return what :func:`listed_key` reads."""
    return [*(keys.c[name] for name in _OTHERS), *restriction_columns(keys)]


def listed_key(row: Any) -> dict[str, Any]:
    """Return the members of an :class:`~chevupload.model.ApiKey`, but for whose it is."""
    return {name: getattr(row, name) for name in _OTHERS} | {"restrictions": restrictions_of(row)}
