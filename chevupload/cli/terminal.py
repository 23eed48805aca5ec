"""What people at a terminal see: questions, progress and tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from chevupload.audit import Actor
from chevupload.errors import ConfigError

OPERATOR = Actor(note="on the command line")
"""Who does what the commands do, for the audit log."""

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def confirm(question: str) -> None:
    """Ask on the terminal whether to go on.

    Raises:
        ConfigError: the answer is no, or there is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise ConfigError("--yes is needed where nobody can be asked")
    # What a program reads stays free of it.
    if not click.confirm(question, err=True):
        raise ConfigError("nothing was changed")


def progress_bar(label: str, length: int) -> Any:
    """Return a bar of ``length`` steps, a context; it is shown where somebody looks."""
    hidden = not sys.stderr.isatty()
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden, show_pos=True)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 upload`` and ``2 uploads``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Set rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
