"""What the documentation, the examples and the fresh sites import are public names, and they are easy to see."""

from __future__ import annotations

import ast
import importlib
import pydoc
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import chevupload
from tests.support import ROOT

PUBLIC = ("chevupload", "chevupload.integration", "chevupload.testing")
PYTHON = re.compile(r"^( *)```(?:python|py)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"""python3? -c (["'])(.*?)\1""", re.DOTALL)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = sorted(
    path
    for folder in ("examples", "tests/fresh")
    for path in (ROOT / folder).rglob("*.py")
    # What starts the fresh sites is one of our tests.
    if path.parent != ROOT / "tests" / "fresh"
)


def sources(path: Path) -> list[str]:
    """Return the Python of a file, or of a page's blocks and commands."""
    text = path.read_text()
    if path.suffix == ".py":
        return [text]
    return [
        *(textwrap.dedent(code) for _, code in PYTHON.findall(text)),
        *(code for _, code in COMMAND.findall(text)),
    ]


def imported(source: str) -> set[tuple[str, str | None]]:
    """Return each module of ours that is imported, with the name that is taken from it."""
    found: set[tuple[str, str | None]] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {(name.name, None) for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "", name.name) for name in node.names}
    return {(module, name) for module, name in found if module.partition(".")[0] == "chevupload"}


def is_public(module: str, name: str | None) -> bool:
    """Tell whether it is a module that users import, and a name that it lists where it has a list."""
    whole = f"{module}.{name}"
    if module.startswith("chevupload.contrib") or whole == "chevupload.contrib" or whole in PUBLIC:
        return True
    return module in PUBLIC and (name is None or name in importlib.import_module(module).__all__)


@pytest.mark.parametrize("path", [*PAGES, *CODE], ids=lambda path: str(path.relative_to(ROOT)))
def test_only_public_names_are_imported(path: Path) -> None:
    """In every code block of a page, and in every file of an example or of a fresh site."""
    names = set().union(*map(imported, sources(path)))

    assert {(module, name) for module, name in names if not is_public(module, name)} == set()


def test_imports_are_found_and_told_apart() -> None:
    """In blocks of lists, in commands, in functions, and where a module is private."""
    code = "import chevupload.app\ndef f():\n    from chevupload import Pages, web"

    assert imported(code) == {("chevupload.app", None), ("chevupload", "Pages"), ("chevupload", "web")}
    assert [name for name in sorted(imported(code), key=str) if is_public(*name)] == [("chevupload", "Pages")]
    assert is_public("chevupload.contrib.flask", "ChevUpload")
    assert sum(len(sources(page)) for page in PAGES) > 50


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_there(module: str) -> None:
    """What its list names can be had, and ``dir`` shows it."""
    loaded = importlib.import_module(module)

    assert [name for name in loaded.__all__ if not hasattr(loaded, name)] == []
    assert set(loaded.__all__) <= set(dir(loaded))


@pytest.mark.slow
def test_dir_shows_the_public_names_and_loads_nothing() -> None:
    """Modules of ours that happen to be loaded are no public names."""
    code = """
import sys, chevupload
before = set(sys.modules)
print(*(name for name in dir(chevupload) if not name.startswith("__")))
assert set(sys.modules) == before
import chevupload.app
assert "app" not in dir(chevupload)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.split() == chevupload.__all__


def test_help_shows_the_public_names() -> None:
    """Each with what it is for."""
    text = pydoc.render_doc(chevupload, renderer=pydoc.plaintext)

    assert [name for name in chevupload.__all__ if not re.search(rf"\b{name}\b", text)] == []
    assert "Mount a Chevereto-compatible upload API" in text


@pytest.mark.slow
def test_help_loads_no_host_and_no_decoder() -> None:
    """The classes that it shows bring SQLAlchemy and what the API needs, and nothing that is an extra."""
    code = "import sys, pydoc, chevupload; pydoc.render_doc(chevupload); print(*sys.modules)"
    extras = {
        "flask",
        "pyramid",
        "bottle",
        "django",
        "waitress",
        "httpx2",
        "av",
        "pi_heif",
        "alembic",
        "psycopg",
        "s3fs",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert extras & set(done.stdout.split()) == set()
    assert "PIL.Image" not in done.stdout.split()
