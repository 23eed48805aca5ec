"""What threads are for: whoever waits for a URL or a decoder leaves some to the others."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import waitress.server

from chevupload import Config
from chevupload.cli.serve import _fetches, limits_of
from chevupload.fetch.fetcher import FetchRules, HttpFetcher
from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from tests.support import SECONDS, picture

SENDERS = 12


@pytest.mark.parametrize("threads", range(1, 65))
def test_neither_waiting_nor_fetching_takes_every_thread(threads):
    """Each is allowed half of them at most; from four on, one is left when both do all that they may."""
    limits, fetches = limits_of(threads), _fetches(threads)
    assert max(limits.waiting_uploads, limits.decode_workers, fetches) <= max(1, threads // 2)
    if threads >= 4:
        assert limits.decode_workers + limits.waiting_uploads + fetches < threads


@pytest.mark.slow
def test_an_upload_is_answered_while_urls_are_fetched(tmp_path):
    """As many fetches as may be hang, others are told to come back at once, and four threads do for the rest."""
    go = threading.Event()

    def hang(address, port, seconds):
        go.wait(60)
        raise OSError

    site = Site(tmp_path / "site")
    site.accounts.add_user("ann")
    headers = {"X-API-Key": site.accounts.add_key("ann").key}
    rules = FetchRules(max_concurrent=_fetches(4))
    fetcher = HttpFetcher(rules, resolve=lambda host, port: ["93.184.215.14"], dial=hang)
    component = embedded(site, config=Config(limits=limits_of(4)), fetcher=fetcher, renderer="inline")
    server = waitress.server.create_server(component, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run)
    thread.start()
    url = f"http://127.0.0.1:{server.effective_port}/api/1/upload"

    def fetch(number):
        return requests.post(url, headers=headers, data={"source": "http://slow.example/a.png"}, timeout=SECONDS)

    try:
        with ThreadPoolExecutor(SENDERS) as senders:
            fetches = [senders.submit(fetch, number) for number in range(SENDERS)]
            for _ in range(4):
                answer = requests.post(url, headers=headers, files={"source": ("a.png", picture())}, timeout=SECONDS)
                assert answer.status_code == 200
            assert not go.is_set()
            go.set()
            answers = [fetch.result() for fetch in fetches]
    finally:
        go.set()
        server.trigger.pull_trigger(lambda: server.asyncore.close_all(server._map))
        thread.join()
        server.task_dispatcher.shutdown()
        component.close()
        site.close()
    assert [answer.status_code for answer in answers if answer.status_code != 503] == [502] * _fetches(4)
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)
