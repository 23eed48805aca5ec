"""A request that is sent once more with the same Idempotency-Key makes one upload, and gets the first answer."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chevupload.config import Policy
from chevupload.errors import RequestTaken, StorageError
from chevupload.site.data_folder import Site
from chevupload.testing.memory import MemoryCatalog
from tests.support import PNG, SECRET, UPLOAD, Failing, Stand, assert_refusal, file, noise, picture, records

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


def send(stand, content=PNG, *, key="user-key", headers=KEY, path=UPLOAD, **fields):
    return stand.send({"source": file(content), **fields}, key=key, headers=headers, path=path)


def test_a_first_request_that_fails_meanwhile_is_no_obstacle(make):
    """It was there when this one was to be recorded, and is gone when it is looked for: this one is stored."""
    stand = make(catalog=Failing(MemoryCatalog(), "reserve", RequestTaken("by another"), forever=False))
    assert send(stand).status_code == 200
    assert len(stand.left()["records"]) == 1


@pytest.mark.slow
def test_the_first_answer_comes_again(stand):
    """Byte for byte, though it was looked at in between and though time went by; nothing is stored twice."""
    first = send(stand, noise((600, 400)), title="A", tags="x,y", expiration="P1D")
    assert first.status_code == 200
    left = stand.left()
    stand.open(first.json["image"]["url_viewer"])
    stand.component.views.flush()
    stand.clock.move(hours=3)
    content = stand.open(first.json["image"]["url"]).data
    again = send(stand, content, title="A", tags="x,y", expiration="P1D")
    assert (again.status_code, again.data) == (200, first.data)
    now = stand.left()
    assert [(record.id, record.views) for record in now.pop("records")] == [(left.pop("records")[0].id, 1)]
    assert now == left


def test_every_format_and_dialect_may_ask_again(stand):
    """The upload is the same one; its answer is in the format that is asked for."""
    image = send(stand).json["image"]
    assert send(stand, path=f"{UPLOAD}?format=txt").text == image["url"]
    assert send(stand, path=f"{UPLOAD}?format=redirect").location.endswith(image["path_viewer"])
    imgbb = stand.send({"image": file()}, path=f"/1/upload?key={'user-key'}", key=None, headers=KEY)
    assert (imgbb.status_code, imgbb.json["data"]["id"]) == (200, image["id_encoded"])
    assert len(records(stand.catalog)) == 1


def test_a_repeat_is_answered_before_anything_is_decoded(make):
    """A retry costs no renderer, and hosts are not told twice."""
    told = []
    stand = make(on_upload=lambda upload, principal: told.append(upload.id), policy=Policy(duplicates="reject"))
    first = send(stand)
    stand.component.renderer.process = None
    assert send(stand).json == first.json
    assert told == [first.json["image"]["id_encoded"]]


def test_without_the_header_every_request_is_a_new_one(stand):
    """As ever."""
    assert send(stand, headers={}).json["image"]["id_encoded"] != send(stand, headers={}).json["image"]["id_encoded"]
    assert [record.request_digest for record in records(stand.catalog)] == [None, None]


def test_keys_of_two_senders_do_not_meet(stand):
    """A key is the sender's own, and each key another request."""
    others = [send(stand, key=key) for key in ("user-key", "other-key", "guest-key")]
    others.append(send(stand, headers={"Idempotency-Key": "another"}))
    assert len({answer.json["image"]["id_encoded"] for answer in others}) == 4


def test_of_a_key_its_digest_is_kept(stand):
    """With its sender; as it was before an update of the server, which must not make a repeated request a new one."""
    for key in ("user-key", "guest-key"):
        assert send(stand, key=key).status_code == 200
    spelled = (f"{KEY['Idempotency-Key']}\n{sender}" for sender in ("user user", "guest"))
    expected = {hashlib.sha256(text.encode()).hexdigest() for text in spelled}
    assert {record.request_digest for record in records(stand.catalog)} == expected


def test_a_guest_is_not_given_the_delete_link_of_another(stand):
    """Two who share the guests' key may send the same Idempotency-Key and the same picture."""
    first = send(stand, key="guest-key").json["image"]
    again = send(stand, key="guest-key").json["image"]
    assert first["delete_url"].startswith(first["url_short"])
    assert again == {**first, "delete_url": None}
    path = "/1/upload?key=guest-key"
    imgbb = stand.send({"image": file()}, path=path, key=None, headers=KEY)
    assert (imgbb.status_code, imgbb.json["data"]["delete_url"], imgbb.json["data"]["id"]) == (
        200,
        "",
        first["id_encoded"],
    )
    assert first["delete_url"].rpartition("/")[2] not in imgbb.text
    assert len(records(stand.catalog)) == 1


