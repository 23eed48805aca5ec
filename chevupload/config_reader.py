"""Flat settings read into frozen ones: texts of an ini file or of the environment, or values of a host's own.

A flat setting is named like its field: ``max_bytes``. Where :class:`~chevupload.config.Config` says so, with a word
beside it: ``upload_route``, ``delivery_by``. In nested tables, as TOML has them, it is a key of its section's table.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from chevupload.errors import ConfigError
from chevupload.validation import Kind, kind_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """One flat setting.

    Attributes:
        name: its flat name, such as ``upload_route``.
        table: the table that it is in, such as ``routes``; empty for those in none.
        key: its name in that table, such as ``upload``.
        kind: what it may be.
        value: its value in the settings that were looked at.
    """

    name: str
    table: str
    key: str
    kind: Kind
    value: Any

    def shown(self) -> Any:
        """Return the value as it may be shown: without what is secret in it, and pairs as a mapping."""
        shown = self.kind.shown(self.value)
        return dict(shown) if self.kind.is_mapping else shown


def settings_of(base: Any, *, named: str = "{}", table: str = "") -> Iterator[Setting]:
    """Yield every flat setting of the frozen settings ``base``, with the value that it has there."""
    for one in fields(base):
        value, inner = getattr(base, one.name), one.metadata.get("named")
        if inner is None:
            yield Setting(named.format(one.name), table, one.name, kind_of(one), value)
        else:
            yield from settings_of(value if is_dataclass(value) else one.default, named=inner, table=one.name)


def read_settings(base: T, settings: Mapping[str, Any], *, named: str = "{}") -> T:
    """Return the frozen settings ``base`` with what the flat ``settings`` say of its fields, and of theirs.

    Other names in ``settings`` are not looked at. An empty text or None sets nothing where a field cannot be None.
    ``named`` says how the fields are called, with ``{}`` for their own names.

    Raises:
        ConfigError: a value that its field cannot have.
    """
    changes: dict[str, Any] = {}
    for one in fields(base):  # type: ignore[arg-type]  # always a dataclass
        inner, name = one.metadata.get("named"), named.format(one.name)
        if inner is not None:
            value = getattr(base, one.name)
            begin = value if is_dataclass(value) else one.default
            read = read_settings(begin, settings, named=inner)
            if read is not begin:
                changes[one.name] = read
        elif name in settings and (settings[name] not in (None, "") or kind_of(one).is_optional):
            changes[one.name] = kind_of(one).from_setting(name, settings[name])
    return replace(base, **changes) if changes else base  # type: ignore[type-var]


def read_tables(tables: Mapping[str, Any], known: Iterable[Setting]) -> dict[str, Any]:
    """Return the flat settings that nested tables hold, each of its kind.

    Raises:
        ConfigError: a key that is not ``known``, or a value that it cannot have.
    """
    by_place = {(one.table, one.key): one for one in known}
    sections = {one.table for one in by_place.values()}
    found = {}
    for name, content in tables.items():
        is_table = name in sections
        if is_table and not isinstance(content, Mapping):
            raise ConfigError(f"{name} must be a table")
        table, values = (name, content) if is_table else ("", {name: content})
        for key, value in values.items():
            spelled = f"{table}.{key}" if table else key
            if (one := by_place.get((table, key))) is None:
                raise ConfigError(f"unknown key {spelled}{_similar(key, table, by_place)}")
            found[one.name] = one.kind.from_setting(spelled, value)
    return found


def _similar(key: str, table: str, places: Iterable[tuple[str, str]]) -> str:
    """Say which key may be meant: one that is spelled alike, or one of this name in another table."""
    known = list(places)
    elsewhere = [f"{other}.{name}" if other else name for other, name in known if name == key]
    names = [name for other, name in known if other == table]
    tables = [] if table else [other for other, _ in known if other]
    alike = difflib.get_close_matches(key, [*names, *tables], n=1)
    meant = [*elsewhere, *(f"{table}.{name}" if table else name for name in alike)]
    return f": {meant[0]} may be meant" if meant else ""
