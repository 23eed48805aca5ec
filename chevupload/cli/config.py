"""Commands for the settings of a site: ``config show`` and ``config sample``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib.resources import files
from typing import Any

from click.core import ParameterSource

from chevupload.cli.command_line import Command, Report, SiteGroup
from chevupload.cli.serve import OWN_OPTIONS, limits_of, serve
from chevupload.cli.sites import ChosenSite
from chevupload.config_reader import settings_of

_GROUPED = 10_000
"""From here on, a number's digits are in groups."""

config_commands = SiteGroup("config", help="Look at the settings of a site.")


@config_commands.command("show", help="Check the settings, and print all of them in TOML, with secrets as ***.")
def _show(site: ChosenSite) -> Report:
    tables: dict[str, dict[str, Any]] = {}
    lines: dict[str, list[str]] = {}
    for table, key, value, source in sorted(_rows(site), key=lambda row: row[0]):
        tables.setdefault(table, {})[key] = plain(value)
        comment = f"  # {source}" if source else ""
        lines.setdefault(table, []).append(f"{key} = {toml(plain(value))}{comment}")
    text = "\n\n".join("\n".join([f"[{table}]", *rows] if table else rows) for table, rows in lines.items())
    return Report(tables.pop("", {}) | tables, text)


def _rows(site: ChosenSite) -> Iterator[tuple[str, str, Any, str]]:
    """Yield table, key, value as it may be shown, and source of each setting; the defaults have no source."""
    sources: Mapping[str, str] = {}
    if site.is_hosted:
        with site.open_component() as component:
            found = [*settings_of(component.config), *settings_of(component.context.pages, table="pages")]
    else:
        from chevupload.site.stand_alone import SERVE, SERVE_PREFIX, check_site, effective  # noqa: PLC0415  # SQLAlchemy comes with it

        settings = site.settings()
        ctx = serve.make_context(SERVE, ["--config", site.config] if site.config else [])
        for name in OWN_OPTIONS:
            variable = f"{SERVE_PREFIX}{name.upper()}"
            named = {ParameterSource.DEFAULT_MAP: settings.name, ParameterSource.ENVIRONMENT: variable}
            source = ctx.get_parameter_source(name)
            yield SERVE, name, ctx.params[name], named.get(source, "") if source else ""
        limits = limits_of(ctx.params["threads"])
        found, sources = effective(settings, limits), settings.sources
        check_site(settings, limits)
    for one in found:
        yield one.table, one.key, one.shown(), sources.get(one.name, "")


@config_commands.command("sample", cls=Command, help="Print a file with every setting and its default, to begin with.")
def _sample() -> Report:
    text = (files("chevupload.cli") / "sample.toml").read_text("utf-8")
    return Report({"toml": text}, text.rstrip())


def plain(value: Any) -> Any:
    """Return a value of a setting as TOML and JSON have it; an empty text is none."""
    if value is None or isinstance(value, bool | int | float):
        return "" if value is None else value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return str(value)


def toml(value: Any) -> str:
    """Spell a plain value in TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        grouped = "_" if abs(value) >= _GROUPED else ""
        return f"{int(value):{grouped}}" if value == int(value) else repr(value)
    # The escapes of JSON are TOML's, too.
    return json.dumps(value, ensure_ascii=False)
