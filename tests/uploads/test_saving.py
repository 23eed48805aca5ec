"""A host's own code saves, finds, lists and deletes uploads, by the rules of the API."""

from __future__ import annotations

import io
import tempfile
from dataclasses import replace
from datetime import timedelta

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import EnvironBuilder

from chevupload import Limits, Policy, Principal, embedded
from chevupload.errors import (
    CatalogError,
    ConfigError,
    EmptySource,
    ForeignAlbum,
    InvalidParameter,
    MalformedRequest,
    NotAnImage,
    RequestDenied,
    StorageError,
    TooLarge,
    TooManyPixels,
)
from chevupload.model import Album
from chevupload.testing.memory import MemoryCatalog
from tests.support import ALBUMS, EMPTY, NOW, PNG, Failing, exif_jpeg, noise, picture


def save(stand, content=PNG, owner="user", **parameters):
    return stand.component.uploads.save(io.BytesIO(content), owner=owner, **parameters)


@pytest.mark.slow
def test_a_file_is_saved_with_everything_that_can_be_said(stand):
    """As the API's parameters mean it."""
    upload = save(
        stand,
        noise((800, 600)),
        filename="holiday photo.png",
        title="  Title ",
        description="Text",
        tags=["b", "a", "b"],
        album_id="ownalbum",
        category_id=3,
        width=400,
        expiration=timedelta(hours=2),
        nsfw=True,
    )
    assert stand.component.uploads.get(upload.id) == upload
    assert (upload.owner_id, upload.name, upload.title, upload.description) == (
        "user",
        "holiday-photo",
        "  Title ",
        "Text",
    )
    assert (upload.tags, upload.album_id, upload.category_id, upload.nsfw) == (("b", "a"), "ownalbum", 3, True)
    assert (upload.width, upload.expires_at) == (400, NOW + timedelta(hours=2))
    assert stand.open(f"/images/{upload.path}").status_code == 200


@pytest.mark.parametrize(
    ("owner", "owner_id"), [("ann", "ann"), (7, "7"), (Principal(user_id="p", is_admin=True), "p"), (None, None)]
)
def test_an_owner_is_a_user_id_or_a_principal(stand, owner, owner_id):
    """A number is kept as text; nobody is a guest."""
    assert save(stand, owner=owner).owner_id == owner_id


@pytest.mark.parametrize("owner", [object(), 1.5, b"7", ["7"]])
def test_an_owner_is_nothing_else(refusing, owner):
    """A user's name as text need not be the id: whoever passes a user is told so."""
    with pytest.raises(TypeError, match="an owner is"):
        save(refusing(), owner=owner)
    with pytest.raises(TypeError, match="user_id is text"):
        Principal(user_id=7)


def test_guests_save_where_guests_may(refusing):
    """A site without guests has none by this way either, such as who is not signed in."""
    with pytest.raises(RequestDenied):
        save(refusing(policy=Policy(guests=False)), owner=None)


def test_tags_may_be_written_as_the_api_has_them(stand):
    """One text with commas is not a list of letters."""
    assert save(stand, tags="cat, dog").tags == ("cat", "dog")


@pytest.mark.parametrize("expiration", [timedelta(0), timedelta(seconds=-5)])
def test_what_is_over_already_is_refused(refusing, expiration):
    """It must not come to stay for ever."""
    with pytest.raises(InvalidParameter):
        save(refusing(), expiration=expiration)


def test_a_short_lifetime_is_the_shortest(stand):
    """Less than a second is not none."""
    assert save(stand, expiration=timedelta(milliseconds=1)).expires_at == NOW + timedelta(minutes=5)


def test_the_name_is_that_of_the_file(stand, tmp_path):
    """As frameworks and the standard library tell it; a file without one gets one."""
    path = tmp_path / "on-disk.png"
    path.write_bytes(PNG)
    with path.open("rb") as file:
        assert stand.component.uploads.save(file, owner="user").name == "on-disk"
    sent = FileStorage(io.BytesIO(PNG), filename="sent.png")
    assert stand.component.uploads.save(sent, owner="user").name == "sent"
    with tempfile.TemporaryFile() as nameless:
        nameless.write(PNG)
        nameless.seek(0)
        assert len(stand.component.uploads.save(nameless, owner="user").name) == 12


def test_a_file_is_read_from_its_position(stand):
    """So a host may have looked at what comes before it."""
    file = io.BytesIO(b"head" + PNG)
    file.seek(4)
    assert stand.component.uploads.save(file, owner="user").size == len(PNG)


