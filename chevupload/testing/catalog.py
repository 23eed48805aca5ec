"""What records promise: one name for one upload, states in their order, and nothing lost on the way.

There is a contract for each ability; a backend inherits from those of the abilities that it has, and gives one fixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from functools import partial
from itertools import chain
from typing import Any, ClassVar

import pytest

from chevupload.errors import AlbumTaken, CatalogError, NameTaken, RequestTaken
from chevupload.model import Album, Cursor, Rendition, Upload, UploadType
from chevupload.protocols import (
    AlbumRecords,
    Catalog,
    CategoryRecords,
    CheckableRecords,
    DuplicateRecords,
    EditableAlbumRecords,
    EditableRecords,
    IdempotentRecords,
    OwnedAlbumRecords,
    OwnedRecords,
    SweepableRecords,
    UploadRecords,
    ViewedRecords,
)
from chevupload.testing.records import NOW, in_threads, new_upload

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def ready(catalog: UploadRecords, *uploads: Upload) -> None:
    """Record uploads as ready."""
    for upload in uploads:
        catalog.reserve(upload)
        catalog.publish(upload.id)


def ids(uploads: Sequence[Upload]) -> list[str]:
    """Return the ids of uploads."""
    return [upload.id for upload in uploads]


def deleting(catalog: SweepableRecords) -> Sequence[Upload]:
    """Return what is in state deleting, by claims that are over at once."""
    return catalog.claim(now=NOW - 10_000 * HOUR, since=NOW + 10_000 * HOUR, limit=1_000)


class RecordsContract:
    """What the contracts share. Uploads belong to ``user``, to ``other`` or to nobody."""

    ability: ClassVar[Any]

    many = 450
    """How many uploads a catalog that reads in pages needs several of them for; fewer will do for smaller pages."""

    @pytest.fixture
    def catalog(self) -> UploadRecords:
        """Return new records without uploads."""
        raise NotImplementedError("the subclass gives a fixture `catalog`")

    def test_it_has_every_method(self, catalog: UploadRecords) -> None:
        """A site finds what it calls, and says so when it is put together rather than at the first upload."""
        assert isinstance(catalog, self.ability)


class UploadRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.UploadRecords`."""

    ability = UploadRecords

    def test_a_record_comes_back_as_it_went_in(self, catalog: UploadRecords) -> None:
        """Every field survives, long texts whole and tags in their order, an owner's as a guest's."""
        upload = new_upload(
            source_md5="1" * 32,
            original_exifdata='{"Model":"€"}',
            title="T",
            description="D" * 70_000,
            tags=("b", "a", "B", "a b"),
            nsfw=True,
            album_id="album",
            category_id=1,
            is_animated=True,
            is_360=True,
            duration=3,
            thumb_size=4,
            medium_size=5,
            frame_size=6,
            expires_at=NOW + timedelta(days=1),
            views=7,
            request_digest="d" * 64,
            request_md5="2" * 32,
            extras=(Rendition("w800", 800, 533, 8), Rendition("s40", 40, 40, 9)),
        )
        guests = new_upload("a2", owner_id=None)
        ready(catalog, upload, guests)
        assert catalog.get("a1") == upload
        assert catalog.find(upload.stem) == upload
        assert catalog.get("a2") == guests

    def test_times_of_any_zone_are_kept(self, catalog: UploadRecords) -> None:
        """A time of any zone comes back as the same moment, and aware."""
        local = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
        ready(catalog, new_upload(created_at=local))
        found = catalog.get("a1")
        assert found is not None
        assert found.created_at == NOW
        assert found.created_at.utcoffset() is not None

    def test_pending_is_invisible(self, catalog: UploadRecords) -> None:
        """Nobody is shown an upload before all of its files are there."""
        upload = new_upload()
        catalog.reserve(upload)
        assert catalog.get("a1") is None
        assert catalog.find(upload.stem) is None

    def test_find_is_exact(self, catalog: UploadRecords) -> None:
        """A link in another case finds nothing, though it cannot be taken either: a file has one address."""
        ready(catalog, new_upload(name="Name"))
        assert catalog.find("2026/03/04/Name") is not None
        assert catalog.find("2026/03/04/name") is None
        assert catalog.find("2026/03/04/other") is None

    def test_ids_differ_by_case_and_names_do_not(self, catalog: UploadRecords) -> None:
        """Ids are exact. Names are not: some disks take ``ONE`` and ``one`` in a folder for the same file."""
        catalog.reserve(new_upload("ab", name="one"))
        catalog.reserve(new_upload("AB", name="two"))
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("cd", name="ONE"))
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("ab", name="three", tags=("t",)))
        catalog.reserve(new_upload("cd", name="ONE", folder=""))

    def test_one_name_serves_one_upload_whatever_its_extension(self, catalog: UploadRecords) -> None:
        """A stem belongs to one upload alone, so that the derived files of two can never meet."""
        catalog.reserve(new_upload("a", name="n", extension="png"))
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("b", name="n", extension="gif"))

    def test_a_taken_name_changes_nothing(self, catalog: UploadRecords) -> None:
        """Whoever comes second leaves the first one's record as it is, and can come again under another name."""
        first = new_upload("a", name="n", title="first", tags=("one",))
        ready(catalog, first)
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("a", name="m", title="second", tags=("two",)))
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("b", name="n", title="second", tags=("two",)))
        assert catalog.get("a") == first
        second = new_upload("b", name="m", title="second", tags=("two",))
        ready(catalog, second)
        assert catalog.get("b") == second

    def test_of_many_threads_one_gets_the_name(self, catalog: UploadRecords) -> None:
        """Uploads of one moment never share a name, and each name is given to one of them."""

        def work(thread: int) -> list[int]:
            wins = []
            for number in range(10):
                upload = new_upload(f"{thread}-{number}", name=f"n{number}", tags=(f"t{number}", "all"))
                try:
                    catalog.reserve(upload)
                except NameTaken:
                    continue
                wins.append(number)
            return wins

        wins = in_threads(6, work)
        assert sorted(chain(*wins)) == list(range(10))

    def test_publish_needs_a_pending_upload(self, catalog: UploadRecords) -> None:
        """What a sweep or an owner has withdrawn never comes back to life: its files may be gone already."""
        with pytest.raises(CatalogError):
            catalog.publish("nobody")
        ready(catalog, new_upload())
        with pytest.raises(CatalogError):
            catalog.publish("a1")
        catalog.withdraw("a1")
        with pytest.raises(CatalogError):
            catalog.publish("a1")
        assert catalog.get("a1") is None

    def test_withdrawn_is_gone_and_its_name_is_not_used_again(self, catalog: UploadRecords) -> None:
        """Readers lose a deleted upload at once; its name stays taken while caches may hold it; its id does not."""
        ready(catalog, new_upload(tags=("x",)))
        assert catalog.withdraw("a1") is True
        assert catalog.withdraw("a1") is False
        assert catalog.get("a1") is None
        assert catalog.find(new_upload().stem) is None
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload())
        catalog.forget([new_upload(tags=("x",))])
        catalog.forget([new_upload(tags=("x",))])
        for name in ("name-a1", "NAME-A1"):
            with pytest.raises(NameTaken):
                catalog.reserve(new_upload("a2", name=name))
        ready(catalog, new_upload(name="other", tags=("y",)))
        assert catalog.get("a1") == new_upload(name="other", tags=("y",))

    def test_withdraw_takes_pending_ones_and_tells_of_unknown_ones(self, catalog: UploadRecords) -> None:
        """An upload that failed can be withdrawn before it was ready, and the caller learns whether there was one."""
        catalog.reserve(new_upload())
        assert catalog.withdraw("a1") is True
        assert catalog.withdraw("nobody") is False

    def test_forget_leaves_what_was_not_withdrawn(self, catalog: UploadRecords) -> None:
        """No record of an upload with files is lost by forgetting it in the wrong state."""
        uploads = [new_upload(upload_id, tags=("t", upload_id)) for upload_id in ("a1", "a2", "a3", "a4")]
        ready(catalog, uploads[0], uploads[2])
        catalog.reserve(uploads[1])
        catalog.withdraw("a3")
        catalog.forget(uploads)
        catalog.forget([])
        catalog.publish("a2")
        assert [catalog.get(upload.id) for upload in uploads] == [uploads[0], uploads[1], None, None]
        ready(catalog, new_upload("a3", name="other"))


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


class IdempotentRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.IdempotentRecords`."""

    ability = IdempotentRecords

    def test_a_request_makes_one_upload(self, catalog: IdempotentRecords) -> None:
        """Whoever asks once more finds the first one, on its way or there; without a digest none stands in the way."""
        first = new_upload("a1", request_digest="d" * 64, request_md5="1" * 32)
        assert catalog.requested("d" * 64) is None
        catalog.reserve(first)
        assert catalog.requested("d" * 64) == first
        with pytest.raises(RequestTaken):
            catalog.reserve(new_upload("a2", request_digest="d" * 64, tags=("t",)))
        catalog.publish("a1")
        assert catalog.requested("d" * 64) == first
        with pytest.raises(RequestTaken):
            catalog.reserve(new_upload("a2", request_digest="d" * 64))
        assert catalog.requested("e" * 64) is None
        ready(catalog, new_upload("a2", request_digest="e" * 64), new_upload("a3"), new_upload("a4"))

    def test_a_request_is_free_again_when_its_upload_is_withdrawn(self, catalog: IdempotentRecords) -> None:
        """However it went: deleted or abandoned; the next one with this digest is a new upload."""
        digests = {"deleted": "1" * 64, "abandoned": "2" * 64}
        for name, digest in digests.items():
            catalog.reserve(new_upload(name, request_digest=digest, received_at=NOW - HOUR))
        catalog.publish("deleted")
        catalog.withdraw("deleted")
        catalog.abandon("abandoned")
        for name, digest in digests.items():
            assert catalog.requested(digest) is None
            ready(catalog, new_upload(f"{name} again", request_digest=digest))

    def test_of_many_threads_one_gets_the_request(self, catalog: IdempotentRecords) -> None:
        """Of the same request at the same moment, one makes an upload."""

        def work(thread: int) -> bool:
            try:
                catalog.reserve(new_upload(f"u{thread}", request_digest="d" * 64))
            except RequestTaken:
                return False
            return True

        assert sum(in_threads(6, work)) == 1

    def test_abandon_takes_what_is_pending_and_nothing_else(self, catalog: IdempotentRecords) -> None:
        """What became ready in the meantime stays: somebody was told that it is there."""
        catalog.reserve(new_upload("a1"))
        catalog.reserve(new_upload("a2"))
        catalog.publish("a2")
        assert [catalog.abandon(upload_id) for upload_id in ("a1", "a1", "a2", "nobody")] == [True, False, False, False]
        assert catalog.get("a2") == new_upload("a2")
        with pytest.raises(CatalogError):
            catalog.publish("a1")


class DuplicateRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.DuplicateRecords`."""

    ability = DuplicateRecords

    def test_duplicates_are_found_by_owner_hash_and_time(self, catalog: DuplicateRecords) -> None:
        """The hash as received or as stored will do; the time is that of receipt; others' and pending do not count."""
        ready(
            catalog,
            new_upload("a", md5="1" * 32, source_md5="2" * 32, created_at=NOW - timedelta(days=900)),
            new_upload("b", owner_id=None, md5="3" * 32),
            new_upload("d", md5="5" * 32),
        )
        catalog.reserve(new_upload("c", md5="4" * 32))
        catalog.withdraw("d")
        assert catalog.has_duplicate("1" * 32, owner_id="user", since=NOW)
        assert catalog.has_duplicate("2" * 32, owner_id="user", since=NOW)
        assert catalog.has_duplicate("3" * 32, owner_id=None, since=NOW)
        assert not catalog.has_duplicate("1" * 32, owner_id="user", since=NOW + SECOND)
        assert not catalog.has_duplicate("1" * 32, owner_id="other", since=NOW)
        assert not catalog.has_duplicate("1" * 32, owner_id=None, since=NOW)
        assert not catalog.has_duplicate("4" * 32, owner_id="user", since=NOW)
        assert not catalog.has_duplicate("5" * 32, owner_id="user", since=NOW)

    def test_duplicates_are_returned(self, catalog: DuplicateRecords) -> None:
        """The owner's own, ready and not expired, the newest first; each hash by itself."""
        ready(
            catalog,
            new_upload("a1", md5="1" * 32, received_at=NOW - SECOND),
            new_upload("a2", md5="1" * 32, tags=("t",)),
            new_upload("a3", md5="2" * 32, source_md5="1" * 32),
            new_upload("a4", md5="1" * 32, expires_at=NOW),
            new_upload("a5", md5="1" * 32),
            new_upload("b1", md5="1" * 32, owner_id="other"),
            new_upload("b2", md5="1" * 32, owner_id=None),
        )
        catalog.reserve(new_upload("a6", md5="1" * 32))
        catalog.withdraw("a5")
        find = partial(catalog.duplicates, "1" * 32, now=NOW)
        assert ids(find(field="md5", owner_id="user", limit=9)) == ["a2", "a1"]
        assert find(field="md5", owner_id="user", limit=1) == [new_upload("a2", md5="1" * 32, tags=("t",))]
        assert ids(find(field="source_md5", owner_id="user", limit=9)) == ["a3"]
        assert ids(find(field="md5", owner_id="other", limit=9)) == ["b1"]
        assert ids(find(field="md5", owner_id="USER", limit=9)) == []


class AlbumRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.AlbumRecords`. The fixture has the album ``album`` of ``user``."""

    ability = AlbumRecords

    def test_albums_are_looked_up(self, catalog: AlbumRecords) -> None:
        """An album tells whose it is, which decides who may upload into it; ids are exact."""
        album = catalog.album("album")
        assert album is not None
        assert (album.id, album.owner_id) == ("album", "user")
        assert catalog.album("ALBUM") is None
        assert catalog.album("nobody") is None

    def test_albums_end_with_their_owner(self, catalog: AlbumRecords) -> None:
        """Whoever gets the same id later has none of them; those of others stay."""
        catalog.forget_albums("other")
        catalog.forget_albums("USER")
        assert catalog.album("album") is not None
        catalog.forget_albums("user")
        assert catalog.album("album") is None
        catalog.forget_albums("user")


class OwnedAlbumRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.OwnedAlbumRecords`, on top of those of albums."""

    ability = OwnedAlbumRecords

    def test_albums_are_listed_by_their_owner(self, catalog: OwnedAlbumRecords) -> None:
        """Those of others are not among them, and there are no more than were asked for."""
        albums = catalog.owned_albums("user", limit=100)
        assert "album" in [album.id for album in albums]
        assert {album.owner_id for album in albums} == {"user"}
        assert len(catalog.owned_albums("user", limit=1)) == 1
        assert list(catalog.owned_albums("USER", limit=100)) == []
        assert list(catalog.owned_albums("other", limit=100)) == []

    def test_albums_are_listed_in_pages(self, catalog: OwnedAlbumRecords) -> None:
        """Each follows a title, which no album need have any more."""
        albums = list(catalog.owned_albums("user", limit=100))
        found = [
            album
            for after in (None, *(album.title for album in albums))
            for album in catalog.owned_albums("user", limit=1, after=after)
        ]
        assert found == albums


class EditableAlbumRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.EditableAlbumRecords`, on top of those of lists."""

    ability = EditableAlbumRecords

    def test_albums_are_added_and_listed_by_title(self, catalog: EditableAlbumRecords) -> None:
        """Each by its owner, id and title; any characters come back as they are."""
        added = [Album(f"new{place}", "other", title) for place, title in enumerate(("Ä " + "𝄞" * 98, "B", "a", "b"))]
        for album in added:
            catalog.add_album(album)
        assert sorted(catalog.owned_albums("other", limit=9), key=lambda album: album.id) == added
        assert catalog.count_albums("other") == 4
        assert catalog.album("new0") == added[0]
        pages: list[Album] = []
        while page := catalog.owned_albums("other", limit=3, after=pages[-1].title if pages else None):
            pages += page
        assert pages == list(catalog.owned_albums("other", limit=9))

    def test_an_owners_titles_differ(self, catalog: EditableAlbumRecords) -> None:
        """Titles are exact, and those of others are no matter."""
        catalog.add_album(Album("new", "other", "Cats"))
        for title in ("cats", "Cäts", "Cats "):
            catalog.add_album(Album(f"of {title}", "other", title))
        with pytest.raises(AlbumTaken):
            catalog.add_album(Album("again", "other", "Cats"))
        with pytest.raises(AlbumTaken):
            catalog.rename_album(Album("of cats", "other", "Cats"))
        assert catalog.find_album("other", "Cats") == Album("new", "other", "Cats")
        assert catalog.find_album("other", "CATS") is None
        assert catalog.find_album("nobody", "Cats") is None
        assert catalog.album("again") is None

    def test_of_several_that_add_one_title_one_does(self, catalog: EditableAlbumRecords) -> None:
        """At the same time, too: the others are told, and find it."""

        def add(thread: int) -> bool:
            try:
                catalog.add_album(Album(f"by{thread}", "other", "Same"))
            except AlbumTaken:
                assert catalog.find_album("other", "Same") is not None
                return False
            return True

        assert sorted(in_threads(4, add)) == [False, False, False, True]
        assert catalog.count_albums("other") == 1

    def test_an_upload_brings_its_album(self, catalog: EditableAlbumRecords) -> None:
        """Both are there, or neither is."""
        catalog.reserve(new_upload("a1", owner_id="other", album_id="new"), album=Album("new", "other", "Cats"))
        assert catalog.album("new") == Album("new", "other", "Cats")
        with pytest.raises(AlbumTaken):
            catalog.reserve(new_upload("a2", album_id="b"), album=Album("b", "other", "Cats"))
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("a1", album_id="c"), album=Album("c", "other", "Dogs"))
        assert [catalog.album(album_id) for album_id in "bc"] == [None, None]
        assert not catalog.withdraw("a2")
        catalog.publish("a1")
        found = catalog.get("a1")
        assert found is not None
        assert found.album_id == "new"

    def test_albums_are_renamed_and_removed(self, catalog: EditableAlbumRecords) -> None:
        """One that is gone says so."""
        catalog.add_album(Album("new", "other", "Cats"))
        assert catalog.rename_album(Album("new", "other", "Dogs"))
        assert catalog.rename_album(Album("new", "other", "Dogs"))
        assert catalog.album("new") == Album("new", "other", "Dogs")
        assert [catalog.remove_album("new"), catalog.remove_album("new")] == [True, False]
        assert not catalog.rename_album(Album("new", "other", "Mice"))
        assert catalog.owned_albums("other", limit=9) == []

    def test_uploads_leave_an_album_in_pages(self, catalog: EditableAlbumRecords) -> None:
        """Those that are on their way, too; another owner's stay, and nothing else of them changes."""
        album = Album("album", "user", "Cats")
        ready(catalog, *(new_upload(f"a{number}", album_id="album", tags=("t",)) for number in range(3)))
        catalog.reserve(new_upload("pending", album_id="album"))
        others = (new_upload("b1", album_id="another"), new_upload("b2", album_id="album", owner_id="other"))
        ready(catalog, *others)
        assert [catalog.clear_album(album, limit=3) for _ in range(3)] == [3, 1, 0]
        catalog.publish("pending")
        assert [catalog.get(f"a{number}") for number in range(3)] == [
            new_upload(f"a{number}", tags=("t",)) for number in range(3)
        ]
        assert catalog.get("pending") == new_upload("pending")
        assert [catalog.get(upload.id) for upload in others] == [*others]
        assert catalog.album("album") is not None


class CategoryRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.CategoryRecords`. The fixture has the category 1."""

    ability = CategoryRecords

    def test_categories_are_looked_up(self, catalog: CategoryRecords) -> None:
        """By their exact numbers."""
        assert catalog.has_category(1)
        assert not catalog.has_category(2)


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


class SweepableRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.SweepableRecords`."""

    ability = SweepableRecords

    def test_pending_and_ready_ones_are_not_claimed(self, catalog: SweepableRecords) -> None:
        """Nothing is removed of what is still on its way, or there."""
        pending = new_upload("pending")
        catalog.reserve(pending)
        ready(catalog, new_upload("ready"))
        assert list(deleting(catalog)) == []
        catalog.withdraw("pending")
        assert list(deleting(catalog)) == [pending]

    def test_expired_ones_are_withdrawn(self, catalog: SweepableRecords) -> None:
        """Ready ones whose time has come, and they alone, once."""
        for upload_id, expires_at in (("now", NOW), ("later", NOW + HOUR), ("never", None), ("pending", NOW)):
            catalog.reserve(new_upload(upload_id, expires_at=expires_at, tags=("t",)))
            if upload_id != "pending":
                catalog.publish(upload_id)
        expired = new_upload("now", expires_at=NOW, tags=("t",))
        assert list(catalog.withdraw_expired(now=NOW, limit=10)) == [expired]
        assert list(catalog.withdraw_expired(now=NOW, limit=10)) == []
        assert [catalog.get(upload_id) is not None for upload_id in ("now", "later", "never")] == [False, True, True]
        assert list(deleting(catalog)) == [expired]
        catalog.publish("pending")

    def test_expired_ones_come_in_pages(self, catalog: SweepableRecords) -> None:
        """Each once, however many expire at one moment."""
        uploads = [new_upload(f"u{number}", expires_at=NOW - number // 4 * SECOND) for number in range(10)]
        ready(catalog, *uploads)
        found: list[Upload] = []
        last = None
        while page := catalog.withdraw_expired(now=NOW, limit=3, after=last):
            assert len(page) <= 3
            found += page
            last = page[-1]
        assert sorted(ids(found)) == ids(uploads)

    def test_stalled_is_what_is_pending_for_too_long(self, catalog: SweepableRecords) -> None:
        """It is withdrawn beside what was being deleted, and nothing else is: what expired has an owner to be told."""
        ready(
            catalog,
            new_upload("live"),
            new_upload("later", expires_at=NOW + HOUR),
            new_upload("expired", expires_at=NOW),
            new_upload("deleting", tags=("t",)),
        )
        catalog.reserve(new_upload("fresh", created_at=NOW - 1000 * HOUR))
        catalog.reserve(new_upload("fresh-expired", expires_at=NOW))
        catalog.reserve(new_upload("stalled", received_at=NOW - HOUR))
        catalog.withdraw("deleting")
        catalog.withdraw_stalled(now=NOW, pending_since=NOW - HOUR)
        stalled, withdrawn = deleting(catalog)
        assert (stalled.id, withdrawn) == ("stalled", new_upload("deleting", tags=("t",)))
        catalog.forget([withdrawn])
        assert ids(deleting(catalog)) == ["stalled"]
        with pytest.raises(CatalogError):
            catalog.publish("stalled")
        catalog.publish("fresh")

    def test_what_is_to_be_removed_is_claimed_by_one(self, catalog: SweepableRecords) -> None:
        """Until it is given back, or its claim is older than the next one allows; what readers see, nobody claims."""
        gone = new_upload("gone", tags=("t",))
        ready(catalog, new_upload("live"), gone)
        catalog.withdraw("gone")
        before = NOW - HOUR
        assert list(catalog.claim(now=NOW, since=before, limit=10)) == [gone]
        assert list(catalog.claim(now=NOW + SECOND, since=NOW - SECOND, limit=10)) == []
        assert list(catalog.claim(now=NOW + SECOND, since=NOW, limit=10)) == [gone]
        assert list(catalog.claim(now=NOW + 2 * SECOND, since=NOW, limit=10)) == []
        catalog.unclaim([gone, new_upload("live"), new_upload("nobody")])
        assert list(catalog.claim(now=NOW, since=before, limit=10)) == [gone]
        catalog.forget([gone])
        assert list(catalog.claim(now=NOW + HOUR, since=NOW, limit=10)) == []

    def test_claims_come_in_pages(self, catalog: SweepableRecords) -> None:
        """Each upload once, and what was given back on the way only to the next sweep."""
        uploads = [new_upload(f"u{number}", received_at=NOW - number // 4 * SECOND) for number in range(10)]
        ready(catalog, *uploads)
        for upload in uploads:
            catalog.withdraw(upload.id)
        found: list[Upload] = []
        last = None
        while page := catalog.claim(now=NOW, since=NOW - HOUR, limit=3, after=last):
            assert len(page) <= 3
            found += page
            last = page[-1]
            catalog.unclaim(page[:1])
            catalog.forget(page[1:])
        assert sorted(ids(found)) == ids(uploads)
        assert len(catalog.claim(now=NOW, since=NOW - HOUR, limit=10)) == 4

    def test_of_many_sweeps_each_takes_what_no_other_has(self, catalog: SweepableRecords) -> None:
        """Nothing is told or removed twice, and nothing is left."""
        names = [f"u{number:02}" for number in range(40)]
        ready(catalog, *(new_upload(name, expires_at=NOW, tags=("t",)) for name in names))

        def withdraw(thread: int) -> list[Upload]:
            found: list[Upload] = []
            while page := catalog.withdraw_expired(now=NOW, limit=3):
                found += page
            return found

        def remove(thread: int) -> list[Upload]:
            found: list[Upload] = []
            while page := catalog.claim(now=NOW, since=NOW - HOUR, limit=3):
                catalog.forget(page)
                found += page
            return found

        # One that finds others at work may end before them; what it leaves is theirs.
        assert sorted(ids(list(chain(*in_threads(4, withdraw))))) == names
        assert sorted(ids(list(chain(*in_threads(4, remove))))) == names
        assert list(deleting(catalog)) == []

    def test_however_many_are_stalled_all_are_withdrawn(self, catalog: SweepableRecords) -> None:
        """By several sweeps at once, too."""
        for number in range(self.many):
            catalog.reserve(new_upload(f"u{number:03}"))
        in_threads(3, lambda thread: catalog.withdraw_stalled(now=NOW, pending_since=NOW))
        assert len(deleting(catalog)) == self.many

    def test_an_upload_is_published_or_swept_never_both(self, catalog: SweepableRecords) -> None:
        """A sweep that comes while uploads are published takes each of them before, or leaves it alone."""
        names = [f"u{number:02}" for number in range(40)]
        for name in names:
            catalog.reserve(new_upload(name))
        published = []

        def work(thread: int) -> None:
            for name in names:
                if thread:
                    catalog.withdraw_stalled(now=NOW, pending_since=NOW)
                    continue
                try:
                    catalog.publish(name)
                except CatalogError:
                    continue
                published.append(name)

        in_threads(2, work)
        assert [name for name in names if catalog.get(name) is not None] == sorted(published)
        assert sorted(ids(deleting(catalog))) == sorted(set(names) - set(published))


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


class CatalogContract(
    UploadRecordsContract,
    OwnedRecordsContract,
    EditableRecordsContract,
    IdempotentRecordsContract,
    DuplicateRecordsContract,
    AlbumRecordsContract,
    OwnedAlbumRecordsContract,
    EditableAlbumRecordsContract,
    CategoryRecordsContract,
    ViewedRecordsContract,
    SweepableRecordsContract,
    CheckableRecordsContract,
):
    """The promises of a :class:`~chevupload.protocols.Catalog`, which has all of these abilities.

    The fixture ``catalog`` gives a new one without uploads, with the album ``album`` of the owner ``user``, and
    with the category 1.
    """

    ability = Catalog

    def test_a_request_is_free_again_when_its_upload_is_swept(self, catalog: Catalog) -> None:
        """Its client asks once more, and gets a new upload: stalled at first, and expired later."""
        catalog.reserve(new_upload("a1", request_digest="3" * 64, received_at=NOW - HOUR))
        catalog.withdraw_stalled(now=NOW, pending_since=NOW - HOUR)
        assert catalog.requested("3" * 64) is None
        ready(catalog, new_upload("a2", request_digest="3" * 64, expires_at=NOW))
        catalog.withdraw_expired(now=NOW, limit=10)
        assert catalog.requested("3" * 64) is None
        ready(catalog, new_upload("a3", request_digest="3" * 64))

    def test_what_is_abandoned_is_swept(self, catalog: Catalog) -> None:
        """Its files are removed like those of any other."""
        catalog.reserve(new_upload("a1"))
        catalog.abandon("a1")
        assert ids(deleting(catalog)) == ["a1"]

    def test_a_view_moves_nothing_in_a_list(self, catalog: Catalog) -> None:
        """The next page follows the one before, whatever was looked at meanwhile."""
        ready(catalog, *(new_upload(f"u{age}", received_at=NOW - age * SECOND) for age in range(4)))
        first = catalog.owned("user", now=NOW, limit=2)
        catalog.add_views({"u2": 1})
        assert ids(catalog.owned("user", now=NOW, limit=2, before=first[-1].cursor)) == ["u2", "u3"]
