"""Handlers are told what happened: each event at least once, those of one upload in order, whoever fails or dies."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest

from chevupload.config import Renditions
from chevupload.errors import CatalogError, ConfigError
from chevupload.model import Rendition, Upload
from chevupload.testing import new_upload
from chevupload.testing.memory import MemoryCatalog
from chevupload.uploads.events import DeliveryReport
from chevupload.uploads.rendering import Rendering
from tests.support import Failing, file


class Handler:
    """Writes down what it was told, and fails while it shall."""

    def __init__(self):
        self.told = []
        self.failing = set()
        self.tried = 0

    def __call__(self, event):
        self.tried += 1
        if {event.upload.id, event.kind, "all"} & self.failing:
            raise RuntimeError("away")
        self.told.append((event.kind, event.upload.id))


@pytest.fixture(autouse=True)
def _never_slow(monkeypatch):
    """Take no handler for a slow one that fails, and is left alone for a while, where the machine is only busy."""
    monkeypatch.setattr("chevupload.uploads.events._SLOW_SECONDS", float("inf"))


@pytest.fixture
def handler():
    """Return a handler."""
    return Handler()


@pytest.fixture
def stand(make, handler):
    """Return a site that tells it what happens."""
    return make(on_event={"first": handler})


def deliver(stand):
    report = stand.component.events.deliver()
    return report.told, report.postponed, report.given_up


def test_what_happens_is_told_once(stand, handler):
    """Uploads that are stored, deleted by their link, and expired: each once, and nothing is left."""
    kept, deleted, expired = stand.upload(), stand.upload(), stand.upload(expiration="600")
    stand.open(deleted["delete_url"], "POST")
    stand.clock.move(minutes=20)
    stand.component.maintenance.sweep()
    assert handler.told == []
    assert deliver(stand) == (5, 0, 0)
    names = [image["id_encoded"] for image in (kept, deleted, expired)]
    expected = [("stored", name) for name in names] + [("deleted", names[1]), ("expired", names[2])]
    assert sorted(handler.told) == sorted(expected)
    assert handler.told.index(("stored", names[1])) < handler.told.index(("deleted", names[1]))
    assert deliver(stand) == (0, 0, 0)
    assert stand.catalog.oldest_event() is None


def test_an_event_shows_the_upload_as_it_was(make):
    """Without what is private in it, and with an id that is the same each time."""
    seen = []

    def fail(event):
        seen.append(event)
        raise RuntimeError("again")

    stand = make(on_event={"one": fail})
    upload = stand.component.uploads.save(file()[0], owner="7", title="T", tags=["b", "a"])
    deliver(stand)
    stand.clock.move(seconds=5)
    deliver(stand)
    assert [event.upload for event in seen] == [upload, upload]
    assert (seen[0].kind, seen[0].at) == ("stored", upload.received_at)
    assert [event.attempt for event in seen] == [1, 2]
    assert seen[0].id == seen[1].id


def test_a_change_is_told_with_what_was_before(make):
    """Of what is kept with an upload and of its derived files, in the order in which it happened."""
    seen = []
    stand = make(on_event={"one": seen.append}, renditions=Renditions(thumb_side=60))
    upload = stand.component.uploads.save(file()[0], owner="7", title="T", tags=["a"])
    changed = stand.component.uploads.update(upload, title=None, tags=["b"])
    stand.component.uploads.update(upload, tags=["b"])
    stand.start(renditions=Renditions(thumb_side=30))
    Rendering(stand.component.context, stand.component.context.creation).render(upload)
    rendered = stand.component.uploads.get(upload.id)
    assert rendered.thumb_size != changed.thumb_size
    while stand.component.events.deliver().told:
        pass
    assert [(event.kind, event.before, event.upload) for event in seen] == [
        ("stored", None, upload),
        ("changed", upload, changed),
        ("changed", changed, rendered),
    ]


def test_off_by_default(make):
    """A site without handlers keeps no event, and has nobody to tell."""
    stand = make()
    image = stand.upload()
    stand.component.uploads.update(image["id_encoded"], title="New")
    stand.open(image["delete_url"], "POST")
    assert stand.catalog.oldest_event() is None
    with pytest.raises(ConfigError, match="no handler"):
        stand.component.events.deliver()


def test_a_failure_is_repeated_more_and_more_seldom_and_given_up(stand, handler, caplog):
    """After three days of it the log says what was not told."""
    image = stand.upload()
    handler.failing = {"all"}
    begun, waits = stand.clock.now, []
    while deliver(stand) == (0, 1, 0):
        (event,) = stand.catalog._events.values()
        waits.append(event.next_at - stand.clock.now)
        stand.clock.now = event.next_at - timedelta(microseconds=1)
        assert deliver(stand) == (0, 0, 0)
        stand.clock.now = event.next_at
    assert waits == sorted(waits)
    assert timedelta(days=3) <= stand.clock.now - begun < timedelta(days=3.1)
    assert handler.tried == 17
    assert f"given up after 17 attempts: stored, upload {image['id_encoded']}" in caplog.text
    assert stand.catalog.oldest_event() is None


def test_what_fails_holds_up_its_own_upload_alone(stand, handler):
    """Others are told; its own later events wait for it, and come in their order."""
    poisoned, other = stand.upload(), stand.upload()
    for image in (poisoned, other):
        stand.open(image["delete_url"], "POST")
    id_, other_id = poisoned["id_encoded"], other["id_encoded"]
    handler.failing = {id_}
    assert deliver(stand) == (2, 1, 0)
    assert handler.told == [("stored", other_id), ("deleted", other_id)]
    handler.failing = set()
    assert deliver(stand) == (0, 0, 0)
    stand.clock.move(seconds=5)
    assert deliver(stand) == (2, 0, 0)
    assert handler.told[2:] == [("stored", id_), ("deleted", id_)]


def test_who_had_it_is_not_asked_again(make, handler):
    """Of several handlers only those that failed are told once more; a new one is told what is left."""
    first = Handler()
    stand = make(on_event={"first": first, "second": handler})
    stand.upload()
    handler.failing = {"stored"}
    assert deliver(stand) == (0, 1, 0)
    assert (len(first.told), handler.told) == (1, [])
    third = Handler()
    stand.start(on_event={"first": first, "second": handler, "third": third})
    handler.failing = set()
    stand.clock.move(seconds=5)
    assert deliver(stand) == (1, 0, 0)
    assert [len(one.told) for one in (first, handler, third)] == [1, 1, 1]


def test_a_worker_that_died_leaves_its_events_to_the_next(stand, handler):
    """Whatever it did not settle is told by somebody else, five minutes later."""

    class Killed(BaseException):
        pass

    def die(event):
        raise Killed

    stand.start(on_event={"first": die})
    stand.upload()
    with pytest.raises(Killed):
        stand.component.events.deliver()
    stand.start(on_event={"first": handler})
    assert deliver(stand) == (0, 0, 0)
    stand.clock.move(minutes=5)
    assert deliver(stand) == (1, 0, 0)


def test_an_event_that_ends_its_worker_each_time_is_given_up(stand, handler):
    """Those that were claimed with it are told meanwhile, though it may be the first one of each page."""

    class Killed(BaseException):
        pass

    images = [stand.upload() for _ in range(8)]
    poison = images[0]["id_encoded"]

    def die(event):
        if event.upload.id == poison:
            raise Killed
        handler(event)

    stand.start(on_event={"first": die})
    for _ in range(17):
        with pytest.raises(Killed):
            stand.component.events.deliver()
        stand.clock.move(minutes=5)
    told = {id_ for _, id_ in handler.told}
    assert told == {image["id_encoded"] for image in images[1:]}
    assert deliver(stand) == (0, 0, 1)


def test_an_end_comes_between_two_events(stand, handler):
    """What was not begun is free for others at once, in its first attempt."""
    ending = threading.Event()

    def stop(event):
        handler(event)
        ending.set()

    for _ in range(3):
        stand.upload()
    stand.start(on_event={"first": stop})
    assert stand.component.events.deliver(ending=ending) == DeliveryReport(told=1)
    assert stand.component.events.deliver(ending=ending) == DeliveryReport()
    assert {event.attempt for event in stand.catalog._events.values()} == {0}
    assert deliver(stand) == (2, 0, 0)


def test_a_slow_handler_gives_the_rest_of_its_page_back(stand, handler, monkeypatch):
    """So that no other worker waits for it, and nothing is told by two."""
    monkeypatch.setattr("chevupload.uploads.events._PAGE_SECONDS", -1.0)
    stand.upload()
    page = stand.catalog.claim_events(now=stand.clock.now, until=stand.clock.now + timedelta(minutes=1), limit=9)
    stand.component.events._tell_page(stand.catalog, page, None)
    assert handler.told == []
    monkeypatch.undo()
    assert deliver(stand) == (1, 0, 0)


def test_what_was_held_for_too_long_is_anothers(stand, handler):
    """The other one says when it is told again; what was told is told."""
    stand.upload()

    def slow(event):
        stand.clock.move(minutes=6)
        stand.catalog.claim_events(now=stand.clock.now, until=stand.clock.now + timedelta(minutes=5), limit=9)
        raise RuntimeError("too late")

    stand.start(on_event={"first": slow})
    assert deliver(stand) == (0, 1, 0)
    stand.start(on_event={"first": handler})
    stand.clock.move(minutes=1)
    assert deliver(stand) == (0, 0, 0)
    stand.clock.move(minutes=5)
    assert deliver(stand) == (1, 0, 0)


def test_watching_goes_on_while_the_catalog_is_away(stand, handler, caplog):
    """It is logged; the next look finds what there is."""
    stand.upload()
    records, ending = stand.catalog, threading.Event()

    def stop(event):
        handler(event)
        ending.set()

    stand.start(on_event={"first": stop})
    stand.component.events._records = Failing(records, "claim_events", CatalogError("away"), forever=False)
    stand.component.events.watch(ending, seconds=0.01)
    assert len(handler.told) == 1
    assert "events could not be delivered" in caplog.text


def test_an_upload_that_could_not_be_undone_at_once_is_told_as_deleted(make, handler):
    """A connection that breaks after its commit leaves a ready upload, which is taken away again."""

    class Breaking(MemoryCatalog):
        def publish(self, upload_id, *, event=None):
            super().publish(upload_id, event=event)
            raise CatalogError("the answer got lost")

    stand = make(catalog=Breaking(), on_event={"first": handler})
    assert stand.send({"source": file()}).status_code == 503
    assert deliver(stand) == (2, 0, 0)
    assert [kind for kind, _ in handler.told] == ["stored", "deleted"]


def test_a_failed_upload_is_told_to_nobody(make, handler):
    """It was never there."""

    class Refusing(MemoryCatalog):
        def publish(self, upload_id, *, event=None):
            raise CatalogError("away")

    stand = make(catalog=Refusing(), on_event={"first": handler})
    assert stand.send({"source": file()}).status_code == 503
    assert deliver(stand) == (0, 0, 0)


def test_a_catalog_without_the_ability_is_refused(make):
    """When the site is put together, not by an event that is lost."""

    class Least:
        """What takes uploads and nothing more."""

        reserve = publish = get = find = withdraw = forget = lambda *_: None

    with pytest.raises(ConfigError, match="EventRecords"):
        make(catalog=Least(), on_event={"first": print})


@pytest.mark.parametrize(
    ("handlers", "message"),
    [({"a b": print}, "letters, digits"), ({"": print}, "letters"), ({"a": 1}, "a function of"), ({"a": len}, None)],
)
def test_handlers_have_plain_names_and_take_one_event(make, handlers, message):
    """Names are kept with events, and stay what they are."""
    if message is None:
        make(on_event=handlers)
        return
    with pytest.raises(ConfigError, match=message):
        make(on_event=handlers)


def test_a_record_survives_json():
    """An event holds an upload as text; every value of it comes back."""
    upload = new_upload(tags=("b", "a"), expires_at=None, title="ü", extras=(Rendition("w800", 800, 533, 8),))
    assert type(upload).from_json(upload.to_json()) == upload


def test_a_record_of_before_additional_renditions_is_read():
    """An event may wait while a site is upgraded."""
    values = json.loads(new_upload().to_json())
    del values["extras"]
    assert Upload.from_json(json.dumps(values)) == new_upload()
