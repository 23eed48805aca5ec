"""Databases that tests use one after the other: to make all tables takes longer than most tests.

What a test leaves is taken away: rows, tables of its own, numbers that were given out. A database that differs from a
new one after that, or is still in use, is dropped, and the next test gets a new one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from chevupload.db import Tables
from chevupload.db.revisions import VERSION_TABLE

OURS = [table.name for table in Tables.default()]
WAIT_SECONDS = 1
"""How long tables may be in use by what a test left, before their database is given up."""


class ReusedDatabases:
    """Databases of one server with all tables, each used by one test at a time."""

    def __init__(self, make: Callable[[], contextlib.AbstractContextManager[URL]]) -> None:
        """Prepare to make databases: ``make`` gives a new one with all tables, and drops it at the end of the block."""
        self._make = make
        self._unused: list[tuple[Engine, str, contextlib.ExitStack]] = []

    @contextlib.contextmanager
    def one(self) -> Iterator[URL]:
        """Give a database with all tables and no rows, but that of their revision."""
        engine, definition, end = self._unused.pop() if self._unused else self._new()
        with contextlib.ExitStack() as stack:
            stack.push(end)
            yield engine.url
            if _emptied(engine) == definition:
                stack.pop_all()
                self._unused.append((engine, definition, end))

    def close(self) -> None:
        """Drop those that are there."""
        while self._unused:
            self._unused.pop()[2].close()

    def _new(self) -> tuple[Engine, str, contextlib.ExitStack]:
        end = contextlib.ExitStack()
        engine = create_engine(end.enter_context(self._make()), poolclass=NullPool)
        definition = _emptied(engine)
        assert definition is not None
        return engine, definition, end


def _emptied(engine: Engine) -> str | None:
    """Empty a database, and return how its tables are made; None where that cannot be done."""
    empty = {"postgresql": _empty_postgres, "mysql": _empty_mariadb}[engine.dialect.name]
    try:
        with engine.begin() as connection:
            return empty(connection)
    except SQLAlchemyError:
        return None


def _empty_postgres(connection: Connection) -> str:
    def run(statement: str) -> list[str]:
        result = connection.exec_driver_sql(statement)
        return [str(value) for value in result.scalars()] if result.returns_rows else []

    run(f"SET lock_timeout = '{WAIT_SECONDS}s'")
    run(f"LOCK TABLE {', '.join(OURS)}")
    tables = run("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')")
    if others := {*tables} - {*OURS, VERSION_TABLE}:
        run(f"DROP TABLE {', '.join(others)} CASCADE")
    if filled := run(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in OURS)):
        run(f"TRUNCATE {', '.join(filled)} CASCADE")
    run("SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'")
    return " ".join(run(_POSTGRES_DEFINITION))


_POSTGRES_DEFINITION = f"""
SELECT string_agg(part, ' ' ORDER BY part) FROM (
  SELECT concat_ws(' ', oid, relname, relkind, reloptions) FROM pg_class WHERE oid >= 16384
  UNION ALL SELECT concat_ws(' ', attrelid, attnum, attname, atttypid, atttypmod, attnotnull)
    FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0
  UNION ALL SELECT concat_ws(' ', oid, conname) FROM pg_constraint WHERE oid >= 16384
  UNION ALL SELECT concat_ws(' ', oid, proname) FROM pg_proc WHERE oid >= 16384
  UNION ALL SELECT concat_ws(' ', starelid, staattnum) FROM pg_statistic WHERE starelid >= 16384
  UNION ALL SELECT concat_ws(' ', setconfig) FROM pg_db_role_setting
  UNION ALL SELECT version_num FROM {VERSION_TABLE}
) parts (part)
"""
"""What was made in a database, each with its number: the system's own are below 16384. What planners know of rows that
were there is a difference, too."""


def _empty_mariadb(connection: Connection) -> str:
    def run(statement: str) -> list[str]:
        result = connection.exec_driver_sql(statement)
        return [str(value) for row in result for value in row] if result.returns_rows else []

    run(f"SET lock_wait_timeout = {WAIT_SECONDS}, foreign_key_checks = 0")
    for name in {*run("SHOW TABLES")} - {*OURS, VERSION_TABLE}:
        run(f"DROP TABLE {name}")
    run(f"LOCK TABLES {', '.join(f'{name} WRITE' for name in (*OURS, VERSION_TABLE))}")
    definitions = run(f"SELECT version_num FROM {VERSION_TABLE}")
    for name in OURS:
        definition = run(f"SHOW CREATE TABLE {name}")[1]
        if " AUTO_INCREMENT=" in definition or run(f"SELECT 1 FROM {name} LIMIT 1"):
            run(f"TRUNCATE {name}")
            definition = run(f"SHOW CREATE TABLE {name}")[1]
        definitions.append(definition)
    return "\n".join(definitions)
