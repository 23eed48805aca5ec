"""What time it is, as stores ask for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Returns the present as an aware UTC datetime."""


utc_now: Clock = partial(datetime.now, UTC)
"""Returns the present with the microseconds that put records of one second in their order."""
