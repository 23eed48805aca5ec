"""What the routes for programs share: who sends a request, and what it says.

Source: docs/programs.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING

from chevupload.errors import InvalidParameter, MissingKey, NotFound
from chevupload.model import Principal, Upload
from chevupload.policy.restrictions import Scope
from chevupload.uploads.parameters import LIST_NAMES
from chevupload.web.feature import Feature
from chevupload.web.receiver import key_of
from chevupload.wsgi.form import Form

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PATTERNS = ("/{}", "/{}/")
"""A route's own path, with or without a slash."""
PAGE = 50
MOST = 100
"""How many are on one page, unless another number is asked for, and at most."""
_LIMIT = re.compile(r"\s*([1-9][0-9]?|100)\s*")
_MAX_BODY = 16_384
_IGNORED = frozenset({"key", "format"})
"""Known to every route: some clients send ``format=json`` with each request."""


class ApiFeature(Feature):
    """Answers requests that have a key, in JSON."""

    def _read(
        self,
        environ: WSGIEnvironment,
        names: Set[str] = frozenset(),
        *,
        scope: Scope | None,
        skips_unknown: bool = False,
    ) -> tuple[Principal, Form]:
        """Return who sends a request, and what it says.

        Args:
            environ: the request.
            names: of the parameters that it may have.
            scope: what the key has to be for.
            skips_unknown: whether other names are skipped. With a filter that is not understood, a program would take
                every upload for one that it is looking for.

        Raises:
            Refusal: there is no key that is for this, the body cannot be read, or a parameter has an unknown name.
        """
        form = Form(self._config.limits, field_names=names | _IGNORED, list_names=LIST_NAMES)
        form.read_query(environ, None)
        receiver, key = self._context.receiver, key_of(environ, form.fields)
        # The key is what a client has to mend first.
        sender = receiver.identify(key, environ, scope=scope) if key else None
        if _has_body(environ):
            form.read_body(environ, max_bytes=_MAX_BODY, open_spool=None)
        if (last := key_of(environ, form.fields)) != key or sender is None:
            if not last:
                raise MissingKey
            sender = receiver.identify(last, environ, scope=scope)
        if not skips_unknown and (unknown := form.names - names - _IGNORED):
            raise InvalidParameter(f"Unknown parameter {min(unknown)!r:.40}")
        return sender, form

    def _own(self, upload_id: str, sender: Principal) -> Upload:
        """Return an upload of the sender's, if the key is for its album.

        Raises:
            NotFound: there is none; one of somebody else is no other case.
            Gone: it has expired.
        """
        upload = self._context.catalog.get(upload_id)
        if upload is None or sender.is_guest or upload.owner_id != sender.user_id:
            raise NotFound
        if sender.album_id not in (None, upload.album_id):
            raise NotFound
        return self._context.live(upload)


def page_size(fields: Mapping[str, str]) -> int:
    """Return how many are to be on one page.

    Raises:
        InvalidParameter: ``limit`` is no number, or too large a one.
    """
    text = fields.get("limit", str(PAGE))
    if not _LIMIT.fullmatch(text):
        raise InvalidParameter(f"Invalid limit, expected a whole number from 1 to {MOST}")
    return int(text)


def _has_body(environ: WSGIEnvironment) -> bool:
    """Whether there is a body to read. Clients send a content type with DELETE where nothing follows."""
    method: str = environ["REQUEST_METHOD"]
    if method == "DELETE":
        return "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "") not in ("", "0")
    return method != "GET"
