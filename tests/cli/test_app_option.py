"""The commands on an application's component, wherever its records and files are."""

from __future__ import annotations

import json
import sys

import pytest
from werkzeug.test import Client

from chevupload.app import ChevUpload
from chevupload.cli import main
from chevupload.db.accounts import Accounts
from tests.support import file

SITE = """
from chevupload.site.factory import component_from

component = component_from(
    {
        "database_url": "sqlite:///records.db",
        "storage_url": "local://" + __file__.replace("shop_site.py", "pictures"),
        "secret_keys": "a-secret-of-sixteen-characters-or-more",
        "renderer": "inline",
    }
)
application = component.wrap(None)
"""
HOSTS = """
import flask
from pyramid.config import Configurator

from chevupload.contrib.flask import ChevUpload

flask_app = flask.Flask(__name__, instance_path=__file__.removesuffix(".py"))
flask_app.secret_key = "a secret of sixteen characters or more"
ChevUpload(flask_app)


def make_flask():
    return flask_app


with Configurator(settings={"chevupload.folder": __file__.removesuffix(".py") + "-pyramid"}) as config:
    config.include("chevupload.contrib.pyramid")
    pyramid_app = config.make_wsgi_app()
"""
OTHERS = """
from chevupload import ChevUpload
from chevupload.site.factory import component_from
from chevupload.testing.memory import MemoryCatalog, MemoryStorage, StaticKeys
from chevupload.db.keys import UserColumns
from chevupload.db.tables import READY_MODELS

secret_keys = ["a secret of sixteen characters or more"]
memory = ChevUpload(keys=StaticKeys({}), catalog=MemoryCatalog(), storage=MemoryStorage(), secret_keys=secret_keys)
hosted = component_from(
    {"database_url": "sqlite:///records.db", "secret_keys": secret_keys},
    storage=MemoryStorage(),
    users=UserColumns.of(READY_MODELS["users"]),
)
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a function that runs one command in a folder of modules, which are forgotten afterwards."""
    (tmp_path / "shop_site.py").write_text(SITE)
    (tmp_path / "shop_others.py").write_text(OTHERS)
    (tmp_path / "shop_hosts.py").write_text(HOSTS)
    (tmp_path / "shop_broken.py").write_text("import shop_nothing\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def run_command(*arguments, app="shop_site:component"):
        status = main([*arguments, "--app", app])
        captured = capsys.readouterr()
        return status, captured.out.strip(), captured.err.strip()

    yield run_command
    for name in [name for name in sys.modules if name.startswith("shop_")]:
        del sys.modules[name]


@pytest.fixture
def component(run):
    """Return the component itself, with its tables."""
    assert run("db", "upgrade")[0] == 0
    found = sys.modules["shop_site"].component
    assert isinstance(found, ChevUpload)
    return found


def upload(component, key, name="a.png"):
    return Client(component).post("/api/1/upload", data={"source": file(name=name)}, headers={"X-API-Key": key})


@pytest.mark.slow
def test_tables_users_keys_albums_and_categories(run, component, tmp_path):
    """In the component's own database, and no folder is made."""
    revision = run("db", "current")[1]
    assert run("db", "upgrade") == (0, revision, "")
    assert run("user", "add", "ann") == (0, "added user ann", "")
    key = run("key", "add", "ann")[1]
    assert upload(component, key).status_code == 200
    album = run("album", "add", "ann", "Cats")[1]
    assert run("album", "list", "ann")[1] == f"{album}  Cats"
    assert run("category", "add", "Cats") == (0, "1", "")
    assert run("key", "revoke", key.split("_")[1])[0] == 0
    assert upload(component, key).status_code == 401
    assert not (tmp_path / "chevupload-data").exists()


@pytest.mark.slow
def test_sweep_check_and_the_end_of_a_user(run, component, tmp_path):
    """With the component's own storage."""
    run("user", "add", "ann")
    key = run("key", "add", "ann")[1]
    swept, kept, deleted = (upload(component, key, f"{name}.png").json["image"] for name in ("a", "b", "c"))
    assert run("check") == (0, "3 uploads checked", "")
    component.catalog.withdraw(swept["id_encoded"])
    assert json.loads(run("sweep", "--json")[1])["uploads"] == 1
    next((tmp_path / "pictures").rglob("c.png")).unlink()
    status, output, _ = run("check")
    assert (status, f"of upload {deleted['id_encoded']}" in output, kept["id_encoded"] in output) == (1, True, False)
    assert run("user", "delete", "ann", "--yes")[0] == 0
    assert [path for path in (tmp_path / "pictures").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("shop_nowhere:component", "--app shop_nowhere:component: No module named 'shop_nowhere'"),
        (
            "shop_site.deeper:component",
            "--app shop_site.deeper:component: No module named 'shop_site.deeper'; 'shop_site' is not a package",
        ),
        ("shop_site:nothing", "--app shop_site:nothing: there is no component of this name"),
        ("shop_site:application", "--app shop_site:application: there is no component of this name"),
        ("shop_site", "--app shop_site: not MODULE:NAME"),
        (":component", "--app :component: not MODULE:NAME"),
        ("shop_others:memory", "the records of shop_others:memory are not in tables of ours"),
        ("shop_others:hosted", "the users and keys of shop_others:hosted are its own"),
    ],
)
def test_what_is_no_site_with_users_is_told(run, app, told):
    """In one line, which names the option."""
    status, output, errors = run("user", "add", "ann", app=app)
    assert (status, output, errors.count("\n")) == (1, "", 0)
    assert errors.startswith(f"Error: {told}")


