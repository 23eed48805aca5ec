"""Records, and what is reported of them, as JSON."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from typing import Any


def json_text(value: Any, *, separator: str = "T", timespec: str = "auto") -> str:
    """Return a value as one line of JSON. A frozenset is a sorted list, and what JSON has no word for is text.

    Times are in ISO 8601, with ``separator`` before the hour; ``timespec`` is that of :meth:`datetime.isoformat`.
    """
    return json.dumps(value, ensure_ascii=False, default=partial(_spelled, separator, timespec))


def _spelled(separator: str, timespec: str, value: Any) -> str | list[Any]:
    if isinstance(value, frozenset):
        return sorted(value)
    return value.isoformat(separator, timespec) if isinstance(value, datetime) else str(value)
