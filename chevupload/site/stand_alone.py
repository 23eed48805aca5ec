"""A site that needs no Python: its settings come from a TOML file, and from variables of the environment.

Both hold the flat settings of :func:`chevupload.component_from`: a file in tables, by section, and the
environment as ``CHEVUPLOAD_`` and their names in capitals, which win. A text ``env:NAME`` in the file is the value of
the variable NAME, so that no secret has to be in it.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from chevupload.app import ChevUpload
from chevupload.config import Config, Limits, Policy, Routes
from chevupload.config_reader import Setting, read_settings, read_tables, settings_of
from chevupload.db.connect import sqlite_below
from chevupload.errors import ConfigError
from chevupload.filesystem import local_path
from chevupload.policy.flood import Flood
from chevupload.site.factory import Parts, all_settings, component_from
from chevupload.site.places import Places
from chevupload.web.pages import Pages

logger = logging.getLogger(__name__)

ROUTES = Routes(
    uploads="api/1/uploads",
    albums="api/1/albums",
    account="api/1/account",
    imgbb_image="1/image",
    upload_page="upload",
    api_page="api-v1",
    health="health",
    liveness="health/live",
    oembed="oembed",
    pup="sdk/pup.js",
    home="/",
)
"""Where such a site answers: as a component by itself, with what programs list and change, the pages that people start
from, upload on and read about the API, oEmbed and the script for other sites where Chevereto has them, and its
health."""
CONFIG = Config(policy=Policy(album_names=True, flood=Flood(), wrong_keys=20), routes=ROUTES)
"""What such a site chooses that says nothing else. Who guesses keys has 256 bits to guess: ``wrong_keys`` bounds what
that costs the database."""
PAGES = Pages(site_name="chevupload")
DEFAULT_FOLDER = "./chevupload-data"

PREFIX = "CHEVUPLOAD_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
SERVE = "serve"
"""The table of ``chevupload serve``, whose options are no settings of a component."""
SERVE_PREFIX = f"{PREFIX}{SERVE.upper()}_"
_COMMANDS_OWN = frozenset({CONFIG_VARIABLE, f"{PREFIX}KEY", f"{PREFIX}URL"})
"""Variables that commands read themselves."""
_FOLDERS = (("", "folder"), ("", "spool_folder"), ("pages", "templates"))
"""Tables and keys of folders."""
_LOCAL_URL = re.compile(r"((?:file|local):(?://)?|)((?!.*://).*)", re.DOTALL)
"""What fsspec takes for a place on this machine: its beginning, and the folder."""
_VARIABLE = "env:"
_SERVICE_HOST = "SERVICE_HOST"
_OF_A_SERVICE = re.compile(
    rf"(?:{_SERVICE_HOST}|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)\Z"
)
"""What Kubernetes puts behind the name of a Service, in the environment of every pod. Source: its documentation,
"Accessing the Service"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """The settings of one site.

    Attributes:
        name: of the site, for people: its file or its folder.
        values: the flat settings.
        sources: where each was found, by name: the file, the variable, or the command line. Defaults have none.
        serve: the file's table for ``chevupload serve``, as it stands there.
    """

    name: str
    values: Mapping[str, Any]
    sources: Mapping[str, str]
    serve: Mapping[str, Any]


def known_settings() -> list[Setting]:
    """Return every setting of such a site, with its default."""
    return [one for base in (Places(), CONFIG) for one in settings_of(base)] + [*settings_of(PAGES, table="pages")]


def site_settings(file: str | os.PathLike[str] | None = None, **given: Any) -> SiteSettings:
    """Read the settings of a site.

    Args:
        file: in TOML. None is the one that ``CHEVUPLOAD_CONFIG`` names, if it names one.
        given: flat settings that win over all others.

    Raises:
        ConfigError: the file cannot be read, or has a key or a value that cannot be meant; or a variable has. It says
            which.
    """
    file = file or os.environ.get(CONFIG_VARIABLE) or None
    known = known_settings()
    tables = _tables(file) if file else {}
    try:
        serve = tables.pop(SERVE, {})
        values = read_tables(tables, known)
        if not isinstance(serve, Mapping):
            raise ConfigError(f"{SERVE} must be a table")
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    sources = {one.name: f"{file}" for one in known if one.name in values}
    for one, variable, value in _variables(known):
        values[one.name] = value
        sources[one.name] = variable
    values |= given
    sources |= dict.fromkeys(given, "the command line")
    if not any(values.get(name) for name in ("folder", "database_url", "storage_url", "storages")):
        values["folder"] = DEFAULT_FOLDER
    return SiteSettings(
        name=str(file or values.get("folder") or "this site"), values=values, sources=sources, serve=serve
    )


def stand_alone(settings: SiteSettings, *, limits: Limits = CONFIG.limits, **parts: Unpack[Parts]) -> ChevUpload:
    """Return the component of a site.

    Args:
        settings: of the site.
        limits: those that the settings do not say.
        parts: other keywords of :class:`~chevupload.app.ChevUpload`. Settings win over ``config``.

    Raises:
        ConfigError: settings that do not fit together.
        BackendError: the folder cannot be used.
    """
    parts.setdefault("pages", PAGES)
    parts["config"] = _base(settings, parts.get("config", replace(CONFIG, limits=limits)))
    return component_from(settings.values, **parts)


def effective(settings: SiteSettings, limits: Limits = CONFIG.limits) -> list[Setting]:
    """Return every setting of a site with the value that is used.

    Raises:
        ConfigError: settings that do not fit together.
    """
    places, config, pages = all_settings(settings.values, _base(settings, replace(CONFIG, limits=limits)), PAGES)
    return [*settings_of(places), *settings_of(config), *settings_of(pages, table="pages")]


