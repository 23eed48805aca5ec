"""Everything in one folder: SQLite, a secret and the files. The default, for trying out and for small sites.

May know: every floor below. SQLAlchemy is loaded with this module, and only with it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import weakref
from pathlib import Path
from typing import Any

from chevupload.app import ChevUpload
from chevupload.keys import GuestKey, KeyChain
from chevupload.spool import PREFIX
from chevupload.store.local import LocalStorage
from chevupload.store.sql.accounts import Accounts
from chevupload.store.sql.catalog import SqlCatalog
from chevupload.store.sql.engine import Database, sqlite_engine
from chevupload.store.sql.keys import SqlKeys

DATABASE = "chevupload.db"


def embedded(folder: str | os.PathLike[str], **settings: Any) -> ChevUpload:
    """Return a component that keeps everything in ``folder``, which is made when it is missing.

    ``settings`` are those of :class:`~chevupload.app.ChevUpload`, and ``guest_key``. Users and keys are made with the
    command line, or with :class:`Site`'s ``accounts``.

    Raises:
        BackendError: the folder cannot be used.
    """
    site = Site(folder)
    component = site.component(**settings)
    weakref.finalize(component, site.close)
    return component


class Site:
    """One such folder.

    Attributes:
        folder: where everything is.
        accounts: users, keys, albums and categories.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Open ``folder``, making what is missing."""
        self.folder = Path(folder).absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / DATABASE
        self._database = Database(sqlite_engine(path))
        self._database.create_tables()
        self.accounts = Accounts(self._database)

    def component(self, *, guest_key: str | None = None, **settings: Any) -> ChevUpload:
        """Return a component on this folder; ``guest_key`` lets guests upload with it."""
        backends = [SqlKeys(self._database)]
        return ChevUpload(
            **{
                "keys": KeyChain(*backends, GuestKey(guest_key)) if guest_key else backends[0],
                "catalog": SqlCatalog(self._database),
                "storage": LocalStorage(self.folder / "images", incoming=self.folder / "incoming"),
                "secret_keys": self.secret_keys(),
                **settings,
            }
        )

    def secret_keys(self) -> list[str]:
        """Return the keys that sign delete links, one a line in the file ``secret``, oldest first."""
        path = self.folder / "secret"
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(32) + "\n")
        return [line for line in map(str.strip, path.read_text().splitlines()) if line]

    def close(self) -> None:
        """Close the database."""
        self._database.engine.dispose()


def _write_once(path: Path, text: str) -> None:
    """Make a private file; of several processes that try, one wins, and none sees it half written."""
    descriptor, temporary = tempfile.mkstemp(prefix=PREFIX, dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()
