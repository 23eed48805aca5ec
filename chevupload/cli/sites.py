"""The site that a command works on: a data folder, or the component of an application.

Everything of it is loaded only when a command opens the site.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chevupload.audit import AuditLog
from chevupload.errors import ConfigError
from chevupload.filesystem import local_path

if TYPE_CHECKING:
    from chevupload.app import ChevUpload
    from chevupload.cli.host_keys import HostKeys
    from chevupload.data_folder import Site
    from chevupload.db.accounts import Accounts
    from chevupload.db.catalog import SqlCatalog

DEFAULT_FOLDER = "./chevupload-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenSite:
    """A site that is not open yet.

    Attributes:
        data: its data folder, if it has one.
        app: ``MODULE:NAME`` of a component, or of a Flask or Pyramid application with one; ``NAME()`` makes it.
        database_url: of the database, for commands that need nothing else.
        component: that of the host whose command line this is. It stays open.
    """

    data: str | None = None
    app: str | None = None
    database_url: str | None = None
    component: ChevUpload | None = None

    @property
    def _is_folder(self) -> bool:
        return self.app is None and self.component is None

    @property
    def _name(self) -> str:
        return self.app or "this application"

    @contextlib.contextmanager
    def open_folder(self, *, make: bool = False) -> Iterator[Site]:
        """Open the data folder, which is made only by the commands that begin a site.

        Raises:
            ConfigError: there is no site in it.
        """
        from chevupload.data_folder import Site  # noqa: PLC0415  # SQLAlchemy comes with it

        if not make:
            self._database_file()
        site = Site(self.data or DEFAULT_FOLDER)
        try:
            yield site
        finally:
            site.close()

    @contextlib.contextmanager
    def open_component(self) -> Iterator[ChevUpload]:
        """Open the component.

        Raises:
            ConfigError: there is none.
        """
        if self.component is not None:
            yield self.component
        elif self.app is not None:
            with contextlib.closing(_imported(self.app)) as component:
                yield component
        else:
            from chevupload.cli.stand_alone import component_beside  # noqa: PLC0415

            with self.open_folder() as site, contextlib.closing(component_beside(site)) as component:
                yield component

    @contextlib.contextmanager
    def open_accounts(self, *, make: bool = False) -> Iterator[Accounts]:
        """Open the accounts, those of a new data folder with ``make``.

        Raises:
            ConfigError: there are none.
        """
        if self._is_folder:
            with self.open_folder(make=make) as site:
                yield site.accounts
            return
        component = self._hosted()
        catalog = self._sql_catalog(component)
        if not _has_own_users(component):
            raise ConfigError(f"the users and keys of {self._name} are its own: they are made where it makes them")
        from chevupload.db.accounts import Accounts  # noqa: PLC0415  # SQLAlchemy comes with it

        yield Accounts(catalog.database, tables=catalog.tables)

    @contextlib.contextmanager
    def open_keys(self) -> Iterator[Accounts | HostKeys]:
        """Open the keys of users, who are named by their ids where they are a host's.

        Raises:
            ConfigError: there are none.
        """
        if self._is_folder or _has_own_users(self._hosted()):
            with self.open_accounts() as accounts:
                yield accounts
            return
        from chevupload.cli.host_keys import HostKeys  # noqa: PLC0415

        yield HostKeys(self._hosted().key_store)

    def user_names(self, component: ChevUpload) -> dict[str, str] | None:
        """Return the names of the site's own users by their ids; None where the users are a host's.

        Raises:
            BackendError: the database is away.
        """
        if not _has_own_users(component):
            return None
        from chevupload.db.accounts import Accounts  # noqa: PLC0415  # SQLAlchemy comes with it

        catalog = self._sql_catalog(component)
        return {user.id: user.name for user in Accounts(catalog.database, tables=catalog.tables).list_users()}

    def audit(self) -> AuditLog:
        """Return what writes the audit log: into a table, too, where the component of an application says so."""
        return AuditLog() if self._is_folder else self._hosted().context.audit

    def database(self) -> str:
        """Return the URL of the database, as SQLAlchemy spells it.

        Raises:
            ConfigError: there is none.
        """
        if self.database_url is not None:
            return self.database_url
        if self._is_folder:
            return f"sqlite:///{self._database_file()}"
        return self._sql_catalog(self._hosted()).database.engine.url.render_as_string(hide_password=False)

    def _database_file(self) -> Path:
        from chevupload.data_folder import DATABASE  # noqa: PLC0415  # SQLAlchemy comes with it

        folder = self.data or DEFAULT_FOLDER
        path = local_path(folder) / DATABASE
        if not path.exists():
            raise ConfigError(f"there is no site in {folder}; serve or user add makes one")
        return path

    def _hosted(self) -> ChevUpload:
        """Return the component of an application."""
        return self.component or _imported(str(self.app))

    def _sql_catalog(self, component: ChevUpload) -> SqlCatalog:
        from chevupload.db.catalog import SqlCatalog  # noqa: PLC0415  # SQLAlchemy comes with it

        if not isinstance(component.catalog, SqlCatalog):
            raise ConfigError(f"the records of {self._name} are not in tables of ours")
        return component.catalog


def _has_own_users(component: ChevUpload) -> bool:
    """Whether users and keys are in the component's own tables."""
    from chevupload.db.keys import SqlKeys  # noqa: PLC0415  # SQLAlchemy comes with it

    keys = component.context.key_store
    return isinstance(keys, SqlKeys) and not keys.users_elsewhere


def _imported(name: str) -> ChevUpload:
    """Return the component ``MODULE:NAME``, or that of the Flask or Pyramid application which it is.

    Modules are found from the current folder, as by servers.

    Raises:
        ConfigError: there is no such module, or the name in it is not a component's.
    """
    from chevupload.app import ChevUpload  # noqa: PLC0415  # WebOb and Pillow come with it

    module_name, _, attribute = name.partition(":")
    is_factory = attribute.endswith("()")
    if not module_name or not attribute:
        raise ConfigError(f"--app {name}: not MODULE:NAME")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module_name), attribute.removesuffix("()"), None)
    except ModuleNotFoundError as error:
        if f"{module_name}.".startswith(f"{error.name}."):
            raise ConfigError(f"--app {name}: {error}") from error
        raise
    component = _component_of(found() if is_factory and callable(found) else found)
    if not isinstance(component, ChevUpload):
        advice = f"; if {attribute} makes one, write {attribute}()" if inspect.isfunction(component) else ""
        raise ConfigError(f"--app {name}: there is no component of this name, and no application that has one{advice}")
    return component


def _component_of(found: Any) -> Any:
    """Return the component of a Flask or a Pyramid application; anything else as it is."""
    for place in ("extensions", "registry"):
        if isinstance(known := getattr(found, place, None), Mapping) and "chevupload" in known:
            return known["chevupload"]
    return found
