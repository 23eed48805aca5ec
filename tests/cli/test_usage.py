"""The command that says what owners keep."""

from __future__ import annotations

import io
import json

import pytest
from click.testing import CliRunner

from chevupload.cli import host_commands, hosted
from chevupload.config import Config, Policy
from chevupload.db import Accounts
from chevupload.site.factory import embedded
from chevupload.testing.records import new_upload
from tests.support import PNG


@pytest.fixture
def component(tmp_path):
    """Return a component that keeps usage, with users of its own."""
    component = embedded(tmp_path / "site", renderer="inline", config=Config(policy=Policy(usage="originals")))
    yield component
    component.close()
    component.own_database.engine.dispose()


def run(component, *words):
    """Run the command on a host's component, and return its status and what it printed."""
    result = CliRunner().invoke(host_commands, ["usage", *words], obj=hosted(component))
    return result.exit_code, result.output.strip()


def save(component, owner):
    return component.uploads.save(io.BytesIO(PNG), owner=owner, filename="a.png")


def test_everybody_or_one(component):
    """By the names of the site's own users, and for programs by their ids."""
    ann = Accounts(component.own_database).add_user("ann")
    for owner in (ann, ann, None):
        save(component, owner)
    two = {"user_id": ann, "user": "ann", "files": 2, "bytes": 2 * len(PNG)}
    assert run(component) == (
        0,
        f"guests  1 upload  {len(PNG)} bytes\nann  2 uploads  {2 * len(PNG)} bytes",
    )
    assert json.loads(run(component, "ann", "--json")[1]) == two
    assert two in json.loads(run(component, "--json")[1])
    assert run(component, "bob") == (1, "Error: there is no user 'bob'")


def test_a_recount_finds_what_was_not_counted(component):
    """Of everybody, or of one; owners that have nothing any more among them."""
    gone, _ = save(component, "gone"), save(component, "there")
    component.catalog.withdraw(gone.id)
    component.catalog.forget([gone])
    component.catalog.reserve(new_upload("other", owner_id="there"))
    assert "1 upload" in run(component)[1]
    assert run(component, "--recount")[0] == 0
    assert component.uploads.usage("gone").files == 0
    assert component.uploads.usage("there").files == 2


def test_a_site_that_keeps_none_says_so(component, tmp_path):
    """And what it needs."""
    other = embedded(tmp_path / "other", renderer="inline")
    status, said = run(other)
    other.own_database.engine.dispose()
    assert status == 1
    assert "no usage is kept: it needs the policy's usage" in said
