"""One record in the log for each upload: what it was, how long each step took, how it ended.

The logger is ``chevupload.uploads``, at INFO; what it says stands in the record's attributes. No key, no
token, no file name and nothing of the content is among them.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Any, Literal, Self

from chevupload.errors import BackendError, Busy, Refusal, ServerFault
from chevupload.uploads.record import Stored

logger = logging.getLogger("chevupload.uploads")

Step = Literal["receive", "check", "render", "reserve", "put", "publish"]


class UploadLog:
    """Measures the steps of one upload, and writes one record of it.

    As a context it writes the record when it ends, unless nothing was stored or refused, with these attributes:

    ``outcome``
        ``stored``; ``repeated`` for a request that was answered before; ``limited`` for one too many in a time, which
        is answered with 429; ``refused``; or ``failed``, which is our side.
    ``status``, ``code``
        of the answer, as the API sends them.
    ``owner``
        the user's id; None is a guest, or somebody who was refused before it was known.
    ``bytes``
        of the source as it came, None when it did not come to its end.
    ``upload_id``, ``type``, ``format``
        of an upload that is there: its id, ``image`` or ``video``, and its extension.
    ``milliseconds``
        by step, those that were not reached left out: receive, check, render, reserve, put and publish; and the total.

    Attributes:
        owner: as above; so is ``bytes``.
        stored: what came of it.
    """

    def __init__(self) -> None:
        """Start the clock."""
        self._start = self._last = perf_counter()
        self._seconds: dict[str, float] = {}
        self.owner: str | None = None
        self.bytes: int | None = None
        self.stored: Stored | None = None

    def done(self, step: Step) -> None:
        """Take the time since the last step for this one's; a step may come in several parts."""
        now = perf_counter()
        self._seconds[step] = self._seconds.get(step, 0.0) + now - self._last
        self._last = now

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Write the record."""
        if (error or self.stored) and logger.isEnabledFor(logging.INFO):
            facts = self._facts(error)
            logger.info("upload %s in %.0f ms", facts["outcome"], facts["milliseconds"]["total"], extra=facts)

    def _facts(self, error: BaseException | None) -> dict[str, Any]:
        total = perf_counter() - self._start
        times = {**self._seconds, "total": total}
        upload = self.stored.upload if self.stored else None
        return {
            **self._outcome(error),
            "owner": self.owner,
            "bytes": self.bytes,
            "upload_id": upload.id if upload else None,
            "type": upload.type if upload else None,
            "format": upload.extension if upload else None,
            "milliseconds": {step: round(seconds * 1000, 3) for step, seconds in times.items()},
        }

    def _outcome(self, error: BaseException | None) -> dict[str, Any]:
        if error is None:
            is_repeated = self.stored is not None and self.stored.is_repeated
            return {"outcome": "repeated" if is_repeated else "stored", "status": 200, "code": 200}
        kind = Busy if isinstance(error, BackendError) else ServerFault
        refusal = error if isinstance(error, Refusal) else kind()
        outcome = "limited" if refusal.status == 429 else "refused" if refusal.status < 500 else "failed"
        return {"outcome": outcome, "status": refusal.status, "code": refusal.code}
