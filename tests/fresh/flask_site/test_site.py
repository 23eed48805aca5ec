import io

import pytest
from site_app import User, app, db

from chevupload.testing import isolated, picture


@pytest.fixture(autouse=True)
def uploads_apart():
    with isolated(app.extensions["chevupload"]) as folder, app.app_context():
        db.create_all()
        db.session.add_all([User(id=1), User(id=2, upload_bytes=1_000)])
        db.session.commit()
        yield folder
        db.session.remove()
        db.drop_all()
        db.engine.dispose()


def browser(user_id):
    client = app.test_client()
    client.post("/login", data={"id": user_id})
    return client


def test_a_program_uploads(uploads_apart):
    key = app.extensions["chevupload"].key_store.add_key("1").key
    answer = app.test_client().post(
        "/api/1/upload", data={"source": (io.BytesIO(picture()), "a.png")}, headers={"X-API-Key": key}
    )
    assert answer.status_code == 200
    assert len(list((uploads_apart / "images").rglob("a.png"))) == 1


def test_a_form_uploads_and_pages_go_on():
    client = browser(1)
    for name in "abc":
        answer = client.post("/pictures", data={"picture": (io.BytesIO(picture()), f"{name}.png")})
        assert answer.status_code == 302
    first = client.get("/pictures").json
    assert first["names"] == ["c", "b"]
    assert client.get("/pictures", query_string={"before": first["more"]}).json["names"] == ["a"]


def test_a_users_own_limit_holds():
    client = browser(2)
    assert client.post("/pictures", data={"picture": (io.BytesIO(picture()), "a.png")}).status_code == 413
    assert 'data-max-bytes="1000"' in client.get("/upload").text
