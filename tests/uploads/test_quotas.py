"""What an owner may keep: more than that is refused in words, and every way that an upload can go gives room back."""

from __future__ import annotations

import io
import logging
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from chevupload.config import Originals, Policy, Routes
from chevupload.db import SqlCatalog
from chevupload.errors import CatalogError, ConfigError, QuotaExceeded, StorageError
from chevupload.model import Principal
from chevupload.policy.quota import Quota, Usage
from chevupload.testing.memory import MemoryCatalog, StaticKeys
from chevupload.web.refusal_words import words_of
from tests.databases import sqlite_database
from tests.support import EMPTY, PNG, PRINCIPALS, Failing, assert_refusal, exif_jpeg, file, noise, picture

KEPT = Policy(usage="originals")
ONE_FILE = Policy(usage="originals", quota_files=1, guest_quota_files=2)
NOTHING = timedelta(0)
USED = "Quota exceeded: 1 of 1 files are used"


@pytest.fixture(params=["memory", "sql"])
def catalog(request, tmp_path):
    """Return each catalog in turn."""
    if request.param == "memory":
        yield MemoryCatalog()
        return
    with sqlite_database(tmp_path / "records.db") as database:
        yield SqlCatalog(database)


def used(stand, owner="user"):
    usage = stand.component.uploads.usage(owner)
    return usage.files, usage.bytes


def test_what_is_over_is_refused_and_costs_nothing(make, catalog):
    """In JSON with what is used and allowed; nothing is stored, and what is deleted gives room."""
    stand = make(catalog=catalog, policy=ONE_FILE)
    image = stand.upload(PNG)
    assert used(stand) == (1, len(PNG))
    assert_refusal(stand.send({"source": file()}), 403, 403, USED)
    assert len(stand.left()["records"]) == 1
    assert (len(stand.stored()), stand.left()["spools"]) == (2, [])
    assert stand.open(image["delete_url"], "POST").status_code == 200
    assert used(stand) == (0, 0)
    stand.upload(PNG)


def test_the_audit_log_says_so_once(make, caplog):
    """Once a day for each owner, not for each request."""
    stand = make(policy=ONE_FILE)
    stand.upload()
    with caplog.at_level(logging.INFO, "chevupload.audit"):
        for _ in range(2):
            assert stand.send({"source": file()}).status_code == 403
    assert [(one.event, one.user_id, one.detail) for one in caplog.records if one.name == "chevupload.audit"] == [
        ("limit_hit", "user", USED)
    ]


@pytest.mark.parametrize("format", ["json", "txt", "xml"])
def test_each_format_says_so(make, format):
    """In the spelling that it has for every refusal."""
    stand = make(policy=ONE_FILE)
    stand.upload()
    answer = stand.send({"source": file(), "format": format})
    assert answer.status_code == 403
    assert USED in answer.text


def test_both_dialects_and_the_page_say_so(make):
    """The page in words for people, with the numbers."""
    stand = make(
        policy=Policy(usage="originals", quota_files=1, guest_page=True, guest_quota_files=1),
        routes=Routes(upload_page="upload"),
    )
    stand.upload()
    stand.upload(key="guest-key")
    answer = stand.send({"image": file()}, path="/1/upload", key=None, query_string={"key": "user-key"})
    assert (answer.status_code, answer.json["error"]["code"]) == (403, 403)
    page = stand.send({"source": file(), "key": "user-key"}, path="/upload", key=None)
    assert page.status_code == 403
    assert f"There is no room left for this. {USED}. Delete something" in page.text
    assert "{" not in words_of(Quota(bytes=5).exceeded(Usage(bytes=4))).sentence


def test_whose_quota_it_is(make):
    """A Principal's own goes before the site's; guests share one; who has none may keep what they like."""
    keys = StaticKeys(
        PRINCIPALS
        | {
            "many-key": Principal(user_id="many", quota_files=2),
            "none-key": Principal(user_id="none", quota_files=0),
            "bytes-key": Principal(user_id="bytes", quota_files=9, quota_bytes=len(PNG)),
        }
    )
    stand = make(keys=keys, policy=ONE_FILE)
    for key, fitting in (("user-key", 1), ("many-key", 2), ("none-key", 0), ("bytes-key", 1), ("guest-key", 2)):
        answers = [stand.send({"source": file()}, key=key).status_code for _ in range(fitting + 1)]
        assert answers == [200] * fitting + [403], key
    assert used(stand, None) == (2, 2 * len(PNG))
    stand.start(policy=KEPT)
    for _ in range(3):
        stand.upload(PNG)
    assert used(stand) == (4, 4 * len(PNG))


def test_what_counts_is_what_is_stored(make, catalog):
    """After ``width`` and conversions, and with the derived files where all count."""
    wide = noise((600, 400))
    stand = make(catalog=catalog, policy=KEPT, originals=Originals(keep_exif=False))
    small = stand.upload(wide, width="60")
    jpeg = stand.upload(exif_jpeg({0x010F: "Maker"}))
    sizes = [stand.catalog.get(image["id_encoded"]).size for image in (small, jpeg)]
    assert sizes[0] < len(wide)
    assert used(stand) == (2, sum(sizes))
    stand.start(policy=Policy(usage="all"))
    usage = stand.component.uploads.usage("user", recount=True)
    assert usage.bytes == sum((stand.images / path).stat().st_size for path in stand.stored())
    image = stand.upload(wide)
    assert used(stand)[1] == sum((stand.images / path).stat().st_size for path in stand.stored())
    stand.component.uploads.delete(image["id_encoded"])
    assert used(stand) == (2, usage.bytes)


