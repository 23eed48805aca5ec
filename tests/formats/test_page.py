"""The page of formats says what uploads come to."""

from __future__ import annotations

from chevupload.config import FORMATS
from chevupload.media.structure import HEAD_BYTES, sniff
from tests.formats.page import PAGE, filled, tables
from tests.formats.samples import VARIANTS


def test_the_page_is_what_comes_of_uploads(tmp_path):
    """Every cell is that of this moment, and none of them tells of a defect."""
    made = tables(tmp_path)
    page = PAGE.read_text()
    assert filled(page, made) == page
    defects = ("wrong", "lost", "other frames", "not the first frame")
    assert [word for word in defects if any(word in table for table in made.values())] == []


def test_no_format_is_left_out():
    """Whatever can be accepted has a sample."""
    assert {sniff(variant.plain()[:HEAD_BYTES]) for variant in VARIANTS} == set(FORMATS)
