"""Sites as a new user writes them, from the documentation alone, whose own tests upload and leave nothing behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import SECONDS, environment, files_in

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
PYRAMIDS = (
    *("-W", "ignore:'cgi' is deprecated:DeprecationWarning"),
    *("-W", "ignore:pkg_resources is deprecated:UserWarning"),
    *("-W", "ignore:Deprecated call to `pkg_resources:DeprecationWarning"),
)
"""What Pyramid itself does, and its users have to ignore."""

SITES = {
    "flask": (*PYTEST, "test_site.py"),
    "pyramid": (*PYTEST, *PYRAMIDS, "test_site.py"),
    "bottle": (*PYTEST, "test_site.py"),
    "django": ("-W", "error", "manage.py", "test"),
    "wsgi": ("-W", "error", "test_site.py"),
}


@pytest.mark.parametrize("host", SITES)
def test_its_own_tests_upload_apart_from_what_is_live(host, tmp_path):
    """With warnings as errors, in the host's own test runner; the live folder has no file of theirs."""
    site = tmp_path / "site"
    shutil.copytree(Path(__file__).parent / f"{host}_site", site, ignore=shutil.ignore_patterns("__pycache__"))
    settings = {"PYTHONDONTWRITEBYTECODE": "1", "SITE_DATABASE": f"sqlite:///{tmp_path / 'tests.db'}"}

    run = subprocess.run(
        [sys.executable, *SITES[host]],
        cwd=site,
        env=environment() | settings,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert (site / "live").is_dir()
    assert [name for name in files_in(site / "live") if name not in ("chevupload.db", "secret")] == []
