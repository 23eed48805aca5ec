"""The audit log, read and forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from chevupload.audit import AuditEntry
from chevupload.db.pages import SqlPages

_FIELDS = tuple(field.name for field in fields(AuditEntry))


class SqlAudit(SqlPages):
    """See AuditRecords."""

    def forget_audit(self, *, before: datetime) -> None:
        """See AuditRecords."""
        audit, column = self._statements.tables.audit, self._statements.tables.audit.c
        old = select(column.number).where(column.at < before).order_by(column.at)
        self._change_found(old, delete(audit).where(column.number == bindparam("found")))

    def audit_of(self, user_id: str) -> Iterator[AuditEntry]:
        """See AuditRecords. The table has no index of users, so it is read as a whole, in pages."""
        column = self._statements.tables.audit.c
        query = select(column.number, *(column[name] for name in _FIELDS)).order_by(column.number).limit(self.page_size)
        page: Sequence[Any] = ()
        while not page or len(page) == self.page_size:
            with self._database.connect() as connection:
                page = connection.execute(query.where(column.number > (page[-1].number if page else 0))).all()
            for _, *values in page:
                entry = AuditEntry(**dict(zip(_FIELDS, values, strict=True)))
                if entry.user_id == user_id:
                    yield entry
            if not page:
                return
