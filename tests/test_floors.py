"""Keeps the shape of the package: where each library lives, and what importing loads. Who may import whom says
pyproject.toml, to import-linter.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "chevupload"

HOMES = {
    "werkzeug": ("wsgi", "fetch"),
    "webob": ("wsgi.webob",),
    "PIL": ("media", "cli.example"),
    "av": ("media.video", "media.film_frame"),
    "pi_heif": ("media.heif",),
    "isal": ("media.png_writer",),
    "cykooz_resizer": ("media.resizing",),
    "kornia_rs": ("media.png_reader",),
    "sqlalchemy": ("db", "site.factory"),
    "alembic": ("db.migrations", "db.autogenerate"),
    "fsspec": ("storage",),
    "azure": ("storage.cloud",),
    "itsdangerous": ("signing", "uploads.intent_log"),
    "jinja2": ("web.templating", "web.pages"),
    "markupsafe": ("web.page", "web.pages", "web.templating"),
    "h11": ("fetch.client",),
    "standardwebhooks": ("fetch.webhook",),
    "segno": ("web.qr_code",),
    "pybase64": ("wsgi.decoders",),
    "waitress": ("cli",),
    "click": ("cli",),
    "redis": ("web.redis_counts",),
    "httpx2": ("cli.client",),
}
"""Where each library lives; contrib knows its hosts besides."""


def modules():
    """Find every module, by its name within the package."""
    for folder, prefix in ((ROOT / PACKAGE, ()), (ROOT / "contrib", ("contrib",))):
        for path in sorted(folder.rglob("*.py")):
            inner = path.relative_to(folder).with_suffix("").parts
            # The link to the adapters, which are found below their own folder.
            if not prefix and inner[0] == "contrib":
                continue
            name = ".".join((*prefix, *inner)).removesuffix(".__init__").removesuffix("__init__")
            yield pytest.param(name, path, id=name or PACKAGE)


MODULES = list(modules())


def tree(path):
    return ast.parse(path.read_text(), str(path))


def imports(path):
    """Yield the full name of everything that a module imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top(name):
    """Return the floor's entry that a module belongs to."""
    return name.partition(".")[0]


def below(name, home):
    return name == home or name.startswith(home + ".")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "path"), MODULES)
def test_each_library_has_one_home(name, path):
    """Outside the adapters a library is imported in its home only, so whoever replaces it knows where to look."""
    for imported in imports(path):
        library = top(imported)
        if library in (PACKAGE, "contrib") or library in sys.stdlib_module_names or library == "_typeshed":
            continue
        if below(name, "contrib") or below(name, "testing"):
            continue
        assert library in HOMES, f"{name} imports {library}, which has no home here"
        assert any(below(name, home) for home in HOMES[library]), f"{library} is not at home in {name}"


def loaded(statement):
    """Return the modules that a fresh interpreter has loaded after ``statement``."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_importing_the_package_loads_no_library():
    """Importing the package costs nothing: it brings neither database nor decoder nor framework."""
    heavy = {
        "sqlalchemy",
        "PIL",
        "flask",
        "pyramid",
        "bottle",
        "webob",
        "werkzeug",
        "fsspec",
        "av",
        "h11",
        "jinja2",
        "click",
        "standardwebhooks",
        "redis",
    }
    assert loaded(f"import {PACKAGE}") & heavy == set()


@pytest.mark.slow
def test_the_mount_loads_no_database_and_no_host():
    """A site with a catalog and a server of its own loads neither SQLAlchemy nor h11 nor Jinja2 nor waitress nor any
    framework.
    """
    heavy = {"sqlalchemy", "flask", "pyramid", "bottle", "av", "waitress", "h11", "jinja2", "click"}
    heavy |= {"standardwebhooks", "redis"}
    assert loaded(f"import {PACKAGE}.app") & heavy == set()


@pytest.mark.slow
def test_an_api_alone_loads_no_templates(tmp_path):
    """A site that is asked for JSON never has Jinja2 in memory, however its pages are set up; on SQLite no
    MySQL, and with files on its own disk no fsspec.
    """
    statement = f"""
from werkzeug.test import Client
from chevupload import Config, Pages, embedded

component = embedded({str(tmp_path)!r}, pages=Pages(templates={str(tmp_path)!r}), config=Config(base_url="http://localhost/"))
assert Client(component).post("/api/1/upload").json["status_code"] == 401
assert Client(component).get("/api/1/openapi.json").status_code == 200
"""
    assert loaded(statement).isdisjoint({"jinja2", "redis", "sqlalchemy.dialects.mysql", "fsspec"})
    assert "jinja2" in loaded(f"{statement}\nassert Client(component).get('/image/none').status_code == 404")


@pytest.mark.slow
def test_a_flask_host_loads_no_command_line(tmp_path):
    """Its group of commands is there, and loads them when it is used."""
    statement = f"""
from flask import Flask
from chevupload.contrib.flask import ChevUpload

app = Flask("site", instance_path={str(tmp_path)!r})
app.secret_key = "a secret of sixteen characters or more"
ChevUpload(app)
assert app.test_client().post("/api/1/upload").json["status_code"] == 401
assert "Look after the uploads" in app.test_cli_runner().invoke(args=[]).output
"""
    assert "chevupload.cli" not in loaded(statement)
    shown = 'app.test_cli_runner().invoke(args=["chevupload", "--help"])'
    assert "chevupload.cli" in loaded(f'{statement}assert "sweep" in {shown}.output')


@pytest.mark.slow
@pytest.mark.parametrize(("name", "path"), MODULES)
def test_every_picture_is_opened_with_a_list_of_formats(name, path):
    """Otherwise Pillow tries every decoder that it has."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Image.open", "PIL.Image.open"):
            assert "formats" in [keyword.arg for keyword in node.keywords], f"{name}, line {node.lineno}"


def test_every_folder_is_shipped():
    """setuptools ships the packages that are listed, and no others."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    there = {
        ".".join((PACKAGE, *([] if folder == PACKAGE else ["contrib"]), *path.parent.relative_to(ROOT / folder).parts))
        for folder in (PACKAGE, "contrib")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert set(settings["packages"]) == there
