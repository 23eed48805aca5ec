"""Everything in one folder: SQLite, a secret and the files. The default, for trying out and for small sites.

SQLAlchemy is loaded with this module, and only with it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from chevupload.db.accounts import Accounts
from chevupload.db.connect import sqlite_engine
from chevupload.db.database import Database
from chevupload.errors import NameTaken, StorageError
from chevupload.filesystem import local_path, name_new
from chevupload.spool import PREFIX

DATABASE = "chevupload.db"

FIRST_CATEGORY = "General"
"""Name of the category that a new site has. Clients are often set up with ``category_id`` 1, which would be refused."""


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
            name_new(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
