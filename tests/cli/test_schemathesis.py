"""schemathesis reads the OpenAPI document of a running server and looks for answers that it does not describe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from chevupload.site.data_folder import Site
from tests.support import IS_LONG, ROOT, environment, files_in

# It is not imported: that takes a second, also where this test is not wanted.
pytestmark = pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is not installed")


@pytest.mark.timeout(1_800)
def test_schemathesis_finds_nothing(start, tmp_path, monkeypatch):
    """Every check that it has, on every route: examples, boundaries, random requests, right and wrong, and links."""
    # Both processes would be a third slower with coverage, and what they run of ours other tests run, too.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    folder = tmp_path / "site"
    site = Site(folder)
    site.accounts.add_user("ann", is_admin=True)
    key = site.accounts.add_key("ann", label="schemathesis").key
    site.close()
    with start(folder) as server:
        command = [
            *(os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run"),
            *(f"{server.address}/api/1/openapi.json", "--header", f"X-API-Key: {key}"),
            *(
                "--checks",
                "all",
                "--max-examples",
                "20" if IS_LONG else "2",
                "--seed",
                "1",
                "--no-shrink",
                "--no-color",
            ),
        ]
        hooks = {"SCHEMATHESIS_HOOKS": "tests.openapi_hooks", "CHEVUPLOAD_KEY": key, "PYTHONPATH": str(ROOT)}
        # In an empty folder: it keeps what it finds, and would begin with that the next time.
        run = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment() | hooks,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run.returncode == 0, run.stdout + run.stderr
    selected, tested = map(int, re.findall(r"(?:Selected|Tested): +(\d+)", run.stdout))
    assert tested == selected > 20
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in run.stdout
    # Had every upload been refused, there would have been little to find.
    assert len(files_in(folder / "images")) > 100
