"""How many uploads a sender may store in a time, and how many wrong keys an address may send."""

from __future__ import annotations

import io
import logging
import threading

import pytest

from chevupload import Flood, Principal
from chevupload.config import Config, Policy
from chevupload.config_reader import read_settings
from chevupload.errors import ConfigError, StorageError
from chevupload.testing.memory import StaticKeys
from tests.support import JSON_TYPE, PNG, PRINCIPALS, Failing, Trickle, assert_refusal, file, picture

MINUTE = Flood(minute=2, hour=None, day=None, week=None, month=None)
SENTENCE = "Flooding detected. You can only upload 2 images per minute"
SECONDS_LEFT = "53"
"""Of the minute in which the clock of tests stands."""


@pytest.fixture
def flooded(make):
    """Return a component that takes two uploads a minute from each sender, and a sender who has sent them."""
    stand = make(policy=Policy(flood=MINUTE))
    for _ in range(2):
        stand.upload()
    return stand


def send_from(stand, address, **request):
    """Send a picture from an address, as a guest."""
    return stand.send({"source": file()}, key="guest-key", environ_overrides={"REMOTE_ADDR": address}, **request)


@pytest.mark.parametrize(
    ("path", "fields", "context"),
    [("/api/1/upload", {}, False), ("/api/1/upload", {"image": True}, True), ("/1/upload", {"image": True}, True)],
)
def test_who_has_sent_enough_is_told_so_and_until_when(flooded, path, fields, context):
    """In Chevereto's sentence, by the rest of the minute; in each dialect."""
    answer = flooded.send({"image" if fields else "source": file()}, path=path)
    assert (answer.status_code, answer.content_type) == (429, JSON_TYPE)
    error = {"message": SENTENCE, "code": 130} | ({"context": "FloodDetected"} if context else {})
    assert answer.json == {"status_code": 429, "error": error, "status_txt": "Too Many Requests"}
    assert answer.headers["Retry-After"] == SECONDS_LEFT
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("wanted", ["txt", "redirect"])
def test_in_other_formats_it_is_the_sentence(flooded, wanted):
    """The format may stand in the body, which is read for it alone."""
    answer = flooded.send({"source": file(), "format": wanted})
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (429, SENTENCE, SECONDS_LEFT)


def test_the_next_minute_has_places_again(flooded):
    """All of them."""
    assert flooded.send({"source": file()}).status_code == 429
    flooded.clock.move(seconds=53)
    assert [flooded.send({"source": file()}).status_code for _ in range(3)] == [200, 200, 429]


