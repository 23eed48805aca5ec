"""docs/extending.md names files that are there, and what is in them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "extending.md").read_text()
STEPS = re.findall(r"^\d\. `([^`]+)`((?:,\s+`\w+`)*):", TEXT, re.MULTILINE)


def names_in(path: Path) -> set[str]:
    """Return what a file defines; of one that is no Python, its words."""
    if path.suffix != ".py":
        return set(re.findall(r"\w+", path.read_text()))
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_every_step_names_a_file() -> None:
    """So that none of them is left out below."""
    assert len(STEPS) == len(re.findall(r"^\d\. ", TEXT, re.MULTILINE)) > 25


@pytest.mark.parametrize(("file", "names"), STEPS, ids=[file for file, _ in STEPS])
def test_a_step_names_what_is_there(file: str, names: str) -> None:
    """The file, and each class, function and table in it."""
    assert set(re.findall(r"\w+", names)) <= names_in(ROOT / file)


def test_every_file_is_there() -> None:
    """Also those that are named in passing, tests by their names alone."""
    paths = re.findall(r"`([\w./-]+\.(?:py|json|toml|md|html))`", TEXT)
    assert [path for path in paths if not [*ROOT.glob(path), *ROOT.glob(f"tests/**/{path}")]] == []
