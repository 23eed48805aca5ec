"""The route that makes tickets, for keys that are for that.

Source: docs/tickets.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chevupload.errors import InvalidParameter, RequestDenied
from chevupload.uploads.idempotency import request_digest
from chevupload.uploads.tickets import TICKET_PARAMETERS
from chevupload.web.api_feature import PATTERNS, ApiFeature
from chevupload.web.context import WebContext
from chevupload.web.feature import route
from chevupload.wsgi.responses import json_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_NUMBERS = ("seconds", "uses", "max_bytes")
_TEXTS = ("album_id", "expiration", "origin")
_NAMES = {"formats", *_NUMBERS, *_TEXTS, *TICKET_PARAMETERS}
_NUMBER = re.compile("[0-9]{1,12}")
_ID_LENGTH = 24


class TicketApi(ApiFeature):
    """Answers the route for tickets."""

    def __init__(self, context: WebContext) -> None:
        """Make tickets with these parts.

        Raises:
            ConfigError: the route is on, and there can be no tickets of users.
        """
        super().__init__(context)
        if context.config.routes.tickets is not None:
            context.tickets.check_site(of_users=True)

    @route("tickets", "POST, OPTIONS", patterns=PATTERNS, refusals="json", is_shared=True)
    def mint(self, environ: WSGIEnvironment) -> Response:
        """Answer a new ticket of the key's user."""
        principal, form = self._read(environ, _NAMES, scope="ticket", skips_unknown=True)
        if principal.is_guest:
            # Anybody has that key.
            raise RequestDenied
        repeated = environ.get("HTTP_IDEMPOTENCY_KEY")
        ticket = self._context.tickets.mint(
            principal,
            **_values(form.fields),
            base_url=self._context.links(environ).base_url,
            ticket_id=None if repeated is None else request_digest(repeated, principal)[:_ID_LENGTH],
            environ=environ,
        )
        expires_at = ticket.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        made = {"key": ticket.key, "page_url": ticket.page_url, "expires_at": expires_at}
        success = {"message": "ticket made", "code": 200}
        return json_answer({"status_code": 200, "success": success, "ticket": made, "status_txt": "OK"})


def _values(fields: Mapping[str, str]) -> dict[str, Any]:
    """Read what a client says of its ticket."""
    values: dict[str, Any] = {name: fields[name] for name in _TEXTS if name in fields}
    for name in _NUMBERS:
        if name in fields:
            text = fields[name].strip()
            if not _NUMBER.fullmatch(text):
                raise InvalidParameter(f"Invalid {name}, expected a whole number")
            values[name] = int(text)
    if "formats" in fields:
        values["formats"] = fields["formats"].upper().replace(",", " ").split()
    return values | {"parameters": {name: fields[name] for name in TICKET_PARAMETERS if name in fields}}
