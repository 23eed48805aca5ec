"""The code of the documentation keeps the contracts that it is shown with, as it stands on the page."""

from __future__ import annotations

import re

import pytest

from tests.support import ROOT
from tests.testing.stranger import run_pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("page", "least"), [("storage.md", 36), ("keys.md", 24), ("wsgi.md", 20), ("tables.md", 50)])
def test_a_pages_own_backend_keeps_the_contract(page, least, tmp_path):
    """Whoever copies the page into a test module sees it pass, every test of it."""
    text = (ROOT / "docs" / page).read_text()
    code = "\n\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    run = run_pytest(tmp_path, code, "-W", "error")
    assert run.returncode == 0, run.stdout
    counts = {ending: int(count) for count, ending in re.findall(r"(\d+) (\w+)", run.stdout.splitlines()[-1])}
    # A storage may leave out to list its files, and a host to sign people in, to read forms, to have a form of its own,
    # a page of keys, or routes for uploads; the contract says so.
    assert counts.pop("skipped", 0) <= 5
    assert set(counts) == {"passed"}
    assert counts["passed"] >= least > 10
