"""Texts that look alike are spelled alike, at a bounded price."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.naming import normalized


@given(text=st.text(max_size=30))
def test_texts_get_form_c(text):
    """As Unicode has it, and once is enough."""
    assert normalized(text) == unicodedata.normalize("NFC", text)
    assert normalized(normalized(text)) == normalized(text)


@pytest.mark.parametrize("text", ["", "ASCII", "café", "写真", "😀"])
def test_what_is_in_form_c_stays(text):
    """Most texts are."""
    assert normalized(text) == text


def test_accents_without_end_stay_as_they_are():
    """Thirty on a letter are put into order; more than any language has would cost minutes in a long text."""
    few, many = "a" + "\u0301\u0316" * 15, "a" + "\u0301\u0316" * 65_000
    assert normalized(few) == unicodedata.normalize("NFC", few) != few
    assert normalized(many) == many
    assert normalized(few + few) == unicodedata.normalize("NFC", few + few)
    alone = few[1:]
    assert normalized(alone) == unicodedata.normalize("NFC", alone) != alone
    one_more = few + "\u0301"
    assert normalized(one_more) == one_more != unicodedata.normalize("NFC", one_more)