@pytest.mark.parametrize("width", ["60", ""])
def test_a_file_that_fits_once_it_is_smaller_is_stored(make, width):
    """The quota is asked for what is kept, not for what was sent."""
    wide = noise((600, 400))
    keys = StaticKeys({"user-key": Principal(user_id="user", quota_bytes=len(wide) // 2)})
    stand = make(keys=keys, policy=KEPT)
    answer = stand.send({"source": file(wide), **({"width": width} if width else {})})
    assert answer.status_code == (200 if width else 403)


@pytest.mark.parametrize("way", ["expires", "fails", "interrupted", "delete_all", "undo fails"])
def test_every_way_out_gives_room_back(make, catalog, way):
    """What fails, what expires, what a server that died left, and what is taken away in bulk."""
    failing = {"fails": "adopt", "interrupted": "adopt", "undo fails": "adopt"}.get(way)
    error = KeyboardInterrupt() if way == "interrupted" else StorageError("away")

    def storage(local):
        if failing is None:
            return local
        broken = Failing(local, failing, error, count=2)
        return Failing(broken, "delete", StorageError("away"), forever=False) if way == "undo fails" else broken

    stand = make(catalog=catalog, policy=KEPT, storage=storage)
    if failing is None:
        for _ in range(3):
            stand.upload(expiration="600" if way == "expires" else "")
        assert used(stand)[0] == 3
        stand.clock.move(hours=1)
    elif way == "interrupted":
        with pytest.raises(KeyboardInterrupt):
            stand.send({"source": file()})
    else:
        assert stand.send({"source": file()}).status_code == 503
    if way == "undo fails":
        assert used(stand)[0] == 1
    if way == "delete_all":
        assert stand.component.uploads.delete_all("user") == 3
    elif way != "fails":
        stand.component.maintenance.sweep(grace=NOTHING)
    assert used(stand) == (0, 0)
    assert stand.left() == EMPTY


def test_a_repeated_request_needs_no_room(make, catalog):
    """It has its answer already; another one is refused, and may be repeated when there is room."""
    stand = make(catalog=catalog, policy=ONE_FILE)
    first, second = {"Idempotency-Key": "1"}, {"Idempotency-Key": "2"}
    stored = stand.send({"source": file()}, headers=first)
    again = stand.send({"source": file()}, headers=first)
    assert (stored.status_code, again.data) == (200, stored.data)
    assert_refusal(stand.send({"source": file()}, headers=second), 403, 403, USED)
    stand.component.uploads.delete_all("user")
    assert stand.send({"source": file()}, headers=second).status_code == 200


def test_without_the_database_nothing_is_stored(make):
    """A quota that cannot be asked for is no leave: 503, as for any other fault."""
    stand = make(catalog=Failing(MemoryCatalog(), "reserve", CatalogError("away")), policy=ONE_FILE)
    assert stand.send({"source": file()}).status_code == 503
    assert stand.stored() == []


def test_new_renditions_count(make, catalog):
    """A repair makes what is missing, and the usage is that of the files again."""
    stand = make(catalog=catalog, policy=Policy(usage="all"))
    stand.upload(noise((600, 400)))
    (stand.images / next(path for path in stand.stored() if ".md." in path)).write_bytes(b"short")
    stand.start(renditions=stand.component.config.renditions)
    stand.component.maintenance.check(repair=True, grace=NOTHING)
    assert used(stand)[1] == sum((stand.images / path).stat().st_size for path in stand.stored())


def test_in_a_session_it_follows_the_transaction(make, tmp_path):
    """Rolled back, it gives room back; a quota holds inside as outside."""
    with sqlite_database(tmp_path / "records.db") as database:
        stand = make(catalog=SqlCatalog(database), policy=ONE_FILE)
        save = stand.component.uploads.save
        with Session(database.engine) as session:
            save(io.BytesIO(PNG), owner="user", filename="a.png", session=session)
            with pytest.raises(QuotaExceeded, match="1 of 1 files"):
                save(io.BytesIO(PNG), owner="user", filename="a.png", session=session)
            session.rollback()
            assert used(stand) == (0, 0)
            save(io.BytesIO(PNG), owner="user", filename="a.png", session=session)
            session.commit()
        assert used(stand) == (1, len(PNG))
        assert stand.component.uploads.usage("user", recount=True) == Usage(files=1, bytes=len(PNG))
        assert stand.left()["spools"] == []


def test_what_does_not_fit_together_is_told(make):
    """A quota without usage, and usage without a catalog for it."""
    with pytest.raises(ConfigError, match="quota_files, quota_bytes and those of guests need usage"):
        Policy(quota_files=1)
    with pytest.raises(ConfigError, match="no usage is kept"):
        make().component.uploads.usage("user")
    with pytest.raises(ConfigError, match="no usage is kept"):
        make().component.uploads.owners()


def test_a_quota_without_usage_stores_nothing(make):
    """It could not be kept: the host's mistake is in its log, and the client is told of a fault."""
    stand = make(keys=StaticKeys({"user-key": Principal(user_id="user", quota_files=9)}))
    assert stand.send({"source": file()}).status_code == 500
    with pytest.raises(ConfigError) as told:
        stand.component.uploads.save(io.BytesIO(picture()), owner=Principal(user_id="user", quota_bytes=9))
    assert str(told.value) == "the quota of a Principal needs Policy(usage='originals') or Policy(usage='all')"
    assert stand.left() == EMPTY
