"""Everything in one folder: SQLite, a secret and the files. The default, for trying out and for small sites.

SQLAlchemy is loaded with this module, and only with it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from chevupload.app import ChevUpload
from chevupload.clock import Clock
from chevupload.config import Delivery, Limits, Originals, Policy, Renditions, Routes
from chevupload.db.accounts import Accounts
from chevupload.db.catalog import SqlCatalog
from chevupload.db.connect import sqlite_engine
from chevupload.db.database import Database
from chevupload.db.keys import SqlKeys
from chevupload.errors import ConfigError, NameTaken, StorageError
from chevupload.filesystem import local_path, name_new
from chevupload.keys import CurrentUser, GuestKey, KeyChain, KeyFunction
from chevupload.protocols import Fetcher, KeyBackend, KeyStore, Renderer
from chevupload.spool import PREFIX
from chevupload.storage.local import LocalStorage
from chevupload.uploads.hooks import BeforeStore, OnDelete, OnUpload
from chevupload.web.pages import Pages

DATABASE = "chevupload.db"

FIRST_CATEGORY = "General"
"""Name of the category that a new site has. Clients are often set up with ``category_id`` 1, which would be refused."""


class Parts(TypedDict, total=False):
    """What may be chosen beside keys, records and files; each as :class:`~chevupload.app.ChevUpload` has it."""

    limits: Limits | None
    renditions: Renditions | None
    originals: Originals | None
    policy: Policy | None
    routes: Routes | None
    pages: Pages | None
    base_url: str | None
    trusted_proxies: int
    delivery: Delivery | Mapping[str, Delivery] | None
    fetcher: Fetcher | None
    decode: Literal["worker", "inline"] | Renderer
    current_user: CurrentUser | None
    key_store: KeyStore | None
    before_store: BeforeStore | None
    on_upload: OnUpload | None
    on_delete: OnDelete | None
    clock: Clock


class Settings(Parts, total=False):
    """What may be chosen beside the folder.

    Where records and files stay is not among them: the command line works on the folder, and on nothing else.
    """

    keys: KeyBackend | KeyFunction


def embedded(
    folder: str | os.PathLike[str], *, guest_key: str | None = None, **settings: Unpack[Settings]
) -> ChevUpload:
    """Return a component that keeps everything in ``folder``, which is made when it is missing.

    Users and keys are made with the command line, or with :class:`Site`'s ``accounts``; ``guest_key`` lets guests
    upload with it.

    Raises:
        BackendError: the folder cannot be used.
        ConfigError: the settings do not fit together.
    """
    site = Site(folder)
    component = site.component(guest_key=guest_key, **settings)
    weakref.finalize(component, site.close)
    return component


class DataFolder:
    """One such folder, and what is where in it.

    Attributes:
        folder: the folder itself.
        images: folder of the stored files.
        incoming: folder of unfinished ones.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Make the folder if it is missing; a leading ``~`` is the home folder.

        Raises:
            StorageError: it cannot be made.
        """
        self.folder = local_path(folder)
        self.images, self.incoming = self.folder / "images", self.folder / "incoming"
        # A web server may pass through to the files; everything else in it is private by itself.
        try:
            self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.folder}: {error.strerror}") from error

    def secret_keys(self) -> list[str]:
        """Return the keys that sign delete links, one a line in the file ``secret``, oldest first."""
        path = self.folder / "secret"
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(32) + "\n")
        return [line for line in map(str.strip, path.read_text().splitlines()) if line]


class Site(DataFolder):
    """A site in one such folder, its database too.

    Attributes:
        database: the records.
        accounts: users, keys, albums and categories.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Open ``folder``, making what is missing."""
        super().__init__(folder)
        path = self.folder / DATABASE
        is_new = not path.exists()
        path.touch(mode=0o600)
        self.database = Database(sqlite_engine(path))
        self.database.create_tables()
        self.accounts = Accounts(self.database)
        if is_new:
            # Of several processes that make a site at once, one makes its category.
            with contextlib.suppress(NameTaken):
                self.accounts.add_category(FIRST_CATEGORY)

    def component(self, *, guest_key: str | None = None, **settings: Unpack[Settings]) -> ChevUpload:
        """Return a component on this folder; ``guest_key`` lets guests upload with it."""
        if unknown := set(settings) - Settings.__optional_keys__:
            raise ConfigError(f"not a setting of an embedded site: {', '.join(sorted(unknown))}")
        keys = settings.get("keys")
        if keys is None:
            keys = own_keys = SqlKeys(self.database)
            settings.setdefault("key_store", own_keys)
        settings["keys"] = KeyChain(keys, GuestKey(guest_key)) if guest_key else keys
        component = ChevUpload(
            catalog=SqlCatalog(self.database),
            storage=LocalStorage(self.images, incoming=self.incoming),
            secret_keys=self.secret_keys(),
            **settings,
        )
        component.own_database = self.database
        return component

    def close(self) -> None:
        """Close the database."""
        self.database.engine.dispose()


def _write_once(path: Path, text: str) -> None:
    """Make a private file; of several processes that try, one wins, and none sees it half written."""
    descriptor, temporary = tempfile.mkstemp(prefix=PREFIX, dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    try:
        with contextlib.suppress(FileExistsError):
            name_new(Path(temporary), path)
    finally:
        Path(temporary).unlink(missing_ok=True)
