"""What every test that sends requests shares, and the marks that folders and fixtures give to their tests."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from chevupload.uploads.views import _Writer
from tests.support import EMPTY, IS_LONG, Stand

# How long an example takes says how busy the machine is, and nothing of what is tested.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("short", max_examples=50, **_PATIENT)
settings.register_profile("long", max_examples=2_000, **_PATIENT)
settings.load_profile("long" if IS_LONG else "short")

# Hundreds of processes are started here. Without bytecode on disk each of them compiles the whole package again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Processes that share the tests have to find the same ones in the same order, also where a set gives a test its name.
os.environ.setdefault("PYTHONHASHSEED", str(random.randrange(2**32)))

# Files, databases and the servers' data are kept in memory, where there is enough: most of the time went into waiting
# for disks, and into removing what the last runs left.
MEMORY = Path("/dev/shm")
if (
    "TMPDIR" not in os.environ
    and MEMORY.is_dir()
    and shutil.disk_usage(MEMORY).free > 4_000_000_000
    and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
):
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

HERE = Path(__file__).parent
FOLDERS = {
    HERE / "appearance": "browser",
    HERE / "browser": "browser",
    HERE / "clients": "clients",
    HERE / "contrib": "slow",
    HERE / "endurance": "slow",
    HERE / "examples": "servers",
    HERE / "formats": "slow",
    HERE / "fresh": "slow",
    HERE / "media" / "sandbox": "slow",
    HERE / "servers": "servers",
}
"""The mark that a folder gives to its tests. What the marks mean is in pyproject.toml."""
DATABASES = {"postgres", "pgbouncer", "mariadb"}
SERVERS = DATABASES | {f"{name}_database" for name in DATABASES} | {"s3", "minio", "gcs", "azure", "start"}
"""Fixtures that start a real server; tests that name one as a parameter get it by this name."""

COVERAGE, COVERAGE_VARIABLE = pytest.StashKey[str](), "COVERAGE_PROCESS_CONFIG"
MEASURED = HERE / "cli"
"""The folder of tests whose processes coverage measures, too: most of ``chevupload serve`` runs in no other. Elsewhere
it would cost each process a tenth of a second and some of its speed, for lines that are measured anyway."""


def pytest_ignore_collect(collection_path, config):
    """Do not even import the tests of a folder that are not wanted."""
    mark = FOLDERS.get(collection_path)
    return True if mark and f"not {mark}" in config.option.markexpr else None


def pytest_collection_modifyitems(items):
    """Give each test the marks of its folder and of its fixtures."""
    marks = {
        path: [FOLDERS[folder] for folder in path.parents if folder in FOLDERS]
        for path in {item.path for item in items}
    }
    for item in items:
        for mark in marks[item.path]:
            item.add_marker(mark)
        parameters = getattr(item, "callspec", None)
        named = {value for value in parameters.params.values() if isinstance(value, str)} if parameters else set()
        if SERVERS & {*item.fixturenames, *named}:
            item.add_marker("servers")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Let coverage start in processes of the tests that are measured with them, before a fixture starts one."""
    if COVERAGE_VARIABLE in os.environ:
        item.config.stash[COVERAGE] = os.environ.pop(COVERAGE_VARIABLE)
    if MEASURED in item.path.parents and COVERAGE in item.config.stash:
        os.environ[COVERAGE_VARIABLE] = item.config.stash[COVERAGE]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown():
    """Write the views that pages have counted before the databases of a test go, and give up those that cannot be.

    Otherwise each component that nobody closed would try it again every few seconds, and say so in the log of other
    tests.
    """
    for thread in threading.enumerate():
        if isinstance(thread, _Writer):
            counter = thread._write.__self__
            counter.close()
            if counter._counts:
                counter._records = None
                counter.close()


def pytest_generate_tests(metafunc):
    """Run what is marked with ``mounts`` at the root of a host, too."""
    if "prefix" in metafunc.fixturenames and metafunc.definition.get_closest_marker("mounts"):
        metafunc.parametrize("prefix", ["", "/sub/app"], ids=["root", "prefix"])


@pytest.fixture
def prefix():
    """Return where the component is mounted: below a prefix, where it is harder to be right."""
    return "/sub/app"


@pytest.fixture
def make(tmp_path, prefix):
    """Return a function that puts components together, and closes them at the end."""
    stands = []

    def make_stand(**settings):
        folder = tmp_path / str(len(stands))
        folder.mkdir()
        stands.append(Stand(folder, prefix, **settings))
        return stands[-1]

    yield make_stand
    for stand in stands:
        stand.component.close()


@pytest.fixture
def stand(make):
    """Return a component with default settings."""
    return make()


@pytest.fixture
def refusing(make):
    """Return a function like ``make``, for components that must have stored nothing in the end."""
    stands = []

    def make_stand(**settings):
        stands.append(make(**settings))
        return stands[-1]

    yield make_stand
    for stand in stands:
        assert stand.left() == EMPTY
