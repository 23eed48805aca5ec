"""A component from flat settings, or from everything in one folder.

Flat settings are what a host's configuration holds: texts of an ini file, or values of its own. A name is that of a
field of :class:`~chevupload.config.Config` and of what is in it (:mod:`chevupload.config_reader` says how they are
called), of Pages, or of :class:`~chevupload.site.places.Places`. SQLAlchemy is loaded with this module.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypedDict, Unpack

from sqlalchemy import URL, Engine
from sqlalchemy.exc import ArgumentError

from chevupload.app import ChevUpload
from chevupload.clock import Clock, utc_now
from chevupload.config import Config, Delivery
from chevupload.config_reader import read_settings, settings_of
from chevupload.db.catalog import SqlCatalog
from chevupload.db.connect import engine_from
from chevupload.db.database import Database
from chevupload.db.keys import SqlKeys, UserColumns
from chevupload.db.tables import Tables
from chevupload.errors import ConfigError
from chevupload.keys import CurrentUser, GuestKey, KeyChain, KeyFunction
from chevupload.protocols import Fetcher, KeyBackend, KeyStore, Renderer, Storage, UploadRecords
from chevupload.site.data_folder import DataFolder, Site
from chevupload.site.places import Places, StoragePlace, WebhookPlace
from chevupload.storage.local import LocalStorage
from chevupload.storage.registry import Storages
from chevupload.uploads.hooks import Hooks
from chevupload.web.pages import Pages

WEBHOOK = "webhook"
"""Name of the handler: who wanted no more events is asked again by ``chevupload events resume webhook``."""


class Parts(TypedDict, total=False):
    """What a component may be given beside keys, records and files; see :class:`~chevupload.app.ChevUpload`."""

    config: Config
    hooks: Hooks
    pages: Pages
    fetcher: Fetcher | None
    renderer: Literal["worker", "inline"] | Renderer
    current_user: CurrentUser | None
    key_store: KeyStore | None
    clock: Clock


class StoreParts(Parts, total=False):
    """These, and where keys, records and files stay: for adapters that know tables and users themselves."""

    keys: KeyBackend | KeyFunction | None
    catalog: UploadRecords | None
    storage: Storage | Mapping[str, Storage] | Storages | None
    database: Database | Engine | None
    secret_keys: Sequence[str] | None


class AllParts(StoreParts, total=False):
    """Every keyword of :func:`component_from`."""

    tables: Tables | None
    users: UserColumns | type[Any] | None


def embedded(
    folder: str | os.PathLike[str] | Site,
    *,
    keys: KeyBackend | KeyFunction | None = None,
    guest_key: str | None = None,
    **parts: Unpack[Parts],
) -> ChevUpload:
    """Return a component that keeps everything in one folder, which is made when it is missing.

    Users and keys are made with the command line, or with the ``accounts`` of a :class:`~chevupload.Site`.

    Args:
        folder: the folder, or a site that is open already and stays so.
        keys: whose key is this? Instead of the keys in the folder.
        guest_key: lets guests upload with it.
        parts: other keywords of :class:`~chevupload.app.ChevUpload`.

    Raises:
        BackendError: the folder cannot be used.
        ConfigError: the parts do not fit together.
        TypeError: there is no such part, or it says where else to keep something.
    """
    if unknown := set(parts) - Parts.__optional_keys__:
        raise TypeError(f"embedded() takes no {', '.join(sorted(unknown))}: see component_from()")
    site = folder if isinstance(folder, Site) else Site(folder)
    settings = {"folder": site.folder, "guest_key": guest_key}
    component = component_from(settings, keys=keys, database=site.database, **parts)
    component.own_database = site.database
    if site is not folder:
        weakref.finalize(component, site.close)
    return component


def component_from(
    settings: Mapping[str, Any],
    *,
    keys: KeyBackend | KeyFunction | None = None,
    catalog: UploadRecords | None = None,
    storage: Storage | Mapping[str, Storage] | Storages | None = None,
    database: Database | Engine | None = None,
    secret_keys: Sequence[str] | None = None,
    tables: Tables | None = None,
    users: UserColumns | type[Any] | None = None,
    **more: Unpack[Parts],
) -> ChevUpload:
    """Put a component together from flat settings, and from what the host has of its own.

    A key is looked for first in the host's ``keys``, then it may be the guests', then in the table of keys. The table
    is not asked where the host brings keys and no users. With ``current_user``, users have a page to make such keys.

    Args:
        settings: by name. They win over the fields of ``config`` and ``pages``, and every other part over them.
        keys: asked first whose a key is.
        catalog: where records stay, instead of ``database`` and ``tables``.
        storage: where files stay.
        database: where records and keys stay.
        secret_keys: sign delete links.
        tables: the tables in the database.
        users: the host's own users, to whom the keys in the table of keys belong: a mapped class, or columns.
        more: other keywords of :class:`~chevupload.app.ChevUpload`.

    Raises:
        ConfigError: an unknown name, a value that cannot be meant, or parts that do not fit together.
        BackendError: the folder cannot be used.
    """
    places, config, pages = all_settings(settings, more.get("config", Config()), more.get("pages", Pages()))
    hooks = _with_webhook(more.get("hooks", Hooks()), places.webhook)
    if places.storages and isinstance(usual := config.delivery, Delivery):
        config = replace(config, delivery={name: one.delivery or usual for name, one in places.storages.items()})
    if users is not None and database is None and not places.database.url:
        raise ConfigError("users need the database that they are in: bring it, or set database_url")
    folder = DataFolder(places.folder) if places.folder else None
    made = None
    database = as_database(database)
    if database is None and (catalog is None or users is not None):
        database = made = database_from(settings)
    own_keys, clock = None, more.get("clock", utc_now)
    if database is not None and (keys is None or users is not None):
        columns = None if users is None else UserColumns.of(users)
        own_keys = SqlKeys(database, tables=tables, users=columns, clock=clock)
    parts: dict[str, Any] = {"key_store": own_keys, **more, "config": config, "pages": pages, "hooks": hooks}
    if places.renderer is not None:
        parts.setdefault("renderer", places.renderer)
    component = ChevUpload(
        keys=_chain(keys, own_keys, places.guest_key),
        secret_keys=secret_keys or places.secret_keys or _own_secret_keys(folder),
        catalog=catalog or _catalog(database, tables, clock),
        storage=storage or _storages(places, folder),
        **parts,
    )
    if made is not None:
        weakref.finalize(component, made.engine.dispose)
        # With the host's users in it, it is the host's.
        component.own_database = made if users is None else None
    return component


def all_settings(settings: Mapping[str, Any], config: Config, pages: Pages) -> tuple[Places, Config, Pages]:
    """Return what flat ``settings`` say of places, and laid over ``config`` and ``pages``.

    Raises:
        ConfigError: an unknown name, or a value that cannot be meant.
    """
    known = {one.name for base in (Places(), config, pages) for one in settings_of(base)}
    if unknown := set(settings) - known:
        raise ConfigError(f"unknown settings: {', '.join(sorted(unknown))}")
    return read_settings(Places(), settings), read_settings(config, settings), read_settings(pages, settings)


_DRIVER_EXTRAS = {"psycopg": "postgres", "pymysql": "mysql"}
"""By which extra the drivers come that an extra brings."""


def database_engine(url: str | URL, **seconds: int) -> Engine:
    """Return :func:`~chevupload.db.connect.engine_from` of ``url`` and ``seconds``.

    Raises:
        ConfigError: it is no URL of a database that SQLAlchemy knows, or its driver is not installed.
    """
    try:
        return engine_from(url, **seconds)
    except ModuleNotFoundError as error:
        # The URL itself may hold a password.
        extra = _DRIVER_EXTRAS.get((error.name or "").lower())
        remedy = f"pip install 'chevupload[{extra}]'" if extra else _other_driver(error.name)
        raise ConfigError(f"database_url needs the driver {error.name}, which is not installed: {remedy}") from error
    except (ArgumentError, ImportError, ValueError) as error:
        raise ConfigError(
            "database_url must be an SQLAlchemy URL such as 'postgresql+psycopg://user@host/name', of a known database"
        ) from error


def _other_driver(name: str | None) -> str:
    """Say what to do where SQLAlchemy took a driver that the URL does not name."""
    database = {"psycopg2": "postgresql+psycopg://", "MySQLdb": "mysql+pymysql://"}.get(name or "")
    return f"install it, or write {database}" if database else "install it"


def as_database(database: Database | Engine | None) -> Database | None:
    """Return a database of what the host brings, which may be an engine of SQLAlchemy's."""
    return Database(database) if isinstance(database, Engine) else database


