"""``Policy(duplicates="return")``: who sends the same bytes once more gets the upload that they have."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from chevupload import Flood, Originals, Policy, Principal
from tests.support import PNG, exif_jpeg, file, noise, picture

RETURN = Policy(duplicates="return")


@pytest.fixture
def stand(make):
    """Return a site that answers duplicates with the earlier upload."""
    return make(policy=RETURN)


def send(stand, content=PNG, key="user-key", **fields):
    return stand.upload(content, key=key, **fields)["id_encoded"]


def stored(stand):
    return sorted(upload.id for upload in stand.catalog.uploads())


@pytest.mark.parametrize("form", ["json", "txt", "redirect"])
def test_the_answer_is_that_of_the_earlier_upload(stand, form):
    """In each format, on each route, however long ago; as it is by now, whatever the second request says of it."""
    first = stand.upload(title="First", tags="a")
    stand.clock.move(days=400)
    fields = {"title": "Second", "tags": "b", "nsfw": "1", "format": form}
    answer = stand.send({"source": file(name="other.png"), **fields})
    if form == "json":
        image = answer.json["image"]
        assert answer.json["success"] == {"message": "file uploaded", "code": 200}
        assert (image["title"], image["delete_url"]) == ("First", first["delete_url"])
        assert image == first
        data = stand.send({"image": file()}, path="/1/upload").json["data"]
        assert (data["id"], data["title"]) == (first["id_encoded"], "First")
    elif form == "txt":
        assert answer.text == first["url"]
    else:
        assert answer.headers["Location"] == first["path_viewer"]
    assert stored(stand) == [first["id_encoded"]]


def test_nobody_gets_what_is_not_theirs(stand):
    """Neither another owner's nor a guest's; an admin's own is one like any other."""
    first = {key: send(stand, key=key) for key in ("user-key", "other-key", "guest-key", "admin-key")}
    again = {key: send(stand, key=key) for key in first}
    assert len({*first.values()}) == 4
    assert {key for key in first if first[key] != again[key]} == {"guest-key"}
    assert stand.component.uploads.save(io.BytesIO(PNG), owner="user").id == first["user-key"]


def test_what_is_gone_or_not_there_yet_is_no_answer(stand):
    """Deleted, expired, or on its way."""
    first = send(stand)
    assert stand.component.uploads.delete(first)
    second = send(stand, expiration="PT10M")
    stand.clock.move(minutes=10)
    third = send(stand)
    stand.catalog._records[third].state = "pending"
    fourth = send(stand)
    assert len({first, second, third, fourth}) == 4
    assert send(stand) == fourth


def test_an_upload_that_ends_earlier_is_no_answer(stand):
    """Who asks for a picture that stays, or for a longer time, would lose it."""
    day = send(stand, expiration="P1D")
    assert send(stand, expiration="PT1H") == day
    week = send(stand, expiration="P7D")
    forever = send(stand)
    assert len({day, week, forever}) == 3
    assert {send(stand), send(stand, expiration="P7D")} <= {week, forever}


@pytest.mark.parametrize(
    ("originals", "content"),
    [
        (Originals(keep_exif=False), exif_jpeg({0x010F: "Canon"})),
        (Originals(max_width=100), noise((300, 200))),
        (Originals(convert={"PNG": "WEBP"}), noise((300, 200))),
    ],
    ids=["stripped", "smaller", "converted"],
)
def test_what_is_changed_before_it_is_stored_is_known_again(make, originals, content):
    """By what came of it; or by the file that it came of, if an encoder makes other bytes of that by now."""
    stand = make(originals=originals, policy=RETURN)
    first = send(stand, content)
    assert send(stand, content) == first
    record = stand.catalog._records[first]
    if record.upload.source_md5 is not None:
        object.__setattr__(record.upload, "md5", "0" * 32)
        assert send(stand, content) == first
    assert send(stand, picture((30, 30))) != first


