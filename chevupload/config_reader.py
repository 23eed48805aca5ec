"""Flat settings read into frozen ones: texts of an ini file or of the environment, or values of a host's own.

A flat setting is named like its field: ``max_bytes``. Where :class:`~chevupload.config.Config` says so, with a word
beside it: ``upload_route``, ``delivery_by``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass, replace
from typing import Any, TypeVar

from chevupload.validation import kind_of

T = TypeVar("T")


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


def names_of(base: Any, *, named: str = "{}") -> Iterator[str]:
    """Yield the name of every flat setting that :func:`read_settings` looks for."""
    one: Field[Any]
    for one in fields(base):
        inner = one.metadata.get("named")
        if inner is None:
            yield named.format(one.name)
        else:
            yield from names_of(one.default, named=inner)
