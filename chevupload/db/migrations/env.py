"""What Alembic runs when the migrations are run alone; a host's own file has its place inside of a host's Alembic."""

from __future__ import annotations

from alembic import context

from chevupload.db.migrations import OPTIONS

context.configure(
    connection=context.config.attributes["connection"],
    as_sql=context.is_offline_mode(),
    literal_binds=context.is_offline_mode(),
    **OPTIONS,
)
with context.begin_transaction():
    context.run_migrations()