def test_another_width_is_another_picture(stand):
    """Each is answered with one of its own size."""
    content = noise((300, 200))
    small = send(stand, content, width="100")
    whole = send(stand, content)
    middle = send(stand, content, width="200")
    assert len({small, whole, middle}) == 3
    again = [send(stand, content, width=width) for width in ("100", "200", "300", "")]
    assert again == [small, middle, whole, whole]


def test_it_takes_no_quota_and_no_place_of_a_flood(make):
    """Nothing is stored; and no hook is asked or told."""
    asked, told = [], []
    policy = Policy(duplicates="return", usage="all", quota_files=1, flood=Flood(minute=2))
    stand = make(
        policy=policy,
        before_store=lambda upload, principal, file: asked.append(upload.id),
        on_upload=lambda upload, principal: told.append(upload.id),
    )
    first = send(stand)
    assert [send(stand) for _ in range(4)] == [first] * 4
    assert asked == told == [first]
    assert stand.component.uploads.usage("user").files == 1
    assert stand.send({"source": file(picture((9, 9)))}).status_code == 403


def test_a_repeated_request_is_answered_as_before(stand):
    """Whether it has stored something or not."""
    first = send(stand)
    headers = {"Idempotency-Key": "one"}
    again = [stand.send({"source": file()}, headers=headers).json["image"]["id_encoded"] for _ in range(2)]
    assert again == [first, first]


def test_a_ticket_is_given_nothing_of_before(stand):
    """Its holder need not be the owner, who would lose the picture by its delete link."""
    first = send(stand)
    ticket = stand.component.tickets.mint("user", uses=2)
    by_ticket = send(stand, key=ticket.key)
    assert by_ticket != first
    assert send(stand, key=ticket.key) == by_ticket


def test_a_narrowed_key_is_given_what_it_may_see(make):
    """A key for pages nothing, which anybody may have found there; a key for an album what is in it."""
    keys = {
        "all": Principal(user_id="user"),
        "album": Principal(user_id="user", album_id="ownalbum"),
        "page": Principal(user_id="user", origins=frozenset({"https://forum.example"})),
    }
    stand = make(keys=lambda key, environ: keys.get(key), policy=RETURN)
    first = send(stand, key="all")
    in_album = send(stand, key="album")
    headers = {"Origin": "https://forum.example"}
    on_page = stand.send({"source": file()}, key="page", headers=headers).json["image"]["id_encoded"]
    assert len({first, in_album, on_page}) == 3
    assert send(stand, key="album") == in_album


def test_a_key_that_is_not_for_deleting_is_given_no_delete_link(make):
    """Of a duplicate: who fetches a picture and sends it with a key for uploads could delete it. Its own have one."""
    keys = {
        "all": Principal(user_id="user"),
        "upload": Principal(user_id="user", scopes=frozenset({"upload"})),
        "both": Principal(user_id="user", scopes=frozenset({"upload", "delete"})),
    }
    stand = make(keys=lambda key, environ: keys.get(key), policy=RETURN)
    first = stand.upload(key="all")
    assert stand.upload(key="both") == first
    assert stand.upload(key="upload") == first | {"delete_url": None}
    content, headers = picture((9, 9)), {"Idempotency-Key": "one"}
    own, again = (stand.send({"source": file(content)}, key="upload", headers=headers).json["image"] for _ in range(2))
    assert own["delete_url"] is not None
    assert again == own


def test_a_duplicate_makes_no_album(make):
    """The earlier upload stays in its own."""
    stand = make(policy=Policy(duplicates="return", album_names=True))
    first = send(stand, album_id="ownalbum")
    assert send(stand, album="Cats") == first
    assert [album.title for album in stand.component.albums.list("user")] == ["Own"]
    assert stand.catalog.get(first).album_id == "ownalbum"


def test_lifetimes_of_users_count(make):
    """As if the upload were stored."""
    short = Principal(user_id="user", lifetime=timedelta(hours=1))
    stand = make(keys=lambda key, environ: short, policy=RETURN)
    first = send(stand)
    assert send(stand) == first
    stand.clock.move(minutes=30)
    assert send(stand) != first
