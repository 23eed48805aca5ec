"""A disk that is full answers 503, in whatever step and format; nothing half done is stored, and nothing is left."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from chevupload.db import Database, SqlCatalog, sqlite_engine
from chevupload.storage.local import LocalStorage
from tests.support import UPLOAD, assert_refusal, file, noise, records

pytestmark = pytest.mark.slow

PAGE = 4_096


@pytest.fixture
def disk(tmp_path):
    """Return a folder on a small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command to make a small disk with")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave(disk: Path, pages: int) -> None:
    """Fill the disk up to a few pages."""
    (disk / "filler").unlink(missing_ok=True)
    free = os.statvfs(disk).f_bavail
    with (disk / "filler").open("wb") as filler:
        filler.write(bytes((free - pages) * PAGE))
    assert os.statvfs(disk).f_bavail == pages


def photo(format: str) -> bytes:
    """Encode a picture of which a medium one is made, of a few pages."""
    content = io.BytesIO()
    Image.effect_noise((40, 30), 90).convert("RGB").resize((600, 60)).save(content, format)
    return content.getvalue()


def assert_refused(answer) -> None:
    """Assert that the client is asked to come again."""
    assert_refusal(answer, 503, 503)
    assert answer.headers["Retry-After"] == "10"


@pytest.mark.parametrize("decode", ["inline", "worker"])
def test_no_room_for_what_comes(refusing, disk, decode):
    """The spool cannot be written to its end; nobody is shown why."""
    stand = refusing(spool_folder=str(disk), renderer=decode)
    leave(disk, 20)
    assert_refused(stand.send({"source": file(noise())}))
    text = stand.send({"source": file(noise())}, path=f"{UPLOAD}?format=txt")
    assert (text.status_code, text.headers["Retry-After"]) == (503, "10")
    assert [path.name for path in disk.iterdir()] == ["filler"]


@pytest.mark.parametrize("decode", ["inline", "worker"])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_room_for_some_of_it(make, disk, decode, format):
    """Whatever step it is that finds the disk full, an upload is whole or not there at all."""
    content = photo(format)
    stand = make(spool_folder=str(disk), renderer=decode)
    statuses = []
    for pages in range(1, 3 * (len(content) // PAGE) + 12):
        leave(disk, pages)
        answer = stand.send({"source": file(content, f"a.{format.lower()}")})
        statuses.append(answer.status_code)
        if answer.status_code != 200:
            assert_refused(answer)
        assert [path.name for path in disk.iterdir()] == ["filler"]
    assert {statuses[0], statuses[-1]} == {503, 200}
    assert len(records(stand.catalog)) == statuses.count(200)
    assert stand.component.maintenance.check().left == 0
    for path in stand.stored():
        with Image.open(stand.images / path) as image:
            image.load()


def test_no_room_in_the_storage(refusing, disk, tmp_path):
    """What was spooled elsewhere cannot be taken over, and no part of it stays."""
    stand = refusing(storage=LocalStorage(disk / "images", incoming=disk / "incoming"))
    for pages in (3, 40, 100):
        leave(disk, pages)
        assert_refused(stand.send({"source": file(noise((300, 250)))}))
        assert [path for path in disk.rglob("*") if path.is_file()] == [disk / "filler"]


def test_no_room_in_the_database(make, disk):
    """A record that cannot be written has no files."""
    database = Database(sqlite_engine(disk / "records.db"))
    database.create_tables()
    stand = make(catalog=SqlCatalog(database))
    assert stand.send({"source": file()}).status_code == 200
    stored = stand.stored()
    leave(disk, 0)
    assert_refused(stand.send({"source": file(), "description": "x" * 60_000}))
    (disk / "filler").unlink()
    assert (stand.stored(), len(records(stand.catalog))) == (stored, 1)
    database.engine.dispose()
