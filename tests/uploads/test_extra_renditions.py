"""Additional renditions are files of their upload wherever files of an upload are known."""

from __future__ import annotations

import io
import threading

import pytest
from PIL import Image

from chevupload import Policy, Renditions, RenditionSize
from chevupload.config import Delivery
from chevupload.db import SqlCatalog
from chevupload.storage.local import LocalStorage
from chevupload.testing.memory import MemoryCatalog, MemoryStorage
from chevupload.uploads.moves import Moves
from chevupload.uploads.purge import Purge
from tests.databases import sqlite_database
from tests.support import EMPTY, noise, picture

FOLDER = "2026/03/04"
EXTRA = Renditions(extra={"w300": RenditionSize(width=300), "s40": "40x40^", "w900": "900x"})


@pytest.fixture(params=["memory", "sql"])
def catalog(request, tmp_path):
    """Return records in memory or in a database."""
    if request.param == "memory":
        yield MemoryCatalog()
        return
    with sqlite_database(tmp_path / "records.db") as database:
        yield SqlCatalog(database)


@pytest.fixture
def stand(make, catalog):
    """Return a site with two more sizes than a picture of 600 pixels has."""
    return make(catalog=catalog, renditions=EXTRA)


def run(stand, kind, **arguments):
    """Do batch work of a kind on all uploads, and return the job."""
    *_, job = stand.component.jobs.run(stand.component.jobs.start(kind, **arguments).id, ending=threading.Event())
    return job


def names(upload):
    """Return the names and sizes of an upload's additional renditions."""
    return {one.name: (one.width, one.height) for one in upload.extras}


def test_an_answer_names_them_and_their_urls_lead_to_them(stand):
    """Under their own names, with their pixels; what a picture is too small for is not there."""
    image = stand.upload(noise((600, 400)), "a.png")
    members = list(image)
    assert members[members.index("medium") + 1 :][:3] == ["w300", "s40", "duration_time"]
    for name, size in (("w300", (300, 200)), ("s40", (40, 40))):
        found = image[name]
        assert (found["filename"], found["name"]) == (f"a.{name}.png", f"a.{name}")
        assert (found["width"], found["height"]) == size
        answer = stand.open(found["url"])
        assert (answer.status_code, answer.content_type, len(answer.data)) == (200, "image/png", found["size"])
        assert Image.open(io.BytesIO(answer.data)).size == size
        assert answer.headers["Content-Disposition"] == f'inline; filename="a.{name}.png"'
    assert stand.open(image["url"].replace("a.png", "a.w900.png")).status_code == 404
    upload = stand.catalog.get(image["id_encoded"])
    assert names(upload) == {"w300": (300, 200), "s40": (40, 40)}
    assert sorted(upload.paths) == stand.stored()
    assert upload.sizes == {path: (stand.images / path).stat().st_size for path in upload.paths}


def test_imgbb_has_what_it_has(stand):
    """Its clients check every member."""
    answer = stand.send({"image": (io.BytesIO(noise((600, 400))), "a.png")}, path="/1/upload")
    assert answer.status_code == 200
    assert not {"w300", "s40"} & set(answer.json["data"])


def test_a_small_picture_has_none(stand):
    """And its answer is that of a site without additional sizes."""
    image = stand.upload(picture((40, 40)), "a.png")
    assert not {"w300", "s40", "w900"} & set(image)
    assert stand.catalog.get(image["id_encoded"]).extras == ()


def test_a_name_of_a_rendition_is_no_uploads_own(stand):
    """In whichever order they come, each URL leads to its own file."""
    first = stand.upload(noise((600, 400)), "a.w300.png")
    second = stand.upload(noise((601, 400)), "a.png")
    third = stand.upload(noise((602, 400)), "b.png")
    fourth = stand.upload(noise((603, 400)), "b.w300.S40.png")
    urls = [image[name]["url"] for image in (first, second, third, fourth) for name in ("image", "w300", "s40")]
    assert len({*urls}) == len(urls)
    for image in (first, second, third, fourth):
        for name in ("image", "w300", "s40"):
            assert len(stand.open(image[name]["url"]).data) == image[name]["size"]


def test_a_deletion_leaves_none(stand):
    """By its link, and by the sweep after an expiry."""
    stand.open(stand.upload(noise((600, 400)))["delete_url"], "POST")
    stand.upload(noise((600, 400)), expiration="600")
    stand.clock.move(hours=1)
    stand.component.maintenance.sweep()
    assert stand.left() == EMPTY


def test_a_deletion_that_does_not_know_them_is_ended_by_the_sweep(make, tmp_path):
    """As when they are rendered between the look at a record and its deletion."""
    with sqlite_database(tmp_path / "records.db") as database:
        stand = make(catalog=SqlCatalog(database))
        known = stand.catalog.get(stand.upload(noise((600, 400)), "a.png")["id_encoded"])
        stand.start(renditions=EXTRA)
        assert run(stand, "render").failed == 0
        assert stand.component.uploads.delete(known)
        assert stand.catalog.get(known.id) is None
        stand.component.maintenance.sweep()
        assert stand.left() == EMPTY


