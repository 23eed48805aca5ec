"""Where a component keeps things, and with which secrets, as flat settings say it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from chevupload.config import Delivery
from chevupload.config_reader import T, read_settings, read_tables, settings_of
from chevupload.errors import ConfigError
from chevupload.validation import (
    FLAG,
    TEXT,
    Kind,
    choice,
    instance_of,
    mask_options,
    mask_query,
    mask_url,
    optional,
    section,
    setting,
)


def _options(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("no mapping")
    return value


def _texts(value: Any) -> Sequence[str]:
    found = list(value)
    if not all(isinstance(text, str) for text in found):
        raise ValueError("no texts")
    return found


def _url(expected: str, *, take: Callable[[Any], Any] = TEXT.take) -> Kind:
    """Return the kind of a URL that is checked where it is used, and may have a password in it."""
    return Kind(expected, take, is_secret=True, mask=mask_url)


def _database_url(value: Any) -> Any:
    """Return a text, or a URL of SQLAlchemy's."""
    return value if hasattr(value, "render_as_string") else TEXT.take(value)


def _read(base: T) -> Callable[[Any], T]:
    """Return what makes frozen settings like ``base`` of a mapping, and leaves frozen ones as they are."""

    def take(value: Any) -> T:
        if isinstance(value, type(base)):
            return value
        return read_settings(base, read_tables(_options(value), settings_of(base)))

    return take


_SECRETS = Kind("a list of texts, or one text", _texts, str.split, is_secret=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePlace:
    """Where records stay."""

    url: Any = setting(None, optional(_url("an SQLAlchemy URL", take=_database_url)))
    """An SQLAlchemy URL; the tables are made by :meth:`~chevupload.db.catalog.SqlCatalog.create_tables`, or by
    migrations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePlace:
    """Where files stay."""

    url: str | None = setting(None, optional(_url("an fsspec URL")))
    """An fsspec URL such as ``s3://bucket/folder``: where files stay."""
    public_url: str | None = setting(None, optional(replace(TEXT, expected="a URL")))
    """Where files can be fetched without asking the component; a URL of the storage's folder."""
    options: Mapping[str, Any] | None = setting(
        None, optional(Kind("a mapping, or JSON of one", _options, json.loads, is_secret=True, mask=mask_options))
    )
    """Options of the file system, a mapping or JSON of one."""
    exclusive: bool = setting(True, FLAG)
    """False for look-alikes of S3 that cannot do conditional writes."""
    signing_endpoint: str | None = setting(None, optional(replace(TEXT, expected="the address of an S3")))
    """The address of an S3 as readers reach it, for signed URLs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedStorage(StoragePlace):
    """One of several storages, and how its files are sent."""

    delivery: Delivery | None = setting(None, optional(Kind("settings such as by and location", _read(Delivery()))))
    """As the settings of Delivery; without, as all other storages do."""


def _storages(value: Any) -> dict[str, NamedStorage]:
    found = {}
    for name, one in _options(value).items():
        try:
            found[name] = _read(NamedStorage())(one)
        except ConfigError as error:
            raise ConfigError(f"storage {name!r}: {error}") from None
    return found


def _mask_storages(storages: Any) -> dict[str, Any]:
    return {name: _masked(storage) for name, storage in _storages(storages).items()}


def _masked(settings: Any) -> dict[str, Any]:
    shown = {one.key: one.kind.shown(one.value) for one in settings_of(settings) if one.value is not None}
    return {key: _masked(value) if isinstance(value, Delivery) else value for key, value in shown.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPlace:
    """Whom events are told to, by the handler ``webhook``."""

    url: str | None = setting(None, optional(replace(_url("a URL"), mask=mask_query)))
    """Where what happens to uploads is sent: an http or https address."""
    secrets: Sequence[str] | None = setting(None, optional(_SECRETS))
    """Sign what is sent: ``whsec_`` and base64 each; two while one is exchanged for the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are kept, and with which secrets. In Python, the parts themselves say so."""

    folder: str | None = setting(None, optional(Kind("a folder", os.fspath)))
    """Where everything stays that nothing else says: the database, the secret and the files."""
    secret_keys: Sequence[str] | None = setting(None, optional(_SECRETS))
    """Sign delete links: a list, or a text of one or more keys with white space between them, oldest first."""
    guest_key: str | None = setting(None, optional(Kind("a text", str, is_secret=True)))
    """Lets guests upload."""
    renderer: Literal["worker", "inline"] | None = setting(None, optional(choice("worker", "inline")))
    """``worker`` decodes pictures in child processes, ``inline`` in the server's own."""
    database: DatabasePlace = section(
        DatabasePlace(), instance_of(DatabasePlace, "DatabasePlace(url='sqlite:///site.db')"), named="database_{}"
    )
    """Where records stay."""
    storage: StoragePlace = section(
        StoragePlace(), instance_of(StoragePlace, "StoragePlace(url='s3://bucket')"), named="storage_{}"
    )
    """Where files stay."""
    storages: Mapping[str, NamedStorage] | None = setting(
        None,
        optional(
            Kind(
                "a mapping from names to storages, or JSON of one",
                _storages,
                json.loads,
                is_secret=True,
                mask=_mask_storages,
            )
        ),
    )
    """Several storages in place of one: a mapping from their names to the settings of each, which are called ``url``,
    ``public_url``, ``options``, ``exclusive``, ``signing_endpoint`` and ``delivery``. The first takes all uploads, the
    others keep what they have. One without ``url`` is in ``folder``."""
    webhook: WebhookPlace = section(
        WebhookPlace(), instance_of(WebhookPlace, "WebhookPlace(url='https://receiver.example')"), named="webhook_{}"
    )
    """Whom events are told to."""
