"""What records promise that keep events: none without its change, each told by one at a time, the earliest first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest

from chevupload.errors import CatalogError
from chevupload.protocols import CheckableRecords, EditableRecords, EventRecords, SweepableRecords
from chevupload.records.event import Event, new_event
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import MINUTE, NOW, in_threads, new_upload


def store(catalog: EventRecords, upload_id: str = "a1") -> Event:
    """Publish an upload, and return the event that is kept with it."""
    upload = new_upload(upload_id, tags=("b", "a"), expires_at=NOW)
    catalog.reserve(upload)
    event = new_event("stored", upload, NOW)
    catalog.publish(upload_id, event=event)
    return event


def delete(catalog: EventRecords, upload_id: str = "a1") -> Event:
    """Withdraw an upload, and return the event that is to be kept with that."""
    event = new_event("deleted", new_upload(upload_id), NOW)
    catalog.withdraw(upload_id, event=event)
    return event


def claim(catalog: EventRecords, after: timedelta = timedelta(0), *, limit: int = 10) -> list[Event]:
    """Claim events that are due some time ``after`` NOW, for a minute."""
    return [*catalog.claim_events(now=NOW + after, until=NOW + after + MINUTE, limit=limit)]


def ids(events: Collection[Event]) -> list[str]:
    """Return the ids of events."""
    return [event.id for event in events]


class EventRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.EventRecords`."""

    ability = EventRecords

    def test_an_event_comes_back_as_it_went_in(self, catalog: EventRecords) -> None:
        """It is claimed with the upload as it was, in its first attempt, until the time that the caller said."""
        event = store(catalog)
        (claimed,) = claim(catalog)
        assert claimed == replace(event, number=claimed.number, attempt=1, next_at=NOW + MINUTE)

    def test_no_event_without_its_change(self, catalog: EventRecords) -> None:
        """What could not be published has no event, nor has what nobody could see, or what was gone before."""
        catalog.reserve(new_upload())
        delete(catalog)
        with pytest.raises(CatalogError):
            catalog.publish("a1", event=new_event("stored", new_upload(), NOW))
        delete(catalog)
        delete(catalog, "nobody")
        assert claim(catalog) == []
        assert catalog.oldest_event() is None

    def test_a_change_without_event(self, catalog: EventRecords) -> None:
        """A site that tells nobody keeps nothing."""
        catalog.reserve(new_upload())
        catalog.publish("a1")
        assert catalog.withdraw("a1") is True
        assert claim(catalog) == []

    def test_a_change_keeps_an_event(self, catalog: EventRecords) -> None:
        """Where it is asked for and something is new, with the upload as it is then and as it was before."""
        if not isinstance(catalog, EditableRecords):
            pytest.skip("these records are not changed")
        upload = new_upload(title="Old", tags=("a",), original_exifdata="{}")
        catalog.reserve(upload)
        catalog.publish("a1")
        assert catalog.change("a1", {"title": "New"}, now=NOW) is not None
        assert catalog.change("a1", {"title": "New", "tags": ("a",)}, now=NOW, events=True) is not None
        assert catalog.change("nobody", {"title": "New"}, now=NOW, events=True) is None
        assert claim(catalog) == []
        catalog.change("a1", {"tags": ("b", "c"), "expires_at": NOW + MINUTE}, now=NOW, events=True)
        (event,) = claim(catalog)
        before = replace(upload, title="New", original_exifdata=None)
        after = replace(before, tags=("b", "c"), expires_at=NOW + MINUTE)
        assert (event.kind, event.at, event.before, event.upload) == ("changed", NOW, before, after)

    def test_derived_files_of_other_sizes_keep_an_event(self, catalog: EventRecords) -> None:
        """Where it is asked for, with all else as it is now, however old the record is that names the sizes."""
        if not isinstance(catalog, CheckableRecords) or not isinstance(catalog, EditableRecords):
            pytest.skip("these records cannot be compared with files")
        upload = new_upload(thumb_size=4)
        catalog.reserve(upload)
        catalog.publish("a1")
        catalog.change("a1", {"title": "New"}, now=NOW)
        resized = replace(upload, thumb_size=5)
        assert not catalog.resize(replace(resized, storage="another"), changed_at=NOW)
        assert claim(catalog) == []
        assert catalog.resize(resized, changed_at=NOW)
        (event,) = claim(catalog)
        before, after = (replace(one, title="New") for one in (upload, resized))
        assert (event.kind, event.at, event.before, event.upload) == ("changed", NOW, before, after)

    def test_what_expires_keeps_an_event(self, catalog: EventRecords) -> None:
        """Where it is asked for, once for each upload."""
        if not isinstance(catalog, SweepableRecords):
            pytest.skip("these records are swept by their host")
        for upload_id in ("a1", "a2", "a3"):
            store(catalog, upload_id)
        catalog.settle_events(told=claim(catalog), later=())
        assert len(catalog.withdraw_expired(now=NOW, limit=1)) == 1
        expired = catalog.withdraw_expired(now=NOW, limit=5, events=True)
        events = sorted(claim(catalog), key=lambda event: event.upload.id)
        assert [(event.kind, event.at, event.upload) for event in events] == [
            ("expired", NOW, upload) for upload in sorted(expired, key=lambda upload: upload.id)
        ]
        assert len(events) == 2

    def test_events_of_an_upload_keep_their_order(self, catalog: EventRecords) -> None:
        """The second one is nobody's before the first was told, however long that takes."""
        stored, deleted, other = store(catalog), delete(catalog), store(catalog, "a2")
        first, second = claim(catalog)
        assert {first.id, second.id} == {stored.id, other.id}
        assert claim(catalog) == []
        (first,) = (event for event in (first, second) if event.id == stored.id)
        catalog.settle_events(told=[], later=[replace(first, next_at=NOW + 2 * MINUTE)])
        assert ids(claim(catalog, MINUTE)) == [other.id]
        assert ids(claim(catalog, 3 * MINUTE)) == [stored.id, other.id]
        catalog.settle_events(told=[first], later=[])
        assert ids(claim(catalog, 3 * MINUTE)) == [deleted.id]

    def test_what_is_told_is_gone(self, catalog: EventRecords) -> None:
        """It is told no more, also if somebody who had it before wants it later; others stay."""
        event, other = store(catalog), store(catalog, "a2")
        (claimed,) = (one for one in claim(catalog) if one.id == event.id)
        catalog.settle_events(told=[claimed], later=[])
        catalog.settle_events(told=[claimed], later=[replace(claimed, next_at=NOW)])
        assert ids(claim(catalog, 2 * MINUTE)) == [other.id]

    def test_what_is_for_later_is_claimed_then(self, catalog: EventRecords) -> None:
        """With the handlers that have had it, and one attempt more."""
        store(catalog)
        (claimed,) = claim(catalog)
        later = replace(claimed, handled=frozenset({"a", "b.c"}), next_at=NOW + 5 * MINUTE)
        catalog.settle_events(told=[], later=[later])
        assert claim(catalog, 4 * MINUTE) == []
        assert claim(catalog, 5 * MINUTE) == [replace(later, attempt=2, next_at=NOW + 6 * MINUTE)]

    def test_a_claim_ends(self, catalog: EventRecords) -> None:
        """What is not settled in time is the next caller's: somebody has died."""
        event = store(catalog)
        assert ids(claim(catalog)) == [event.id]
        assert claim(catalog, MINUTE / 2) == []
        assert [(again.id, again.attempt) for again in claim(catalog, MINUTE)] == [(event.id, 2)]

    def test_no_more_than_asked_for(self, catalog: EventRecords) -> None:
        """A page at a time, those first that wait longest."""
        events = [store(catalog, f"u{number}") for number in range(5)]
        assert ids(claim(catalog, limit=3)) == ids(events[:3])
        assert ids(claim(catalog, limit=3)) == ids(events[3:])

    def test_one_caller_claims_an_event(self, catalog: EventRecords) -> None:
        """Of several at once, each gets others."""
        for number in range(24):
            store(catalog, f"u{number}")

        def claim_all(number: int) -> list[str]:
            found: list[str] = []
            while page := claim(catalog, limit=3):
                found += ids(page)
                catalog.settle_events(told=page[:1], later=[])
            return found

        found = [*chain.from_iterable(in_threads(4, claim_all))]
        rest = claim(catalog, limit=24)
        assert len({*found, *ids(rest)}) == len(found) + len(rest) == 24

    def test_a_handler_ends(self, catalog: EventRecords) -> None:
        """Its name is remembered, however often it is said."""
        assert not catalog.ended_handlers()
        catalog.end_handler("a.b-c")
        catalog.end_handler("A.b-c")
        catalog.end_handler("a.b-c")
        assert {*catalog.ended_handlers()} == {"a.b-c", "A.b-c"}

    def test_a_handler_begins_again(self, catalog: EventRecords) -> None:
        """Its name is forgotten, and no other."""
        for name in ("a", "b"):
            catalog.end_handler(name)
        assert [catalog.resume_handler(name) for name in ("a", "a", "c")] == [True, False, False]
        assert {*catalog.ended_handlers()} == {"b"}

    def test_the_oldest_one(self, catalog: EventRecords) -> None:
        """How far behind those are who tell events."""
        assert catalog.oldest_event() is None
        store(catalog)
        assert catalog.oldest_event() == NOW
        catalog.settle_events(told=claim(catalog), later=[])
        assert catalog.oldest_event() is None
