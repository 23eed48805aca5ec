"""PasteDeploy: the component from an ini file, as an application and as a filter."""

from __future__ import annotations

import importlib.metadata
import io
import subprocess
import sys
from wsgiref.validate import validator

import pytest
from paste.deploy import loadapp
from werkzeug.test import Client

from chevupload.contrib import paste
from chevupload.errors import ConfigError
from chevupload.site.data_folder import Site
from chevupload.testing import HostContract, RunningHost, serve
from tests.contrib.test_wsgi import MAX_BYTES, Reading, missing
from tests.support import PNG, ROOT, noise

APPLICATION = "paste.app_factory = chevupload.contrib.paste:app_factory"
SETTINGS = """
folder = %(here)s/site
renderer = inline
max_bytes = 2_000_000
max_guest_bytes = 1000
guest_key = for-guests
trusted_proxies = 1
"""
PIPELINE = """
[DEFAULT]
debug = true

[app:site]
paste.app_factory = tests.contrib.test_paste:site

[filter:reading]
paste.filter_factory = tests.contrib.test_paste:reading

[filter:validated]
paste.filter_factory = tests.contrib.test_paste:validated

[filter:uploads]
paste.filter_factory = chevupload.contrib.paste:filter_factory
{settings}
[pipeline:main]
pipeline = reading validated uploads validated site
"""


def site(global_config):
    """Make a host that knows no page."""
    return missing


def reading(global_config):
    """Make middleware that reads forms and hands them on."""
    return lambda application: Reading(application, hands_on=True)


def validated(global_config):
    """Make what watches over WSGI between two others."""
    return validator


def load(folder, text):
    """Load the application of an ini file."""
    (folder / "site.ini").write_text(text)
    return loadapp(f"config:{folder}/site.ini")


def send(application, content=PNG, path="/api/1/upload"):
    client = Client(validator(application))
    data = {"source": (io.BytesIO(content), "photo.png")}
    return client.post(path, data=data, headers={"X-API-Key": "for-guests"}, buffered=True)


class TestFilter(HostContract):
    """A filter in a pipeline, behind one that reads forms, around a host."""

    @pytest.fixture
    def host(self, tmp_path):
        site = Site(tmp_path / "site")
        site.accounts.add_user("ann")
        made = site.accounts.add_key("ann")
        site.close()
        with serve(load(tmp_path, PIPELINE.format(settings=SETTINGS))) as address:
            yield RunningHost(url=address, key=made.key, max_bytes=MAX_BYTES)


@pytest.mark.parametrize("name", [APPLICATION, "use = call:chevupload.contrib.paste:app_factory"])
def test_an_application_of_a_file(tmp_path, name):
    """Each setting is a text that is read as what it means."""
    application = load(tmp_path, f"[app:main]\n{name}\n{SETTINGS}viewer_route = p\n")

    assert "/p/photo." in send(application).json["image"]["url_viewer"]
    assert send(application, noise()).json["error"]["message"] == "File too big - max 1 KB"
    assert (tmp_path / "site" / "chevupload.db").exists()


def test_what_others_want_is_not_looked_at(tmp_path):
    """Settings of ``[DEFAULT]`` may have any name, even one that means something here."""
    application = load(tmp_path, f"[DEFAULT]\nmax_guest_bytes = 1\nother = x\n[app:main]\n{APPLICATION}\n" + SETTINGS)

    assert send(application).status_code == 200


def test_a_setting_that_cannot_be_meant_is_refused(tmp_path):
    """When the file is loaded, by its name."""
    with pytest.raises(ConfigError, match="unknown settings: max_byte"):
        load(tmp_path, f"[app:main]\n{APPLICATION}\nfolder = %(here)s\nmax_byte = 1\n")


@pytest.fixture
def entry_points():
    """Return the entry points that an installation has, by group."""
    try:
        found = importlib.metadata.distribution("chevupload").entry_points
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("chevupload runs from its folder and is not installed: it has no entry points")
    return {point.group: point for point in found if point.group.startswith("paste.")}


def test_entry_points_lead_to_the_factories(entry_points):
    """Both are called main, which is what a plain egg's name asks for."""
    assert {group: (point.name, point.load()) for group, point in entry_points.items()} == {
        "paste.app_factory": ("main", paste.app_factory),
        "paste.filter_factory": ("main", paste.filter_factory),
    }


def test_an_installation_is_used_by_its_name(tmp_path, entry_points):
    """As an application, and as a filter."""
    application = load(
        tmp_path,
        f"[app:alone]\nuse = egg:chevupload\n{SETTINGS}\n"
        f"[filter:uploads]\nuse = egg:chevupload#main\n{SETTINGS}\n"
        "[app:site]\npaste.app_factory = tests.contrib.test_paste:site\n"
        "[pipeline:main]\npipeline = uploads site\n",
    )
    alone = loadapp(f"config:{tmp_path}/site.ini#alone")

    assert [send(found).status_code for found in (application, alone)] == [200, 200]
    assert Client(application).get("/elsewhere", buffered=True).text == "the host's own 404"


def test_no_library_of_paste_is_needed():
    """The factories are plain functions."""
    code = "import sys; sys.modules['paste.deploy'] = None; import chevupload.contrib.paste"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)

    assert run.returncode == 0
