"""What time it is, as stores ask for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Returns the present as an aware UTC datetime."""


def utc_now() -> datetime:
    """Return the present in UTC, with the microseconds that put records of one second in their order."""
    return datetime.now(UTC)
