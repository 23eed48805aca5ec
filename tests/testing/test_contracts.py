"""The contracts notice what is wrong with a backend: for each defect the test that names the broken promise fails."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

import chevupload.testing
from tests.support import ROOT
from tests.testing import defective
from tests.testing.stranger import run_pytest

pytestmark = pytest.mark.slow

HEAD = """
import pytest
from chevupload import testing
from tests.testing import defective

def give(value):
    return pytest.fixture(lambda self: value() if callable(value) else value)

"""
BODIES = {
    "StorageContract": (defective.STORAGES, '{"storage": give(defect)}'),
    "CatalogContract": (defective.CATALOGS, '{"catalog": give(defect)}'),
    "EventRecordsContract": (defective.EVENT_CATALOGS, '{"catalog": give(defect)}'),
    "TicketRecordsContract": (defective.TICKET_CATALOGS, '{"catalog": give(defect)}'),
    "UsageRecordsContract": (defective.USAGE_CATALOGS, '{"catalog": give(defect)}'),
    "MovableRecordsContract": (defective.MOVABLE_CATALOGS, '{"catalog": give(defect)}'),
    "KeyBackendContract": (
        defective.KEYS,
        '{"backend": give(defect), "usable_key": give(defective.KEY), "owner": give("42"),'
        ' "refused_keys": give({"revoked": "revoked"})}',
    ),
    "KeyStoreContract": (
        defective.STORES,
        '{"store": give(defect), "owner_id": give("7"), "other_owner_id": give("8")}',
    ),
}


@pytest.mark.parametrize("contract", BODIES)
def test_a_defect_breaks_its_promise(contract, tmp_path):
    """A backend with a defect fails the test that speaks of it, in an ordinary run of pytest; a sound one, none."""
    defects, fixtures = BODIES[contract]
    lines = [HEAD]
    for defect in defects:
        lines.append(f"defect = defective.{defect.__name__}")
        lines.append(f"Test{defect.__name__} = type('Test{defect.__name__}', (testing.{contract},), {fixtures})")
    broken = {
        (defect.__name__, getattr(defect, name)) for defect in defects for name in vars(defect) if "breaks" in name
    }
    tests = (f"Test{defects[0].__name__}", *(f"Test{defect}::{promise}" for defect, promise in sorted(broken)))
    run = run_pytest(tmp_path, "\n".join(lines), "--tb=no", "-rf", tests=tests)
    failed = set(re.findall(r"^FAILED test_it\.py::Test(\w+)::(\w+)", run.stdout, re.MULTILINE))
    assert broken - failed == set(), run.stdout
    assert not [test for name, test in failed if name == defects[0].__name__]
    assert " error" not in run.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", [name for name in chevupload.testing.__all__ if name.endswith("Contract")])
def test_every_promise_is_stated(name):
    """Whoever breaks one reads, in the docstring of the test that fails, what was promised."""
    contract = getattr(chevupload.testing, name)
    promises = [test for test in dir(contract) if test.startswith("test_")]
    assert promises
    assert [promise for promise in promises if not inspect.getdoc(getattr(contract, promise))] == []


def test_a_missing_fixture_is_told_by_name(tmp_path):
    """Whoever forgets a fixture reads which one."""
    code = "from chevupload.testing import StorageContract\nclass TestIt(StorageContract): pass\n"
    run = run_pytest(tmp_path, code)
    assert "NotImplementedError: the subclass gives a fixture `storage`" in run.stdout
    assert " passed" not in run.stdout


def test_an_unknown_name_is_an_attribute_error():
    """A misspelled contract is told as Python tells it."""
    with pytest.raises(AttributeError, match="NoContract"):
        chevupload.testing.NoContract  # noqa: B018


def test_nothing_else_imports_the_contracts():
    """A server needs no pytest: what it runs does not know these modules, and they need nothing but it and pytest."""
    for path in (ROOT / "chevupload").rglob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module)
        if "testing" not in path.relative_to(ROOT / "chevupload").parts:
            assert not [name for name in names if name.split(".")[:2] == ["chevupload", "testing"] or name == "pytest"]