@pytest.mark.parametrize(
    ("content", "parameters", "refusal"),
    [
        (b"", {}, EmptySource),
        (b"no picture", {}, NotAnImage),
        (PNG, {"expiration": "tomorrow"}, InvalidParameter),
        (PNG, {"album_id": "foreign"}, ForeignAlbum),
        (bytes(3_000), {}, TooLarge),
        (PNG, {"owner": Principal(user_id="u", max_bytes=10)}, TooLarge),
        (PNG, {"owner": Principal(user_id="u", max_pixels=10)}, TooManyPixels),
    ],
)
def test_what_the_api_refuses_is_refused_here(refusing, content, parameters, refusal):
    """With the same refusal, whose message may be shown, and nothing stored."""
    stand = refusing(limits=Limits(max_bytes=2_000))
    with pytest.raises(refusal):
        save(stand, content, **parameters)


def test_only_admins_use_a_files_own_date(stand):
    """Whoever else asks for it gets today's."""
    content = exif_jpeg({306: "2020:01:02 03:04:05", 36867: "2020:01:02 03:04:05"})
    assert save(stand, content, use_file_date=True).created_at == NOW
    admin = Principal(user_id="a", is_admin=True)
    assert save(stand, content, owner=admin, use_file_date=True).created_at.year == 2020


def test_lists_are_the_owners_and_the_newest_first(stand):
    """Page after page, without what is expired, deleted or somebody else's."""
    saved = []
    for number in range(7):
        saved.append(save(stand, title=str(number)))
        stand.clock.move(seconds=number % 2)
    save(stand, owner="other")
    stand.component.uploads.delete(saved.pop(3))
    expired = save(stand, expiration="600")
    stand.clock.move(seconds=600)
    uploads = stand.component.uploads
    assert uploads.get(expired.id) is None
    found, page = [], uploads.list("user", limit=4)
    while page:
        found += page
        page = uploads.list("user", limit=4, before=page[-1])
    assert sorted(upload.id for upload in found) == sorted(upload.id for upload in saved)
    assert [upload.received_at for upload in found] == sorted((upload.received_at for upload in found), reverse=True)
    assert uploads.list("nobody") == []


def test_an_upload_is_deleted_by_itself_or_by_its_id(stand):
    """Once: whoever comes second learns that it was gone."""
    first, second = save(stand), save(stand)
    uploads = stand.component.uploads
    assert [uploads.delete(first), uploads.delete(first), uploads.delete(first.id)] == [True, False, False]
    assert [uploads.delete(second.id), uploads.delete("nonsense")] == [True, False]
    assert stand.left() == EMPTY


@pytest.mark.slow
def test_all_of_a_user_is_taken_away(make):
    """Uploads of one owner, however many pages of them, and with the component the keys as well."""

    forgotten = []

    class Store:
        add_key = revoke_key = print

        def keys_of(self, user_id):
            return []

        def forget_keys(self, user_id):
            forgotten.append(user_id)

    catalog = MemoryCatalog(albums=[Album("sevens", "7", "Pictures"), *ALBUMS])
    stand = make(key_store=Store(), catalog=catalog)
    for number in range(60):
        save(stand, owner=7, title=str(number))
    kept = [save(stand, owner="other"), save(stand, owner=None)]
    assert stand.component.uploads.delete_all(7) == 60
    assert stand.component.uploads.delete_all(7) == 0
    save(stand, owner=Principal(user_id="7"))
    stand.component.forget(7)
    stand.component.forget(Principal(user_id="8"))
    stand.component.forget(None)
    assert forgotten == ["7", "8"]
    assert (stand.catalog.album("sevens"), stand.catalog.album("foreign")) == (None, ALBUMS[1])
    assert sorted(upload.id for upload in stand.catalog.uploads()) == sorted(upload.id for upload in kept)
    assert stand.component.uploads.delete_all(None) == 0
    make().component.forget(7)


def test_uploads_of_one_second_are_listed_in_their_order(stand):
    """As a batch that a program sends should be seen."""
    saved = []
    for _ in range(20):
        stand.clock.move(microseconds=700)
        saved.append(save(stand))
    assert [upload.id for upload in stand.component.uploads.list("user")] == [upload.id for upload in reversed(saved)]
    assert {upload.created_at for upload in saved} == {NOW}


def test_the_clock_that_is_there_by_default_puts_them_in_order(tmp_path):
    """Nothing has to be set for it."""
    component = embedded(tmp_path / "site", renderer="inline")
    saved = [component.uploads.save(io.BytesIO(PNG), owner="user", filename="a.png").id for _ in range(8)]
    assert [upload.id for upload in component.uploads.list("user")] == saved[::-1]


