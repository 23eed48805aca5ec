"""All that is known of a user comes as one archive, which opens on every system."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace

import pytest
from click.testing import CliRunner

from chevupload.cli import host_commands, hosted, main
from chevupload.config import Policy
from chevupload.errors import StorageError
from chevupload.testing.memory import MemoryStorage
from chevupload.testing.records import new_upload
from chevupload.uploads.exporting import Export, archive_name
from tests.support import Failing, files_in

PROGRAMS = {
    "unzip": ["unzip", "-q", "{archive}", "-d", "{folder}"],
    "bsdtar": ["bsdtar", "-x", "-f", "{archive}", "-C", "{folder}"],
    "7zz": ["7zz", "x", "-bd", "-o{folder}", "{archive}"],
}


def export(site, tmp_path, *options):
    """Export ann, and return status, errors and manifest."""
    archive = tmp_path / "ann.zip"
    status, output, errors = site.run("export", "ann", str(archive), *options)
    with zipfile.ZipFile(archive) as found:
        assert found.testzip() is None
        return status, output + errors, json.loads(found.read("manifest.json"))


def test_everything_is_in_it(operator_site, tmp_path, monkeypatch):
    """Originals as they are stored; records with tags; account, keys without their texts, albums; nobody else's."""
    monkeypatch.setenv("CHEVUPLOAD_BASE_URL", "https://pictures.example")
    a, con, *_ = operator_site.uploads
    status, told, manifest = export(operator_site, tmp_path)
    assert (status, told) == (0, f"exported 2 uploads of ann into {tmp_path / 'ann.zip'}\n")
    assert manifest["user"] == {"id": operator_site.ann, "name": "ann", "is_admin": False, "disabled_at": None}
    assert [key["id"] for key in manifest["keys"]] == [operator_site.key]
    assert "digest" not in manifest["keys"][0]
    assert [album["title"] for album in manifest["albums"]] == ["Cats"]
    first, second = manifest["uploads"]
    assert (first["tags"], first["album_id"], first["views"]) == (["cat", "dog"], operator_site.album, 0)
    assert (first["urls"]["original"], second["title"]) == (f"https://pictures.example/images/{a.path}", con.title)
    assert first["file"] == f"uploads/{a.path}"
    assert re.fullmatch(r"renamed/[0-9a-f]+\.png", second["file"]), "con is a device of Windows"
    with zipfile.ZipFile(tmp_path / "ann.zip") as archive:
        assert sorted(archive.namelist()) == sorted(["manifest.json", first["file"], second["file"]])
        for upload in manifest["uploads"]:
            assert hashlib.md5(archive.read(upload["file"])).hexdigest() == upload["md5"]
    assert oct((tmp_path / "ann.zip").stat().st_mode)[-3:] == "600"


def test_a_namesake_of_an_erased_user_gets_nothing_of_theirs(operator_site, tmp_path, monkeypatch):
    """The audit log has the ids of users, which nobody gets again, not their names."""
    monkeypatch.setenv("CHEVUPLOAD_AUDIT_LIFETIME", "86400")
    _, key, _ = operator_site.run("key", "add", "ann")
    key_id = key.split("_")[1]
    assert operator_site.run("key", "revoke", key_id)[0] == 0
    _, _, manifest = export(operator_site, tmp_path)
    assert [(one["event"], one["user_id"], one["key_id"]) for one in manifest["audit"]] == [
        ("key_made", operator_site.ann, key_id),
        ("key_revoked", operator_site.ann, key_id),
    ]
    assert operator_site.run("erase", "ann", "--yes")[0] == operator_site.run("user", "add", "ann")[0] == 0
    (tmp_path / "ann.zip").unlink()
    assert export(operator_site, tmp_path)[2]["audit"] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_open_it(operator_site, tmp_path, program):
    """Each finds the same files."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    _, _, manifest = export(operator_site, tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()
    words = [word.format(archive=tmp_path / "ann.zip", folder=folder) for word in PROGRAMS[program]]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    assert files_in(folder) == sorted(["manifest.json", *(upload["file"] for upload in manifest["uploads"])])


def test_an_existing_file_stays(operator_site, tmp_path):
    """Also a link that leads nowhere; and nobody's archive is made."""
    (tmp_path / "there.zip").write_bytes(b"mine")
    (tmp_path / "link.zip").symlink_to("nowhere")
    before = sorted(os.listdir(tmp_path))
    for name in ("there.zip", "link.zip"):
        assert operator_site.run("export", "ann", str(tmp_path / name))[0] == 1
    status, _, errors = operator_site.run("export", "nobody", str(tmp_path / "new.zip"))
    assert (status, errors) == (1, "Error: there is no user 'nobody'\n")
    status, _, errors = operator_site.run("export", "ann", str(tmp_path / "no" / "folder.zip"))
    assert (status, errors) == (1, f"Error: {tmp_path / 'no'}: No such file or directory\n")
    assert (sorted(os.listdir(tmp_path)), (tmp_path / "there.zip").read_bytes()) == (before, b"mine")


