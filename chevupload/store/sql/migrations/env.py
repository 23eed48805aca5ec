"""What Alembic runs when the migrations are run alone; inside of a host's Alembic, the host's own file has its place.

May know: Alembic and the migrations.
"""

from __future__ import annotations

from alembic import context

from chevupload.store.sql.migrations import OPTIONS

context.configure(
    connection=context.config.attributes["connection"],
    as_sql=context.is_offline_mode(),
    literal_binds=context.is_offline_mode(),
    **OPTIONS,
)
with context.begin_transaction():
    context.run_migrations()