def test_a_page_follows_one_whose_last_upload_is_deleted(stand):
    """By the text that its link has."""
    saved = []
    for _ in range(5):
        stand.clock.move(microseconds=1)
        saved.insert(0, save(stand))
    uploads = stand.component.uploads
    first = uploads.list("user", limit=2, before="")
    cursor = str(first[-1].cursor)
    uploads.delete(first[-1])
    assert list(uploads.list("user", before=cursor)) == saved[2:]
    assert list(uploads.list("user", before=first[-1])) == saved[2:]


@pytest.mark.parametrize(
    "text", ["nothing", "1-", "-a", "1", "x-a", "1-a b", "99999999999999999-a", "١-a", "1-a\n", "-1-a"]
)
def test_what_is_no_cursor_is_refused(stand, text):
    """Nobody takes the first page for another one."""
    with pytest.raises(InvalidParameter, match="cursor"):
        stand.component.uploads.list("user", before=text)


def test_an_expiration_in_imgbbs_seconds_is_what_was_asked_for(stand):
    """Whatever part of a second it came in."""
    stand.clock.move(microseconds=999_999)
    answer = stand.send({"image": (io.BytesIO(PNG), "a.png"), "expiration": "600"}, path="/1/upload")
    assert answer.json["data"]["expiration"] == 600


def test_guests_have_no_list(stand):
    """Nobody owns what they uploaded, not even somebody called None."""
    save(stand, owner=None)
    assert list(stand.component.uploads.list(None)) == []
    assert list(stand.component.uploads.list("None")) == []


def test_links_are_for_a_request_or_below_the_base_url(make):
    """A host's page shows what the API would have answered."""
    stand = make()
    upload = save(stand, title="Cat")
    environ = {"HTTP_HOST": "host.example", "wsgi.url_scheme": "https", "SCRIPT_NAME": "/up"}
    links = stand.component.links(environ)
    assert links.file(upload, upload.path) == f"https://host.example/up/images/{upload.path}"
    assert links.viewer(upload) == f"https://host.example/up/image/Cat.{upload.id}"
    with pytest.raises(ConfigError):
        stand.component.links()
    with pytest.raises(MalformedRequest):
        stand.component.links(environ | {"HTTP_HOST": "a b"})
    assert make(base_url="https://cdn.example/x").component.links().base_url == "https://cdn.example/x"
    forwarded = environ | {"HTTP_X_FORWARDED_HOST": "outside.example", "HTTP_X_FORWARDED_PREFIX": "/before"}
    behind = make(trusted_proxies=1).component.links(forwarded)
    assert behind.base_url == "https://outside.example/before/up"


def test_a_catalog_that_cannot_join_says_so(refusing):
    """Before anything is stored."""
    stand = refusing()
    with pytest.raises(ConfigError, match="cannot join"):
        save(stand, session=object())


def test_a_host_answers_as_the_api_does(make):
    """With the document of an upload, for a request or by the site's own address."""
    stand = make()
    upload = save(stand, noise((800, 600)), title="A", tags=["b"])
    api = stand.upload(noise((800, 600)), title="A", tags="b")
    environ = EnvironBuilder("/page", base_url=f"{stand.base}/").get_environ()
    document = stand.component.document(upload, environ)
    assert (document["status_code"], document["success"]["code"]) == (200, 200)
    own = {"name", "filename", "url", "original_filename", "id_encoded", "url_viewer", "path_viewer", "url_short"}
    own |= {"image", "thumb", "medium", "display_url", "delete_url"}
    assert list(document["image"]) == list(api)
    assert {name for name in api if document["image"][name] != api[name]} == own
    assert stand.open(document["image"]["delete_url"], "POST").status_code == 200
    with pytest.raises(ConfigError, match="base_url"):
        stand.component.document(upload)
    stand.start(base_url="https://pictures.example/up")
    assert stand.component.document(upload)["image"]["url_short"] == f"https://pictures.example/up/image/{upload.id}"


def test_links_know_the_medium_picture(stand):
    """The file itself is it where that is no larger."""
    links = stand.component.links(EnvironBuilder("/").get_environ())
    large, small = save(stand, noise((800, 600))), save(stand)
    assert links.medium(large) == links.file(large, large.medium_path)
    assert links.medium(small) == links.file(small, small.path)
    film = replace(small, extension="mp4", frame_size=9)
    assert links.medium(film) == links.file(film, film.frame_path)


