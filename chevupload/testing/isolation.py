"""A component that keeps what tests upload away from what is live.

pytest is not needed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from chevupload.app import ChevUpload
from chevupload.config import Delivery, Routes
from chevupload.errors import ConfigError
from chevupload.storage.local import LocalStorage
from chevupload.storage.registry import Storages
from chevupload.web.context import WebContext


@contextmanager
def isolated(component: ChevUpload) -> Iterator[Path]:
    """Let ``component`` keep everything in a temporary folder, which is given, and removed in the end.

    Whoever holds the component, such as a framework, works with the same object. Files are kept there wherever they
    are otherwise, and served by the component itself. So are records and keys, and at first there are none, where the
    component opened its database itself, by ``folder`` or ``database_url``. Where they are in a database, or a catalog,
    that the host brought, they stay in it: a host's tests isolate that as they do everything else in it.

    Hooks are called as ever. One thread at a time may do this, and no requests may be under way when it begins or ends.

    Raises:
        ConfigError: regular sweeps are on, which would sweep the folder that is live; end them first.
    """
    if component.maintenance.is_regular:
        raise ConfigError("end regular sweeps before a component is isolated: component.maintenance.close()")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chevupload-test-")))
        if component.own_database is not None:
            stack.enter_context(_in_folder(component, folder))
        live = dict(vars(component))
        try:
            component.use(_in(folder, component))
            yield folder
        finally:
            vars(component).clear()
            vars(component).update(live)


def _in(folder: Path, component: ChevUpload) -> WebContext:
    """Return the parts of a component with files in ``folder``; the workers are shared."""
    config = component.config
    routes = config.routes if config.routes.files else replace(config.routes, files=Routes().files)
    config = replace(config, routes=routes, delivery=Delivery(), spool_folder=None)
    return replace(component.context, config=config, storages=_local(component.context.storages, folder))


def _local(storages: Storages, folder: Path) -> Storages:
    """Return local storages by the same names."""
    images, incoming = folder / "images", folder / "incoming"
    if storages.choose is None and list(storages.by_name) == [""]:
        return Storages(LocalStorage(images, incoming=incoming))
    names = enumerate(storages.by_name)
    local = {name: LocalStorage(images / f"{number}", incoming=incoming) for number, name in names}
    return Storages(local, storages.choose)


@contextmanager
def _in_folder(component: ChevUpload, folder: Path) -> Iterator[None]:
    """Let the component's own database be a new one in ``folder``."""
    from chevupload.db.catalog import SqlCatalog  # noqa: PLC0415  # only who has one has SQLAlchemy
    from chevupload.db.connect import sqlite_engine  # noqa: PLC0415

    database = component.own_database
    live, database.engine = database.engine, sqlite_engine(folder / "chevupload.db")
    try:
        if isinstance(component.catalog, SqlCatalog):
            component.catalog.create_tables()
        yield
    finally:
        database.engine.dispose()
        database.engine = live
