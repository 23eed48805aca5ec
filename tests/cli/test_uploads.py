"""An operator finds, shows and deletes uploads."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta

import pytest

from chevupload.cli.sites import ChosenSite
from chevupload.spool import format_bytes
from tests.cli.operator_site import OperatorSite
from tests.support import picture


@pytest.fixture
def site(operator_site):
    """Return a site with uploads of two users and a guest."""
    return operator_site


def listed(site: OperatorSite, *options: str) -> list[str]:
    """Return the ids of the uploads that the command lists."""
    status, output, errors = site.run("uploads", "list", "--json", *options)
    assert (status, errors) == (0, "")
    return [json.loads(line)["id"] for line in output.splitlines()]


def test_each_option_selects(site):
    """A user by name or id, guests, times, sizes, a hash, an album, a type; and several together."""
    a, con, b, guests = (upload.id for upload in site.uploads)
    every = sorted([a, con, b, guests])
    now = site.uploads[1].received_at
    later, before = (now + timedelta(days=1)).isoformat(), f"{now - timedelta(days=1):%Y-%m-%d}"
    for options, ids in {
        (): every,
        ("--user", "ann"): [a, con],
        ("--user", site.ann): [a, con],
        ("--guests",): [guests],
        ("--from", before, "--to", later): every,
        ("--to", now.isoformat()): [a],
        ("--from", later): [],
        ("--min-bytes", "1", "--max-bytes", "9999"): every,
        ("--min-bytes", "9999"): [],
        ("--md5", site.uploads[2].md5.upper()): [b],
        ("--album", site.album): [a],
        ("--type", "video"): [],
        ("--type", "image", "--user", "bob"): [b],
    }.items():
        assert sorted(listed(site, *options)) == sorted(ids), options


def test_a_table_is_for_people(site):
    """With names of users, and nothing that a terminal takes for a command."""
    status, output, _ = site.run("uploads", "list", "--user", "ann")
    header, first, second = output.splitlines()
    assert (status, header.split()) == (0, ["ID", "RECEIVED", "BYTES", "PIXELS", "KIND", "USER", "TITLE"])
    assert first.split()[0] == site.uploads[0].id
    assert first.split()[-2:] == ["ann", "a"]
    assert second.endswith("ü\ufffd31m\ufffd")
    assert site.run("uploads", "list", "--from", "2999-01-01")[1] == ""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--user", "nobody"), "there is no user 'nobody'"),
        (("--album", "nothing"), "there is no album nothing"),
        (("--user", "ann", "--guests"), "exclude each other"),
        (("--from", "yesterday"), "not a date or a time by ISO 8601"),
        (("--md5", "xyz"), "not an MD5 hash"),
        (("--max-bytes", "-1"), "--max-bytes"),
    ],
)
def test_what_nobody_can_mean_is_refused(site, options, told):
    """With a reason."""
    status, output, errors = site.run("uploads", "list", *options)
    assert (status > 0, output, told in errors) == (True, "", True), errors


def test_one_is_shown(site, monkeypatch):
    """By its id, or by its viewer's address on a site that knows its own; with every URL that caches may have."""
    monkeypatch.setenv("CHEVUPLOAD_BASE_URL", "https://pictures.example")
    upload = site.uploads[0]
    status, output, _ = site.run("uploads", "show", f"https://pictures.example/image/a.{upload.id}")
    rows = dict(line.split(maxsplit=1) for line in output.splitlines() if not line.startswith("url of"))
    assert (status, rows["tags"], rows["path"]) == (0, "cat, dog", upload.path)
    assert f"url of original    https://pictures.example/images/{upload.path}" in output
    document = json.loads(site.run("uploads", "show", upload.id, "--json")[1])
    assert (document["tags"], document["md5"], document["album_id"]) == (["cat", "dog"], upload.md5, site.album)
    assert document["urls"]["short"] == f"https://pictures.example/image/{upload.id}"
    assert site.run("uploads", "show", "nothing") == (1, "", "Error: there is no upload nothing\n")


def test_one_is_found_by_what_people_report(monkeypatch, site):
    """The address of a file, of a derived one and of an additional size too; with a query or not; or a path."""
    monkeypatch.setenv("CHEVUPLOAD_BASE_URL", "https://pictures.example/up")
    monkeypatch.setenv("CHEVUPLOAD_EXTRA", "w20=20x")
    with ChosenSite(data=str(site.folder)).open_component() as component:
        upload = component.uploads.save(io.BytesIO(picture((40, 30))), filename="p.png", owner=site.ann)
        links = component.links()
        urls = [links.file(upload, path) for path in upload.paths] + [links.viewer(upload)]
        assert len(upload.paths) > 2
    for given in (*urls, f"{urls[0]}?x=1#y", urls[-1].upper()[:16] + urls[-1][16:], *upload.paths):
        status, output, errors = site.run("uploads", "show", given, "--json")
        assert (status, errors) == (0, ""), given
        assert json.loads(output)["id"] == upload.id
    for given, told in {
        "https://pictures.example/up/images/none.png": "",
        urls[0].replace(
            "pictures", "other"
        ): "; the addresses of viewers and files begin with https://pictures.example/up/",
        urls[0].replace(".png", ".gif"): "",
    }.items():
        assert site.run("uploads", "show", given)[2] == f"Error: there is no upload {given}{told}\n"
    output = site.run("uploads", "show", upload.id)[1]
    (extra,) = upload.extras
    rows = dict(re.split("  +", line, maxsplit=1) for line in output.splitlines())
    assert rows["extras"] == f"w20 {extra.width}x{extra.height} {extra.size} bytes"
    assert ("extra_paths" in rows, rows["user"]) == (False, "ann")
    monkeypatch.delenv("CHEVUPLOAD_BASE_URL")
    assert "on a site without base_url, give an id, or a path" in site.run("uploads", "show", urls[0])[2]
    assert site.run("uploads", "show", upload.paths[1])[0] == 0