def test_what_the_storage_has_lost_is_told(operator_site, tmp_path):
    """By the status and the manifest; the rest is there."""
    lost = operator_site.uploads[0]
    (operator_site.folder / "images" / lost.path).unlink()
    status, told, manifest = export(operator_site, tmp_path)
    assert (status, told.splitlines()[0]) == (1, f"missing: the original of upload {lost.id}")
    assert [upload["file"] is None for upload in manifest["uploads"]] == [True, False]


def test_nothing_is_left_of_what_fails(make, tmp_path):
    """A storage that is away in between leaves no archive and no temporary file."""
    stand = make(storage=lambda local: Failing(local, "open", StorageError("away")))
    stand.upload()
    out = tmp_path / "out"
    out.mkdir()
    result = CliRunner().invoke(host_commands, ["export", "user", str(out / "a.zip")], obj=hosted(stand.component))
    assert (result.exit_code, os.listdir(out)) == (1, [])


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        ("photo", True),
        ("con", False),
        ("CON.foo", False),
        ("Lpt1", False),
        ("com10", True),
        ("console", True),
        ("_a-b.c", True),
        ("..", False),
        (".hidden", False),
        ("a/../../b", False),
        ("ü", False),
        ("a\\b", False),
        ("x" * 230, False),
    ],
)
def test_names_are_safe(name, is_kept):
    """On every system, whatever a catalog of a host's own has; ids that differ by case alone stay two names."""
    upload = new_upload(name=name)
    found = archive_name(upload)
    assert found == (f"uploads/{upload.path}" if is_kept else f"renamed/{b'a1'.hex()}.png")
    renamed = {archive_name(replace(upload, id=id_, name="con")).lower() for id_ in ("aB", "Ab")}
    assert len(renamed) == 2


def test_sizes_of_four_gigabytes_fit(make):
    """An archive has room for a large file before it comes; what is read is what is written."""
    storage = MemoryStorage()
    stand = make(storage=storage, policy=Policy(usage="originals"))
    upload = new_upload(size=5_000_000_000)
    storage.save(upload.path, io.BytesIO(b"sparse"), headers=None)
    stand.catalog.reserve(upload)
    stand.catalog.publish(upload.id)
    written = io.BytesIO()
    part = Export(stand.component.context, stand.component.uploads, None, lambda upload: {})
    assert [one.file for one in part.write("user", written, account={})] == [f"uploads/{upload.path}"]
    with zipfile.ZipFile(written) as archive:
        (info,) = (one for one in archive.infolist() if one.filename != "manifest.json")
        assert (archive.read(info), info.extract_version) == (b"sparse", zipfile.ZIP64_VERSION)
        assert json.loads(archive.read("manifest.json"))["usage"]["files"] == 1


def test_an_interrupted_export_leaves_nothing(operator_site, tmp_path, monkeypatch):
    """The status is that of an interruption."""
    monkeypatch.setattr("chevupload.cli.stop_flag.StopFlag.is_set", lambda self: True)
    out = tmp_path / "out"
    out.mkdir()
    assert main(["export", "ann", str(out / "a.zip"), "--data", str(operator_site.folder)]) == 130
    assert os.listdir(out) == []
