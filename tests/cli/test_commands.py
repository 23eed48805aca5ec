"""Each command does what it says, for people and, with ``--json``, for programs."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from sqlalchemy import select

from chevupload.cli import commands, main
from chevupload.db import Tables
from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from chevupload.spool import PREFIX
from tests.support import environment, files_in, picture

serve_module = import_module("chevupload.cli.serve")


@pytest.fixture
def run(tmp_path, capsys):
    """Return a function that runs one command on a data folder and returns status, output and errors."""

    def run_command(*arguments, data=True):
        status = main([*arguments, *(["--data", str(tmp_path / "site")] if data else [])])
        captured = capsys.readouterr()
        return status, captured.out.strip(), captured.err.strip()

    return run_command


def as_json(result):
    status, output, errors = result
    assert (status, errors) == (0, "")
    return json.loads(output)


def last_line(errors):
    """Return what wrong usage is told behind the usage itself."""
    return errors.splitlines()[-1] if errors else ""


def test_users(run):
    """Added once, and listed."""
    assert run("user", "add", "ann", "--admin") == (0, "added user ann", "")
    made = as_json(run("user", "add", "bob", "--json"))
    assert (made["name"], made["is_admin"]) == ("bob", False)
    assert run("user", "list") == (0, "ann  admin\nbob", "")
    assert [user["name"] for user in as_json(run("user", "list", "--json"))] == ["ann", "bob"]
    assert run("user", "add", "ann") == (1, "", "Error: there is a user 'ann' already")


def test_a_tilde_is_the_home_folder(run, tmp_path, monkeypatch, capsys):
    """Services are not started by a shell: every command finds what the first one made."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for command in (("user", "add", "ann"), ("user", "list"), ("check",), ("db", "current")):
        assert run(*command, "--data", "~/pictures", data=False)[0] == 0, command
    assert os.listdir(tmp_path) == ["pictures"]


@pytest.mark.slow
def test_a_user_is_disabled_and_deleted(run, tmp_path):
    """Keys open nothing while a user is disabled; a deleted one leaves no key, album or picture."""
    site = Site(tmp_path / "site")
    run("user", "add", "ann")
    run("album", "add", "ann", "Cats")
    key = run("key", "add", "ann")[1]
    component = embedded(site, renderer="inline")
    user_id = component.key_store.authenticate(key, {}).user_id
    component.uploads.save(io.BytesIO(picture()), owner=user_id)

    assert run("user", "disable", "ann") == (0, "disabled ann", "")
    assert component.key_store.authenticate(key, {}) is None
    assert run("user", "list")[1] == "ann  disabled"
    assert as_json(run("user", "enable", "ann", "--json")) == {"name": "ann", "disabled": False}
    assert component.key_store.authenticate(key, {}).user_id == user_id

    assert run("user", "delete", "ann", "--yes") == (0, "deleted user ann, with keys and uploads", "")
    assert run("user", "list")[1] == ""
    assert component.key_store.keys_of(user_id) == []
    assert files_in(site.images) == []
    with site.database.connect() as connection:
        assert connection.execute(select(Tables.default().albums)).all() == []
    assert run("user", "delete", "ann")[0] == 1
    component.close()
    site.close()


