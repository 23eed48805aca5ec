"""Records in any database that SQLAlchemy knows: a catalog, keys and accounts, on tables of ours or of the host."""

from chevupload.db.accounts import AccountKey, Accounts, UnknownName, User
from chevupload.db.catalog import SqlCatalog
from chevupload.db.connect import engine_from, sqlite_engine
from chevupload.db.database import Database
from chevupload.db.keys import SqlKeys, UserColumns, UserKeys
from chevupload.db.tables import (
    AlbumMixin,
    AuditMixin,
    CategoryMixin,
    EndedHandlerMixin,
    EventMixin,
    JobMixin,
    JobRangeMixin,
    KeyMixin,
    MoveMixin,
    PendingMixin,
    Tables,
    TagMixin,
    TicketUseMixin,
    UploadMixin,
    UploadTagMixin,
    UsageMixin,
    UsedNameMixin,
    UserMixin,
    ViewMixin,
)

__all__ = [
    "AccountKey",
    "Accounts",
    "AlbumMixin",
    "AuditMixin",
    "CategoryMixin",
    "Database",
    "EndedHandlerMixin",
    "EventMixin",
    "JobMixin",
    "JobRangeMixin",
    "KeyMixin",
    "MoveMixin",
    "PendingMixin",
    "SqlCatalog",
    "SqlKeys",
    "Tables",
    "TagMixin",
    "TicketUseMixin",
    "UnknownName",
    "UploadMixin",
    "UploadTagMixin",
    "UsageMixin",
    "UsedNameMixin",
    "User",
    "UserColumns",
    "UserKeys",
    "UserMixin",
    "ViewMixin",
    "engine_from",
    "sqlite_engine",
]
