"""Settings of clients, made by the command and used as their clients use them, against a real server."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys

import pytest
import requests

from chevupload.cli import main
from chevupload.web.api_docs.client_configs import CLIENTS
from tests import sharex
from tests.clients.clients import PICGO, WEB_UPLOADER
from tests.clients.installing import install
from tests.media.films import film
from tests.support import SECONDS, environment, picture


@pytest.fixture
def photo(tmp_path):
    """Return a picture whose name asks for quoting."""
    path = tmp_path / "it's a photo; 1.png"
    path.write_bytes(picture())
    return path


def settings(server, tmp_path, name, key="guests"):
    path = tmp_path / CLIENTS[name].filename.format(site="site")
    words = ["--url", server.address, "--key", key, "--output", str(path), "--force"]
    assert main(["client-config", name, *words]) == 0
    return path


def run(command, **options):
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=SECONDS, **{"env": environment()} | options
    )


def is_there(url):
    return requests.get(url, timeout=SECONDS).status_code == 200


def test_sharex_uploads_pictures_and_videos(server, tmp_path, photo):
    """It gets the file's address, a thumbnail's, and an address that deletes."""
    video = tmp_path / "a film.mp4"
    video.write_bytes(film())
    config = settings(server, tmp_path, "sharex")
    for source, extension in ((photo, ".png"), (video, ".mp4")):
        result = sharex.upload(config, source)
        assert result.errors == ()
        assert result.url.endswith(extension)
        for url in (result.url, result.thumbnail, result.deletion):
            assert url.startswith(server.address)
            assert is_there(url)
        assert requests.delete(result.deletion, timeout=SECONDS).status_code == 200
        assert not is_there(result.url)


def test_sharex_shows_why_an_upload_was_refused(server, tmp_path, photo):
    """A wrong key, and what is no picture."""
    assert sharex.upload(settings(server, tmp_path, "sharex", key="wrong"), photo).errors == ("Invalid API key.",)
    photo.write_text("no picture")
    errors = sharex.upload(settings(server, tmp_path, "sharex"), photo).errors
    assert errors == ("Can't get target upload source info",)


def test_the_curl_line_uploads(server, tmp_path):
    """As it stands, in the folder of a picture."""
    (tmp_path / "picture.jpg").write_bytes(picture(format="JPEG"))
    done = run(["sh", settings(server, tmp_path, "curl")], cwd=tmp_path)
    assert is_there(json.loads(done.stdout)["image"]["url"])


@pytest.mark.parametrize("name", ["python", "javascript"])
def test_programs_upload(server, tmp_path, photo, name):
    """They print the address and the one that deletes, and say what was refused."""
    program = sys.executable if name == "python" else shutil.which("node")
    if program is None:
        pytest.skip("there is no node on this machine")
    done = run([program, settings(server, tmp_path, name), photo])
    url, delete_url = done.stdout.split()
    assert is_there(url)
    assert is_there(delete_url)
    refused = run([program, settings(server, tmp_path, name, key="wrong"), photo])
    assert refused.returncode != 0
    assert "Invalid API key." in refused.stderr


def test_flameshots_script_uploads_what_it_took(server, tmp_path, photo):
    """It prints the address; without a picture, since nobody took one, it sends nothing."""
    programs = tmp_path / "programs"
    programs.mkdir()
    flameshot = programs / "flameshot"
    flameshot.write_text(f'#!/bin/sh\n[ "$*" = "gui --raw" ] && cat "{photo}"\n')
    flameshot.chmod(0o755)
    script = settings(server, tmp_path, "flameshot")
    path = {"env": {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(tmp_path)}}
    done = run([script], **path)
    assert is_there(done.stdout.strip()), done.stderr
    assert "/screenshot" in done.stdout
    refused = run([settings(server, tmp_path, "flameshot", key="wrong")], **path)
    assert refused.returncode == 1
    assert "Invalid API key." in refused.stderr
    flameshot.write_text("#!/bin/sh\n")
    assert run([script], **path).returncode == 1
    assert [left.name for left in tmp_path.iterdir() if left.name.startswith("tmp.")] == []


PICGO_RUN = """
const { PicGo } = require("picgo");
const picgo = new PicGo(process.argv[2]);
picgo.use(require("picgo-plugin-web-uploader"), "web-uploader");
picgo.on("notification", (notification) => console.error(notification.title, notification.body));
picgo.upload([process.argv[3]]).then((output) => {
  console.log(`\\nURL ${output[0].imgUrl}`);
  process.exit();
});
"""


def test_picgo_uploads_with_the_settings_as_its_configuration(server, request, tmp_path, photo):
    """PicGo itself, with its plugin: nothing else is set."""
    environment_of_node = install(request.config.cache.mkdir("clients"), (PICGO, WEB_UPLOADER))
    program = tmp_path / "run.js"
    program.write_text(PICGO_RUN)
    paths = {"NODE_PATH": str(environment_of_node / "node_modules"), "HOME": str(tmp_path)}
    done = run(["node", program, settings(server, tmp_path, "picgo"), photo], env=environment() | paths)
    urls = [line.removeprefix("URL ") for line in done.stdout.splitlines() if line.startswith("URL ")]
    assert len(urls) == 1, done.stdout + done.stderr
    assert urls[0].startswith(server.address)
    assert is_there(urls[0])


def test_settings_are_for_their_owner(server, tmp_path):
    """A file with a key is private, also when it was there before; scripts can be run."""
    (tmp_path / "site.sxcu").touch(mode=0o644)
    assert stat.S_IMODE(settings(server, tmp_path, "sharex").stat().st_mode) == 0o600
    assert stat.S_IMODE(settings(server, tmp_path, "flameshot").stat().st_mode) == 0o700


def test_a_file_with_a_key_is_not_replaced_unasked(tmp_path, capsys):
    """The key in it may be nowhere else."""
    path = tmp_path / "site.sxcu"
    words = ["client-config", "sharex", "--output", str(path)]
    assert main([*words, "--key", "first"]) == 0
    assert main([*words, "--key", "second"]) == 1
    assert capsys.readouterr().err == f"Error: {path} is there already, maybe with a key in it; --force replaces it\n"
    assert "first" in path.read_text()
    assert main([*words, "--key", "second", "--force"]) == 0
    assert "second" in path.read_text()


def test_every_name_is_listed(capsys):
    """With what to do, one a line; a name prints its settings."""
    assert main(["client-config"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [*CLIENTS]
    assert main(["client-config", "sharex", "--url", "https://x.example/up/api/1/upload/"]) == 0
    assert json.loads(capsys.readouterr().out)["RequestURL"] == "https://x.example/up/api/1/upload"


@pytest.mark.parametrize("options", [["--url", "x.example"], ["--key", "a\nb"], ["--key", "ü"]])
def test_what_cannot_be_is_said(options, capsys):
    """With the option, and status 2."""
    assert main(["client-config", "curl", *options]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"Error: Invalid value for '{options[0]}'")
