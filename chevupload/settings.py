"""A component from flat settings, as a host's configuration has them: texts of an ini file, or values of its own.

May know: every floor below. SQLAlchemy is loaded with this module. A name is that of a keyword of
:class:`~chevupload.app.ChevUpload`, or of a field of Limits, Renditions, Originals, Policy or Pages, of Routes with
``_route`` behind it, or of Delivery with ``delivery_`` before it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import URL, Engine
from sqlalchemy.exc import ArgumentError

from chevupload.app import ChevUpload
from chevupload.config import Delivery, Limits, Policy, Renditions, Routes
from chevupload.errors import ConfigError
from chevupload.interfaces import Catalog, KeyBackend, Storage
from chevupload.keys import GuestKey, KeyChain, KeyFunction
from chevupload.originals import Originals
from chevupload.response.pages import Pages
from chevupload.site import DataFolder, Site
from chevupload.store.local import LocalStorage
from chevupload.store.sql.catalog import SqlCatalog
from chevupload.store.sql.engine import Database
from chevupload.store.sql.engines import engine_from
from chevupload.store.sql.keys import SqlKeys, UserColumns
from chevupload.store.sql.tables import Tables
from chevupload.store.storage import FsspecStorage

_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_SETTINGS = {
    **dict.fromkeys((Limits, Renditions, Originals, Policy, Pages), "{}"),
    Routes: "{}_route",
    Delivery: "delivery_{}",
}
"""The frozen settings, and how their fields are called."""
_OWN = (
    *("folder", "database_url", "storage_url", "storage_options", "storage_exclusive", "public_url"),
    *("secret_keys", "guest_key"),
    *("base_url", "trusted_proxies", "decode"),
)


def component_from(
    settings: Mapping[str, Any],
    *,
    keys: KeyBackend | KeyFunction | None = None,
    catalog: Catalog | None = None,
    storage: Storage | Mapping[str, Storage] | None = None,
    database: Database | None = None,
    tables: Tables | None = None,
    users: UserColumns | None = None,
    **more: Any,
) -> ChevUpload:
    """Put a component together from flat settings, and from what the host has of its own.

    Beside the names that the module's head speaks of, these are known:

    ``folder``
        where everything stays that nothing else says: the database, the secret and the files.
    ``database_url``
        an SQLAlchemy URL; the tables are made by
        :meth:`~chevupload.store.sql.catalog.SqlCatalog.create_tables`, or by migrations.
    ``storage_url``
        an fsspec URL such as ``s3://bucket/folder``, and ``public_url`` where its files can be fetched.
        ``storage_options`` are the file system's own, a mapping or JSON of one; ``storage_exclusive`` is false for
        look-alikes of S3 that refuse conditional writes.
    ``secret_keys``
        a list, or a text of one or more keys with white space between them, oldest first.
    ``guest_key``
        lets guests upload.

    A key is looked for first in the host's ``keys``, then in the table of keys, then it may be the guests'. The table
    is not asked where the host brings keys and no users. With ``current_user``, users have a page to make such keys.

    Args:
        settings: by name.
        keys: asked first whose a key is.
        catalog: where records stay, instead of ``database`` and ``tables``.
        storage: where files stay.
        database: where records and keys stay.
        tables: the tables in it.
        users: the host's own users, to whom the keys in the table of keys belong.
        more: other keywords of :class:`~chevupload.app.ChevUpload`, by name; they win over settings.

    Raises:
        ConfigError: an unknown name, a value that cannot be meant, or parts that do not fit together.
        BackendError: the folder cannot be used.
    """
    _check_names(settings)
    if users is not None and database is None and not settings.get("database_url"):
        raise ConfigError("users need the database that they are in: bring it, or set database_url")
    folder = DataFolder(settings["folder"]) if settings.get("folder") else None
    made = None
    if database is None and (catalog is None or users is not None):
        database = made = database_from(settings)
    asks_table = database is not None and (keys is None or users is not None)
    own_keys = SqlKeys(database, tables=tables, users=users) if database is not None and asks_table else None
    parts = {
        "keys": _chain(keys, own_keys, settings.get("guest_key")),
        "key_store": own_keys,
        "secret_keys": more.get("secret_keys") or _secret_keys(settings, folder),
        "catalog": catalog or _catalog(database, tables),
        "storage": storage or _storage(settings, folder),
        "trusted_proxies": _number("trusted_proxies", settings.get("trusted_proxies") or 0),
        **{name: str(settings[name]) for name in ("base_url", "decode") if settings.get(name)},
        **{kind.__name__.lower(): _frozen(kind, spelling, settings) for kind, spelling in _SETTINGS.items()},
    }
    component = ChevUpload(**parts | more)
    if made is not None:
        weakref.finalize(component, made.engine.dispose)
    return component


def _check_names(settings: Mapping[str, Any]) -> None:
    fields = {spelling.format(field.name) for kind, spelling in _SETTINGS.items() for field in dataclasses.fields(kind)}
    if unknown := set(settings) - fields - set(_OWN):
        raise ConfigError(f"unknown settings: {', '.join(sorted(unknown))}")


def database_engine(url: str | URL, **seconds: int) -> Engine:
    """Return :func:`~chevupload.store.sql.engines.engine_from` of ``url`` and ``seconds``.

    Raises:
        ConfigError: it is no URL of a database whose driver is installed.
    """
    try:
        return engine_from(url, **seconds)
    except (ArgumentError, ImportError) as error:
        raise ConfigError("database_url is no URL of a database whose driver is installed") from error


def database_from(settings: Mapping[str, Any]) -> Database:
    """Open the database that ``settings`` name, or else that of their folder, with its tables.

    Raises:
        ConfigError: they name none, or none whose driver is installed.
        BackendError: the folder cannot be used.
    """
    if url := settings.get("database_url"):
        return Database(database_engine(url))
    if not settings.get("folder"):
        raise ConfigError("nowhere to keep records: set folder or database_url, or bring a database or a catalog")
    return Site(settings["folder"]).database


def _chain(keys: KeyBackend | KeyFunction | None, own_keys: SqlKeys | None, guest_key: str | None) -> KeyChain:
    found = [keys, own_keys, GuestKey(str(guest_key)) if guest_key else None]
    backends = [backend for backend in found if backend is not None]
    if not backends:
        raise ConfigError("nobody has keys: set folder, database_url or guest_key, or bring keys")
    return KeyChain(*backends)


def _catalog(database: Database | None, tables: Tables | None) -> Catalog:
    assert database is not None, "made where no catalog is given"
    return SqlCatalog(database, tables=tables)


def _storage(settings: Mapping[str, Any], folder: DataFolder | None) -> Storage:
    public_url = settings.get("public_url") or None
    if url := settings.get("storage_url"):
        exclusive = _flag("storage_exclusive", settings.get("storage_exclusive", True))
        return FsspecStorage(url, options=_options(settings), public_url=public_url, exclusive=exclusive)
    if folder is None:
        raise ConfigError("nowhere to keep files: set folder or storage_url, or bring a storage")
    return LocalStorage(folder.images, incoming=folder.incoming, public_url=public_url)


def _options(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    found = settings.get("storage_options") or {}
    try:
        options = json.loads(found) if isinstance(found, str) else found
    except ValueError:
        options = None
    if not isinstance(options, Mapping):
        # The value may hold a password.
        raise ConfigError("storage_options must be a mapping, or JSON of one")
    return options


def _secret_keys(settings: Mapping[str, Any], folder: DataFolder | None) -> Sequence[str]:
    if secrets := settings.get("secret_keys"):
        found = secrets.split() if isinstance(secrets, str) else list(secrets)
        if not all(isinstance(secret, str) for secret in found):
            raise ConfigError("secret_keys are texts")
        return found
    if folder is None:
        raise ConfigError("secret_keys is not set, and there is no folder to keep one in")
    return folder.secret_keys()


def _frozen(kind: type[Any], spelling: str, settings: Mapping[str, Any]) -> Any:
    """Return one of the frozen settings with what ``settings`` say of its fields."""
    found = {}
    for field in dataclasses.fields(kind):
        name = spelling.format(field.name)
        if name in settings:
            found[field.name] = _READERS.get(str(field.type), _as_is)(name, settings[name])
    return kind(**found)


def _as_is(name: str, value: Any) -> Any:
    """Take a text; an empty one is none at all, which switches a route off."""
    return None if value == "" else value


def _flag(name: str, value: Any) -> bool:
    found = _FLAGS.get(str(value).strip().lower())
    if found is None:
        raise ConfigError(f"{name} must be true or false: {value!r}")
    return found


def _number(name: str, value: Any) -> int:
    try:
        return int(str(value).replace("_", ""))
    except ValueError:
        raise ConfigError(f"{name} must be a whole number: {value!r}") from None


def _optional_number(name: str, value: Any) -> int | None:
    return None if value in ("", None) else _number(name, value)


def _seconds(name: str, value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ConfigError(f"{name} must be a number: {value!r}")
    return seconds


def _duration(name: str, value: Any) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(seconds=_seconds(name, value))


def _zone(name: str, value: Any) -> tzinfo:
    try:
        return value if isinstance(value, tzinfo) else ZoneInfo(value)
    except (TypeError, ValueError, ZoneInfoNotFoundError):
        raise ConfigError(f"{name} is no time zone: {value!r}") from None


def _words(name: str, value: Any) -> tuple[str, ...]:
    return tuple(value.replace(",", " ").split() if isinstance(value, str) else value)


def _words_or_star(name: str, value: Any) -> tuple[str, ...] | str:
    return "*" if value == "*" else _words(name, value)


def _conversions(name: str, value: Any) -> Any:
    """Read ``PNG:WEBP HEIC:JPEG``; a mapping or pairs stay."""
    return tuple(tuple(word.split(":")) for word in _words(name, value)) if isinstance(value, str) else value


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "bool": _flag,
    "int": _number,
    "int | None": _optional_number,
    "float": _seconds,
    "timedelta": _duration,
    "tzinfo": _zone,
    "tuple[str, ...]": _words,
    "tuple[str, ...] | Literal['*']": _words_or_star,
    "Conversions": _conversions,
}
"""How a value is read, by the annotation of its field; what is not here is taken as it is."""
