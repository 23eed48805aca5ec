"""What records promise that count the uses of tickets: each is one upload's, also when that is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chevupload.errors import RequestTaken
from chevupload.model import Upload
from chevupload.protocols import SweepableRecords, TicketRecords
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import NOW, in_threads, new_upload

DIGEST = "d" * 64
UNTIL = NOW + timedelta(hours=1)


def using(id_: str = "a1", digest: str = DIGEST) -> Upload:
    """Make the record of an upload that takes a use."""
    return new_upload(id_, request_digest=digest, request_md5="1" * 32)


class TicketRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.TicketRecords`."""

    ability = TicketRecords

    def test_a_use_is_taken_with_its_upload(self, catalog: TicketRecords) -> None:
        """By the first one alone: of another one nothing is recorded, and what nobody took is free."""
        catalog.reserve(using(), taken_until=UNTIL)
        with pytest.raises(RequestTaken):
            catalog.reserve(using("a2"), taken_until=UNTIL)
        assert catalog.withdraw("a2") is False
        catalog.publish("a1")
        assert catalog.uses([DIGEST, "e" * 64]) == {DIGEST: "1" * 32}
        assert catalog.uses([]) == {}

    def test_a_use_stays_taken_when_its_upload_is_gone(self, catalog: TicketRecords) -> None:
        """A picture that is deleted does not make room for another one."""
        catalog.reserve(using(), taken_until=UNTIL)
        catalog.publish("a1")
        catalog.withdraw("a1")
        catalog.forget([using()])
        with pytest.raises(RequestTaken):
            catalog.reserve(using("a2"), taken_until=UNTIL)
        assert catalog.uses([DIGEST]) == {DIGEST: "1" * 32}

    def test_what_was_not_stored_frees_its_use(self, catalog: TicketRecords) -> None:
        """Abandoned or undone: the next one may have it."""
        catalog.reserve(using(), taken_until=UNTIL)
        catalog.abandon("a1")
        assert catalog.uses([DIGEST]) == {}
        catalog.reserve(using("a2"), taken_until=UNTIL)
        catalog.withdraw("a2")
        catalog.free(DIGEST)
        assert catalog.uses([DIGEST]) == {}
        catalog.reserve(using("a3"), taken_until=UNTIL)

    def test_a_sweep_removes_uses_whose_time_is_over(self, catalog: TicketRecords) -> None:
        """And an hour more, as clocks differ; those of an upload that stalled are free at once."""
        if not isinstance(catalog, SweepableRecords):
            return
        catalog.reserve(using(), taken_until=UNTIL)
        catalog.publish("a1")
        catalog.reserve(using("a2", "e" * 64), taken_until=UNTIL)
        catalog.withdraw_stalled(now=UNTIL, pending_since=NOW)
        assert catalog.uses([DIGEST, "e" * 64]) == {DIGEST: "1" * 32}
        catalog.withdraw_stalled(now=UNTIL + timedelta(hours=2), pending_since=NOW - timedelta(days=1))
        assert catalog.uses([DIGEST]) == {}

    def test_of_many_threads_one_gets_the_use(self, catalog: TicketRecords) -> None:
        """And those that it gives up in favour of another name do not keep each other out."""

        def work(thread: int) -> bool:
            try:
                catalog.reserve(replace(using(f"u{thread}"), name=f"n{thread % 3}"), taken_until=UNTIL)
            except RequestTaken:
                return False
            return True

        assert sum(in_threads(6, work)) == 1
