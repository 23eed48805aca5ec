"""Commands that keep records and files agreeing: ``sweep`` and ``check``.

May know: a component's upkeep.
"""

from __future__ import annotations

import argparse
import dataclasses
from datetime import UTC, datetime, timedelta

from chevupload.cli.common import Commands, add_command, open_site, show


def add_commands(commands: Commands) -> None:
    """Add ``sweep`` and ``check``."""
    sweep_parser = add_command(commands, "sweep", sweep, "remove expired, unfinished and half-deleted uploads")
    sweep_parser.add_argument(
        "--grace",
        type=_grace,
        metavar="SECONDS",
        help="age from which an unfinished upload counts as abandoned (the site's own, an hour by default)",
    )
    add_command(commands, "check", check, "look for every file of every upload; status 1 when one is missing")


def _grace(text: str) -> timedelta:
    """Read a number of seconds."""
    try:
        grace = timedelta(seconds=float(text))
        if grace >= timedelta(0):
            # Beyond this, there is no time before now.
            datetime.now(UTC) - grace
            return grace
    except (ValueError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(f"not a number of seconds: {text}")


def sweep(options: argparse.Namespace) -> int:
    """Sweep once."""
    with open_site(options) as site:
        report = site.component().upkeep.sweep(grace=options.grace)
    text = f"removed {report.uploads} uploads and {report.temporary_files} temporary files"
    show(options, dataclasses.asdict(report), text + (f", {report.failed} failed" if report.failed else ""))
    return 1 if report.failed else 0


def check(options: argparse.Namespace) -> int:
    """Check every upload."""
    with open_site(options) as site:
        report = site.component().upkeep.check()
    lines = [f"missing {path} of upload {upload_id}" for upload_id, path in report.missing]
    show(options, dataclasses.asdict(report), "\n".join([*lines, f"{report.uploads} uploads checked"]))
    return 1 if report.missing else 0
