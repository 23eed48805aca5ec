"""The programs of the documentation, as they stand there, against a real server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import requests

from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from tests.support import ROOT, SECONDS, environment, file, files_in, picture

DOCS = ROOT / "docs"
PICLIST = """
const vm = require('node:vm')
const [script, imgUrl] = process.argv.slice(1)

// What PicList hands to a script: axios of which it sends two methods, and the picture that was removed.
const send = async (method, url, { headers, params = {} }) => {
  const answer = await fetch(`${url}?${new URLSearchParams(params)}`, { method, headers })
  if (!answer.ok) throw new Error(`Request failed with status code ${answer.status}`)
  return { status: answer.status, data: await answer.json() }
}
const axios = { get: (...words) => send('GET', ...words), delete: (...words) => send('DELETE', ...words) }
const context = vm.createContext({ ctx: {}, extra: { galleryItem: { imgUrl } }, axios, console })
vm.runInContext(script, context)
vm.runInContext('main(ctx, extra)', context).then(() => console.log('done'))
"""


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def site(tmp_path):
    """Return a data folder with a user, a key for everything, and uploads of today and of 100 days ago."""
    folder = tmp_path / "site"
    site = Site(folder)
    site.accounts.add_user("ann")
    key = site.accounts.add_key("ann", label="scripts").key
    site.close()
    for days, titles in ((100, ["an old cat", "an old dog"]), (1, ["a new cat"])):
        with_clock = embedded(folder, clock=lambda days=days: datetime.now(UTC) - timedelta(days=days))
        ann = with_clock.context.keys.authenticate(key, {})
        for title in titles:
            content, name = file(picture(color=(days, len(title), 9)), "c.png")
            with_clock.uploads.save(content, owner=ann, title=title, filename=name)
        with_clock.close()
        with_clock.own_database.engine.dispose()
    return folder, key


def test_the_examples_of_curl(start, site):
    """From top to bottom in one shell, each with an answer that says so."""
    folder, key = site
    script = "".join(one for one in blocks("programs.md", "sh") if "chevupload key add" not in one)
    with start(folder) as server:
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=environment() | {"SITE": server.address, "KEY": key},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert (run.returncode, run.stderr) == (0, "")
    assert '"scopes"' in run.stdout
    for line in ("2", '"Grey cat"', '"Holidays 2026"', '"album deleted"', '"file deleted"'):
        assert line in run.stdout.splitlines()


def test_the_examples_send_no_empty_variable():
    """In a shell that goes on after errors, too."""
    for needed in ("$ID", "$ALBUM", "${ID}", "${ALBUM}"):
        assert not any(needed in one for one in blocks("programs.md", "sh"))
    script = next(one for one in blocks("programs.md", "sh") if one.startswith("ALBUM="))
    nowhere = environment() | {"SITE": "http://127.0.0.1:9", "KEY": "x", "ID": "x"}
    run = subprocess.run(["bash", "-c", script], env=nowhere, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr.count("ALBUM: ")) == ("", script.count("${ALBUM:?}"))


def test_what_is_old_is_deleted(start, site, tmp_path):
    """It says what it would delete, deletes that, and finds nothing the next time."""
    folder, key = site
    program = tmp_path / "delete_old.py"
    program.write_text(blocks("programs.md", "python")[-1])

    def run(*words):
        done = subprocess.run(
            [sys.executable, str(program), *words],
            env=environment() | {"SITE": server.address, "KEY": key},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    with start(folder) as server:
        found = run("90", "--list")
        assert len(found) == 2
        assert len(files_in(folder / "images")) == 6
        assert run("90") == found
        assert run("90") == []
        headers = {"X-API-Key": key}
        left = requests.get(f"{server.address}/api/1/uploads", headers=headers, timeout=SECONDS).json()["uploads"]
    assert [image["title"] for image in left] == ["a new cat"]
    assert len(files_in(folder / "images")) == 2


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node")
def test_piclist_deletes_what_is_removed_from_its_gallery(start, site):
    """By the script of the documentation, which PicList runs as here."""
    folder, key = site
    headers = {"X-API-Key": key}
    [script] = [one for one in blocks("clients.md", "js") if "galleryItem" in one]
    with start(folder) as server:
        uploads = f"{server.address}/api/1/uploads"
        first, gone, last = requests.get(uploads, headers=headers, timeout=SECONDS).json()["uploads"]
        filled = script.replace("'https://your.site'", json.dumps(server.address)).replace("'chv_…'", json.dumps(key))
        assert server.address in filled
        assert key in filled
        run = subprocess.run(
            ["node", "-e", PICLIST, filled, gone["url"]], capture_output=True, text=True, timeout=SECONDS, check=False
        )
        left = requests.get(uploads, headers=headers, timeout=SECONDS).json()["uploads"]
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")
    assert [image["id_encoded"] for image in left] == [first["id_encoded"], last["id_encoded"]]
