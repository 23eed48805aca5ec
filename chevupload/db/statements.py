"""What is asked of the tables for one upload: built once, and compiled once by SQLAlchemy's cache."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import (
    Dialect,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
    update,
)

from chevupload.db.columns import Unlocked
from chevupload.db.tables import Tables
from chevupload.db.tags import TagRows
from chevupload.db.upserts import insert_new, insert_once, insert_or_replace
from chevupload.db.usage_rows import UsageRows
from chevupload.model import Upload

DELETING = {"state": "deleting", "request_digest": None}
"""What is gone for readers stands in nobody's way who asks for it once more."""

FIELDS = tuple(field.name for field in fields(Upload) if field.init and field.name != "tags")


class Statements:
    """What is asked of the tables for one upload.

    Attributes:
        tables: which they are.
        dialect: of their database.
        tags: the rows of tags.
        usage: the rows of usage.
        select: of every column that a record has; a condition is to be added.
        one: the same with the name of a tag at the end, a row for each tag of an upload.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        """Build them for ``tables`` in a database of this ``dialect``."""
        self.tables, self.dialect = tables, dialect
        self.tags = TagRows(tables, dialect)
        self.usage = UsageRows(tables, dialect)
        uploads, used = tables.uploads, tables.used_names
        column = uploads.c
        self.is_it = column.id == bindparam("upload_id")
        is_live = column.state != "deleting"
        pending = tables.pending
        # A look for each row, not NOT EXISTS: PostgreSQL could join the two, and sort what an index has in its order.
        # By "<>" it expects that nearly all rows fit.
        one = select(literal_column("1")).where(pending.c.upload_id == column.id).scalar_subquery()
        self.is_ready = and_(Unlocked(column.state) == "ready", func.coalesce(one, 0) != 1)
        views, links, names = tables.views, tables.upload_tags, tables.tags
        count = select(views.c.count).where(views.c.upload_id == column.id).scalar_subquery()
        all_views = (column.views + func.coalesce(count, 0)).label("views")
        fields = (all_views if name == "views" else column[name] for name in FIELDS)
        self.select: Any = select(*fields, column.has_tags)
        # A row for each tag: one message, whatever the database.
        tagged = uploads.outerjoin(links, links.c.upload_id == column.id).outerjoin(names, names.c.id == links.c.tag_id)
        self.one: Any = self.select.add_columns(names.c.name).select_from(tagged).order_by(links.c.position)
        self.insert = insert(uploads)
        self.get = self.one.where(self.is_it, self.is_ready)
        self.find = self.one.where(column.stem_key == bindparam("stem_key"), self.is_ready)
        self.requested = self.one.where(column.request_digest == bindparam("request_digest"), is_live)
        now = bindparam("now", type_=column.expires_at.type)
        self.is_alive = or_(column.expires_at.is_(None), column.expires_at > now)
        # Its key stays, so that rows of the host's may refer to it meanwhile.
        self.hold: Any = self.select.where(self.is_it, self.is_ready, self.is_alive).with_for_update(key_share=True)
        # Not while the name is taken by an upload that is gone, which the number of rows tells.
        is_free = ~exists().where(used.c.digest == bindparam("digest"))
        row = select(column.id, column.received_at).where(self.is_it, is_free)
        fresh = insert_or_replace(pending, pending.c.upload_id, pending.c.received_at, row, dialect)
        self.pend = fresh.execution_options(preserve_rowcount=True)
        self.settle = delete(pending).where(pending.c.upload_id == bindparam("upload_id"))
        # The one change that may be part of a host's transaction, which takes as long as the host likes.
        self.publish = self.settle.where(exists().where(self.is_it, is_live))
        self.withdraw = update(uploads).where(self.is_it, is_live).values(DELETING)
        self.withdraw_ready = update(uploads).where(self.is_it, self.is_ready).values(DELETING)
        wanted: Any = bindparam("upload_ids", expanding=True)
        self.block_name = insert_new(used, used.c.digest, dialect)
        self.forget_views = delete(views).where(views.c.upload_id.in_(wanted))
        is_tagged = column.id.in_(bindparam("tagged", expanding=True))
        files = tuple_(column.id, func.coalesce(column.extras_size, 0), column.storage)
        has_known_files = files.in_(bindparam("known_files", expanding=True))
        is_deleting = Unlocked(column.state) == "deleting"
        self.forget = delete(uploads).where(
            column.id.in_(wanted), is_deleting, or_(not_(column.has_tags), is_tagged), has_known_files
        )
        uses = tables.ticket_uses
        self.use = insert_once(uses, uses.c.digest, uses.c.md5, dialect)
        self.uses = select(uses.c.digest, uses.c.md5).where(uses.c.digest.in_(bindparam("digests", expanding=True)))
        self.free = delete(uses).where(uses.c.digest == bindparam("use"))
        of_upload = select(column.request_digest).where(self.is_it).scalar_subquery()
        self.free_abandoned = delete(uses).where(uses.c.digest == of_upload)
        # With RETURNING, which nobody needs, some databases would take a statement for each row.
        self.add_events = insert(tables.events).inline()
        self.add_audit = insert(tables.audit).inline()
        self.are_there = select(column.id).where(column.id.in_(wanted))
