"""docs/reference.md is what the code says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from chevupload.app import ChevUpload
from chevupload.config import Config, Limits
from chevupload.config_reader import names_of
from chevupload.factory import Places, component_from, embedded
from chevupload.web.pages import Pages
from tests.reference import PAGE, reference


def test_the_page_is_the_codes():
    """``python -m tests.reference`` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_no_setting_is_missing():
    """Of those that a host may have in its configuration; each has one heading."""
    settings = re.findall(r"^### `(\w+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(settings) == sorted([*names_of(Places()), *names_of(Config()), *names_of(Pages())])


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
