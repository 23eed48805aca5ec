"""The uses of a ticket are exact, whatever processes and threads ask for them at the same moment, on each database."""

from __future__ import annotations

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

import pytest
from sqlalchemy import event
from werkzeug.test import Client

from chevupload.app import ChevUpload
from chevupload.config import Config, Limits
from chevupload.db import Accounts, Database, SqlCatalog, SqlKeys, Tables, engine_from
from chevupload.storage.local import LocalStorage
from tests import processes
from tests.support import SECRET, picture

PROCESSES, THREADS, USES = 4, 32, 5


def component_on(database: Database, folder: str, **settings: Any) -> ChevUpload:
    limits = Limits(waiting_uploads=2 * THREADS, queue_seconds=300, decode_seconds=300)
    return ChevUpload(
        keys=SqlKeys(database),
        catalog=SqlCatalog(database),
        storage=LocalStorage(folder),
        secret_keys=[SECRET],
        config=Config(limits=limits),
        renderer="inline",
        **settings,
    )


def send_at_once(pipe: Connection, url: str, folder: str, number: int, *tickets: str) -> None:
    """Upload with each ticket from threads at once: first one picture, then different ones; send what came of it."""
    component = component_on(Database(engine_from(url, statement_seconds=300)), folder)
    contents = [[picture()] * THREADS, [picture(color=(number, thread, 9)) for thread in range(THREADS)]]

    def send(ticket: str, content: bytes) -> tuple[int, str]:
        data = {"source": (io.BytesIO(content), "same.png")}
        answer = Client(component).post("/api/1/upload", headers={"X-API-Key": ticket}, data=data)
        return answer.status_code, answer.json["image"]["id_encoded"] if answer.status_code == 200 else ""

    pipe.send("ready")
    pipe.recv()
    with ThreadPoolExecutor(THREADS) as threads:
        for ticket, pictures in zip(tickets, contents, strict=True):
            pipe.send(list(threads.map(send, [ticket] * THREADS, pictures)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["database", "postgres_database", "mariadb_database"])
def test_four_processes_of_many_threads_with_one_ticket(request, name, tmp_path):
    """Of one picture one upload, whose answer the others get or wait for; of many as many as there are uses."""
    database = request.getfixturevalue(name)
    user = Accounts(database).add_user("user")
    component = component_on(database, str(tmp_path / "images"))
    tickets = [component.tickets.mint(user, uses=uses, seconds=3_600).key for uses in (1, USES)]
    url = database.engine.url.render_as_string(hide_password=False)
    folder = str(tmp_path / "images")
    started = [processes.start(send_at_once, url, folder, number, *tickets) for number in range(PROCESSES)]
    assert [pipe.recv() for _, pipe in started] == ["ready"] * PROCESSES
    for _, pipe in started:
        pipe.send("go")
    same, different = ([answer for _, pipe in started for answer in pipe.recv()] for _ in tickets)
    for process, _ in started:
        process.join()
    assert [process.exitcode for process, _ in started] == [0] * PROCESSES
    statuses = Counter(status for status, _ in same)
    assert set(statuses) <= {200, 409}, statuses
    assert len({upload_id for status, upload_id in same if status == 200}) == 1
    statuses = Counter(status for status, _ in different)
    # 409 says to ask again: of those that MariaDB let go, some may have had to ask too often.
    assert statuses.pop(200) == USES
    assert set(statuses) <= {401, 409}, statuses
    assert len(list(component.catalog.uploads())) == 1 + USES
    assert len(database.rows(Tables.default().ticket_uses.select(), {})) == 1 + USES


@pytest.fixture
def site(database, tmp_path):
    """Return a component on SQLite, its user, and the statements that are sent from now on."""
    user = Accounts(database).add_user("user")
    component = component_on(database, str(tmp_path / "images"))
    statements = []
    event.listen(database.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    return component, user, statements


def send(component, key, content):
    data = {"source": (io.BytesIO(content), "same.png")}
    return Client(component).post("/api/1/upload", headers={"X-API-Key": key}, data=data).status_code


def test_what_a_ticket_costs(site):
    """Nothing to make, nothing to refuse when it is false; an upload looks its owner and its uses up, and takes one."""
    component, user, statements = site
    ticket = component.tickets.mint(user, uses=2, max_bytes=10_000).key
    assert send(component, ticket[:-1] + ("A" if ticket[-1] != "A" else "E"), picture()) == 401
    assert statements == []
    assert send(component, ticket, picture()) == 200
    of_uses = [statement.split()[0] for statement in statements if "chevupload_ticket_uses" in statement]
    assert of_uses == ["SELECT", "INSERT"]
    made = Accounts(component.catalog.database).add_key("user").key
    statements.clear()
    assert send(component, made, picture(color=(1, 2, 3))) == 200
    assert not [statement for statement in statements if "chevupload_ticket_uses" in statement]
