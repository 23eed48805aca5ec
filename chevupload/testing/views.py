"""What records promise that count views."""

from __future__ import annotations

from chevupload.protocols import ViewedRecords
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import in_threads, new_upload, ready


class ViewedRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.ViewedRecords`."""

    ability = ViewedRecords

    def test_views_are_counted_for_ready_uploads(self, catalog: ViewedRecords) -> None:
        """Every view counts, of what can be viewed only; an unknown id is no error."""
        ready(catalog, new_upload())
        catalog.reserve(new_upload("a2"))
        catalog.add_views({"a1": 2, "a2": 1, "nobody": 1})
        assert catalog.get("a1") == new_upload(views=2)
        catalog.add_views({"a1": 5})
        catalog.add_views({})
        assert catalog.get("a1") == new_upload(views=7)
        catalog.publish("a2")
        assert catalog.get("a2") == new_upload("a2", views=0)

    def test_no_view_of_many_threads_is_lost(self, catalog: ViewedRecords) -> None:
        """Two viewers at one moment are two views."""
        ready(catalog, new_upload())

        def work(thread: int) -> None:
            for _ in range(10):
                catalog.add_views({"a1": 1})

        in_threads(6, work)
        assert catalog.get("a1") == new_upload(views=60)

    def test_views_of_many_uploads_are_added_at_once(self, catalog: ViewedRecords) -> None:
        """By several threads, in whatever order each has them."""
        names = [f"u{number:03}" for number in range(250)]
        ready(catalog, *map(new_upload, names))
        in_threads(2, lambda thread: catalog.add_views(dict.fromkeys(reversed(names) if thread else names, 3)))
        assert {upload.views for upload in map(catalog.get, names) if upload is not None} == {6}

    def test_views_end_with_their_upload(self, catalog: ViewedRecords) -> None:
        """Whoever gets the same id later begins with none."""
        ready(catalog, new_upload())
        catalog.add_views({"a1": 2})
        catalog.withdraw("a1")
        catalog.add_views({"a1": 1})
        catalog.forget([new_upload()])
        ready(catalog, new_upload(name="other"))
        assert catalog.get("a1") == new_upload(name="other")
