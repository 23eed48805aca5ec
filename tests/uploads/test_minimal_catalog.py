"""Six methods are a catalog: what else a site can do is refused in words where the catalog cannot."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from chevupload.cli import host_commands, hosted
from chevupload.config import Policy, Routes
from chevupload.errors import ConfigError
from chevupload.model import Principal
from chevupload.protocols import (
    AlbumRecords,
    CategoryRecords,
    CheckableRecords,
    DuplicateRecords,
    EditableAlbumRecords,
    EditableRecords,
    ErasableRecords,
    EventRecords,
    IdempotentRecords,
    JobRecords,
    JoinableRecords,
    MovableRecords,
    OwnedAlbumRecords,
    OwnedRecords,
    SearchableRecords,
    SweepableRecords,
    UploadRecords,
    ViewedRecords,
)
from tests.support import PNG, assert_refusal, file, files_in

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tables.md"
ABILITIES = (
    *(OwnedRecords, EditableRecords, IdempotentRecords, DuplicateRecords, AlbumRecords, CategoryRecords, ViewedRecords),
    *(SweepableRecords, CheckableRecords, EventRecords, JobRecords, MovableRecords, JoinableRecords, OwnedAlbumRecords),
    *(EditableAlbumRecords, SearchableRecords, ErasableRecords),
)


@pytest.fixture
def catalog():
    """Return the catalog that the documentation shows."""
    (code,) = re.findall(r"^```python\n(import threading\n.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    names = {}
    exec(code, names)
    return names["DictRecords"]()


@pytest.fixture
def stand(make, catalog):
    """Return a site with that catalog."""
    return make(catalog=catalog, routes=Routes(upload_page="upload", oembed="oembed", health="health"))


def test_it_has_the_six_methods_and_no_ability(catalog):
    """So that nothing below is there by chance."""
    assert isinstance(catalog, UploadRecords)
    assert not [ability for ability in ABILITIES if isinstance(catalog, ability)]


def test_uploads_are_taken_served_and_deleted(stand):
    """By the API, with names of their own, and with nothing left of them."""
    first, second = stand.upload(PNG, "a.png"), stand.upload(PNG, "a.png")
    assert first["url"] != second["url"]
    assert stand.open(first["url"]).data == PNG
    for _ in range(2):
        assert stand.open(first["url_viewer"]).status_code == 200
    assert stand.component.uploads.get(first["id_encoded"]).views == 0
    assert stand.open("/oembed", query_string={"url": first["url_viewer"]}).status_code == 200
    assert stand.open("/health").json["status"] == "ok"
    for image in (first, second):
        assert stand.open(image["delete_url"], "POST").status_code == 200
        assert stand.open(image["url"]).status_code == 404
        assert stand.open(image["url_viewer"]).status_code == 404
    assert (stand.stored(), files_in(stand.incoming)) == ([], [])


def test_what_expires_is_gone_for_readers(stand):
    """Its files stay, since nobody can ask for them."""
    image = stand.upload(expiration="600")
    stand.clock.move(hours=1)
    assert stand.open(image["url"]).status_code == 410
    assert stand.open(image["url_viewer"]).status_code == 410


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"album_id": "a"}, "Invalid album_id, this site has no albums"),
        ({"category_id": "3"}, "Invalid category_id, this site has no categories"),
    ],
)
def test_what_it_has_not_is_refused(stand, fields, message):
    """In words that the client can read; nothing is stored."""
    assert_refusal(stand.send({"source": file(), **fields}), 400, 400, message)
    assert (stand.stored(), files_in(stand.incoming)) == ([], [])


def test_a_request_that_shall_be_known_again_is_refused(stand):
    """A client that relies on it would make two uploads; the page, whose script always asks for it, goes on."""
    headers = {"Idempotency-Key": "k"}
    answer = stand.send({"source": file()}, headers=headers)
    assert_refusal(answer, 400, 400, "Idempotency-Key is not supported by this site")
    assert stand.send({"source": file(), "format": "json"}, path="/upload", headers=headers).status_code == 200


@pytest.mark.parametrize("duplicates", ["reject", "return"])
def test_duplicates_cannot_be_found(make, catalog, duplicates):
    """It is said when the site is put together."""
    with pytest.raises(ConfigError) as told:
        make(catalog=catalog, policy=Policy(duplicates=duplicates))
    assert str(told.value) == f"Policy(duplicates='{duplicates}') needs a catalog with the methods of DuplicateRecords"


def test_the_host_is_told_what_is_missing(stand):
    """Lists, sweeps, checks and sessions."""
    uploads, maintenance = stand.component.uploads, stand.component.maintenance
    upload_id = stand.upload()["id_encoded"]
    for call in (
        lambda: uploads.list("user"),
        lambda: uploads.update(upload_id, title="T"),
        lambda: uploads.delete_all("user"),
        lambda: stand.component.forget("user"),
        maintenance.sweep,
        lambda: maintenance.sweep_every(1),
        maintenance.check,
        lambda: uploads.save(io.BytesIO(PNG), owner="user", session=object()),
    ):
        with pytest.raises(ConfigError, match="this catalog cannot"):
            call()
    assert files_in(stand.incoming) == []


def test_the_upload_page_asks_for_no_album(make, catalog):
    """There are none to choose from."""
    stand = make(
        catalog=catalog, routes=Routes(upload_page="upload"), current_user=lambda environ: Principal(user_id="user")
    )
    assert "album_id" not in stand.open("/upload").text


def test_an_operator_is_told_that_it_cannot_search(stand, tmp_path):
    """And sees one upload by its id all the same, and deletes it."""

    def run(*words):
        result = CliRunner().invoke(host_commands, words, obj=hosted(stand.component))
        return result.exit_code, result.output

    upload_id = stand.upload()["id_encoded"]
    archive = tmp_path / "archive.zip"
    for words in (["uploads", "list"], ["stats"], ["export", "user", str(archive)], ["erase", "user", "--yes"]):
        status, output = run(*words)
        assert (status, "SearchableRecords" in output) == (1, True), words
    assert not archive.exists()
    assert upload_id in run("uploads", "show", upload_id)[1]
    assert run("uploads", "delete", upload_id, "--yes") == (0, "deleted 1 upload\n")
    assert run("uploads", "show", upload_id)[0] == 1
