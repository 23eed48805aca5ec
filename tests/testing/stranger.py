"""Runs of pytest as a stranger has it: the package is on the path, and no plugin beside what comes with pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support import ROOT


def run_pytest(
    folder: Path, code: str, *arguments: str, tests: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run ``code`` as a test module, or the ``tests`` of it alone, as ``Class`` or ``Class::test``."""
    (folder / "test_it.py").write_text(code)
    names = [f"test_it.py::{test}" for test in tests] or ["test_it.py"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments, *names],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "COLUMNS": "300", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
