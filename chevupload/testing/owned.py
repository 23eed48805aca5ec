"""What records promise that list an owner's uploads."""

from __future__ import annotations

from itertools import chain
from typing import Any

from chevupload.model import Cursor, Upload, UploadType
from chevupload.protocols import OwnedRecords
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import HOUR, NOW, SECOND, ids, new_upload, ready


class OwnedRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.OwnedRecords`."""

    ability = OwnedRecords

    def test_an_owners_uploads_are_listed_from_the_newest(self, catalog: OwnedRecords) -> None:
        """Newest is what came last, whatever date it shows, and each is told in full."""
        uploads = [
            new_upload("b", received_at=NOW, created_at=NOW - 1000 * HOUR, tags=("z", "y")),
            new_upload("a", received_at=NOW - HOUR, created_at=NOW, tags=("x",)),
            new_upload("c", received_at=NOW - 2 * HOUR),
        ]
        ready(catalog, uploads[1], uploads[0], uploads[2])
        assert list(catalog.owned("user", now=NOW, limit=10)) == uploads
        assert list(catalog.owned("user", now=NOW, limit=2)) == uploads[:2]

    def test_pages_of_an_owners_uploads_leave_none_out_and_repeat_none(self, catalog: OwnedRecords) -> None:
        """Page after page shows every upload once, though several came within one second."""
        times = [0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 4]
        uploads = [new_upload(f"u{(7 * n) % 13:02}", received_at=NOW - age * SECOND) for n, age in enumerate(times)]
        ready(catalog, *uploads)
        whole = list(catalog.owned("user", now=NOW, limit=100))
        assert sorted(ids(whole)) == sorted(ids(uploads))
        assert [upload.received_at for upload in whole] == [upload.received_at for upload in uploads]
        for limit in (1, 2, 3, 13):
            pages = [list(catalog.owned("user", now=NOW, limit=limit))]
            while pages[-1]:
                assert len(pages[-1]) <= limit
                pages.append(list(catalog.owned("user", now=NOW, limit=limit, before=pages[-1][-1].cursor)))
            assert list(chain(*pages)) == whole

    def test_what_happens_between_two_pages_moves_none_of_them(self, catalog: OwnedRecords) -> None:
        """A new upload shifts nothing, and a page can follow one whose last upload is gone."""
        ready(catalog, *(new_upload(f"u{age}", received_at=NOW - age * SECOND) for age in range(5)))
        first = catalog.owned("user", now=NOW, limit=2)
        ready(catalog, new_upload("new", received_at=NOW + SECOND))
        catalog.withdraw("u1")
        catalog.forget([new_upload("u1", received_at=NOW - SECOND)])
        second = catalog.owned("user", now=NOW, limit=2, before=first[-1].cursor)
        assert (ids(first), ids(second)) == (["u0", "u1"], ["u2", "u3"])

    def test_an_owner_is_shown_their_own_living_uploads_only(self, catalog: OwnedRecords) -> None:
        """No other owner's, no guest's, none that is not there yet, none that is going, and none that has expired."""
        ready(
            catalog,
            new_upload("live"),
            new_upload("later", expires_at=NOW + SECOND),
            new_upload("expired", expires_at=NOW),
            new_upload("deleting"),
            new_upload("theirs", owner_id="other"),
            new_upload("guests", owner_id=None),
        )
        catalog.reserve(new_upload("pending"))
        catalog.withdraw("deleting")
        assert sorted(ids(catalog.owned("user", now=NOW, limit=10))) == ["later", "live"]
        assert ids(catalog.owned("other", now=NOW, limit=10)) == ["theirs"]
        for nobody in ("USER", "use", "user%", "nobody"):
            assert ids(catalog.owned(nobody, now=NOW, limit=10)) == []

    def test_an_owners_list_can_be_of_one_album_or_one_type(self, catalog: OwnedRecords) -> None:
        """Page after page, too, and of both at once; another owner's album has none of this owner's."""
        places = [("a", "png"), ("b", "mp4"), (None, "webm"), ("a", "mov"), ("a", "heic"), (None, "jpg")]
        uploads = [
            new_upload(f"u{age}", received_at=NOW - age * SECOND, album_id=album_id, extension=extension)
            for age, (album_id, extension) in enumerate(places)
        ]
        ready(catalog, *uploads, new_upload("theirs", owner_id="other", album_id="a"))
        wanted: dict[tuple[str | None, UploadType | None], list[str]] = {
            ("a", None): ["u0", "u3", "u4"],
            (None, "video"): ["u1", "u2", "u3"],
            (None, "image"): ["u0", "u4", "u5"],
            ("a", "image"): ["u0", "u4"],
            ("A", None): [],
        }
        for (album_id, type_), expected in wanted.items():
            found: list[Upload] = []
            place = None
            while page := catalog.owned("user", now=NOW, limit=1, before=place, album_id=album_id, type=type_):
                found += page
                place = page[-1].cursor
            assert ids(found) == expected

    def test_an_owners_list_can_be_searched(self, catalog: OwnedRecords) -> None:
        """For a part of a text as it stands there: no character has a meaning, and ASCII's case makes no difference."""
        texts: dict[str, dict[str, Any]] = {
            "title": {"title": "My Cat"},
            "description": {"description": "of a CATALOG"},
            "name": {"name": "cat-1"},
            "file": {"original_filename": "Cat.png"},
            "none": {"title": "Dog", "description": "100% _a_ \\ / 'b' 日本"},
        }
        for age, (upload_id, fields) in enumerate(texts.items()):
            values = {"name": f"n{age}", "original_filename": "a.png", **fields}
            ready(catalog, new_upload(upload_id, received_at=NOW - age * SECOND, **values))
        ready(catalog, new_upload("theirs", owner_id="other", title="Cat"))
        for query, expected in {
            "cat": ["title", "description", "name", "file"],
            "My cAT": ["title"],
            "%": ["none"],
            "_": ["none"],
            "0% _": ["none"],
            "\\ /": ["none"],
            "日": ["none"],
            "'b'": ["none"],
            "a%g": [],
            "cat dog": [],
        }.items():
            assert ids(catalog.owned("user", now=NOW, limit=10, query=query)) == expected, query
        second = catalog.owned("user", now=NOW, limit=2, before=Cursor(NOW - SECOND, "description"), query="cat")
        assert ids(second) == ["name", "file"]
