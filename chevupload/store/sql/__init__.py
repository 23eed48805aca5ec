"""Records in any database that SQLAlchemy knows: a catalog, keys and accounts, on tables of ours or of the host."""

from chevupload.store.sql.accounts import AccountKey, Accounts, UnknownName, User
from chevupload.store.sql.catalog import SqlCatalog
from chevupload.store.sql.engine import Database
from chevupload.store.sql.engines import engine_from, sqlite_engine
from chevupload.store.sql.keys import SqlKeys, UserColumns, UserKeys
from chevupload.store.sql.tables import (
    AlbumMixin,
    CategoryMixin,
    KeyMixin,
    Tables,
    TagMixin,
    UploadMixin,
    UploadTagMixin,
    UsedNameMixin,
    UserMixin,
)

__all__ = [
    "AccountKey",
    "Accounts",
    "AlbumMixin",
    "CategoryMixin",
    "Database",
    "KeyMixin",
    "SqlCatalog",
    "SqlKeys",
    "Tables",
    "TagMixin",
    "UnknownName",
    "UploadMixin",
    "UploadTagMixin",
    "UsedNameMixin",
    "User",
    "UserColumns",
    "UserKeys",
    "UserMixin",
    "engine_from",
    "sqlite_engine",
]
