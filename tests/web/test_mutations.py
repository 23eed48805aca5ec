"""Damaged files of every format, sent to one real server with its worker processes: each ends in an answer.

Two hundred by default. ``TEST_CHEVUPLOAD_MUTATIONS=2000`` makes more of them, and ``TEST_CHEVUPLOAD_MUTATION_SEED=7``
others; a failure names the seed and the number of the mutation, by which it can be made again.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest
import requests

from chevupload.config import Limits
from chevupload.errors import Refusal
from chevupload.site.data_folder import Site
from tests.media.films import film
from tests.media.heics import heic
from tests.media.located import WRITERS, located
from tests.media.mutations import mutated
from tests.media.pictures import SRGB, animation, encoded, job, left, oriented, photo, stored
from tests.media.pools import pool
from tests.support import Server, files_in

pytestmark = pytest.mark.slow

COUNT = int(os.environ.get("TEST_CHEVUPLOAD_MUTATIONS", "200"))
SEED = os.environ.get("TEST_CHEVUPLOAD_MUTATION_SEED", "11")
ANSWER_SECONDS = 120.0
"""How long the client waits for an answer; what takes longer hangs. The server lets a decoder take twice as long: it
would end a hanging one with an answer otherwise."""
REFUSALS = {400: (100, 130, 610), 413: (400,), 415: (613, 614)}
"""Codes by status: broken, or cut to nothing; too large or too costly; and what became another format."""
GROWTH_BYTES = 64_000_000
"""How much larger server and workers may be in the end. A worker's allocator keeps blocks of up to 16 MB that are free,
and as much again between those that are not; so does the server's. Decoding what claims to be large has both filled."""


def samples() -> dict[str, bytes]:
    """Make a small file of each format, and of what each can hold besides a picture."""
    small = photo((96, 64))
    told = {"exif": oriented(6), "icc_profile": SRGB}
    return {
        "mp4": film("mp4", (160, 120), 12),
        "mp4 with sound": film("mp4", codec="mpeg4", seconds=9, sound=True),
        "mov": film("mov", (160, 120), 12),
        "webm": film("webm", (160, 120), 12),
        "heic": heic(small, exif=oriented(6), turns=1),
        "avif": encoded(small, "AVIF", **told),
        "avif sequence": animation("AVIF", (96, 64)),
        "jpeg": encoded(small, "JPEG", **told),
        "progressive jpeg": encoded(small, "JPEG", progressive=True),
        "png": encoded(small, "PNG", **told),
        "apng": animation("PNG", (96, 64)),
        "webp": encoded(small, "WEBP", **told),
        "animated webp": animation("WEBP", (96, 64)),
        "gif": encoded(small.quantize(64), "GIF"),
        "animated gif": animation("GIF", (96, 64)),
        "bmp": encoded(small, "BMP"),
    }


def memory(server: Server) -> int:
    """Return how many bytes of memory a server and its workers have."""
    total = 0
    for pid in (server.process.pid, *server.workers()):
        status = Path(f"/proc/{pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
        total += int(line.split()[1]) * 1_024
    return total


class Sender:
    """Sends files to one server over one connection, and deletes what is taken."""

    def __init__(self, server: Server, key: str, session: requests.Session) -> None:
        self._url, self._session = f"{server.address}/api/1/upload", session
        self._session.headers["X-API-Key"] = key

    def send(self, content: bytes) -> requests.Response:
        """Send a file; of an answer that takes too long, requests tells."""
        answer = self._session.post(self._url, files={"source": ("a", content)}, timeout=ANSWER_SECONDS)
        if answer.status_code == 200:
            assert self._session.delete(answer.json()["image"]["delete_url"]).status_code == 200
        return answer


@pytest.fixture
def sender(tmp_path):
    """Return a function that sends, and the server that it sends to."""
    site = Site(tmp_path / "site")
    site.accounts.add_user("user")
    key = site.accounts.add_key("user").key
    site.close()
    settings = tmp_path / "site.toml"
    settings.write_text(f'folder = "site"\n[limits]\ndecode_seconds = {2 * ANSWER_SECONDS}\n')
    with Server(settings) as server, requests.Session() as session:
        yield Sender(server, key, session).send, server
        assert server.process.poll() is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux' /proc")
@pytest.mark.timeout(600 + COUNT)
def test_damaged_files_end_in_an_answer(sender, tmp_path):
    """Each is taken or refused in time, by the same server throughout; no memory, worker or file is left of them."""
    send, server = sender
    whole = samples()
    # A worker has loaded every decoder then, and the server's threads have started.
    for _ in range(4):
        assert [(name, send(content).status_code) for name, content in whole.items()] == [(name, 200) for name in whole]
    before = memory(server)
    found: dict[str, Counter[int]] = {name: Counter() for name in whole}
    for number in range(COUNT):
        name = list(whole)[number % len(whole)]
        content = mutated(random.Random(f"{SEED} {number}"), whole[name])
        try:
            answer = send(content)
        except requests.RequestException as error:
            pytest.fail(f"seed {SEED}, mutation {number}, {name}: {error}")
        found[name][answer.status_code] += 1
        if answer.status_code != 200:
            told = f"seed {SEED}, mutation {number}, {name}: {answer.status_code} {answer.text}"
            assert answer.json()["error"]["code"] in REFUSALS.get(answer.status_code, ()), told
    print(*(f"\n{name}: {dict(sorted(statuses.items()))}" for name, statuses in found.items()), sep="")
    taken, refused = (sum(statuses[status] for statuses in found.values()) for status in (200, 400))
    assert min(taken, refused) > COUNT // 20
    assert [name for name, content in whole.items() if send(content).status_code != 200] == []
    after = memory(server)
    print(f"memory: {before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after")
    assert after < before + GROWTH_BYTES
    assert len(server.workers()) <= Limits().decode_workers
    assert files_in(tmp_path / "site" / "incoming") == []
    assert files_in(tmp_path / "site" / "images") == []


@pytest.mark.timeout(600 + COUNT)
def test_damaged_films_lose_their_metadata_or_are_refused(tmp_path):
    """Where none is kept: a worker ends each in time, and leaves the files that it tells of and no others."""
    whole = {"heic": heic(photo((96, 64)), exif=oriented(6), xmp=b"<x:xmpmeta/>", turns=1)}
    for writer in WRITERS:
        whole[writer] = located(writer, timed=b"\x21" if writer.startswith("WEBM") else b"meta")
    found: Counter[str] = Counter()
    with pool(decode_workers=2, decode_seconds=20.0) as made:
        for number in range(COUNT // 2):
            name = list(whole)[number % len(whole)]
            content = mutated(random.Random(f"{SEED} {number}"), whole[name])
            request = job(stored(tmp_path / "film", content), keep_exif=False)
            try:
                result = made.process(request)
            except Refusal as refusal:
                files, outcome = [], type(refusal).__name__
            else:
                rendered = (result.original, result.thumb, result.medium, result.frame)
                files, outcome = [file for file in rendered if file is not None], "taken"
            assert left(tmp_path) == sorted(Path(file.path).name for file in files), f"seed {SEED}, mutation {number}"
            found[outcome] += 1
            for file in files:
                Path(file.path).unlink()
    print(f"\n{dict(found)}")
    assert 0 < found["taken"] < COUNT // 2
    assert found["TooCostly"] <= COUNT // 50