@pytest.mark.parametrize("key", ["user-key", "guest-key"])
def test_another_file_is_refused(stand, key):
    """Nobody is told of a file that they do not have, guests among themselves neither; a width changes nothing."""
    first = send(stand, picture((40, 30)), key=key, width="20")
    assert_refusal(send(stand, picture((40, 31)), key=key, width="20"), 422, 422)
    again = send(stand, picture((40, 30)), key=key, width="20").json
    assert again["image"]["url"] == first.json["image"]["url"]
    assert len(records(stand.catalog)) == 1


@pytest.mark.parametrize("value", ["", " ", "x" * 256, "a\tb", "\xfc", "a\x7fb"])
def test_an_unusable_key_is_refused(refusing, value):
    """Too long, empty, or not to be printed."""
    answer = send(refusing(), headers={"Idempotency-Key": value})
    assert_refusal(answer, 400, 400, "Invalid Idempotency-Key, expected 1 to 255 printable characters")


@pytest.mark.parametrize("value", ["x" * 255, '"quoted"', "a b", "x"])
def test_a_usable_key(stand, value):
    """As the draft quotes it, or as most clients send it."""
    assert send(stand, headers={"Idempotency-Key": value}).status_code == 200


def test_an_upload_on_its_way_is_waited_for(make):
    """409 while the first one is not there; its answer afterwards."""
    storing, go_on = threading.Event(), threading.Event()

    def slow(local):
        adopt = local.adopt

        def wait(path, file_path):
            storing.set()
            assert go_on.wait(300)
            adopt(path, file_path)

        local.adopt = wait
        return local

    stand = make(storage=slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send, stand)
        assert storing.wait(300)
        try:
            second = send(stand)
        finally:
            go_on.set()
        assert_refusal(second, 409, 409)
        assert second.headers["Retry-After"] == "5"
        assert first.result().status_code == 200
    assert send(stand).json == first.result().json


@pytest.mark.slow
@pytest.mark.parametrize("times", range(3))
def test_many_at_once_make_one_upload(tmp_path, prefix, times):
    """Whoever comes second is told of the first one's upload, or to come again."""
    with Site(tmp_path / "site").database.engine.connect():
        pass
    site = Site(tmp_path / "site")
    (tmp_path / "stand").mkdir()
    from chevupload.db import SqlCatalog

    stand = Stand(tmp_path / "stand", prefix, catalog=SqlCatalog(site.database), secret_keys=[SECRET])
    together = threading.Barrier(6)

    def work(number):
        together.wait(300)
        return send(stand)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(work, range(6)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    stored = [answer for answer in answers if answer.status_code == 200]
    assert len({answer.data for answer in stored}) == 1
    assert len(records(stand.catalog)) == 1
    assert len(stand.stored()) == 2
    site.close()


def test_a_deleted_upload_frees_its_key(stand):
    """So does one that has expired, at that moment."""
    first = send(stand).json["image"]
    assert stand.open(first["delete_url"], "POST").status_code == 200
    second = send(stand, expiration="600").json["image"]
    assert second["id_encoded"] != first["id_encoded"]
    stand.clock.move(seconds=600)
    third = send(stand).json["image"]
    assert third["id_encoded"] not in (first["id_encoded"], second["id_encoded"])
    assert [record.id for record in stand.catalog.uploads()] == [third["id_encoded"]]


def test_a_failed_upload_frees_its_key(make):
    """What could not be stored may be sent again."""
    stand = make(storage=lambda local: Failing(local, "adopt", StorageError("away"), forever=False))
    assert send(stand).status_code == 503
    assert send(stand).status_code == 200
    assert len(records(stand.catalog)) == 1


def test_an_upload_that_its_server_did_not_finish_stands_in_the_way_for_a_minute(stand):
    """Then a retry takes its place; should it be alive after all, it cannot be published any more."""
    reserve = stand.catalog.reserve
    died = []

    def reserve_and_die(upload):
        reserve(upload)
        died.append(upload.id)
        stand.catalog.reserve = reserve
        raise SystemExit

    stand.catalog.reserve = reserve_and_die
    with pytest.raises(SystemExit):
        send(stand)
    stand.clock.move(seconds=59)
    assert send(stand).status_code == 409
    stand.clock.move(seconds=1)
    second = send(stand)
    assert second.status_code == 200
    assert second.json["image"]["id_encoded"] not in died
    stand.component.maintenance.sweep()
    assert [record.id for record in records(stand.catalog)] == [second.json["image"]["id_encoded"]]
