"""The code in the documentation, run as it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT, SECONDS

IGNORED = """
import warnings
warnings.filterwarnings("ignore", "'cgi' is deprecated")
warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
warnings.filterwarnings("ignore", "Deprecated call to `pkg_resources", DeprecationWarning)
"""
"""What Pyramid does that nobody here can mend."""
INTERPRETER = """
def next_code():
    import json, os, sys
    import flask, jinja2, PIL.Image, sqlalchemy.orm
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            os.chdir(request["folder"])
            for descriptor, name in enumerate((os.devnull, os.devnull, "../errors")):
                os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), descriptor)
            return request["code"]
        print(request["folder"], os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()

exec(next_code())
"""
"""Runs Python in children that have loaded others' libraries already, and nothing of ours; that takes the most time."""
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def python_blocks(page: Path) -> str:
    return "\n\n".join(re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def interpreter() -> Iterator[subprocess.Popen[str]]:
    """Start what runs one page after the other, each in a process of its own."""
    command = [sys.executable, "-W", "error", "-c", INTERPRETER]
    environment = {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page)], ids=lambda page: page.name)
def test_python_blocks_run(page: Path, tmp_path: Path, interpreter: subprocess.Popen[str]) -> None:
    """The Python of a page runs from top to bottom in an empty folder, without a warning."""
    code = python_blocks(page).replace("/tmp/chevupload-example", str(tmp_path / "example")).replace("__main__", "")
    code = IGNORED + code if "pyramid" in code else code
    folder = tmp_path / "empty"
    folder.mkdir()
    assert interpreter.stdin is not None
    assert interpreter.stdout is not None

    interpreter.stdin.write(json.dumps({"folder": str(folder), "code": code}) + "\n")
    interpreter.stdin.flush()
    answer = interpreter.stdout.readline()

    # The folder tells it from a late answer to a page before, which hung.
    assert (answer, (tmp_path / "errors").read_text()) == (f"{folder} 0\n", "")


def anchors(page: Path) -> set[str]:
    """Return what GitHub makes of the headings: small letters, no punctuation, spaces as hyphens."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = [re.sub(r"\]\([^)]*\)", "", one) for one in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link of a page leads to a file, and to a heading of it if it names one."""
    lost = []
    for link in re.findall(r"\]\((?!https?:)([^)]+)", page.read_text()):
        file, _, heading = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (heading and heading not in anchors(target)):
            lost.append(link)

    assert lost == []


def test_the_index_has_every_page() -> None:
    """Under the task that it is read for."""
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}

    assert {page for page in pages if f"]({page})" not in index} == set()


def test_the_test_command_is_the_makefiles() -> None:
    """The README tells of the command that ``make test`` runs."""
    section = (ROOT / "README.md").read_text().partition("## Test it\n")[2]
    command = section.partition("```sh\n")[2].partition("\n```")[0]

    assert f"\ntest:\n\t{command}\n" in (ROOT / "Makefile").read_text()


@pytest.mark.slow
def test_example_is_the_readmes(tmp_path: Path) -> None:
    """The example runs, and shows the line that the README shows."""
    example = (ROOT / "examples" / "plain_wsgi.py").read_text()
    line = 'application = embedded("uploads").wrap(host)'

    run = subprocess.run(
        [sys.executable, "-c", example.replace('"__main__"', '"never"')],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert line in example
    assert line in (ROOT / "README.md").read_text()
    assert (run.returncode, run.stderr) == (0, "")
    assert (tmp_path / "uploads" / "chevupload.db").exists()
