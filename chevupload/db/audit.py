"""The audit log, read and forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from chevupload.audit import AuditEntry
from chevupload.clock import Clock
from chevupload.db.database import Transactions
from chevupload.db.pages import SqlPages
from chevupload.db.statements import Statements

_FIELDS = tuple(field.name for field in fields(AuditEntry))


class SqlAudit(SqlPages):
    """See AuditRecords."""

    def __init__(self, database: Transactions, statements: Statements, clock: Clock) -> None:
        """Use these parts."""
        super().__init__(database, statements, clock)
        audit, column = statements.tables.audit, statements.tables.audit.c
        self._old_audit = (
            select(column.number).where(column.at < bindparam("since", type_=column.at.type)).order_by(column.at)
        )
        self._forget_audit = delete(audit).where(column.number == bindparam("found"))
        self._audit_page = (
            select(column.number, *(column[name] for name in _FIELDS))
            .where(column.number > bindparam("after"))
            .order_by(column.number)
            .limit(self.page_size)
        )

    def forget_audit(self, *, before: datetime) -> None:
        """See AuditRecords."""
        self._change_found(self._old_audit, before, self._forget_audit, "found")

    def audit_of(self, user_id: str) -> Iterator[AuditEntry]:
        """See AuditRecords. The table has no index of users, so it is read as a whole, in pages."""
        page: Sequence[Any] = ()
        while not page or len(page) == self.page_size:
            with self._database.connect() as connection:
                page = connection.execute(self._audit_page, {"after": page[-1].number if page else 0}).all()
            for _, *values in page:
                entry = AuditEntry(**dict(zip(_FIELDS, values, strict=True)))
                if entry.user_id == user_id:
                    yield entry
            if not page:
                return
