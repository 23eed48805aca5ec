import io

import pytest
from site_app import User, make_application
from sqlalchemy.orm import Session
from werkzeug.test import Client

from chevupload.testing import isolated, picture


@pytest.fixture
def site(tmp_path):
    settings = {"site.database": tmp_path / "site.db", "chevupload.folder": "live", "chevupload.renderer": "inline"}
    application = make_application(settings)
    with Session(application.registry["engine"]) as session:
        session.add(User(id=1))
        session.commit()
    with isolated(application.registry["chevupload"]):
        yield application
    application.registry["engine"].dispose()


def test_a_program_uploads(site):
    key = site.registry["chevupload"].key_store.add_key("1").key
    data = {"key": key, "source": (io.BytesIO(picture()), "sent.png")}
    answer = Client(site).post("/api/1/upload", data=data)
    assert answer.json["image"]["title"] == "sent"
    assert Client(site).get(answer.json["image"]["url"], buffered=True).status_code == 200


def test_a_form_uploads(site):
    data = {"picture": (io.BytesIO(picture()), "own.png")}
    assert "/image/own." in Client(site).post("/picture", data=data, headers={"X-User": "1"}).text
    assert [upload.name for upload in site.registry["chevupload"].uploads.list(1)] == ["own"]
