"""Mount a Chevereto-compatible upload API into any WSGI application.

Every public name is one of this package, of :mod:`chevupload.integration`, :mod:`chevupload.testing` or
:mod:`chevupload.contrib`. Names are loaded when they are first used: importing this package costs nothing that is not
needed, and a media worker stays as small as its decoder.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chevupload.app import ChevUpload as ChevUpload
    from chevupload.clock import Clock as Clock
    from chevupload.clock import utc_now as utc_now
    from chevupload.config import Config as Config
    from chevupload.config import Delivery as Delivery
    from chevupload.config import Limits as Limits
    from chevupload.config import Originals as Originals
    from chevupload.config import Policy as Policy
    from chevupload.config import Renditions as Renditions
    from chevupload.config import Routes as Routes
    from chevupload.data_folder import DataFolder as DataFolder
    from chevupload.data_folder import Site as Site
    from chevupload.db.accounts import Accounts as Accounts
    from chevupload.db.catalog import SqlCatalog as SqlCatalog
    from chevupload.db.connect import engine_from as engine_from
    from chevupload.db.connect import sqlite_engine as sqlite_engine
    from chevupload.db.database import Database as Database
    from chevupload.db.keys import SqlKeys as SqlKeys
    from chevupload.db.keys import UserColumns as UserColumns
    from chevupload.db.keys import UserKeys as UserKeys
    from chevupload.db.migrations import is_hosts as is_hosts
    from chevupload.db.tables import AlbumMixin as AlbumMixin
    from chevupload.db.tables import CategoryMixin as CategoryMixin
    from chevupload.db.tables import KeyMixin as KeyMixin
    from chevupload.db.tables import Tables as Tables
    from chevupload.db.tables import TagMixin as TagMixin
    from chevupload.db.tables import UploadMixin as UploadMixin
    from chevupload.db.tables import UploadTagMixin as UploadTagMixin
    from chevupload.db.tables import UsedNameMixin as UsedNameMixin
    from chevupload.db.tables import UserMixin as UserMixin
    from chevupload.errors import BackendError as BackendError
    from chevupload.errors import CatalogError as CatalogError
    from chevupload.errors import ChevuploadError as ChevuploadError
    from chevupload.errors import ConfigError as ConfigError
    from chevupload.errors import FileExists as FileExists
    from chevupload.errors import FileMissing as FileMissing
    from chevupload.errors import NameTaken as NameTaken
    from chevupload.errors import Refusal as Refusal
    from chevupload.errors import RequestDenied as RequestDenied
    from chevupload.errors import RequestTaken as RequestTaken
    from chevupload.errors import StorageError as StorageError
    from chevupload.errors import TooLarge as TooLarge
    from chevupload.errors import UrlRefused as UrlRefused
    from chevupload.factory import component_from as component_from
    from chevupload.factory import embedded as embedded
    from chevupload.fetch.fetcher import FetchRules as FetchRules
    from chevupload.fetch.fetcher import HttpFetcher as HttpFetcher
    from chevupload.keys import CurrentUser as CurrentUser
    from chevupload.keys import GuestKey as GuestKey
    from chevupload.keys import KeyChain as KeyChain
    from chevupload.keys import as_key_backend as as_key_backend
    from chevupload.keys import digest as digest
    from chevupload.keys import new_key as new_key
    from chevupload.model import Album as Album
    from chevupload.model import ApiKey as ApiKey
    from chevupload.model import Category as Category
    from chevupload.model import Cursor as Cursor
    from chevupload.model import FileHeaders as FileHeaders
    from chevupload.model import KeyStyle as KeyStyle
    from chevupload.model import NewKey as NewKey
    from chevupload.model import Owner as Owner
    from chevupload.model import Principal as Principal
    from chevupload.model import Upload as Upload
    from chevupload.naming import checked_path as checked_path
    from chevupload.naming import joined_url as joined_url
    from chevupload.protocols import AdoptingStorage as AdoptingStorage
    from chevupload.protocols import AlbumRecords as AlbumRecords
    from chevupload.protocols import Catalog as Catalog
    from chevupload.protocols import CategoryRecords as CategoryRecords
    from chevupload.protocols import CheckableRecords as CheckableRecords
    from chevupload.protocols import DuplicateRecords as DuplicateRecords
    from chevupload.protocols import Fetcher as Fetcher
    from chevupload.protocols import IdempotentRecords as IdempotentRecords
    from chevupload.protocols import JoinableRecords as JoinableRecords
    from chevupload.protocols import KeyBackend as KeyBackend
    from chevupload.protocols import KeyStore as KeyStore
    from chevupload.protocols import ListingStorage as ListingStorage
    from chevupload.protocols import OwnedRecords as OwnedRecords
    from chevupload.protocols import ProbedStorage as ProbedStorage
    from chevupload.protocols import Renderer as Renderer
    from chevupload.protocols import SigningStorage as SigningStorage
    from chevupload.protocols import Storage as Storage
    from chevupload.protocols import SweepableRecords as SweepableRecords
    from chevupload.protocols import UploadRecords as UploadRecords
    from chevupload.protocols import UserKeyBackend as UserKeyBackend
    from chevupload.protocols import ViewedRecords as ViewedRecords
    from chevupload.storage.fsspec_storage import FsspecStorage as FsspecStorage
    from chevupload.storage.local import LocalStorage as LocalStorage
    from chevupload.storage.registry import Storages as Storages
    from chevupload.uploads.hooks import Hooks as Hooks
    from chevupload.web.api_docs.client_configs import CLIENTS as CLIENTS
    from chevupload.web.api_docs.client_configs import Account as Account
    from chevupload.web.page import Page as Page
    from chevupload.web.pages import Pages as Pages

_NAMES = {
    "app": ("ChevUpload",),
    "clock": ("Clock", "utc_now"),
    "config": ("Config", "Delivery", "Limits", "Originals", "Policy", "Renditions", "Routes"),
    "data_folder": ("DataFolder", "Site"),
    "db.accounts": ("Accounts",),
    "db.catalog": ("SqlCatalog",),
    "db.connect": ("engine_from", "sqlite_engine"),
    "db.database": ("Database",),
    "db.keys": ("SqlKeys", "UserColumns", "UserKeys"),
    "db.migrations": ("is_hosts",),
    "db.tables": (
        "AlbumMixin",
        "CategoryMixin",
        "KeyMixin",
        "Tables",
        "TagMixin",
        "UploadMixin",
        "UploadTagMixin",
        "UsedNameMixin",
        "UserMixin",
    ),
    "errors": (
        "BackendError",
        "CatalogError",
        "ChevuploadError",
        "ConfigError",
        "FileExists",
        "FileMissing",
        "NameTaken",
        "Refusal",
        "RequestDenied",
        "RequestTaken",
        "StorageError",
        "TooLarge",
        "UrlRefused",
    ),
    "factory": ("component_from", "embedded"),
    "fetch.fetcher": ("FetchRules", "HttpFetcher"),
    "keys": ("CurrentUser", "GuestKey", "KeyChain", "as_key_backend", "digest", "new_key"),
    "model": (
        "Album",
        "ApiKey",
        "Category",
        "Cursor",
        "FileHeaders",
        "KeyStyle",
        "NewKey",
        "Owner",
        "Principal",
        "Upload",
    ),
    "naming": ("checked_path", "joined_url"),
    "protocols": (
        "AdoptingStorage",
        "AlbumRecords",
        "Catalog",
        "CategoryRecords",
        "CheckableRecords",
        "DuplicateRecords",
        "Fetcher",
        "IdempotentRecords",
        "JoinableRecords",
        "KeyBackend",
        "KeyStore",
        "ListingStorage",
        "OwnedRecords",
        "ProbedStorage",
        "Renderer",
        "SigningStorage",
        "Storage",
        "SweepableRecords",
        "UploadRecords",
        "UserKeyBackend",
        "ViewedRecords",
    ),
    "storage.fsspec_storage": ("FsspecStorage",),
    "storage.local": ("LocalStorage",),
    "storage.registry": ("Storages",),
    "uploads.hooks": ("Hooks",),
    "web.api_docs.client_configs": ("Account", "CLIENTS"),
    "web.page": ("Page",),
    "web.pages": ("Pages",),
}
"""The public names, by the module that each is in."""
_HOMES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
