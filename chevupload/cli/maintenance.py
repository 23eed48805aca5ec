"""Commands that keep records and files agreeing: ``sweep`` and ``check``."""

from __future__ import annotations

import argparse
import dataclasses
from datetime import UTC, datetime, timedelta

from chevupload.cli.common import Commands, add_command, show
from chevupload.cli.sites import open_component


def add_commands(commands: Commands, *, site: bool = True) -> None:
    """Add ``sweep`` and ``check``, with options that name the site unless it is known."""
    sweep_parser = add_command(
        commands, "sweep", sweep, "remove expired, unfinished and half-deleted uploads", site=site
    )
    _add_grace(sweep_parser, "age from which an unfinished upload counts as abandoned")
    check_parser = add_command(
        commands, "check", check, "compare records with files; status 1 when some are missing, or too many", site=site
    )
    check_parser.add_argument(
        "--repair",
        action="store_true",
        help="withdraw uploads without their original, render missing pictures, remove files without a record",
    )
    _add_grace(check_parser, "age from which a file without a record is nobody's")


def _add_grace(parser: argparse.ArgumentParser, help_text: str) -> None:
    help_text += " (the site's own, an hour by default)"
    parser.add_argument("--grace", type=_grace, metavar="SECONDS", help=help_text)


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
    with open_component(options) as component:
        report = component.maintenance.sweep(grace=options.grace)
    text = f"removed {report.uploads} uploads and {report.temporary_files} temporary files"
    show(options, dataclasses.asdict(report), text + (f", {report.failed} failed" if report.failed else ""))
    return 1 if report.failed else 0


def check(options: argparse.Namespace) -> int:
    """Check every upload and every file."""
    with open_component(options) as component:
        report = component.maintenance.check(repair=options.repair, grace=options.grace)
    lines = [f"missing {path} of upload {upload_id}" for upload_id, path in report.missing]
    lines += [f"no record of {path}" for path in report.strays]
    lines += [f"withdrawn {upload_id}" for upload_id in report.withdrawn]
    lines += [f"rendered again {upload_id}" for upload_id in report.rendered]
    lines += [f"removed {path}" for path in report.removed]
    foreign = f", {report.foreign} foreign files left alone" if report.foreign else ""
    show(options, dataclasses.asdict(report), "\n".join([*lines, f"{report.uploads} uploads checked{foreign}"]))
    return 1 if report.left else 0