def test_the_body_is_not_read(flooded):
    """But for as much as may have the format of the answer in it."""
    body = Trickle(b"\0" * 30_000_000)
    answer = flooded.send(None, stream=body, length=30_000_000, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 429
    assert body.read_bytes < 3_000_000


def test_a_window_that_is_longer_has_the_longer_wait(make):
    """The sentence names the shortest that is full, as Chevereto's; the wait is until all have places."""
    stand = make(policy=Policy(flood=Flood(minute=1, hour=1)))
    stand.upload()
    answer = stand.send({"source": file()})
    assert_refusal(answer, 429, 130, "Flooding detected. You can only upload 1 image per minute")
    assert int(answer.headers["Retry-After"]) == 54 * 60 - 7
    stand.clock.move(minutes=1)
    assert_refusal(stand.send({"source": file()}), 429, 130, "Flooding detected. You can only upload 1 image per hour")


def test_each_user_is_counted_alone_and_an_admin_not_at_all(flooded):
    """Wherever they send from."""
    assert_refusal(flooded.send({"source": file()}), 429, 130)
    for _ in range(3):
        flooded.upload(key="admin-key")
    flooded.upload(key="other-key")


def test_guests_are_counted_by_their_address(make):
    """Of IPv6 by the network that one customer has."""
    stand = make(policy=Policy(flood=MINUTE))
    for address in ("192.0.2.1", "2001:db8::1", "2001:db8:0:1::1"):
        assert [send_from(stand, address).status_code for _ in range(3)] == [200, 200, 429]
    assert [send_from(stand, f"2001:db8::{last}").status_code for last in (2, 3)] == [429, 429]
    assert send_from(stand, "192.0.2.2").status_code == 200
    stand.upload()


def test_a_proxy_tells_the_address_if_it_is_trusted(make):
    """Only the trusted one: what a client writes before it is nothing."""
    stand = make(policy=Policy(flood=MINUTE), trusted_proxies=1)
    sent = [send_from(stand, "127.0.0.1", headers={"X-Forwarded-For": f"10.0.0.{n}, 192.0.2.7"}) for n in range(3)]
    assert [answer.status_code for answer in sent] == [200, 200, 429]
    answer = send_from(stand, "127.0.0.1", headers={"X-Forwarded-For": "192.0.2.7, 192.0.2.8"})
    assert answer.status_code == 200


def test_a_user_may_have_limits_of_their_own(make):
    """In place of the site's, whether it has any."""
    keys = {
        "few": Principal(user_id="few", flood=Flood(minute=1)),
        "any": Principal(user_id="any", flood=Flood(minute=None, hour=None, day=None, week=None, month=None)),
    }
    for policy in (Policy(flood=MINUTE), Policy()):
        stand = make(policy=policy, keys=StaticKeys(keys))
        assert [stand.send({"source": file()}, key="few").status_code for _ in range(2)] == [200, 429]
        assert [stand.send({"source": file()}, key="any").status_code for _ in range(3)] == [200] * 3


def test_what_is_refused_takes_no_place(make):
    """A picture that is none, a wrong parameter, an unknown album, too many bytes."""
    stand = make(policy=Policy(flood=MINUTE))
    for content, fields in ((b"no picture", {}), (PNG, {"width": "x"}), (b"", {})):
        for _ in range(3):
            assert stand.send({"source": file(content)} | fields).status_code == 400
    for _ in range(2):
        stand.upload()
    assert_refusal(stand.send({"source": file()}), 429, 130)


def test_what_fails_takes_no_place(make):
    """On our side, too."""
    stand = make(
        policy=Policy(flood=MINUTE), storage=lambda local: Failing(local, "adopt", StorageError("full"), count=1)
    )
    assert [stand.send({"source": file()}).status_code for _ in range(3)] == [503] * 3
    stand.storage.__init__(stand.storage._part, "nothing", StorageError("full"))
    assert [stand.send({"source": file()}).status_code for _ in range(3)] == [200, 200, 429]


def test_who_hangs_up_takes_no_place(make):
    """The body ends before it is whole."""
    stand = make(policy=Policy(flood=MINUTE))
    kind = "multipart/form-data; boundary=x"
    for _ in range(3):
        answer = stand.send(None, stream=io.BytesIO(b"--x\r\n"), length=500, content_type=kind)
        assert answer.status_code == 400
    stand.upload()


def test_a_repeated_request_takes_no_place(make):
    """Nothing new is stored; so it is answered when there is no place left, too, and no other is."""
    stand = make(policy=Policy(flood=MINUTE))
    headers = {"Idempotency-Key": "one"}
    first = stand.send({"source": file()}, headers=headers).json
    assert [stand.send({"source": file()}, headers=headers).json for _ in range(3)] == [first] * 3
    stand.upload()
    assert stand.send({"source": file()}, headers=headers).json == first
    assert_refusal(stand.send({"source": file()}, headers={"Idempotency-Key": "two"}), 429, 130, SENTENCE)
    assert_refusal(stand.send({"source": file(picture((9, 9)))}, headers=headers), 422, 422)
    assert len(stand.left()["records"]) == 2


def test_a_request_whose_upload_has_expired_is_a_new_one(make):
    """It would be stored: there is no place for it."""
    stand = make(policy=Policy(flood=Flood(minute=None, hour=2)))
    headers = {"Idempotency-Key": "one"}
    stand.send({"source": file(), "expiration": "PT5M"}, headers=headers)
    stand.upload()
    stand.clock.move(minutes=6)
    assert_refusal(stand.send({"source": file()}, headers=headers), 429, 130)


@pytest.mark.parametrize("is_first", [True, False], ids=["before the file", "behind it"])
def test_a_key_in_the_body_is_its_users(flooded, is_first):
    """Not the address's, whose guests may have sent enough; behind the file it is known too late to spare that."""
    key = {"key": "guest-key"}
    for _ in range(2):
        assert flooded.send({"source": file()} | key, key=None).status_code == 200
    assert_refusal(flooded.send(key | {"source": file()}, key=None), 429, 130, SENTENCE)
    for name, status in (("user-key", 429), ("other-key", 200)):
        field = {"key": name}
        answer = flooded.send(field | {"source": file()} if is_first else {"source": file()} | field, key=None)
        assert answer.status_code == status
    assert flooded.left()["spools"] == []


def test_the_last_key_has_the_place(make):
    """A form's key wins over the query's, whose user gets the place back."""
    stand = make(policy=Policy(flood=MINUTE))
    for _ in range(2):
        answer = stand.send({"key": "other-key", "source": file()}, key=None, path="/api/1/upload?key=user-key")
        assert answer.status_code == 200
    assert [stand.send({"source": file()}, key=key).status_code for key in ("other-key", "user-key")] == [429, 200]


def test_logs_tell_whom_a_limit_stopped(flooded, caplog):
    """Each upload in that of uploads, and each sender and limit once in that of audits."""
    caplog.set_level(logging.INFO)
    for _ in range(3):
        assert flooded.send({"source": file()}).status_code == 429
    uploads = [record for record in caplog.records if record.name == "chevupload.uploads"]
    assert [(record.outcome, record.status, record.owner) for record in uploads] == [("limited", 429, "user")] * 3
    audits = [record for record in caplog.records if record.name == "chevupload.audit"]
    assert [(one.event, one.user_id, one.detail) for one in audits] == [("limit_hit", "user", "2 images per minute")]


def test_threads_get_as_many_places_as_there_are(make):
    """Not one more, and not one less."""
    stand = make(policy=Policy(flood=Flood(minute=20)))
    answers = []

    def send():
        for content in (b"no picture", PNG, PNG, PNG):
            answers.append(stand.send({"source": file(content)}).status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {200, 400, 429}
    # A place that a refused picture held for a moment may be left in the end.
    rest = 20 - answers.count(200)
    assert [stand.send({"source": file()}).status_code for _ in range(rest + 1)] == [200] * rest + [429]
    assert len(stand.left()["records"]) == 20


class Asked:
    """Counts how often a key is looked up."""

    def __init__(self):
        self.keys = StaticKeys(PRINCIPALS)
        self.count = 0

    def authenticate(self, key, environ):
        self.count += 1
        return self.keys.authenticate(key, environ)


def test_an_address_that_guesses_is_not_looked_up_any_more(make):
    """After twenty wrong keys in a minute no key from there is, right or wrong; other addresses go on."""
    keys = Asked()
    stand = make(policy=Policy(wrong_keys=20), keys=keys)
    here = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}}
    for number in range(20):
        assert_refusal(stand.send({"source": file()}, key=f"wrong {number}", **here), 401, 100)
    asked = keys.count
    for key in ("wrong", "user-key"):
        answer = stand.send({"source": file()}, key=key, **here)
        assert_refusal(answer, 429, 429, "Too many wrong keys")
        assert answer.headers["Retry-After"] == SECONDS_LEFT
    assert_refusal(stand.send({"source": file(), "key": "wrong"}, key=None, **here), 429, 429)
    assert_refusal(stand.open("/api/1/nothing?key=wrong", **here), 429, 429)
    assert keys.count == asked
    assert send_from(stand, "192.0.2.9").status_code == 200
    stand.clock.move(seconds=53)
    assert stand.send({"source": file()}, **here).status_code == 200


