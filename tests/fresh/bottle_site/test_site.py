import io

import pytest
from site_app import app, plugin
from werkzeug.test import Client

from chevupload import Accounts
from chevupload.testing import isolated, picture


@pytest.fixture(autouse=True)
def ann():
    with isolated(plugin.component):
        yield Accounts(plugin.component.own_database).add_user("ann")


def test_a_program_uploads(ann):
    key = plugin.component.key_store.add_key(ann).key
    data = {"source": (io.BytesIO(picture()), "a.png")}
    answer = Client(app).post("/api/1/upload", data=data, headers={"X-API-Key": key})
    assert answer.json["image"]["url"].startswith("http://localhost/images/")


def test_a_form_uploads(ann):
    client = Client(app)
    client.post("/login", data={"id": ann})
    assert client.post("/add", data={"picture": (io.BytesIO(picture()), "a.png")}).status_code == 303
    assert len(plugin.component.uploads.list(ann)) == 1
    assert "data-max-bytes" in client.get("/upload").text
