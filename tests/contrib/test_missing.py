"""A host whose library is not installed is told which extra to install, in the last line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import environment

LOGIN = "from chevupload.contrib.flask import *; ChevUpload(flask.Flask('x'), users=object, login=True)"


@pytest.mark.parametrize(
    ("missing", "code", "message"),
    [
        *(
            (
                host.lower(),
                f"import chevupload.contrib.{host.lower()}",
                f"chevupload.contrib.{host.lower()} needs {host}: pip install 'chevupload[{host.lower()}]'",
            )
            for host in ("Bottle", "Django", "Flask", "Pyramid")
        ),
        (
            "celery",
            "import chevupload.contrib.celery",
            "chevupload.contrib.celery needs Celery: pip install 'chevupload[celery]'",
        ),
        ("flask_login", LOGIN, "login=True needs Flask-Login"),
    ],
)
def test_it_says_what_is_missing(tmp_path, missing, code, message):
    code = f"import sys; sys.modules['{missing}'] = None; {code}"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].endswith(message)
