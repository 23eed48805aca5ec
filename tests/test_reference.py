"""docs/reference.md is what the code says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from chevupload.app import ChevUpload
from chevupload.cli.serve import OWN_OPTIONS, serve, serve_defaults
from chevupload.config import Config, Limits
from chevupload.site.factory import component_from, embedded
from chevupload.site.stand_alone import DEFAULT_FOLDER, effective, known_settings, site_settings
from tests.reference import PAGE, SAMPLE, reference, sample


def test_the_page_is_the_codes():
    """``python -m tests.reference`` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == reference()
    assert SAMPLE.read_text(encoding="utf-8") == sample()


def test_the_sample_has_every_setting(tmp_path):
    """With its default, once the sign before it is away."""
    file = tmp_path / "site.toml"
    file.write_text(re.sub(r"^#(?=\w+ = )", "", SAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    read = site_settings(file)
    # None and nothing at all are the same to the storages.
    assert {one.name: one.value for one in effective(read)} == {one.name: one.value for one in known_settings()} | {
        "folder": DEFAULT_FOLDER
    }
    assert set(read.serve) == set(OWN_OPTIONS)
    assert serve_defaults(serve, read).keys() <= read.serve.keys()


def test_no_setting_is_missing():
    """Of those that a host may have in its configuration; each has one heading."""
    settings = re.findall(r"^### `(\w+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(settings) == sorted(one.name for one in known_settings())


def with_flask(folder: Path) -> ChevUpload:
    flask = pytest.importorskip("flask")
    from chevupload.contrib.flask import ChevUpload

    app = flask.Flask("site", instance_path=str(folder))
    app.config.update(SECRET_KEY="a long secret of the test", CHEVUPLOAD_MAX_BYTES="5_000_000")
    ChevUpload(app)
    return app.extensions["chevupload"]


def with_pyramid(folder: Path) -> ChevUpload:
    pyramid = pytest.importorskip("pyramid.config")
    settings = {"chevupload.folder": str(folder), "chevupload.max_bytes": "5_000_000"}
    config = pyramid.Configurator(settings=settings)
    config.include("chevupload.contrib.pyramid")
    config.commit()
    return config.registry["chevupload"]


def with_bottle(folder: Path) -> ChevUpload:
    bottle = pytest.importorskip("bottle")
    from chevupload.contrib.bottle import ChevUploadPlugin

    app = bottle.Bottle()
    app.config.update("chevupload", folder=str(folder), max_bytes="5_000_000")
    return app.install(ChevUploadPlugin()).component


def with_paste(folder: Path) -> ChevUpload:
    from chevupload.contrib.paste import app_factory

    return app_factory({}, folder=str(folder), max_bytes="5_000_000")


def with_python(folder: Path) -> ChevUpload:
    return embedded(folder, config=Config(limits=Limits(max_bytes=5_000_000)))


def with_component_from(folder: Path) -> ChevUpload:
    return component_from({"folder": str(folder), "max_bytes": 5_000_000})


@pytest.mark.parametrize("made", [with_python, with_flask, with_pyramid, with_bottle, with_paste, with_component_from])
def test_a_setting_is_written_as_the_table_says(made: Callable[[Path], ChevUpload], tmp_path: Path) -> None:
    """In each host but Django, whose settings are one for a process: ``contrib/test_django.py`` has them."""
    component = made(tmp_path / "uploads")
    assert component.config.limits.max_bytes == 5_000_000
    component.close()