def test_a_check_misses_them_and_a_repair_makes_them_again(stand):
    """A file of this kind that no record knows is a stray."""
    image = stand.upload(noise((600, 400)), "a.png")
    before = stand.stored()
    (stand.images / FOLDER / "a.w300.png").unlink()
    (stand.images / FOLDER / "a.s41.png").write_bytes(b"x")
    stand.clock.move(hours=9)
    report = stand.component.maintenance.check(repair=True)
    assert report.missing == ((image["id_encoded"], f"{FOLDER}/a.w300.png"),)
    assert (report.rendered, report.left) == ((image["id_encoded"],), 0)
    assert stand.component.maintenance.check().missing == ()
    assert [path for path in stand.stored() if "s41" not in path] == before


def test_rendering_again_follows_the_settings(make, tmp_path):
    """What is newly chosen is made, what is chosen no more is removed, and what is chosen otherwise is replaced."""
    with sqlite_database(tmp_path / "records.db") as database:
        stand = make(catalog=SqlCatalog(database), policy=Policy(usage="all"))
        upload_id = stand.upload(noise((600, 400)), "a.png")["id_encoded"]
        for extra, expected in (
            ({"w300": "300x", "s40": "40x40^"}, {"w300": (300, 200), "s40": (40, 40)}),
            ({"s40": "x40", "w90": "90x"}, {"s40": (60, 40), "w90": (90, 60)}),
            ({}, {}),
        ):
            stand.start(renditions=Renditions(extra=extra))
            assert run(stand, "render").failed == 0
            upload = stand.catalog.get(upload_id)
            assert names(upload) == expected
            assert upload.sizes == {path: (stand.images / path).stat().st_size for path in stand.stored()}
            assert stand.component.uploads.usage("user").bytes == sum(upload.sizes.values())
            assert stand.component.uploads.usage("user", recount=True).bytes == sum(upload.sizes.values())


def test_they_count_where_all_files_do(make, tmp_path):
    """When they come and when they go."""
    with sqlite_database(tmp_path / "records.db") as database:
        stand = make(catalog=SqlCatalog(database), policy=Policy(usage="all", quota_bytes=10_000_000), renditions=EXTRA)
        image = stand.upload(noise((600, 400)), "a.png")
        upload = stand.catalog.get(image["id_encoded"])
        assert stand.component.uploads.usage("user").bytes == sum(upload.sizes.values())
        assert stand.component.uploads.usage("user", recount=True).bytes == sum(upload.sizes.values())
        stand.open(image["delete_url"], "POST")
        assert stand.component.uploads.usage("user").bytes == 0


def test_they_move_with_their_upload(make, catalog, tmp_path):
    """And nothing of them is left where it was."""
    storages = {name: LocalStorage(tmp_path / name) for name in ("old", "new")}
    stand = make(catalog=catalog, storage=storages, renditions=EXTRA)
    image = stand.upload(noise((600, 400)), "a.png")
    upload = catalog.get(image["id_encoded"])
    assert Moves(stand.component.context).move(upload, "new")
    stand.clock.move(days=9)
    stand.component.maintenance.sweep()
    assert [*storages["old"].files()] == []
    assert dict(storages["new"].files()) == upload.sizes
    assert stand.open(image["w300"]["url"]).status_code == 200


def test_they_are_verified_and_erased(make, tmp_path, caplog):
    """One that is not of its size is told by its path; with their owner they go."""
    with sqlite_database(tmp_path / "records.db") as database:
        stand = make(catalog=SqlCatalog(database), renditions=EXTRA)
        stand.upload(noise((600, 400)), "a.png")
        (stand.images / FOLDER / "a.s40.png").write_bytes(b"x")
        assert run(stand, "verify").failed == 1
        assert f"{FOLDER}/a.s40.png" in caplog.text
        assert run(stand, "erase", owner_id="user").failed == 0
        assert stand.left() == EMPTY


def test_caches_are_told_of_them(make, prefix):
    """By their names."""
    purged = []
    settings = {"renditions": EXTRA, "base_url": f"http://site.test{prefix}"}
    stand = make(on_event={"cdn": Purge(purged.append)}, **settings)
    image = stand.upload(noise((600, 400)))
    cached = stand.component.links().cached(stand.catalog.get(image["id_encoded"]))
    assert (cached["w300"], cached["s40"]) == (image["w300"]["url"], image["s40"]["url"])
    stand.open(image["delete_url"], "POST")
    stand.component.events.deliver()
    assert {image["w300"]["url"], image["s40"]["url"]} < {*purged[0]}


class Signing(MemoryStorage):
    """A storage that signs URLs."""

    can_sign = True

    def signed_url(self, path, *, seconds):
        return f"https://store.example/{path}?signed"


@pytest.mark.parametrize(
    ("settings", "header", "place"),
    [
        ({"delivery": Delivery(by="x_accel", location="/files")}, "X-Accel-Redirect", "/files/{}"),
        ({"delivery": Delivery(by="x_sendfile", location="/srv")}, "X-Sendfile", "/srv/{}"),
        ({"delivery": Delivery(by="signed_url"), "storage": Signing()}, "Location", "https://store.example/{}?signed"),
        ({"storage": MemoryStorage(public_url="https://cdn.test")}, "Location", "https://cdn.test/{}"),
    ],
    ids=["nginx", "apache", "signed", "public"],
)
def test_they_are_delivered_as_every_other_file(make, settings, header, place):
    """By the web server, by a signed URL, or by the storage itself; ours leads there."""
    stand = make(renditions=EXTRA, **settings)
    upload = stand.catalog.get(stand.upload(noise((600, 400)), "a.png")["id_encoded"])
    answer = stand.open(f"/images/{upload.extra_paths['w300']}")
    assert answer.headers[header] == place.format(f"{FOLDER}/a.w300.png")
