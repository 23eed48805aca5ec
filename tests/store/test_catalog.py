"""A catalog keeps its word: one name for one upload, states in their order, and nothing lost on the way."""

from __future__ import annotations

import threading
from datetime import timedelta, timezone

import pytest

from chevupload.errors import CatalogError, NameTaken
from chevupload.interfaces import Catalog
from chevupload.model import Album
from chevupload.store.sql import SqlCatalog


def ready(catalog, *uploads):
    for upload in uploads:
        catalog.reserve(upload)
        catalog.publish(upload.id)


def test_it_is_a_catalog(catalog):
    """Every catalog of ours has all the methods that one of the host's needs."""
    assert isinstance(catalog, Catalog)


def test_a_record_comes_back_as_it_went_in(catalog, make_upload, now):
    """Every field survives, long texts whole and tags in their order, an owner's as a guest's."""
    upload = make_upload(
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
        expires_at=now + timedelta(days=1),
        views=7,
    )
    ready(catalog, upload, make_upload("a2", owner_id=None))
    assert catalog.get("a1") == upload
    assert catalog.find(upload.stem) == upload
    assert catalog.get("a2") == make_upload("a2", owner_id=None)


def test_times_of_any_zone_are_kept(catalog, make_upload, now):
    """A time of any zone comes back as the same moment, and aware."""
    local = now.astimezone(timezone(timedelta(hours=5, minutes=30)))
    ready(catalog, make_upload(created_at=local))
    found = catalog.get("a1").created_at
    assert found == now
    assert found.utcoffset() is not None


def test_pending_is_invisible(catalog, make_upload):
    """Nobody is shown an upload before all of its files are there."""
    catalog.reserve(make_upload())
    assert catalog.get("a1") is None
    assert catalog.find(make_upload().stem) is None
    assert list(catalog.uploads()) == []


def test_ids_differ_by_case_and_names_do_not(catalog, make_upload):
    """Ids are exact. Names are not: some disks take ``ONE`` and ``one`` in a folder for the same file."""
    catalog.reserve(make_upload("ab", name="one"))
    catalog.reserve(make_upload("AB", name="two"))
    with pytest.raises(NameTaken):
        catalog.reserve(make_upload("cd", name="ONE"))
    with pytest.raises(NameTaken):
        catalog.reserve(make_upload("ab", name="three", tags=("t",)))
    catalog.reserve(make_upload("cd", name="ONE", folder=""))


def test_one_name_serves_one_upload_whatever_its_extension(catalog, make_upload):
    """A stem belongs to one upload alone, so that the derived files of two can never meet."""
    catalog.reserve(make_upload("a", name="n", extension="png"))
    with pytest.raises(NameTaken):
        catalog.reserve(make_upload("b", name="n", extension="gif"))


def test_find_is_exact(catalog, make_upload):
    """A link in another case finds nothing, though it cannot be taken either: a file has one address."""
    ready(catalog, make_upload(name="Name"))
    assert catalog.find("2026/03/04/Name") is not None
    assert catalog.find("2026/03/04/name") is None
    assert catalog.find("2026/03/04/other") is None


def test_publish_needs_a_pending_upload(catalog, make_upload):
    """What a sweep or an owner has withdrawn never comes back to life: its files may be gone already."""
    with pytest.raises(CatalogError):
        catalog.publish("nobody")
    ready(catalog, make_upload())
    with pytest.raises(CatalogError):
        catalog.publish("a1")
    catalog.withdraw("a1")
    with pytest.raises(CatalogError):
        catalog.publish("a1")


def test_withdrawn_is_gone_and_its_name_is_never_used_again(catalog, make_upload):
    """Readers lose a deleted upload at once; its name stays taken, for caches may hold its files; its id does not."""
    ready(catalog, make_upload(tags=("x",)))
    assert catalog.withdraw("a1") is True
    assert catalog.withdraw("a1") is False
    assert catalog.get("a1") is None
    with pytest.raises(NameTaken):
        catalog.reserve(make_upload())
    catalog.forget("a1")
    catalog.forget("a1")
    for name in ("name-a1", "NAME-A1"):
        with pytest.raises(NameTaken):
            catalog.reserve(make_upload("a2", name=name))
    ready(catalog, make_upload(name="other", tags=("y",)))
    assert catalog.get("a1").tags == ("y",)


def test_a_name_is_free_after_a_year(database, make_upload, now):
    """As long as caches may keep a file, and no longer."""
    catalog = SqlCatalog(database, clock=lambda: now)
    ready(catalog, make_upload())
    catalog.withdraw("a1")
    catalog.forget("a1")
    catalog.withdraw_stale(now=now + timedelta(days=365), pending_since=now)
    with pytest.raises(NameTaken):
        catalog.reserve(make_upload())
    catalog.withdraw_stale(now=now + timedelta(days=367), pending_since=now)
    catalog.reserve(make_upload())


