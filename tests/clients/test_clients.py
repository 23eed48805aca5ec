"""Clients of Chevereto and ImgBB, as they are in the registries, upload here."""

from __future__ import annotations

import json
import re

import pytest

from tests.clients.clients import CLIENTS, MULTIPART
from tests.clients.conftest import ADDRESS, Case, cases
from tests.support import EMPTY, ROOT, file

CHUPO, IMGBB_CLI = (next(client for client in CLIENTS if client.name == name) for name in ("chupo", "imgbb-cli"))


def reported(done):
    """Read what a client printed of its upload, or of the whole answer of Chevereto's."""
    assert done.returncode == 0, done.stderr
    reply = json.loads(done.stdout)
    return reply["image"] if "status_code" in reply else reply


@pytest.mark.parametrize("case", cases(), ids=str)
def test_an_upload(case, run, server, stand, picture):
    """The URL that the client reports has the very bytes, and its delete link deletes them."""
    image = reported(run("user-key"))
    assert server.open(image["url"]) == (200, picture)
    (record,) = stand.left()["records"]
    assert record.owner_id == "user"
    is_multipart = server.posted[0].startswith("multipart/form-data")
    assert is_multipart == (case.client.sends[case.given] == MULTIPART)
    if "delete_url" in image:
        assert server.open(image["delete_url"])[0] == 200
        assert server.open(image["url"])[0] == 200
        assert server.open(image["delete_url"], "POST")[0] == 200
        assert server.open(image["url"])[0] == 404
        assert stand.left() == EMPTY


ONE_EACH = [Case(client=client, given=next(iter(client.sends))) for client in CLIENTS]


@pytest.mark.parametrize("case", ONE_EACH, ids=str)
def test_a_ticket_is_a_key(case, run, server, stand, picture):
    """Every client sends it where it has its key, and it is used up by one upload."""
    ticket = stand.component.tickets.mint("user").key
    image = reported(run(ticket))
    assert server.open(image["url"]) == (200, picture)
    [record] = stand.left()["records"]
    assert record.owner_id == "user"
    assert stand.send({"source": file()}, key=ticket).status_code == 401


@pytest.mark.parametrize("case", ONE_EACH, ids=str)
def test_a_wrong_key(case, run, server, stand):
    """The client says that it failed, and nothing is stored."""
    done = run("wrong-key")
    assert case.client.tells in done.stdout + done.stderr
    assert "/images/" not in done.stdout
    assert len(server.posted) == 1
    assert stand.left() == EMPTY


@pytest.mark.parametrize("case", [Case(client=CHUPO, given="file", prefix="/sub/app")], ids=str)
def test_the_other_formats(case, run, server, picture):
    """Text is the file's URL, and a redirect leads to the viewer; a wrong key fails in both."""
    text, redirect = (CHUPO.command.replace("json", form) for form in ("txt", "redirect"))
    assert server.open(run("user-key", text).stdout.strip()) == (200, picture)
    viewer = run("user-key", redirect).stdout.strip()
    assert viewer.startswith(f"{ADDRESS}{case.prefix}/image/")
    status, page = server.open(viewer)
    assert (status, b"<html" in page) == (200, True)
    for command in (text, redirect):
        done = run("wrong-key", command)
        assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("case", [Case(client=IMGBB_CLI, given="file")], ids=str)
def test_what_is_asked_for(case, run, server):
    """A name and an expiration are those that the client reports, and each URL that it may show leads somewhere."""
    image = reported(run("user-key", IMGBB_CLI.command + " --name Cat --expiration 600"))
    assert (image["title"], image["expiration"]) == ("Cat", 600)
    for url in (image["display_url"], image["thumb"]["url"], image["medium"]["url"], image["url_viewer"]):
        assert server.open(url)[0] == 200


def test_the_documentation_names_them():
    """Its table has each client, with the version that is tried here, all that it sends, and what it says."""
    page = (ROOT / "docs" / "compatibility.md").read_text()
    section = page.partition("\n## Clients that the tests run\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in re.findall(r"^\| .+", section, re.MULTILINE)]
    assert rows[2:] == [
        [
            client.name,
            ", ".join(f"{pin.name} {pin.version}" for pin in client.pins),
            ", ".join(f"{given} ({way})" for given, way in client.sends.items()),
            f"`{client.tells}`",
        ]
        for client in CLIENTS
    ]