def database_from(settings: Mapping[str, Any]) -> Database:
    """Open the database that ``settings`` name, or else that of their folder, with its tables.

    Raises:
        ConfigError: they name none, or none whose driver is installed.
        BackendError: the folder cannot be used.
    """
    places = read_settings(Places(), settings)
    if places.database.url:
        return Database(database_engine(places.database.url))
    if not places.folder:
        raise ConfigError(
            "nowhere to keep records: set folder, or url in [database] (database_url); or bring a catalog"
        )
    return Site(places.folder).database


def _chain(keys: KeyBackend | KeyFunction | None, own_keys: SqlKeys | None, guest_key: str | None) -> KeyChain:
    # A guest's key is known without a look into the database.
    found = [keys, GuestKey(guest_key) if guest_key else None, own_keys]
    backends = [backend for backend in found if backend is not None]
    if not backends:
        raise ConfigError("nobody has keys: set folder, database_url or guest_key, or bring keys")
    return KeyChain(*backends)


def _catalog(database: Database | None, tables: Tables | None, clock: Clock) -> UploadRecords:
    assert database is not None, "made where no catalog is given"
    return SqlCatalog(database, tables=tables, clock=clock)


def _storages(places: Places, folder: DataFolder | None) -> Storage | Mapping[str, Storage]:
    if not places.storages:
        return _storage(places.storage, folder)
    if places.storage != StoragePlace():
        raise ConfigError("storages are in place of one storage: give it a name among them, which may be empty")
    return {name: _storage(one, folder) for name, one in places.storages.items()}


