"""The commands of a host: the contract of every adapter that has the command line.

Subclass :class:`CommandContract` in a test module and give it the command line of a site that is empty.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCommands:
    """The command line of a host.

    Attributes:
        run: runs one command of these words, and returns its exit status and all that it printed.
        upload: uploads a picture ``photo.png`` with a key, or with one that opens anyway, and returns the status.
        images: the folder of the stored files.
        user_id: the id of a user of the host's own; None where keys are made elsewhere.
    """

    run: Callable[..., tuple[int, str]]
    upload: Callable[[str | None], int]
    images: Path
    user_id: str | None = None


class CommandContract:
    """A host's commands do what the command line does on its own, with the same options."""

    @pytest.fixture
    def commands(self) -> HostCommands:
        """Return the command line of an empty site."""
        raise NotImplementedError("a subclass gives the command line")

    def test_tables_are_made_once(self, commands: HostCommands) -> None:
        """Asking again changes nothing, and says nothing."""
        assert [commands.run("create-tables") for _ in range(2)] == [(0, "")] * 2

    def test_a_sweep_says_what_it_removed(self, commands: HostCommands) -> None:
        """Nothing, of a new site."""
        commands.run("create-tables")
        assert commands.run("sweep") == (0, "removed 0 uploads and 0 temporary files\n")

    def test_a_check_tells_and_mends(self, commands: HostCommands) -> None:
        """What is gone, and what is too many: with a status of 1 as long as something is amiss."""
        commands.run("create-tables")
        assert commands.upload(None) == 200
        assert commands.run("check") == (0, "1 upload checked\n")
        next(commands.images.rglob("photo.png")).unlink()
        stray = commands.images / "2026" / "01" / "01" / "stray.png"
        stray.parent.mkdir(parents=True)
        stray.write_bytes(b"x")
        status, told = commands.run("check", "--grace", "0")
        missing, unknown, summary = told.splitlines()
        assert (status, unknown, summary) == (1, "no record of 2026/01/01/stray.png", "1 upload checked")
        assert missing.startswith("missing ")
        assert "photo.png of upload " in missing
        assert json.loads(commands.run("check", "--json")[1])["uploads"] == 1
        status, told = commands.run("check", "--repair", "--grace=0")
        assert (status, "removed 2026/01/01/stray.png" in told, stray.exists()) == (0, True, False)
        assert commands.run("check", "--grace", "0") == (0, "0 uploads checked\n")

    def test_uploads_are_listed_shown_and_deleted(self, commands: HostCommands) -> None:
        """By what is known of them; nothing is deleted without a yes."""
        commands.run("create-tables")
        assert commands.upload(None) == 200
        listed = [
            json.loads(line) for line in commands.run("uploads", "list", "--type", "image", "--json")[1].splitlines()
        ]
        upload_id = listed[0]["id"]
        assert [one["original_filename"] for one in listed] == ["photo.png"]
        assert json.loads(commands.run("uploads", "show", upload_id, "--json")[1])["md5"] == listed[0]["md5"]
        changed = json.loads(commands.run("uploads", "edit", upload_id, "--title", "Cat", "--json")[1])
        assert (changed["title"], changed["id"]) == ("Cat", upload_id)
        found = json.loads(commands.run("stats", "--json")[1])
        assert (found["files"], [one["format"] for one in found["formats"]]) == (1, ["PNG"])
        assert commands.run("uploads", "delete", upload_id)[0] == 1
        assert commands.run("uploads", "delete", "--min-bytes", "1", "--yes") == (0, "deleted 1 upload\n")
        assert commands.run("uploads", "list") == (0, "")

    def test_a_user_is_exported_and_erased(self, commands: HostCommands, tmp_path: Path) -> None:
        """With the key and the picture, of which nothing is left."""
        if commands.user_id is None:
            pytest.skip("keys are made elsewhere")
        commands.run("create-tables")
        key = commands.run("key", "add", commands.user_id)[1].strip()
        assert commands.upload(key) == 200
        archive = tmp_path / "export.zip"
        assert commands.run("export", commands.user_id, str(archive))[0] == 0
        with zipfile.ZipFile(archive) as found:
            manifest = json.loads(found.read("manifest.json"))
            assert manifest["uploads"][0]["file"] in found.namelist()
        assert len(manifest["keys"]) >= 1
        status, told = commands.run("erase", commands.user_id, "--yes", "--json")
        *uploads, summary = map(json.loads, told.splitlines())
        assert (status, len(uploads), summary["uploads"], summary["keys"]) == (0, 1, 1, len(manifest["keys"]))
        assert commands.upload(key) == 401
        assert [file for file in commands.images.rglob("*") if file.is_file()] == []

    def test_wrong_usage_is_told(self, commands: HostCommands) -> None:
        """And help has the options of the command; the site is the host's, whatever folder there may be."""
        for word in ("--wrong", "--data=x", "--app=x:y"):
            assert commands.run("check", word)[0] == 2, word
        assert commands.run("no-such-command")[0] == 2
        status, told = commands.run("check", "--help")
        assert (status, "--repair" in told, "--data" in told) == (0, True, False)

    def test_what_goes_wrong_is_json_where_it_is_asked_for(self, commands: HostCommands) -> None:
        """For a program."""
        commands.run("create-tables")
        status, told = commands.run("user", "delete", "nobody", "--json")
        assert (status, list(json.loads(told))) == (1, ["error"])

    def test_keys_of_the_hosts_users(self, commands: HostCommands) -> None:
        """Are made, listed and ended, by the user's id; nobody gets none."""
        if commands.user_id is None:
            pytest.skip("keys are made elsewhere")
        commands.run("create-tables")
        status, key = commands.run("key", "add", commands.user_id, "--label", "server")
        assert (status, commands.upload(key.strip())) == (0, 200)
        listed = commands.run("key", "list", commands.user_id)[1]
        row = next(line.split() for line in listed.splitlines() if line.endswith(" server"))
        assert (row[1:3], key.strip() in listed) == ([commands.user_id, "usable"], False)
        assert commands.run("key", "revoke", commands.user_id, row[0]) == (0, f"revoked {row[0]}\n")
        assert commands.upload(key.strip()) == 401
        assert commands.run("key", "revoke", commands.user_id, row[0])[0] == 1
        for nobody in (f"{commands.user_id}7", "nobody", f"0{commands.user_id}"):
            assert commands.run("key", "add", nobody)[0] == 1
            assert len(commands.run("key", "list", nobody)[1].splitlines()) == 1, "no row stays of it"
