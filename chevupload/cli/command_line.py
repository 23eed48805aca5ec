"""What all commands share: the site that they work on, and how they say what they did and what went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from chevupload.cli.sites import ChosenSite
from chevupload.errors import ChevuploadError
from chevupload.records.json_text import json_text

_AS_JSON = "chevupload.as_json"
"""Where the context of every command keeps whether ``--json`` is among the words, before these are parsed."""
_DATA = click.Option(["--data"], metavar="FOLDER", help="Data folder.  [default: ./chevupload-data]")
_CONFIG = click.Option(
    ["--config"], metavar="FILE", help="Settings of a site, in TOML.  [default: that in CHEVUPLOAD_CONFIG, if any]"
)
_APP = click.Option(
    ["--app"], metavar="MODULE:NAME", help="A component, or a Flask or Pyramid application with one; NAME() makes it."
)
_DATABASE_URL = click.Option(["--database-url"], metavar="URL", help="A database by SQLAlchemy's URL.")


@dataclass(frozen=True, slots=True)
class Report:
    """What a command did or found: a value for programs, a text for people, and the exit status."""

    value: Any
    text: str
    status: int = 0


class CommandLine(click.Group):
    """Commands that say what went wrong in one line, or with ``--json`` as ``{"error": {"message": "..."}}``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See whether what goes wrong is to be said in JSON."""
        ctx.meta[_AS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. It ends with status 1 when it failed, 2 for wrong usage, 130 when it was interrupted."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            failure = error
        except ChevuploadError as error:
            failure = click.ClickException(str(error))
        except BrokenPipeError:
            raise
        except OSError as error:
            subject = f"{error.filename}: " if error.filename else ""
            failure = click.ClickException(f"{subject}{error.strerror or error}")
        except KeyboardInterrupt:
            ctx.exit(130)
        if not ctx.meta[_AS_JSON]:
            raise failure
        click.echo(json_line({"error": {"message": failure.format_message()}}))
        ctx.exit(failure.exit_code)


class Command(click.Command):
    """A command whose function returns a :class:`Report`, or yields several, each of which is printed at once."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        """Take ``--json`` besides its own options."""
        super().__init__(*arguments, **settings)
        self.params.append(click.Option(["--json", "as_json"], is_flag=True, help="Print JSON."))

    def invoke(self, ctx: click.Context) -> None:
        """Print what the function reports, several as lines of JSON, and end with the highest status."""
        as_json, status = ctx.params.pop("as_json"), 0
        reported: Report | Iterable[Report] = super().invoke(ctx)
        for report in [reported] if isinstance(reported, Report) else reported:
            status = max(status, report.status)
            if as_json or report.text:
                click.echo(json_line(report.value) if as_json else report.text)
        ctx.exit(status)


class SiteCommand(Command):
    """A command whose function gets a ``site``: the host's, or the one that its options name."""

    site_options: Sequence[click.Option] = (_DATA, _CONFIG, _APP)

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        """Take the options that name a site."""
        super().__init__(*arguments, **settings)
        self.params.extend(self.site_options)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Leave these options out where a host has said which site it is."""
        params = super().get_params(ctx)
        return params if ctx.obj is None else [one for one in params if one not in self.site_options]

    def invoke(self, ctx: click.Context) -> None:
        """Find the site."""
        values = {str(option.name): ctx.params.pop(str(option.name), None) for option in self.site_options}
        given = [option.opts[0] for option in self.site_options if values[str(option.name)] is not None]
        # A data folder may be that of a file's site.
        if len(given) > 1 and set(given) != {"--data", "--config"}:
            ctx.fail(f"{' and '.join(given)} are two sites: give one of them")
        ctx.params["site"] = ctx.obj or ChosenSite(**values)
        super().invoke(ctx)


class DatabaseCommand(SiteCommand):
    """A command on the database of a site, or on one that is named by itself."""

    site_options = (_DATA, _CONFIG, _APP, _DATABASE_URL)


class SiteGroup(click.Group):
    """Commands on a site, below one word."""

    command_class = SiteCommand


class DatabaseGroup(click.Group):
    """Commands on a database, below one word."""

    command_class = DatabaseCommand


def json_line(value: Any) -> str:
    """Return a value as one line of JSON, with times in whole seconds."""
    return json_text(value, separator=" ", timespec="seconds")