@pytest.mark.slow
def test_keys(run):
    """Shown once; listed without their text; ended for good."""
    run("user", "add", "ann")
    status, key, _ = run("key", "add", "ann", "--label", "laptop")
    assert (status, bool(re.fullmatch(r"chv_\w{6}_[0-9a-f]{64}[0-9A-Za-z]{6}", key))) == (0, True)
    made = as_json(run("key", "add", "ann", "--style", "imgbb", "--expires", "P90D", "--json"))
    assert re.fullmatch("[0-9a-z]{32}", made["key"])
    ends = datetime.fromisoformat(made["expires_at"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=1)
    _, listed, _ = run("key", "list")
    _, listed_json, _ = run("key", "list", "--json")
    for text in (listed, listed_json):
        assert key not in text
        assert made["key"] not in text
        assert "digest" not in text
    key_id = key.split("_")[1]
    assert re.search(
        rf"^{key_id}  ann   usable  \d{{4}}-\d\d-\d\d  never  +never  upload  +laptop$", listed, re.MULTILINE
    )
    assert run("key", "revoke", key_id) == (0, f"revoked {key_id}", "")
    assert f"{key_id}  ann   revoked" in run("key", "list")[1]
    assert run("key", "revoke", key_id) == (1, "", f"Error: {key_id} was revoked already")
    assert run("key", "revoke", "none") == (1, "", "Error: there is no key none")
    status, output, _ = run("key", "revoke", "none", "--json")
    assert (status, json.loads(output)) == (1, {"error": {"message": "there is no key none"}})
    assert run("key", "revoke", "ann", "bob", key_id)[0] == 2
    assert run("key", "add", "nobody") == (1, "", "Error: there is no user 'nobody'")


def test_a_key_is_made_for_one_thing(run):
    """And the list says what, and when it was used last."""
    run("user", "add", "ann")
    album = run("album", "add", "ann", "Cats")[1]
    narrow = ["--scope=upload,list", f"--album={album}", "--max-bytes=5000000", "--format=PNG,JPEG"]
    made = as_json(run("key", "add", "ann", *narrow, "--origin=https://forum.example", "--label=forum", "--json"))
    restrictions = {
        "scopes": ["list", "upload"],
        "album_id": album,
        "max_bytes": 5_000_000,
        "formats": ["JPEG", "PNG"],
        "origins": ["https://forum.example"],
    }
    assert made["restrictions"] == restrictions
    (listed,) = as_json(run("key", "list", "--json"))
    assert (listed["restrictions"], listed["last_used_on"]) == (restrictions, None)
    assert (
        f" never  list upload, album {album}, up to 5 MB, JPEG PNG, https://forum.example  forum"
        in run("key", "list")[1]
    )


@pytest.mark.parametrize(
    "wrong",
    ["--scope=fly", "--scope=", "--album=", "--max-bytes=0", "--format=TIFF", "--format=,", "--origin=forum.example"],
)
def test_a_key_for_what_there_is_not_is_not_made(run, wrong):
    """It is wrong usage."""
    run("user", "add", "ann")
    assert run("key", "add", "ann", wrong)[0] == 2
    assert as_json(run("key", "list", "--json")) == []


def test_words_of_a_key_are_joined(run):
    """Those with commas between, and those of an option that is there twice."""
    run("user", "add", "ann")
    origins = [f"--origin=https://{name}.example" for name in "ab"]
    made = as_json(
        run(
            "key",
            "add",
            "ann",
            "--scope=list",
            "--scope=upload,edit",
            *origins,
            "--format=PNG",
            "--format=GIF",
            "--json",
        )
    )
    restrictions = made["restrictions"]
    assert restrictions["scopes"] == ["edit", "list", "upload"]
    assert (restrictions["formats"], len(restrictions["origins"])) == (["GIF", "PNG"], 2)
    assert as_json(run("key", "add", "ann", "--json"))["restrictions"]["scopes"] == ["upload"]
    many = [f"--origin=https://{number}.example" for number in range(21)]
    assert run("key", "add", "ann", *many)[0] == 2


def test_a_key_for_an_album_is_for_one_of_its_owners(run):
    """Another's and an unknown one could never be uploaded to: no key is made."""
    run("user", "add", "ann")
    run("user", "add", "bob")
    for album in (run("album", "add", "bob", "Cats")[1], "nope"):
        assert run("key", "add", "ann", "--album", album) == (1, "", f"Error: ann has no album {album}")
    assert run("key", "list", "--json")[1] == "[]"


@pytest.mark.parametrize("duration", ["soon", "0", "90", " 7776000 ", "P0D", "", "P9999999D", "P999999Y", "-5"])
def test_a_key_that_should_end_never_lasts_for_ever(run, duration):
    """An end that means nothing is refused: no key is made."""
    run("user", "add", "ann")
    status, output, errors = run("key", "add", "ann", f"--expires={duration}")
    told = f"Invalid value for '--expires': not an ISO 8601 duration, such as P90D for 90 days: {duration}"
    assert (status, output, last_line(errors)) == (2, "", f"Error: {told}".strip())
    assert as_json(run("key", "list", "--json")) == []


def test_keys_are_listed_in_columns(run, tmp_path):
    """Below a header, with their state and end, in JSON, too."""
    site = Site(tmp_path / "site")
    site.accounts.add_user("ann")
    site.accounts.add_user("bartholomew")
    site.accounts.add_key("ann", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    site.accounts.revoke_key(site.accounts.add_key("bartholomew", label="phone").id)
    site.accounts.add_key("ann", label="lap top")
    site.close()
    header, *lines = run("key", "list")[1].splitlines()
    starts = [found.start() for found in re.finditer(r"\S+", header)]
    assert header.split() == ["ID", "USER", "STATE", "MADE", "EXPIRES", "USED", "FOR", "LABEL"]
    cells = [[line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)] for line in lines]
    assert sorted((user, state, expires, label) for _, user, state, _, expires, _, _, label in cells) == [
        ("ann", "expired", "2020-01-01 00:00", ""),
        ("ann", "usable", "never", "lap top"),
        ("bartholomew", "revoked", "never", "phone"),
    ]
    states = [key["state"] for key in as_json(run("key", "list", "--json"))]
    assert sorted(states) == ["expired", "revoked", "usable"]


@pytest.mark.parametrize("command", ["user add", "category add", "album add ann"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("", "a name must not be empty"),
        ("  ", "a name must not be empty"),
        ("caf\udce9", r"not text in UTF-8: 'caf\udce9'"),
        ("ann\nbob", r"not one line of printable text: 'ann\nbob'"),
        ("ann\x1b[2J", r"not one line of printable text: 'ann\x1b[2J'"),
        ("\t", r"not one line of printable text: '\t'"),
        ("ann\u2028bob", r"not one line of printable text: 'ann\u2028bob'"),
        ("\u202eann", r"not one line of printable text: '\u202eann'"),
    ],
)
def test_names_are_text_to_see(run, tmp_path, command, value, told):
    """What is no text, or not on one line, names nothing: it is told in one line, and nothing is made."""
    status, output, errors = run(*command.split(), value)
    name = "TITLE" if command.startswith("album") else "NAME"
    assert (status, output, last_line(errors)) == (2, "", f"Error: Invalid value for '{name}': {told}")
    assert list(tmp_path.iterdir()) == []


def test_the_space_around_a_name_is_none_of_it(run):
    """As somebody copies it."""
    assert run("user", "add", " ann ") == (0, "added user ann", "")
    status, _, errors = run("key", "add", "ann", "--label", "lap\ntop")
    assert (status, last_line(errors)) == (
        2,
        r"Error: Invalid value for '--label': not one line of printable text: 'lap\ntop'",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "is_gone", "told"),
    [
        ("y\n", True, ""),
        ("YES\n", True, ""),
        ("n\n", False, "Error: nothing was changed"),
        ("\n", False, "Error: nothing was changed"),
        ("", False, "Aborted!"),
        ("yep\nno\n", False, "Error: nothing was changed"),
    ],
)
def test_a_user_is_deleted_after_a_question(run, monkeypatch, answer, is_gone, told):
    """On a terminal; anything but a yes changes nothing."""
    run("user", "add", "ann")
    key = run("key", "add", "ann")[1]
    terminal = io.StringIO(answer)
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    status, output, errors = run("user", "delete", "ann")
    assert errors.startswith("Delete the user ann, with all keys, albums and uploads? [y/N]")
    assert (status, output) == ((0, "deleted user ann, with keys and uploads") if is_gone else (1, ""))
    assert errors.endswith(told)
    assert ("ann" in run("user", "list")[1], key.split("_")[1] in run("key", "list")[1]) == (not is_gone, not is_gone)


