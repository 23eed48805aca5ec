"""Type checkers accept the code in the documentation, and see what is misspelt."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from tests.support import ROOT
from tests.test_docs import PAGES

pytestmark = pytest.mark.slow

UNTYPED = (
    *("bottle", "celery", "django", "flask_login", "flask_sqlalchemy", "flask_wtf", "fsspec", "pyramid", "waitress"),
    *("webob", "zope"),
)
"""Libraries without types, or whose types nobody can satisfy: to both checkers, anything goes with them."""

NOT_OF_HOSTS = (
    *("disallow_any_generics", "disallow_incomplete_defs", "disallow_subclassing_any", "disallow_untyped_calls"),
    *("disallow_untyped_defs", "warn_return_any", "warn_unused_ignores"),
)
"""What mypy asks for only if it is strict, and the pages' code does not give."""

MISSPELT = """
from flask import Flask

from chevupload import ChevUpload
from chevupload.contrib import bottle, django, flask
from chevupload.site.factory import component_from

ChevUpload(keys=lambda key, environ: None, catalog=1, storage=2, secret_keys=[], strorage=3)  # 8
flask.ChevUpload(Flask(""), strorage=3)  # 9
bottle.ChevUploadPlugin(strorage=3)  # 10
django.ChevUpload(strorage=3)  # 11
component_from({}, strorage=3)  # 12
with open("picture.png", "rb") as file:
    flask.uploads.save(file, owner=1, titel="")  # 14
    component_from({}).uploads.save(file, owner=1, titel="")  # 15
    django.ChevUpload().uploads(None).save(file, owner=1, titel="")  # 16
"""
SEEN = {8, 9, 10, 11, 12, 14, 15, 16}


def python_of(page):
    """Return a page's Python, each line where the page has it."""
    lines, is_code = [], False
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            is_code = line == "```python"
            lines.append("")
        else:
            lines.append(line if is_code else "")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    """Return a folder with the Python of every page, and what is misspelt; outside of this package, as a host's is."""
    folder = tmp_path_factory.mktemp("code")
    for page in PAGES:
        if (text := python_of(page)).strip():
            (folder / f"page_{page.stem.lower()}.py").write_text(text)
    (folder / "misspelt.py").write_text(MISSPELT)
    for library in UNTYPED:
        (folder / "stubs" / library).mkdir(parents=True)
        (folder / "stubs" / library / "__init__.pyi").write_text("def __getattr__(name: str): ...\n")
    return folder


def errors_of(found):
    """Return what is said of the pages, and the lines of the other file of which something is said."""
    of_pages = [f"{file}:{line}: {text}" for file, line, text in found if "misspelt" not in file]
    return of_pages, {line for file, line, _ in found if "misspelt" in file}


def cache_of_libraries(request):
    """Return a folder for mypy's cache, which begins with that of ``make lint``: most of it is of libraries."""
    cache, of_lint = request.config.cache.mkdir("mypy"), ROOT / ".mypy_cache"
    if of_lint.is_dir() and not any(cache.iterdir()):
        shutil.copytree(of_lint, cache, dirs_exist_ok=True)
    return cache


@pytest.mark.timeout(1_800)
def test_mypy(code, request):
    """With an editable installation, from another folder."""
    files = sorted(file.name for file in code.glob("*.py"))
    # A host need not be as strict as this project, with whose settings its libraries are in the cache.
    lax = "".join(f"{option} = False\n" for option in NOT_OF_HOSTS)
    settings = f"[mypy]\nstrict = True\n[mypy-{','.join(file.removesuffix('.py') for file in files)}]\n{lax}"
    for library in UNTYPED:
        settings += f"[mypy-{library}.*]\nignore_missing_imports = True\nfollow_imports = skip\n"
    (code / "mypy.ini").write_text(settings)
    command = [sys.executable, "-m", "mypy", f"--cache-dir={cache_of_libraries(request)}", "--output=json", *files]
    run = subprocess.run(command, cwd=code, capture_output=True, text=True, check=False)
    found = [json.loads(line) for line in run.stdout.splitlines()]
    errors = [(one["file"], one["line"], one["message"]) for one in found if one["severity"] == "error"]
    assert errors_of(errors) == ([], SEEN), run.stdout + run.stderr


@pytest.mark.timeout(1_800)
def test_pyright(code):
    """Likewise."""
    pytest.importorskip("pyright", reason="pyright is in the extra lint")
    settings = {
        "include": ["*.py"],
        "stubPath": "stubs",
        "useLibraryCodeForTypes": False,
        "reportMissingModuleSource": False,
    }
    (code / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    run = subprocess.run(command, cwd=code, capture_output=True, text=True, check=False)
    found = [one for one in json.loads(run.stdout)["generalDiagnostics"] if one["severity"] == "error"]
    errors = [(one["file"], one["range"]["start"]["line"] + 1, one["message"]) for one in found]
    assert errors_of(errors) == ([], SEEN), errors
