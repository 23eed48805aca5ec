"""FastAPI by a2wsgi, as its page of the documentation has it, on a real uvicorn."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn
from a2wsgi import WSGIMiddleware
from fastapi import FastAPI

from chevupload import ChevUpload, Config, Limits, Principal, Routes
from chevupload.storage.local import LocalStorage
from chevupload.testing import HostContract, RunningHost
from chevupload.testing.host import _upload, picture
from chevupload.testing.memory import MemoryCatalog, StaticKeys
from tests.support import ROOT, SECRET

MAX_BYTES = 2_000_000


def page_application(component):
    """Return the application that the page shows, around another component."""
    page = (ROOT / "docs" / "fastapi.md").read_text()
    block = re.search(r"^```python\n(from a2wsgi.*?)^```$", page, re.DOTALL | re.MULTILINE)[1]
    head, rest = block.split("uploads = component_from(", 1)
    names = {"uploads": component}
    exec(head + rest.split("\n)\n", 1)[1], names)
    return names["app"]


@contextmanager
def running(app, **options):
    """Run an application on uvicorn, in a thread; give its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def component(tmp_path):
    made = ChevUpload(
        keys=StaticKeys({"the-key": Principal(user_id="1")}),
        catalog=MemoryCatalog(),
        storage=LocalStorage(tmp_path / "images"),
        secret_keys=[SECRET],
        config=Config(limits=Limits(max_bytes=MAX_BYTES), routes=Routes(uploads="api/1/uploads"), trusted_proxies=1),
        renderer="inline",
    )
    yield made
    made.close()


class TestFastApi(HostContract):
    """Programs upload below its prefix as they do anywhere, in chunks too."""

    @pytest.fixture
    def host(self, component):
        with running(page_application(component)) as address:
            yield RunningHost(
                url=f"{address}/up", key="the-key", max_bytes=MAX_BYTES, reads_forms=False, has_uploads_route=True
            )


def test_without_the_pages_wrapper_a_body_in_chunks_is_refused(component):
    """As the page says; nothing is stored, and nothing waits."""
    app = FastAPI()
    app.mount("/up", WSGIMiddleware(component))
    with running(app) as address:
        host = RunningHost(url=f"{address}/up", key="the-key", max_bytes=MAX_BYTES)
        answer = _upload(host, {"source": ("a.png", picture())}, is_chunked=True)
    assert (answer.status, list(component.uploads.list("1"))) == (411, [])