def test_a_file_is_found_by_the_address_of_its_storage(monkeypatch, site):
    """Where readers are told that one."""
    monkeypatch.setenv("CHEVUPLOAD_BASE_URL", "https://pictures.example")
    monkeypatch.setenv("CHEVUPLOAD_STORAGE_PUBLIC_URL", "https://cdn.example/a")
    upload = site.uploads[0]
    document = json.loads(site.run("uploads", "show", f"https://cdn.example/a/{upload.thumb_path}?x", "--json")[1])
    assert (document["id"], document["user"]) == (upload.id, "ann")


def test_one_is_changed(site):
    """By the rules of an upload: what is given alone; empty texts clear, and what is not acceptable changes nothing."""
    upload = site.uploads[0]
    options = ["--title", "Neu ü", "--tags", "bird", "--album", "", "--nsfw", "--expiration", "P1D"]
    status, output, _ = site.run("uploads", "edit", upload.id, *options, "--json")
    found = json.loads(output)
    assert (status, found["title"], found["tags"], found["album_id"]) == (0, "Neu ü", ["bird"], None)
    assert (found["nsfw"], found["expires_at"] > found["received_at"], found["md5"]) == (True, True, upload.md5)
    assert site.run("uploads", "edit", upload.id, "--sfw", "--title", "")[:2] == (0, f"changed {upload.id}\n")
    found = json.loads(site.run("uploads", "show", upload.id, "--json")[1])
    assert (found["title"], found["nsfw"], found["tags"]) == (None, False, ["bird"])
    status, _, errors = site.run("uploads", "edit", site.uploads[2].id, "--album", site.album, "--title", "Mine")
    assert (status, errors) == (1, f"Error: the owner of upload {site.uploads[2].id} has no album {site.album}\n")
    assert json.loads(site.run("uploads", "show", site.uploads[2].id, "--json")[1])["title"] == "b"
    assert site.run("uploads", "edit", upload.id)[0] == 2
    assert site.run("uploads", "edit", "nothing", "--sfw")[0] == 1


def test_what_goes_is_shown_and_asked(site):
    """How many, and which; anything but a yes changes nothing, and nobody to ask is no yes."""
    a, con, *_ = site.uploads
    size = sum(sum(upload.sizes.values()) for upload in (a, con))
    status, output, errors = site.run("uploads", "delete", "--user", "ann", answer="n\n")
    assert (status, output) == (1, "")
    assert [line.split()[0] for line in errors.splitlines()[:2]] == [a.id, con.id]
    assert f"Delete 2 uploads, {format_bytes(size)}? [y/N]" in errors
    assert site.run("uploads", "delete", "--user", "ann")[0] == 1
    assert len(listed(site)) == 4
    assert site.run("uploads", "delete", "--user", "ann", answer="y\n")[:2] == (0, "deleted 2 uploads\n")
    assert site.run("uploads", "delete", "--user", "ann", "--yes")[:2] == (0, "deleted 0 uploads\n")
    assert sorted(listed(site)) == sorted(upload.id for upload in site.uploads[2:])


def test_ids_are_deleted_all_or_none(site):
    """One that is not there stops all; twice the same is one; files are gone, too."""
    _, _, b, guests = site.uploads
    assert site.run("uploads", "delete", b.id, "nothing", "--yes")[::2] == (1, "Error: there is no upload nothing\n")
    assert len(listed(site)) == 4
    status, output, _ = site.run("uploads", "delete", b.id, guests.id, b.id, "--yes", "--json")
    assert (status, json.loads(output)) == (0, {"deleted": 2})
    assert not (site.folder / "images" / b.path).exists()
    assert b.id not in listed(site)


@pytest.mark.parametrize("words", [(), ("id", "--guests")])
def test_nothing_is_deleted_that_is_not_named(site, words):
    """Neither everything, nor what two ways of naming contradict each other about."""
    status, _, errors = site.run("uploads", "delete", *words, "--yes")
    assert (status, "give either ids or options that select uploads" in errors) == (2, True)


def test_many_are_named_by_their_first_ones(site, monkeypatch):
    """And counted."""
    monkeypatch.setattr("chevupload.cli.uploads._NAMED", 1)
    assert "... and 1 more" in site.run("uploads", "delete", "--user", "ann", answer="n\n")[2]