@pytest.mark.slow
def test_where_nobody_can_be_asked_a_user_is_deleted_with_yes_only(run, monkeypatch):
    """In a script, and nothing is asked for a user who is not there."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    run("user", "add", "ann")
    assert run("user", "delete", "ann") == (1, "", "Error: --yes is needed where nobody can be asked")
    assert run("user", "list")[1] == "ann"
    assert run("user", "delete", "bob") == (1, "", "Error: there is no user 'bob'")
    assert as_json(run("user", "delete", "ann", "--yes", "--json"))["name"] == "ann"


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["user", "delete", "nobody", "--json"], 1, "there is no user 'nobody'"),
        (["user", "add", "", "--json"], 2, "a name must not be empty"),
        (["key", "add", "nobody", "--json", "--expires", "90"], 2, "not an ISO 8601 duration"),
        (["user", "add", "--json"], 2, "Missing argument 'NAME'"),
        (["sweep", "--grace=x", "--json"], 2, "Invalid value for '--grace': not a number, 0 or more: x"),
        (["check", "--app", "no_such_module:x", "--json"], 1, "No module named"),
    ],
)
def test_what_goes_wrong_is_json_too(run, arguments, status, told):
    """For a program, at the one place where it reads."""
    run("user", "add", "ann")
    found, output, errors = run(*arguments, data="--app" not in arguments)
    assert (found, errors) == (status, "")
    assert told in json.loads(output)["error"]["message"]


@pytest.mark.parametrize("command", ["key add", "key revoke", "album list", "key add ann --label"])
def test_texts_are_utf_8(run, command):
    """What no database could keep is refused in one line, wherever it stands."""
    run("user", "add", "ann")
    status, output, errors = run(*command.split(), "caf\udce9")
    assert (status, output, last_line(errors).endswith(r"not text in UTF-8: 'caf\udce9'")) == (2, "", True)


def test_albums(run):
    """Of a user, by the id that album_id takes."""
    run("user", "add", "ann")
    status, album_id, _ = run("album", "add", "ann", "Cats")
    assert status == 0
    made = as_json(run("album", "add", "ann", "Dogs", "--json"))
    assert run("album", "list", "ann") == (0, f"{album_id}  Cats\n{made['id']}  Dogs", "")
    assert [album["title"] for album in as_json(run("album", "list", "ann", "--json"))] == ["Cats", "Dogs"]
    assert run("album", "list", "bob")[0] == 1
    assert run("album", "add", "ann", "Dogs") == (1, "", "Error: There is an album with this title")
    assert run("album", "rename", album_id, "Kittens") == (0, f"renamed {album_id}", "")
    assert run("album", "delete", made["id"]) == (1, "", "Error: --yes is needed where nobody can be asked")
    assert as_json(run("album", "delete", made["id"], "--yes", "--json")) == {"id": made["id"], "deleted": True}
    assert run("album", "list", "ann")[1] == f"{album_id}  Kittens"
    for words in (("rename", made["id"], "Mice"), ("delete", made["id"], "--yes")):
        assert run("album", *words) == (1, "", f"Error: there is no album {made['id']}")


def test_categories(run):
    """By the id that category_id takes; a new site has one, for clients that are set up with 1."""
    assert run("category", "add", "Cats") == (0, "2", "")
    assert as_json(run("category", "add", "Dogs", "--json")) == {"id": 3, "name": "Dogs"}
    assert run("category", "list") == (0, "1  General\n2  Cats\n3  Dogs", "")
    assert as_json(run("category", "list", "--json"))[0] == {"id": 1, "name": "General"}
    assert run("category", "add", "Cats") == (1, "", "Error: there is a category 'Cats' already")


@pytest.mark.slow
def test_sweep_and_check(run, tmp_path):
    """They say what they found, and fail when something is missing or cannot be removed."""
    site = Site(tmp_path / "site")
    assert run("sweep") == (0, "removed 0 uploads and 0 temporary files", "")
    assert run("check") == (0, "0 uploads checked", "")
    import io

    from werkzeug.test import Client

    client = Client(embedded(site, guest_key="guests", renderer="inline"))
    data = {"source": (io.BytesIO(picture()), "a.png"), "key": "guests"}
    image = client.post("/api/1/upload", data=data).json["image"]
    assert run("check") == (0, "1 upload checked", "")
    stored = next((tmp_path / "site" / "images").rglob("a.png"))
    inventory = tmp_path / "inventory.csv"
    inventory.write_text('"bucket","site/notes.txt","7"\n')
    listed = run("check", "--inventory", str(inventory), "--inventory-prefix", "site/")
    assert listed == (0, "1 upload checked, 1 foreign file left alone", ""), "what it lacks is looked for"
    inventory.write_text("a.png\n")
    status, _, errors = run("check", "--inventory", str(inventory))
    assert (status, "line 1" in errors) == (1, True)
    stored.unlink()
    path = stored.relative_to(tmp_path / "site" / "images")
    assert run("check") == (1, f"missing {path} of upload {image['id_encoded']}\n1 upload checked", "")
    status, output, _ = run("check", "--json")
    found = {"uploads": 1, "missing": [[image["id_encoded"], str(path)]], "strays": [], "foreign": 0, "misplaced": []}
    assert (status, json.loads(output)) == (1, found | {"withdrawn": [], "rendered": [], "removed": []})
    lines = [f"missing {path} of upload {image['id_encoded']}", f"withdrawn {image['id_encoded']}", "1 upload checked"]
    assert run("check", "--repair") == (0, "\n".join(lines), "")
    (tmp_path / "site" / "images" / "notes.txt").write_text("mine")
    stray = stored.with_name("stray.png")
    stray.write_bytes(b"x")
    foreign = "0 uploads checked, 1 foreign file left alone"
    assert run("check", "--repair") == (0, foreign, ""), "it may be part of something that is not over"
    known = stray.relative_to(tmp_path / "site" / "images")
    assert run("check", "--grace", "0") == (1, f"no record of {known}\n{foreign}", "")
    assert run("check", "--repair", "--grace=0") == (0, f"no record of {known}\nremoved {known}\n{foreign}", "")
    assert run("check", "--grace", "0") == (0, foreign, "")
    (tmp_path / "site" / "incoming" / "chevupload-spool-x").write_bytes(b"")
    assert as_json(run("sweep", "--grace", "0", "--json")) == {"uploads": 0, "temporary_files": 1, "failed": 0}
    site.close()


@pytest.mark.slow
def test_a_sweep_has_the_sites_own_grace(run, tmp_path):
    """Without --grace, a young temporary file is left alone."""
    site = Site(tmp_path / "site")
    embedded(site, renderer="inline")
    site.close()
    file = tmp_path / "site" / "incoming" / f"{PREFIX}x"
    file.write_bytes(b"")
    assert as_json(run("sweep", "--json"))["temporary_files"] == 0
    os.utime(file, (0, 0))
    assert as_json(run("sweep", "--json"))["temporary_files"] == 1


@pytest.mark.slow
def test_a_failed_sweep_says_so(run, tmp_path):
    """Status 1, and how many."""
    site = Site(tmp_path / "site")
    import io

    from werkzeug.test import Client

    component = embedded(site, guest_key="guests", renderer="inline")
    data = {"source": (io.BytesIO(picture()), "a.png"), "key": "guests"}
    Client(component).post("/api/1/upload", data=data)
    (upload,) = component.catalog.uploads()
    component.catalog.withdraw(upload.id)
    site.close()
    stored = next((tmp_path / "site" / "images").rglob("a.png"))
    stored.unlink()
    stored.mkdir()
    status, output, _ = run("sweep")
    assert (status, output) == (1, "removed 0 uploads and 0 temporary files, 1 failed")


def test_errors_are_one_line(run, tmp_path):
    """A folder that cannot be used, and a database that is none: a message, and no traceback."""
    (tmp_path / "site").write_text("a file")
    status, _, errors = run("user", "add", "ann")
    assert (status, errors) == (1, f"Error: {tmp_path / 'site'}: File exists")
    (tmp_path / "site").unlink()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "chevupload.db").write_bytes(b"no database" * 1000)
    status, _, errors = run("check")
    assert (status, errors.count("\n"), errors.startswith("Error: ")) == (1, 0, True)


@pytest.mark.parametrize("command", ["check", "sweep", "key list", "user list", "album list ann"])
def test_a_mistyped_folder_is_told(run, tmp_path, command):
    """Only serve and the first additions make a site; nothing is made by a typing error."""
    status, _, errors = run(*command.split())
    assert (status, errors.startswith("Error: there is no site in")) == (1, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["user"],
        ["serve", "--port", "x"],
        ["user", "list", "--data", "x", "--app", "x:y"],
        ["db", "current", "--database-url", "sqlite://", "--app", "x:y"],
        *(["sweep", f"--grace={value}"] for value in ("nan", "inf", "-1", "1e300", "1e11", "x")),
    ],
)
def test_wrong_usage(arguments, capsys):
    """Status 2."""
    assert main(arguments) == 2
    assert "Usage: chevupload" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--host", "256.256.256.256"], 1, "cannot listen at"),
        (["--port", "70000"], 2, "'--port': 70000 is not in the range 0<=x<=65535."),
        (["--trusted-proxies", "-1"], 2, "'--trusted-proxies': -1 is not in the range x>=0."),
        (["--base-url", "example.org"], 2, "'--base-url': it must be an address"),
        (["--popup-origin", "example.org"], 2, "'--popup-origin': it must be an origin in small letters"),
        (["--site-name", "a\nb"], 2, r"'--site-name': not one line of printable text: 'a\nb'"),
        (["--threads", "0"], 2, "'--threads': 0 is not in the range x>=1."),
        (["--sweep-minutes", "-1"], 2, "'--sweep-minutes': not a number, 0 or more: -1"),
        (["--sweep-minutes", "nan"], 2, "'--sweep-minutes': not a number, 0 or more: nan"),
        (["--guest-key", ""], 2, "'--guest-key': a key has only printable ASCII characters"),
    ],
)
def test_serve_refuses_what_it_cannot_do(run, tmp_path, options, status, message, monkeypatch):
    """In one line, which names the option, and nothing is made."""
    monkeypatch.setattr(serve_module.signal, "signal", lambda *arguments: None)
    found, _, errors = run("serve", "--port", "0", *options)
    assert (found, message in last_line(errors)) == (status, True)
    assert list(tmp_path.iterdir()) == []


def test_serve_needs_waitress(run, monkeypatch):
    """It names the extra."""
    monkeypatch.setattr(serve_module.importlib.util, "find_spec", lambda name: None)
    assert run("serve") == (1, "", "Error: serve needs waitress: pip install 'chevupload[serve]'")


def test_an_interrupted_command(run, monkeypatch):
    """130, as shells have it."""

    def interrupt(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands.commands["user"].commands["list"], "callback", interrupt)
    assert run("user", "list") == (130, "", "")


@pytest.mark.slow
def test_python_m(tmp_path):
    """``python -m chevupload`` is the command line."""
    command = [sys.executable, "-m", "chevupload", "category", "add", "x", "--data", str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=os.sep)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["upload", "--key", "k", "--url", "http://127.0.0.1:9", "none.png"]])
def test_only_what_opens_a_site_loads_its_database(arguments):
    """Help and upload start without SQLAlchemy, Pillow and the server."""
    program = (
        "import sys\n"
        "from chevupload.cli import main\n"
        f"main({arguments!r})\n"
        "print(sorted({'sqlalchemy', 'PIL', 'waitress', 'flask'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment())
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version(capsys):
    """That of the installed package."""
    assert main(["--version"]) == 0
    assert re.fullmatch(r"chevupload \d+(\.\w+)+\n", capsys.readouterr().out)


def test_tables_are_migrated(run, tmp_path):
    """A folder's and any other database's, whether they are there or not; and an unknown revision is none."""
    run("user", "add", "ann")
    revision = as_json(run("db", "current", "--json"))["revision"]
    assert as_json(run("db", "upgrade", "--json"))["revision"] == revision is not None
    assert run("db", "current") == (0, revision, "")
    assert run("user", "list")[1] == "ann"
    url = f"sqlite:///{tmp_path / 'other.db'}"
    assert "CREATE TABLE chevupload_uploads" in run("db", "sql", "--database-url", url, data=False)[1]
    assert run("db", "upgrade", "--database-url", url, data=False) == (0, revision, "")
    assert run("db", "stamp", revision, "--database-url", url, data=False) == (0, revision, "")
    status, _, told = run("db", "stamp", "nothing", "--database-url", url, data=False)
    assert (status, "nothing" in told) == (1, True)


@pytest.mark.parametrize("url", ["nonsense", "oracle+nothing://x"])
def test_a_database_that_is_none_is_told(run, url):
    """Before anything is made."""
    assert run("db", "upgrade", "--database-url", url, data=False)[0] == 1
    status, _, told = run("db", "upgrade")
    assert (status, "there is no site" in told) == (1, True)
