"""The templates of the pages: those of the host's folder, then ours in the folder beside this module."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from chevupload.formats import BY_EXTENSION
from chevupload.model import Upload
from chevupload.spool import format_bytes

_DIRECTED = ("prev", "next")
"""Icons that point the other way where one reads from right to left."""
_REMEMBERED = 1_024
"""Icons: each page has the same few."""
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


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
        # Ours change with the program alone; to look whether they did costs a system call for each.
        auto_reload=folder is not None,
        # As many as there are files: none is given up, and to note which was used last costs a lock at each use.
        cache_size=-1,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals.update(icon=icon)
    made.filters.update(bytes=format_bytes, date=spell_date, format_label=format_label, time_span=spell_time)
    return made


@pass_context
def icon(context: Context, name: str, classes: str | None = None) -> Markup:
    """Return an icon of ours; nothing where our files are not served.

    It says nothing by itself: the button or the text that it is in has the words.
    """
    return _icon(context["page"].site.asset("icons.svg"), name, classes or ("flip" if name in _DIRECTED else None))


@lru_cache(maxsize=_REMEMBERED)
def _icon(icons: str | None, name: str, classes: str | None) -> Markup:
    if icons is None:
        return Markup()
    attribute = Markup(' class="{}"').format(classes) if classes else ""
    return Markup('<svg{} width="20" height="20" aria-hidden="true"><use href="{}#{}"/></svg>').format(
        attribute, icons, name
    )


def spell_date(moment: datetime) -> str:
    """Spell a day, such as ``4 March 2026``."""
    return f"{moment:%d %B %Y}".lstrip("0")


def spell_time(time: timedelta | int) -> str:
    """Spell a time, or its seconds, in the two largest units that it has, such as ``2 days, 4 hours``."""
    rest = max(1, int(time.total_seconds()) if isinstance(time, timedelta) else time)
    parts = []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}" if count == 1 else f"{count} {unit}s")
        if parts and (not count or len(parts) == 2):
            break
    return ", ".join(parts)


def format_label(upload: Upload) -> str:
    """Return the name of an upload's format as people read it."""
    return BY_EXTENSION[upload.extension].label