def _storage(place: StoragePlace, folder: DataFolder | None) -> Storage:
    if place.url:
        from chevupload.storage.fsspec_storage import FsspecStorage  # noqa: PLC0415 - fsspec comes with it

        return FsspecStorage(
            place.url,
            options=place.options or {},
            public_url=place.public_url,
            signing_endpoint=place.signing_endpoint,
            exclusive=place.exclusive,
        )
    if folder is None:
        raise ConfigError("nowhere to keep files: set folder, or url in [storage] (storage_url); or bring a storage")
    return LocalStorage(folder.images, incoming=folder.incoming, public_url=place.public_url)


def _with_webhook(hooks: Hooks, webhook: WebhookPlace) -> Hooks:
    if not webhook.url and not webhook.secrets:
        return hooks
    if not webhook.url or not webhook.secrets:
        raise ConfigError("a webhook needs both: webhook_url and webhook_secrets")
    from chevupload.fetch.webhook import Webhook  # noqa: PLC0415  # of an extra

    return replace(hooks, on_event={**hooks.on_event, WEBHOOK: Webhook(webhook.url, webhook.secrets)})


def _own_secret_keys(folder: DataFolder | None) -> Sequence[str]:
    if folder is None:
        raise ConfigError("secret_keys is not set, and there is no folder to keep one in")
    return folder.secret_keys()