def test_behind_a_proxy_an_unknown_path_counts_the_keys_of_the_address_in_front_of_it(make):
    """Of all clients, only the one that guesses is kept out."""
    stand = make(policy=Policy(wrong_keys=1), trusted_proxies=1)
    for address, status in (("192.0.2.1", 401), ("192.0.2.1", 429), ("192.0.2.2", 401)):
        answer = stand.open("/api/1/nothing?key=wrong", headers={"X-Forwarded-For": address})
        assert answer.status_code == status


def test_without_an_address_nobody_shares_a_limit_of_wrong_keys(make):
    """Behind a Unix socket one stranger would lock out all others."""
    stand = make(policy=Policy(wrong_keys=1))
    assert [stand.send({"source": file()}, key="wrong").status_code for _ in range(3)] == [401] * 3


def test_right_keys_are_never_too_many(make):
    """The limit counts wrong ones alone."""
    stand = make(policy=Policy(wrong_keys=1))
    for _ in range(3):
        stand.upload()
        assert send_from(stand, "192.0.2.1").status_code == 200


def test_without_limits_nobody_is_refused(make):
    """A component has none by itself."""
    stand = make()
    for _ in range(60):
        assert stand.send({"source": ""}).status_code == 400
        assert stand.send({"source": ""}, key="wrong", environ_overrides={"REMOTE_ADDR": "::1"}).status_code == 401


@pytest.mark.parametrize(
    "store", ["redis://:secret@host:port", "redis://:secret/@host", "http://secret", "memory", "redis://"]
)
def test_a_store_has_to_be_one(make, store):
    """What may hold a password is not repeated."""
    with pytest.raises(ConfigError, match="flood_store") as refused:
        make(flood_store=store)
    assert "secret" not in str(refused.value)


def test_a_password_is_not_in_what_settings_look_like():
    """Which ends up in logs."""
    assert "secret" not in repr(Config(flood_store="redis://:secret@host:6379/1"))


def test_the_numbers_are_chevereto_s():
    """And a month has thirty days."""
    assert Flood() == Flood(minute=50, hour=500, day=1_000, week=5_000, month=10_000)
    assert [(one.name, one.seconds, one.most) for one in Flood().windows] == [
        ("minute", 60, 50),
        ("hour", 3_600, 500),
        ("day", 86_400, 1_000),
        ("week", 7 * 86_400, 5_000),
        ("month", 30 * 86_400, 10_000),
    ]


@pytest.mark.parametrize(
    ("text", "flood"),
    [
        ("off", None),
        ("", None),
        ("minute=7", Flood(minute=7)),
        ("minute=7, day=off\n month=1", Flood(minute=7, day=None, month=1)),
    ],
)
def test_limits_are_read_from_a_text(text, flood):
    """As ini files and the command line have them; what is not named has Chevereto's number."""
    assert read_settings(Policy(), {"flood": text}).flood == flood


@pytest.mark.parametrize("text", ["on", "minute", "minute=", "minute=0", "minute=-1", "year=5", "minute=1.5"])
def test_no_other_text_is_a_limit(text):
    """Nobody believes in a limit that is not there."""
    with pytest.raises(ConfigError, match="must be"):
        read_settings(Policy(), {"flood": text})
