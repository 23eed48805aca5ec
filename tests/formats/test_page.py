"""The page of formats says what uploads come to."""

from __future__ import annotations

import pytest

from chevupload.formats import FORMATS
from chevupload.media.decode import HEAD_BYTES, sniff
from tests.formats.page import PAGE, TABLES, filled, table
from tests.formats.samples import VARIANTS


@pytest.mark.parametrize("name", TABLES)
def test_the_page_is_what_comes_of_uploads(tmp_path, name):
    """Every cell is that of this moment, and none of them tells of a defect."""
    made = table(name, tmp_path)
    page = PAGE.read_text()
    assert filled(page, name, made) == page
    assert [
        word for word in ("wrong", "lost", "other frames", "other packets", "not the first frame") if word in made
    ] == []


def test_no_format_is_left_out():
    """Whatever can be accepted has a sample."""
    assert {sniff(variant.plain()[:HEAD_BYTES]) for variant in VARIANTS} == set(FORMATS)
