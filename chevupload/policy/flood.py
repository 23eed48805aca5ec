"""How many uploads one sender may store in a time: in a minute, an hour, a day, a week and a month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chevupload.validation import COUNT, Kind, check, optional, read_words, setting

_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_592_000}
"""How long each window is; a month has thirty days."""
_MOST = optional(COUNT)


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which no more than ``most`` things may happen. Times are cut at the multiples of its ``seconds``."""

    name: str
    seconds: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """How many uploads one sender may store in each time; None is any number. The defaults are Chevereto's.

    Attributes:
        windows: those times that have a limit, the shortest first.

    Raises:
        ConfigError: a limit is zero or negative.
    """

    minute: int | None = setting(50, _MOST)
    hour: int | None = setting(500, _MOST)
    day: int | None = setting(1_000, _MOST)
    week: int | None = setting(5_000, _MOST)
    month: int | None = setting(10_000, _MOST)

    def __post_init__(self) -> None:
        """Check every limit."""
        check(self)

    def __str__(self) -> str:
        """Return the text that is read as these limits."""
        return " ".join(f"{name}={getattr(self, name) or 'off'}" for name in _SECONDS)

    @property
    def windows(self) -> tuple[Window, ...]:
        """See the class."""
        limits = ((name, seconds, getattr(self, name)) for name, seconds in _SECONDS.items())
        return tuple(Window(name, seconds, most) for name, seconds, most in limits if most is not None)


def _take(value: Any) -> Flood:
    if not isinstance(value, Flood):
        raise ValueError(value)
    return value


def _read(text: str) -> Flood | None:
    """Read ``minute=50 day=off``; ``off`` alone is no limit at all."""
    if text.strip().lower() == "off":
        return None
    limits = {name: most for name, _, most in (word.partition("=") for word in read_words(text))}
    if not limits.keys() <= _SECONDS.keys():
        raise ValueError(text)
    return Flood(**{name: None if most.lower() == "off" else int(most) for name, most in limits.items()})


FLOOD = optional(Kind("such as Flood(minute=50, day=None), as a text minute=50 day=off, or off", _take, _read))
