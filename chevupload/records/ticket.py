"""A ticket: what it says, and what its maker is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chevupload.policy.restrictions import KeyRestrictions


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketClaims:
    """What a ticket says: whose uploads it takes, how many, until when, and what they have to be like.

    Attributes:
        id: random; the uses of all tickets with the same id are counted together.
        user_id: of the owner; None is a guest.
        expires_at: in whole seconds.
        uses: how many uploads it takes.
        restrictions: what it takes away from what its owner may do.
        expiration: the longest life of an upload, as the parameter of this name has it.
        parameters: what clients cannot change, by the names of parameters, each as a client may send it.
    """

    id: str
    user_id: str | None
    expires_at: datetime
    uses: int
    restrictions: KeyRestrictions
    expiration: str | None
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket just made.

    Attributes:
        key: what a client sends as its key.
        page_url: of the upload page with the ticket; None where there is no such page, or its address is not known.
        expires_at: in whole seconds.
    """

    key: str = field(repr=False)
    page_url: str | None = field(repr=False)
    expires_at: datetime
