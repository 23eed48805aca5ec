"""The templates of the pages: those of the host's folder, then ours in the folder beside this module."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from chevupload.spool import format_bytes
from chevupload.web.api_json import duration_time

_UNITS = ((1440, "day"), (60, "hour"), (1, "minute"))


@cache
def environment(folder: str | None) -> Environment:
    """Return what finds and compiles templates; it is one for all components of a process that use this ``folder``.

    A template in ``folder`` stands in for ours of the same name, and reaches ours below ``chevupload/``.
    """
    ours = FileSystemLoader(Path(__file__).with_name("templates"))
    loaders: list[BaseLoader] = [] if folder is None else [FileSystemLoader(folder)]
    made = Environment(
        loader=ChoiceLoader([*loaders, ours, PrefixLoader({"chevupload": ours})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(bytes=format_bytes, date=spell_date, duration=duration_time, time_span=spell_time)
    return made


def spell_date(moment: datetime) -> str:
    """Spell a day, such as ``4 March 2026``."""
    return f"{moment:%d %B %Y}".lstrip("0")


def spell_time(time: timedelta) -> str:
    """Spell a time in the largest unit of which it is a whole number, such as ``36 hours``; seconds are dropped."""
    minutes = max(1, int(time.total_seconds()) // 60)
    count, unit = next((minutes // size, unit) for size, unit in _UNITS if minutes % size == 0)
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
