"""The site that a command works on: one by its settings, in a data folder or elsewhere, or that of an application.

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
    from chevupload.db.accounts import Accounts, User
    from chevupload.db.catalog import SqlCatalog
    from chevupload.site.stand_alone import SiteSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenSite:
    """A site that is not open yet.

    Attributes:
        data: its data folder, where its settings name no other.
        config: the file with its settings.
        app: ``MODULE:NAME`` of a component, or of a Flask or Pyramid application with one; ``NAME()`` makes it.
        database_url: of the database, for commands that need nothing else.
        component: that of the host whose command line this is. It stays open.
    """

    data: str | None = None
    config: str | None = None
    app: str | None = None
    database_url: str | None = None
    component: ChevUpload | None = None

    @property
    def is_hosted(self) -> bool:
        """Whether it is the component of an application."""
        return self.app is not None or self.component is not None

    @property
    def _name(self) -> str:
        return self.app or "this application"

    def settings(self) -> SiteSettings:
        """Return the settings of a site that is no application's.

        Raises:
            ConfigError: there is a key or a value that cannot be meant.
        """
        from chevupload.site.stand_alone import site_settings  # noqa: PLC0415  # SQLAlchemy comes with it

        return site_settings(self.config, **({} if self.data is None else {"folder": self.data}))

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
            from chevupload.site.stand_alone import stand_alone  # noqa: PLC0415  # SQLAlchemy comes with it

            settings = self.settings()
            _check_is_there(settings)
            with contextlib.closing(stand_alone(settings)) as component:
                try:
                    yield component
                finally:
                    component.own_database.engine.dispose()

    @contextlib.contextmanager
    def open_accounts(self, *, make: bool = False) -> Iterator[Accounts]:
        """Open the accounts, those of a new data folder with ``make``.

        Raises:
            ConfigError: there are none.
        """
        if not self.is_hosted:
            from chevupload.db.accounts import Accounts  # noqa: PLC0415  # SQLAlchemy comes with it
            from chevupload.site.factory import database_from  # noqa: PLC0415

            settings = self.settings()
            if not make:
                _check_is_there(settings)
            database = database_from(settings.values)
            try:
                yield Accounts(database)
            finally:
                database.engine.dispose()
            return
        yield self.accounts(self._hosted())

    @contextlib.contextmanager
    def open_keys(self) -> Iterator[Accounts | HostKeys]:
        """Open the keys of users, who are named by their ids where they are a host's.

        Raises:
            ConfigError: there are none.
        """
        if not self.is_hosted or _has_own_users(self._hosted()):
            with self.open_accounts() as accounts:
                yield accounts
            return
        from chevupload.cli.host_keys import HostKeys  # noqa: PLC0415

        yield HostKeys(self._hosted().key_store)

    def accounts(self, component: ChevUpload) -> Accounts:
        """Return the site's own users, of the component that was opened.

        Raises:
            ConfigError: the users are a host's.
        """
        catalog = self._sql_catalog(component)
        if not _has_own_users(component):
            raise ConfigError(f"the users and keys of {self._name} are its own: they are made where it makes them")
        from chevupload.db.accounts import Accounts  # noqa: PLC0415  # SQLAlchemy comes with it

        return Accounts(catalog.database, tables=catalog.tables)

    def account(self, component: ChevUpload, user: str) -> User | None:
        """Return the user with a name, or else with an id; None where there is none, or where the users are a host's.

        Raises:
            BackendError: the database is away.
        """
        if not _has_own_users(component):
            return None
        accounts = self.accounts(component)
        return accounts.find_user(user) or next((one for one in accounts.list_users() if one.id == user), None)

    def user_names(self, component: ChevUpload) -> Mapping[str | None, str]:
        """Return the names of the site's own users by their ids; nothing where the users are a host's.

        Raises:
            BackendError: the database is away.
        """
        if not _has_own_users(component):
            return {}
        return {user.id: user.name for user in self.accounts(component).list_users()}

    def user_id(self, component: ChevUpload, user: str) -> str:
        """Return the id of a user, who is named by it where the users are a host's.

        The site's own users are named by their names. Of somebody who is gone there, the id will do, as long as there
        are uploads.

        Raises:
            BackendError: the database is away.
            ConfigError: there is no such user.
        """
        if (account := self.account(component, user)) is not None:
            return account.id
        if not _has_own_users(component) or self._sql_catalog(component).remaining(user, limit=1):
            return user
        raise ConfigError(f"there is no user {user!r}")

    @contextlib.contextmanager
    def open_audit(self) -> Iterator[AuditLog]:
        """Open what writes the audit log: into a table, too, where the site says so."""
        if not self.is_hosted and not self.settings().values.get("audit_lifetime"):
            yield AuditLog()
            return
        with self.open_component() as component:
            yield component.context.audit

    def database(self) -> str:
        """Return the URL of the database, as SQLAlchemy spells it.

        Raises:
            ConfigError: there is none.
        """
        if self.database_url is not None:
            return self.database_url
        if not self.is_hosted:
            settings = self.settings()
            return str(settings.values.get("database_url") or f"sqlite:///{_check_is_there(settings)}")
        return self._sql_catalog(self._hosted()).database.engine.url.render_as_string(hide_password=False)

    def _hosted(self) -> ChevUpload:
        """Return the component of an application."""
        return self.component or _imported(str(self.app))

    def _sql_catalog(self, component: ChevUpload) -> SqlCatalog:
        from chevupload.db.catalog import SqlCatalog  # noqa: PLC0415  # SQLAlchemy comes with it

        if not isinstance(component.catalog, SqlCatalog):
            raise ConfigError(f"the records of {self._name} are not in tables of ours")
        return component.catalog


def _check_is_there(settings: SiteSettings) -> Path | None:
    """Return the file with the records of a site in a data folder; None where they are elsewhere.

    Raises:
        ConfigError: there is no such file. Only the commands that begin a site make one.
    """
    from chevupload.site.data_folder import DATABASE  # noqa: PLC0415  # SQLAlchemy comes with it

    folder = settings.values.get("folder")
    if settings.values.get("database_url") or not folder:
        return None
    path = local_path(folder) / DATABASE
    if not path.exists():
        raise ConfigError(f"there is no site in {folder}; serve or user add makes one")
    return path


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