def check_site(settings: SiteSettings, limits: Limits = CONFIG.limits) -> None:
    """Check that a site can be put together, without a connection to anything and without its folder.

    Raises:
        ConfigError: something is missing, or does not fit.
    """
    with tempfile.TemporaryDirectory() as folder:
        values = {**settings.values, **({"folder": folder} if settings.values.get("folder") else {})}
        component = stand_alone(replace(settings, values=values), limits=limits)
        component.close()
        component.own_database.engine.dispose()


def _base(settings: SiteSettings, config: Config) -> Config:
    """Return ``config``, without a limit of wrong keys where the site has none of uploads and says nothing of it."""
    if "wrong_keys" in settings.values or read_settings(config.policy, settings.values).flood is not None:
        return config
    return replace(config, policy=replace(config.policy, wrong_keys=None))


def component_from_file(file: str | os.PathLike[str] | None = None, **parts: Unpack[Parts]) -> ChevUpload:
    """Return the component that a TOML file and the environment describe, for any server.

    With gunicorn: ``CHEVUPLOAD_CONFIG=/etc/site.toml gunicorn 'chevupload:component_from_file()'``.

    Args:
        file: None is the one that ``CHEVUPLOAD_CONFIG`` names; without one, the environment has everything. What is in
            its table ``[serve]`` is for ``chevupload serve`` alone.
        parts: keywords of :class:`~chevupload.app.ChevUpload`, such as hooks. Settings win over ``config``.

    Raises:
        ConfigError: the file cannot be read, or has a key or a value that cannot be meant; or a variable has.
        BackendError: the folder cannot be used.
    """
    return stand_alone(site_settings(file), **parts)


def _tables(file: str | os.PathLike[str]) -> dict[str, Any]:
    path = local_path(file)
    try:
        with path.open("rb") as opened:
            is_readable_by_all = os.fstat(opened.fileno()).st_mode & stat.S_IROTH
            tables = tomllib.load(opened)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML: {error}") from None
    if is_readable_by_all and (secrets := [*_secrets(tables)]):
        _warn(f"{file} has secrets ({', '.join(secrets)}), and everybody can read it: chmod 640")
    tables = {name: _resolved(value, f"{file}: {name}") for name, value in tables.items()}
    _begin_beside(path.parent, tables)
    return tables


def _begin_beside(folder: Path, tables: dict[str, Any]) -> None:
    """Let every place on this machine that is not absolute begin in ``folder``."""
    storages = tables.get("storages")
    named = storages.values() if isinstance(storages, Mapping) else ()
    places = [
        *((tables.get(table) if table else tables, key, _folder_below) for table, key in _FOLDERS),
        (tables.get("database"), "url", sqlite_below),
        *((storage, "url", _storage_below) for storage in (tables.get("storage"), *named)),
    ]
    for section, key, below in places:
        if isinstance(section, dict) and isinstance(place := section.get(key), str) and place:
            section[key] = below(place, folder)


def _folder_below(place: str, folder: Path) -> str:
    return str(local_path(place, below=folder))


def _storage_below(url: str, folder: Path) -> str:
    found = _LOCAL_URL.fullmatch(url)
    return f"{found[1]}{_folder_below(found[2], folder)}" if found else url


@functools.cache
def _warn(text: str) -> None:
    """Warn once, however often a command reads the file."""
    logger.warning("%s", text)


def _secrets(tables: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a file whose values are secret, and are in it themselves."""
    for one in known_settings():
        table = tables.get(one.table) if one.table else tables
        value = _written(table.get(one.key)) if isinstance(table, Mapping) else None
        try:
            kept = one.kind.from_setting(one.key, value) if value else None
        except ConfigError:
            # It is refused, in its turn, by its name.
            continue
        place = f"{one.table}.{one.key}" if one.table else one.key
        entries = [(place, one.kind, kept)]
        if one.name == "storages":
            entries = [
                (f"{place}.{name}.{inner.key}", inner.kind, inner.value)
                for name, storage in (kept or {}).items()
                for inner in settings_of(storage)
            ]
        yield from (entry for entry, kind, value in entries if value and kind.shown(value) != value)


def _written(value: Any) -> Any:
    """Return what a file has itself: all but what variables have."""
    if isinstance(value, Mapping):
        return {key: written for key, one in value.items() if (written := _written(one)) is not None}
    if isinstance(value, list):
        return [one for one in value if _written(one)]
    return None if isinstance(value, str) and value.startswith(_VARIABLE) else value


def _resolved(value: Any, place: str) -> Any:
    """Return what is read from a file with the values of the variables that it names."""
    if isinstance(value, Mapping):
        return {key: _resolved(one, f"{place}.{key}") for key, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, place) for one in value]
    if not isinstance(value, str) or not value.startswith(_VARIABLE):
        return value
    if (found := os.environ.get(name := value.removeprefix(_VARIABLE))) is None:
        raise ConfigError(f"{place}: the variable {name} is not set")
    return found


def _variables(known: list[Setting]) -> Iterator[tuple[Setting, str, Any]]:
    """Yield the settings that the environment has, the variable of each, and its value."""
    by_variable = {f"{PREFIX}{one.name.upper()}": one for one in known}
    services = [name.removesuffix(_SERVICE_HOST) for name in os.environ if name.endswith(f"_{_SERVICE_HOST}")]
    for variable, text in os.environ.items():
        if one := by_variable.get(variable):
            if text or one.kind.is_optional:
                yield one, variable, one.kind.from_setting(variable, text)
        elif (
            variable.startswith(PREFIX)
            and variable not in _COMMANDS_OWN
            and not variable.startswith(SERVE_PREFIX)
            and not any(_OF_A_SERVICE.match(variable.removeprefix(service)) for service in services)
        ):
            raise ConfigError(f"there is no setting for the variable {variable}")
