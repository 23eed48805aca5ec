"""What records promise to a check of records against files."""

from __future__ import annotations

from dataclasses import replace

from chevupload.model import Rendition
from chevupload.protocols import CheckableRecords
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import new_upload, ready


class CheckableRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.CheckableRecords`."""

    ability = CheckableRecords

    def test_whoever_holds_a_name_is_found(self, catalog: CheckableRecords) -> None:
        """In whatever state and case, so that nobody's file is taken for one without a record."""
        for upload_id in ("pending", "ready", "deleting", "other"):
            catalog.reserve(new_upload(upload_id, tags=("t",)))
        catalog.publish("ready")
        catalog.withdraw("deleting")
        stems = {new_upload(upload_id).stem.upper() for upload_id in ("pending", "ready", "deleting", "nobody")}
        found = sorted(catalog.holders(stems), key=lambda upload: upload.id)
        assert found == [new_upload(upload_id, tags=("t",)) for upload_id in ("deleting", "pending", "ready")]
        assert list(catalog.holders(set())) == []

    def test_derived_files_are_resized(self, catalog: CheckableRecords) -> None:
        """Of what readers see, and nothing else of it."""
        extras = (Rendition("w800", 800, 533, 8),)
        ready(catalog, new_upload("a1", thumb_size=1, medium_size=2, frame_size=3, views=4))
        catalog.reserve(new_upload("a2", thumb_size=1))
        changed = {"thumb_size": 9, "medium_size": 0, "frame_size": 8, "extras": extras, "title": "changed"}
        assert [catalog.resize(new_upload(id_, **changed)) for id_ in ("a1", "a2", "nobody")] == [True, False, False]
        assert catalog.get("a1") == new_upload("a1", thumb_size=9, medium_size=0, frame_size=8, extras=extras, views=4)
        assert catalog.resize(new_upload("a1"))
        assert catalog.get("a1") == new_upload("a1", views=4)
        assert not catalog.resize(new_upload("a1", storage="another", thumb_size=1))
        catalog.publish("a2")
        assert catalog.get("a2") == new_upload("a2", thumb_size=1)

    def test_a_record_that_has_got_more_renditions_is_not_forgotten(self, catalog: CheckableRecords) -> None:
        """Who has read it before has not removed their files: the sweep does, which reads it again."""
        old, other = new_upload("a1"), new_upload("a2")
        ready(catalog, old, other)
        new = replace(old, extras=(Rendition("w800", 800, 533, 8),))
        assert catalog.resize(new)
        for upload in (old, other):
            catalog.withdraw(upload.id)
        catalog.forget([old, other])
        assert list(catalog.holders({old.stem, other.stem})) == [new]
        catalog.forget([new])
        assert list(catalog.holders({old.stem, other.stem})) == []

    def test_uploads_yields_all_of_them_and_lets_writers_in(self, catalog: CheckableRecords) -> None:
        """A check sees every upload, however many there are, and holds up nobody who writes meanwhile."""
        names = [f"u{number:03}" for number in range(self.many)]
        ready(catalog, *map(new_upload, names))
        seen = []
        for upload in catalog.uploads():
            seen.append(upload.id)
            catalog.withdraw(upload.id)
        assert sorted(seen) == names

    def test_what_is_not_ready_is_not_listed(self, catalog: CheckableRecords) -> None:
        """Neither what is on its way nor what is going has all of its files."""
        catalog.reserve(new_upload("pending"))
        ready(catalog, new_upload("deleting"))
        catalog.withdraw("deleting")
        assert list(catalog.uploads()) == []