def test_withdraw_takes_pending_ones_and_tells_of_unknown_ones(catalog, make_upload):
    """An upload that failed can be withdrawn before it was ready, and the caller learns whether there was one."""
    catalog.reserve(make_upload())
    assert catalog.withdraw("a1") is True
    assert catalog.withdraw("nobody") is False


def test_forget_leaves_what_was_not_withdrawn(catalog, make_upload):
    """No record of an upload with files is lost by forgetting it in the wrong state."""
    ready(catalog, make_upload())
    catalog.forget("a1")
    assert catalog.get("a1") is not None


def test_views_are_counted_for_ready_uploads(catalog, make_upload):
    """Every view counts, of what can be viewed only; an unknown id is no error."""
    ready(catalog, make_upload())
    catalog.reserve(make_upload("a2"))
    for id_ in ("a1", "a1", "a2", "nobody"):
        catalog.count_view(id_)
    assert catalog.get("a1").views == 2
    catalog.publish("a2")
    assert catalog.get("a2").views == 0


def test_stale_is_what_expired_or_stalled(catalog, make_upload, now):
    """It is withdrawn beside what was being deleted, and nothing else is."""
    hour = timedelta(hours=1)
    ready(
        catalog,
        make_upload("live"),
        make_upload("later", expires_at=now + hour),
        make_upload("expired", expires_at=now),
        make_upload("deleting", tags=("t",)),
    )
    catalog.reserve(make_upload("fresh", created_at=now - 1000 * hour))
    catalog.reserve(make_upload("fresh-expired", expires_at=now))
    catalog.reserve(make_upload("stalled", received_at=now - hour))
    catalog.withdraw("deleting")
    catalog.withdraw_stale(now=now, pending_since=now - hour)
    assert set(catalog.withdrawn_ids()) == {"expired", "deleting", "stalled"}
    assert catalog.withdrawn("deleting").tags == ("t",)
    assert catalog.withdrawn("live") is None
    catalog.forget("deleting")
    assert catalog.withdrawn("deleting") is None
    with pytest.raises(CatalogError):
        catalog.publish("stalled")
    catalog.publish("fresh")


def test_a_sweep_sees_each_upload_once_while_it_forgets(catalog, make_upload, now):
    """However many there are, and whatever is forgotten on the way."""
    ready(catalog, *(make_upload(f"u{number:03}", expires_at=now, tags=("t",)) for number in range(450)))
    catalog.withdraw_stale(now=now, pending_since=now)
    seen = []
    for upload_id in catalog.withdrawn_ids():
        seen.append(upload_id)
        if len(seen) % 2:
            catalog.forget(upload_id)
    assert sorted(seen) == [f"u{number:03}" for number in range(450)]
    assert len(list(catalog.withdrawn_ids())) == 225


def test_uploads_yields_all_of_them_and_lets_writers_in(catalog, make_upload):
    """A check sees every upload, however many there are, and holds up nobody who writes meanwhile."""
    ready(catalog, *(make_upload(f"u{number:03}") for number in range(400)))
    seen = set()
    for upload in catalog.uploads():
        seen.add(upload.id)
        catalog.count_view(upload.id)
    assert len(seen) == 400


def test_duplicates_are_found_by_owner_hash_and_time(catalog, make_upload, now):
    """The hash as received or as stored will do; the time is that of receipt; other owners and pending do not count."""
    ready(
        catalog,
        make_upload("a", md5="1" * 32, source_md5="2" * 32, created_at=now - timedelta(days=900)),
        make_upload("b", owner_id=None, md5="3" * 32),
    )
    catalog.reserve(make_upload("c", md5="4" * 32))
    assert catalog.has_duplicate("1" * 32, owner_id="user", since=now)
    assert catalog.has_duplicate("2" * 32, owner_id="user", since=now)
    assert catalog.has_duplicate("3" * 32, owner_id=None, since=now)
    assert not catalog.has_duplicate("1" * 32, owner_id="user", since=now + timedelta(seconds=1))
    assert not catalog.has_duplicate("1" * 32, owner_id="other", since=now)
    assert not catalog.has_duplicate("1" * 32, owner_id=None, since=now)
    assert not catalog.has_duplicate("4" * 32, owner_id="user", since=now)


def test_albums_and_categories_are_looked_up(catalog):
    """An album tells whose it is, which decides who may upload into it; ids are exact."""
    assert catalog.album("album") == Album("album", "user", "Cats")
    assert catalog.album("ALBUM") is None
    assert catalog.has_category(1)
    assert not catalog.has_category(2)


def test_of_many_threads_one_gets_the_name(catalog, make_upload):
    """Uploads of one moment never share a name, and each name is given to one of them."""
    wins = []

    def run(thread):
        for number in range(10):
            try:
                catalog.reserve(make_upload(f"{thread}-{number}", name=f"n{number}", tags=(f"t{number}", "all")))
                wins.append(number)
            except NameTaken:
                pass

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == list(range(10))
