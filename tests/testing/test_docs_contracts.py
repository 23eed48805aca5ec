"""The code of the documentation keeps the contracts that it is shown with, as it stands on the page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


WARNINGS = ("-W", "error")


def run_tests(folder, code):
    """Run ``code`` as a stranger's test module, and return pytest's status and how many tests ended in which way."""
    (folder / "test_page.py").write_text(code)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *WARNINGS, "-q", "test_page.py"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    counts = {ending: int(count) for count, ending in re.findall(r"(\d+) (\w+)", run.stdout.splitlines()[-1])}
    return run.returncode, counts, run.stdout


@pytest.mark.parametrize(("page", "least"), [("storage.md", 36), ("keys.md", 24), ("wsgi.md", 20), ("tables.md", 50)])
def test_a_pages_own_backend_keeps_the_contract(page, least, tmp_path):
    """Whoever copies the page into a test module sees it pass, every test of it."""
    text = (ROOT / "docs" / page).read_text()
    code = "\n\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    status, counts, output = run_tests(tmp_path, code)
    assert status == 0, output
    # A storage may leave out to list its files, and a host to sign people in or to read forms; the contract says so.
    assert counts.pop("skipped", 0) <= 2
    assert set(counts) == {"passed"}
    assert counts["passed"] >= least > 10
