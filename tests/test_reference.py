"""docs/reference.md is what the code says."""

from __future__ import annotations

import re

from chevupload.config import Config
from chevupload.config_reader import names_of
from chevupload.factory import OWN_SETTINGS
from chevupload.web.pages import Pages
from tests.reference import PAGE, reference


def test_the_page_is_the_codes():
    """``python -m tests.reference`` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_no_setting_is_missing():
    """Of those that a host may have in its configuration; each has one heading."""
    settings = re.findall(r"^### `(\w+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(settings) == sorted([*OWN_SETTINGS, *names_of(Config()), *names_of(Pages())])
