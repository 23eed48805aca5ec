"""Picks the one source of a request and brings it into a spool.

Rules: this API's contract, section 3: a file wins over text, ``source`` over ``image``.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from chevupload.errors import Base64NeedsPost, EmptySource, MissingSource
from chevupload.protocols import Fetcher
from chevupload.spool import Spool
from chevupload.wsgi.form import SOURCE_NAMES, Form, Opener
from chevupload.wsgi.text_source import SourceText


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of an upload and the client's name for them; None when it gave none."""

    spool: Spool
    filename: str | None


def pick_source(form: Form, *, method: str, fetcher: Fetcher, open_spool: Opener) -> Source:
    """Return the source of ``form``.

    Raises:
        MissingSource: there is none.
        EmptySource: it holds nothing.
        Base64NeedsPost: text other than a URL came in a GET request.
        Refusal: the text is neither base64 nor a URL, or the fetcher refused.
    """
    files = [form.files[name] for name in SOURCE_NAMES if name in form.files]
    chosen = next((file for file in files if file.spool is not None), None)
    if chosen is not None and chosen.spool is not None:
        return Source(chosen.spool, chosen.filename or None)
    texts = [form.texts[name] for name in SOURCE_NAMES if name in form.texts]
    if texts:
        # An empty value is an absent one: the next name's counts.
        text = next((text for text in texts if not text.is_empty), texts[0])
        return _from_text(text, method=method, fetcher=fetcher, open_spool=open_spool)
    raise EmptySource if files else MissingSource


def _from_text(text: SourceText, *, method: str, fetcher: Fetcher, open_spool: Opener) -> Source:
    if method != "POST" and text.url is None:
        raise Base64NeedsPost
    text.check()
    if text.url is not None:
        spool = open_spool()
        filename = fetcher.fetch(text.url, spool)
    else:
        assert text.spool is not None
        spool, filename = text.spool, None
    if not spool.size:
        raise EmptySource
    return Source(spool, filename)


def random_filename(extension: str) -> str:
    """Name a source that came without a name: 12 random hexadecimal digits. Source: Chevereto V4, base64 uploads."""
    return f"{secrets.token_hex(6)}.{extension}"
