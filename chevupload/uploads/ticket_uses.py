"""Which use of a ticket a file takes: each is one upload's, also when that is gone. Rules: docs/tickets.md, Uses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from chevupload.errors import TicketUsed
from chevupload.protocols import TicketRecords
from chevupload.records.ticket import TicketClaims


def digests(claims: TicketClaims, md5: str = "0") -> Iterator[str]:
    """Yield the digests of a ticket's uses, in the order in which a file with this hash tries them.

    A file always begins with the same one: sent twice at the same moment, it asks for one use, and gets one.
    """
    first = int(md5[:8], 16)
    for place in range(claims.uses):
        # No other digest of a request has this last line.
        text = f"{claims.id}\n{(first + place) % claims.uses}\nticket"
        yield hashlib.sha256(text.encode()).hexdigest()


def choose_use(claims: TicketClaims, md5: str, records: TicketRecords) -> tuple[str, bool]:
    """Return the digest of the use that a file takes, and whether the same file has taken it before.

    Raises:
        TicketUsed: other files have taken all of them.
        BackendError: the catalog is away.
    """
    wanted = list(digests(claims, md5))
    taken = records.uses(wanted)
    for digest in wanted:
        if taken.get(digest) == md5:
            return digest, True
    free = next((digest for digest in wanted if digest not in taken), None)
    if free is None:
        raise TicketUsed
    return free, False