class Told:
    """A host's hooks, and what they were told."""

    def __init__(self, reason=None):
        self.reason = reason
        self.asked, self.uploaded, self.deleted = [], [], []

    def before_store(self, upload, principal, file):
        self.asked.append((upload.title, upload.width, principal.data, file.read()))
        if self.reason:
            raise RequestDenied(self.reason)

    def on_upload(self, upload, principal):
        self.uploaded.append((upload.id, principal.user_id))

    def on_delete(self, upload):
        self.deleted.append(upload.id)

    @property
    def hooks(self):
        return {"before_store": self.before_store, "on_upload": self.on_upload, "on_delete": self.on_delete}


def test_hooks_are_told_what_was_done(make):
    """Uploads of the API and of the host, deletions by link, host and sweep; each once, with what the host carries."""
    told = Told()
    stand = make(**told.hooks)
    first = stand.upload(PNG, title="API")
    second = save(stand, title="Host", owner=Principal(user_id="h", data={"plan": "free"}))
    third = save(stand, expiration="600")
    assert told.asked == [("API", 8, None, PNG), ("Host", 8, {"plan": "free"}, PNG), (third.title, 8, None, PNG)]
    assert told.uploaded == [(first["id_encoded"], "user"), (second.id, "h"), (third.id, "user")]
    stand.clock.move(seconds=600)
    stand.component.maintenance.sweep()
    stand.component.maintenance.sweep()
    stand.open(first["delete_url"], "POST")
    stand.component.uploads.delete(second)
    assert told.deleted == [third.id, first["id_encoded"], second.id]


def test_a_host_refuses_with_a_reason(refusing):
    """Which the client reads, in the format it asked for, and nothing is stored."""
    stand = refusing(**Told("Members only since Monday").hooks)
    answer = stand.send({"source": (io.BytesIO(PNG), "a.png"), "format": "txt"})
    assert (answer.status_code, answer.text) == (403, "Members only since Monday")
    with pytest.raises(RequestDenied, match="Members only"):
        save(stand)


def test_a_hook_that_fails_before_is_our_fault(refusing):
    """And nothing is stored: a question without an answer is no yes."""

    def before_store(upload, principal, file):
        raise ZeroDivisionError("secret detail")

    stand = refusing(before_store=before_store)
    answer = stand.send({"source": (io.BytesIO(PNG), "a.png")})
    assert answer.status_code == 500
    assert "secret detail" not in answer.text


def test_a_hook_that_fails_after_the_fact_changes_nothing(make, caplog):
    """It is logged: the upload is there, or gone."""

    def fail(*arguments):
        raise ZeroDivisionError("secret detail")

    stand = make(on_upload=fail, on_delete=fail)
    image = stand.upload(PNG)
    assert stand.open(image["delete_url"], "POST").status_code == 200
    told = [record.message.split(" for ")[0] for record in caplog.records if " failed for " in record.message]
    assert told == ["on_upload failed", "on_delete failed"]


def test_nothing_is_told_of_what_was_not_stored(make):
    """Neither of a refused upload nor of one that a part of ours failed, whatever the sweep removes of it later."""
    told = Told()
    stand = make(
        **told.hooks,
        storage=lambda local: Failing(local, "adopt", StorageError("away")),
    )
    with pytest.raises(StorageError):
        save(stand)
    with pytest.raises(NotAnImage):
        save(stand, b"no picture")
    stand.component.maintenance.sweep(grace=timedelta(0))
    assert (told.uploaded, told.deleted) == ([], [])


def test_a_deletion_that_is_finished_later_is_told_once(make):
    """When readers cannot see it any more, whenever its files go."""
    told = Told()
    stand = make(**told.hooks, storage=lambda local: Failing(local, "delete", StorageError("away"), forever=False))
    upload = save(stand)
    with pytest.raises(StorageError):
        stand.component.uploads.delete(upload)
    stand.component.maintenance.sweep()
    assert told.deleted == [upload.id]
    assert stand.left() == EMPTY


def test_a_catalog_that_is_away_is_told(make):
    """By its error, to the host's own code."""
    stand = make(catalog=Failing(MemoryCatalog(), "owned", CatalogError("away")))
    with pytest.raises(CatalogError):
        stand.component.uploads.list("user")


def test_a_large_file_is_not_held_in_memory(make):
    """It is read in pieces."""

    class Pieces:
        def __init__(self):
            self.left = [picture((300, 200))]
            self.sizes = set()

        def read(self, size):
            self.sizes.add(size)
            return self.left.pop() if self.left else b""

    pieces = Pieces()
    make().component.uploads.save(pieces, owner="user", filename="a.png")
    assert max(pieces.sizes) <= 1_048_576
