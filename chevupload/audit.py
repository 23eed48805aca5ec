"""The audit log: who did what with keys and tickets, when and from where, and whom a limit stopped.

The logger is ``chevupload.audit``, at INFO: one line for each event, with the same facts in the record's attributes.
No key and no ticket is among them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("chevupload.audit")

AuditEvent: TypeAlias = Literal["key_made", "key_revoked", "key_refused", "ticket_minted", "limit_hit"]
"""What happened."""

MAX_ID = 64
"""Characters of a user's id, a key's id and an address that are kept."""
MAX_DETAIL = 255
"""Characters."""


class AuditLog:
    """Writes the audit log of one component."""

    def record(
        self,
        event: AuditEvent,
        *,
        user_id: str | None = None,
        key_id: str | None = None,
        environ: WSGIEnvironment | None = None,
        detail: str = "",
    ) -> None:
        """Write one event.

        Args:
            event: what happened.
            user_id: who did it, or whom it happened to; None is a guest, or somebody unknown.
            key_id: the public id of the key, never its text.
            environ: the request, whose client address is the one that the trusted proxies tell; None is no request, as
                on the command line.
            detail: what else there is to say, such as the limit's name. Nothing secret.
        """
        address = "" if environ is None else environ.get("REMOTE_ADDR", "")
        facts = {
            "event": event,
            "user_id": user_id and user_id[:MAX_ID],
            "key_id": key_id and key_id[:MAX_ID],
            "address": address[:MAX_ID],
            "detail": detail[:MAX_DETAIL],
        }
        # What a client may have written is spelled in ASCII, without line breaks.
        logger.info("%s: user %a, key %a, from %a: %a", *facts.values(), extra=facts)
