"""Uploads of one name, from several processes at once, never meet in one file."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys

import pytest

from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from tests.support import IS_LONG, SECONDS, Stand, environment, files_in, picture

pytestmark = pytest.mark.slow

PROCESSES, THREADS, EACH = 4, 2, 25 if IS_LONG else 8
UPLOADS = PROCESSES * THREADS * EACH


def send_many(folder: str, key: str, number: int, decode: str) -> None:
    """Upload different pictures of one name in threads of this process, and print what became of them."""
    from concurrent.futures import ThreadPoolExecutor

    from werkzeug.test import Client

    site = Site(folder)
    component = embedded(site, renderer=decode)

    def send(turn: int) -> str:
        content = picture(color=(number, turn, 0))
        data = {"source": (io.BytesIO(content), "same.png")}
        answer = Client(component).post("/api/1/upload", headers={"X-API-Key": key}, data=data)
        assert answer.status_code == 200, answer.text
        return f"{answer.json['image']['id_encoded']} {hashlib.md5(content).hexdigest()}"

    with ThreadPoolExecutor(THREADS) as threads:
        print("\n".join(threads.map(send, range(THREADS * EACH))))
    component.close()
    site.close()


@pytest.mark.parametrize("decode", ["inline", "worker"])
def test_many_uploads_of_one_name(tmp_path, decode):
    """All are stored under different names, each holds what was sent, and nothing is missing."""
    folder = tmp_path / "site"
    site = Site(folder)
    site.accounts.add_user("user")
    key = site.accounts.add_key("user").key
    code = (
        "import sys; from tests.test_concurrency import send_many\n"
        "send_many(*sys.argv[1:3], int(sys.argv[3]), sys.argv[4])"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder), key, str(number), decode],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        for number in range(PROCESSES)
    ]
    sent = {}
    outputs = [process.communicate(timeout=SECONDS)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    for output in outputs:
        sent |= dict(line.split() for line in output.splitlines())
    assert len(sent) == UPLOADS
    component = embedded(site, renderer="inline")
    uploads = {upload.id: upload for upload in component.catalog.uploads()}
    assert {upload.md5 for upload in uploads.values()} == set(sent.values())
    assert len({upload.stem.lower() for upload in uploads.values()}) == UPLOADS
    stored = {
        upload.id: hashlib.md5((folder / "images" / upload.path).read_bytes()).hexdigest()
        for upload in uploads.values()
    }
    assert stored == sent
    assert component.maintenance.check().missing == ()
    assert len(files_in(folder / "images")) == 2 * UPLOADS
    assert files_in(folder / "incoming") == []
    site.close()


def test_many_threads_of_one_component(tmp_path):
    """One component is shared by many threads."""
    from concurrent.futures import ThreadPoolExecutor

    stand = Stand(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        images = list(threads.map(lambda turn: stand.upload(picture(color=(turn, 0, 0)), "same.png"), range(40)))
    assert len({image["name"] for image in images}) == 40
    assert len(stand.stored()) == 80
