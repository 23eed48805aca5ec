"""What records promise that can be changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from chevupload.protocols import EditableRecords
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import HOUR, NOW, in_threads, new_upload, ready


class EditableRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.EditableRecords`."""

    ability = EditableRecords

    VALUES: ClassVar[dict[str, Any]] = {
        "title": "New €",
        "description": "D" * 70_000,
        "tags": ("b", "c", "a"),
        "nsfw": True,
        "album_id": "album",
        "category_id": 1,
        "expires_at": NOW + HOUR,
    }

    def test_every_value_is_changed_and_cleared(self, catalog: EditableRecords) -> None:
        """All at once; what is returned is what was there and what is then, and no other upload is another."""
        upload, other = new_upload(), new_upload("a2", title="T", tags=("a",))
        ready(catalog, upload, other)
        changed = replace(upload, **self.VALUES)
        assert catalog.change("a1", self.VALUES, now=NOW) == (upload, changed)
        assert catalog.get("a1") == changed
        cleared: dict[str, Any] = dict.fromkeys(self.VALUES) | {"tags": (), "nsfw": False}
        assert catalog.change("a1", cleared, now=NOW) == (changed, upload)
        assert [catalog.get("a1"), catalog.get("a2")] == [upload, other]

    def test_what_is_not_named_stays(self, catalog: EditableRecords) -> None:
        """With the tags as with the rest; naming nothing, or what is there, changes nothing."""
        upload = new_upload(**self.VALUES)
        ready(catalog, upload)
        titled = replace(upload, title="Other")
        tagged = replace(titled, tags=("a",))
        assert catalog.change("a1", {"title": "Other"}, now=NOW) == (upload, titled)
        assert catalog.change("a1", {"tags": ("a",)}, now=NOW) == (titled, tagged)
        assert catalog.change("a1", {"title": upload.title, "tags": upload.tags}, now=NOW) == (tagged, upload)
        assert catalog.change("a1", {}, now=NOW) == (upload, upload)
        assert catalog.change("a1", {"title": upload.title}, now=NOW) == (upload, upload)
        assert catalog.get("a1") == upload

    def test_what_nobody_sees_is_not_changed(self, catalog: EditableRecords) -> None:
        """Neither what is on its way in or out, nor what has expired: it does not come back."""
        ready(catalog, new_upload("gone"), new_upload("expired", expires_at=NOW))
        catalog.reserve(new_upload("pending"))
        catalog.withdraw("gone")
        for upload_id in ("gone", "expired", "pending", "nobody"):
            assert catalog.change(upload_id, {"title": "T", "expires_at": None, "tags": ("t",)}, now=NOW) is None
        catalog.publish("pending")
        assert catalog.get("pending") == new_upload("pending")

    def test_changes_at_once_are_made_one_after_the_other(self, catalog: EditableRecords) -> None:
        """No value is half of one and half of another, none gets lost, and what is deleted meanwhile stays so."""
        ready(catalog, new_upload("a1"), new_upload("a2", tags=("x",)))

        def work(thread: int) -> None:
            for number in range(5):
                tags = tuple(f"t{(thread + step) % 4}" for step in range(3))
                catalog.change("a1", {"title": "".join(tags), "tags": tags}, now=NOW)
                catalog.change("a2", {"category_id": number} if thread else {"nsfw": bool(number)}, now=NOW)
            if thread == 0:
                catalog.withdraw("a2")

        in_threads(4, work)
        found = catalog.get("a1")
        assert found is not None
        assert found.title == "".join(found.tags)
        assert catalog.get("a2") is None
        assert catalog.change("a2", {"title": "T"}, now=NOW) is None

    def test_tags_of_a_change_go_with_their_upload(self, catalog: EditableRecords) -> None:
        """Even if whoever deletes it has seen it without them."""
        upload = new_upload()
        ready(catalog, upload)
        catalog.change("a1", {"tags": ("t",)}, now=NOW)
        catalog.withdraw("a1")
        catalog.forget([upload])
        ready(catalog, new_upload(name="other", tags=("y",)))
        found = catalog.get("a1")
        assert found is not None
        assert found.tags == ("y",)
