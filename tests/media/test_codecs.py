"""Every format has what its row in the table says."""

from __future__ import annotations

import pytest

from chevupload.formats import FORMATS, Format
from chevupload.media.codecs import COLORS, ENCODE, MAX_SIDES, STRIP
from chevupload.media.decode import OPEN, SIGNATURES

ROWS = [pytest.param(row, id=row.name) for row in FORMATS.values()]


@pytest.mark.parametrize("row", ROWS)
def test_every_format_can_be_told_and_shown(row: Format) -> None:
    """Its signature; for a picture a decoder; where it is stored as it is, a way to remove its metadata."""
    assert row.name in SIGNATURES
    assert (row.name in OPEN) == (row.kind == "image")
    assert (row.name in STRIP) == (row.stored_as is None) == bool(row.extensions)


@pytest.mark.parametrize("row", ROWS)
def test_every_format_that_is_written_has_an_encoder(row: Format) -> None:
    """Its derived pictures are in it, unless a frame stands for it; what it is converted to or stored as is written."""
    assert (row.name in ENCODE) == (row.stored_as is None and not row.is_framed)
    assert row.stored_as is None or FORMATS[row.stored_as].extensions
    assert not row.is_target or row.name in ENCODE


def test_nothing_is_done_with_a_format_that_is_none() -> None:
    """A row that goes takes its verbs with it."""
    for table in (SIGNATURES, OPEN, COLORS, STRIP, ENCODE, MAX_SIDES):
        assert table.keys() <= FORMATS.keys()
