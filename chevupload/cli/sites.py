"""The site that a command works on: a data folder, or the component that an application made.

All of it is loaded by the commands that open a site only.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chevupload.errors import ConfigError
from chevupload.filesystem import local_path

if TYPE_CHECKING:
    from chevupload.app import ChevUpload
    from chevupload.data_folder import Site
    from chevupload.db.accounts import Accounts
    from chevupload.db.catalog import SqlCatalog


@contextlib.contextmanager
def open_folder(options: argparse.Namespace, *, make: bool = False) -> Iterator[Site]:
    """Open the data folder for one command, which makes it only when it is a first one's to make.

    Raises:
        ConfigError: there is no site in it.
    """
    from chevupload.data_folder import DATABASE, Site  # noqa: PLC0415  # SQLAlchemy comes with it

    if not make and not (local_path(options.data) / DATABASE).exists():
        raise ConfigError(f"there is no site in {options.data}; serve or user add makes one")
    site = Site(options.data)
    try:
        yield site
    finally:
        site.close()


@contextlib.contextmanager
def open_component(options: argparse.Namespace) -> Iterator[ChevUpload]:
    """Open the application's component, or that of the data folder; one that the host hands over stays open.

    Raises:
        ConfigError: there is none.
    """
    if (hosted := getattr(options, "component", None)) is not None:
        yield hosted
        return
    with contextlib.ExitStack() as stack:
        if options.app is not None:
            component = _imported(options.app)
        else:
            component = stack.enter_context(open_folder(options)).component()
        yield stack.enter_context(contextlib.closing(component))


@contextlib.contextmanager
def open_accounts(options: argparse.Namespace, *, make: bool = False) -> Iterator[Accounts]:
    """Open the accounts of the application's component, or those of the data folder, which ``make`` makes.

    Raises:
        ConfigError: there are none.
    """
    if options.app is None:
        with open_folder(options, make=make) as site:
            yield site.accounts
        return
    from chevupload.db.accounts import Accounts  # noqa: PLC0415  # SQLAlchemy comes with it
    from chevupload.db.keys import SqlKeys  # noqa: PLC0415

    component = _imported(options.app)
    catalog, keys = _sql_catalog(component, options.app), component.parts["key_store"]
    if not isinstance(keys, SqlKeys) or keys.users_elsewhere:
        raise ConfigError(f"the users and keys of {options.app} are its own: they are made where it makes them")
    yield Accounts(catalog.database, tables=catalog.tables)


def sql_catalog_of(options: argparse.Namespace) -> SqlCatalog:
    """Return the catalog of the application's component.

    Raises:
        ConfigError: it is not in a database of SQLAlchemy's.
    """
    return _sql_catalog(_imported(options.app), options.app)


def _sql_catalog(component: ChevUpload, name: str) -> SqlCatalog:
    from chevupload.db.catalog import SqlCatalog  # noqa: PLC0415  # SQLAlchemy comes with it

    if not isinstance(component.catalog, SqlCatalog):
        raise ConfigError(f"the records of {name} are not in tables of ours")
    return component.catalog


def _imported(name: str) -> ChevUpload:
    """Return the component ``MODULE:NAME``, or that of the Flask or Pyramid application which it is.

    ``MODULE:NAME()`` calls a function that makes the application. Modules are found from the current folder, as by
    servers.

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