@pytest.mark.slow
def test_keys_of_the_applications_own_users(run):
    """Users are named by their ids; without one, and for a user who is not there, it is said."""
    assert run("db", "upgrade", app="shop_others:hosted")[0] == 0
    assert run("key", "list", app="shop_others:hosted") == (
        *(1, ""),
        "Error: the users are this application's own: name one, by the user's id",
    )
    assert run("key", "add", "7", app="shop_others:hosted") == (1, "", "Error: there is no such user, or not any more")
    database = sys.modules["shop_others"].hosted.catalog.database
    Accounts(database).add_user("ann")
    user_id = Accounts(database).find_user("ann").id
    key_id = json.loads(run("key", "add", user_id, "--json", app="shop_others:hosted")[1])["id"]
    assert run("key", "list", user_id, app="shop_others:hosted")[1].splitlines()[1].split()[:3] == [
        *(key_id, user_id, "usable")
    ]
    assert run("key", "revoke", user_id, key_id, app="shop_others:hosted") == (0, f"revoked {key_id}", "")
    assert run("key", "revoke", user_id, key_id, app="shop_others:hosted") == (
        *(1, ""),
        f"Error: {key_id} was revoked already",
    )


def test_a_module_that_is_broken_says_how(run):
    """What an application's own module raises is its author's to read, as a whole."""
    with pytest.raises(ModuleNotFoundError, match="shop_nothing"):
        run("sweep", app="shop_broken:component")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flask_app", "make_flask()", "pyramid_app"])
def test_an_application_stands_for_its_component(run, name):
    """Of Flask and Pyramid; what makes one is called with brackets behind its name."""
    app = f"shop_hosts:{name}"
    assert run("user", "add", "ann", app=app) == (0, "added user ann", "")
    assert run("user", "list", app=app) == (0, "ann", "")
    assert run("check", app=app) == (0, "0 uploads checked", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "advice"),
    [("make_flask", "; if make_flask makes one, write make_flask()"), ("nothing()", ""), ("flask()", "")],
)
def test_what_has_no_component_is_told(run, name, advice):
    """A function that is not called, with the advice to call it, and what is none."""
    status, output, errors = run("check", app=f"shop_hosts:{name}")
    assert (status, output) == (1, "")
    told = "there is no component of this name, and no application that has one"
    assert errors == f"Error: --app shop_hosts:{name}: {told}{advice}"
