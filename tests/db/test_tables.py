"""The tables work on a base of the host's, under names of the host's, beside tables of the host's."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import ForeignKey, Integer, TypeDecorator, create_mock_engine, delete, insert, inspect
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from chevupload.db import (
    AlbumMixin,
    AuditMixin,
    CategoryMixin,
    Database,
    EndedHandlerMixin,
    EventMixin,
    JobMixin,
    JobRangeMixin,
    KeyMixin,
    MoveMixin,
    PendingMixin,
    SqlCatalog,
    Tables,
    TagMixin,
    TicketUseMixin,
    UploadMixin,
    UploadTagMixin,
    UsageMixin,
    UsedNameMixin,
    UserMixin,
    ViewMixin,
    sqlite_engine,
)
from chevupload.db.columns import VIDEOS, UtcDateTime, short_text
from chevupload.db.tables import Base
from chevupload.errors import CatalogError, ConfigError
from chevupload.formats import BY_EXTENSION
from chevupload.testing import CatalogContract
from tests.support import PNG, Stand


class HostBase(DeclarativeBase):
    """The base of a host."""


class Person(HostBase):
    """A host's own table."""

    __tablename__ = "people"
    id: Mapped[str] = mapped_column(short_text(64), primary_key=True)


class Owner(HostBase):
    """A host's user with a number."""

    __tablename__ = "owners"
    id: Mapped[int] = mapped_column(primary_key=True)


class NumberAsText(TypeDecorator):
    """A number in the database, text in a record."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else int(value)

    def process_result_value(self, value, dialect):
        return None if value is None else str(value)


class OwnersPicture(UploadMixin, HostBase):
    """Uploads whose owners have numbers."""

    __tablename__ = "owners_pictures"
    owner_id: Mapped[str | None] = mapped_column(NumberAsText, ForeignKey("owners.id", ondelete="SET NULL"))


class Picture(UploadMixin, HostBase):
    """Uploads under the host's name, with a column more and a foreign key."""

    __tablename__ = "pictures"
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    rating: Mapped[int | None] = mapped_column()


class Keyword(TagMixin, HostBase):
    """Tags under the host's name."""

    __tablename__ = "keywords"


class PictureKeyword(UploadTagMixin, HostBase):
    """Tags on uploads under the host's name."""

    __tablename__ = "picture_keywords"


@pytest.mark.slow
def test_the_catalog_works_on_a_hosts_own_tables(tmp_path, make_upload):
    """A host has uploads and tags in tables of its own, with its own columns and keys; ours fill in the rest."""
    engine = sqlite_engine(tmp_path / "host.db")
    tables = Tables.of(Picture, Keyword, PictureKeyword)
    assert tables.uploads is Picture.__table__
    assert tables.albums is Tables.default().albums
    database = Database(engine)
    HostBase.metadata.create_all(engine)
    database.create_tables(tables)
    with Session(engine) as session:
        session.add(Person(id="user"))
        session.commit()
    catalog = SqlCatalog(database, tables=tables)
    catalog.reserve(make_upload(tags=("cat", "dog")))
    catalog.publish("a1")
    assert catalog.get("a1") == make_upload(tags=("cat", "dog"))
    with Session(engine) as session:
        picture = session.get(Picture, "a1")
        assert (picture.name, picture.rating) == ("name-a1", None)
    names = set(inspect(engine).get_table_names())
    assert {"people", "pictures", "keywords", "picture_keywords", "chevupload_albums"} <= names
    assert "chevupload_uploads" not in names
    engine.dispose()


@pytest.mark.slow
class TestHostsTables(CatalogContract):
    """On tables of a host, with foreign keys to its users, the catalog keeps every promise."""

    @pytest.fixture
    def catalog(self, each_database):
        """Return a catalog on them, with the album and the category in the ready tables."""
        tables = Tables.of(Picture, Keyword, PictureKeyword)
        HostBase.metadata.create_all(each_database.engine)
        with each_database.begin() as connection:
            connection.execute(insert(Person), [{"id": "user"}, {"id": "other"}])
            connection.execute(insert(tables.albums), {"id": "album", "owner_id": "user", "title": "Cats"})
            connection.execute(insert(tables.categories), {"id": 1, "name": "Animals"})
        return SqlCatalog(each_database, tables=tables)


def test_a_hosts_own_unique_index_is_told_of(database, tmp_path):
    """No other name helps there; the operator reads which index it was."""
    stand = Stand(tmp_path, catalog=SqlCatalog(database))
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE UNIQUE INDEX one_title ON chevupload_uploads (title)")
    save = partial(stand.component.uploads.save, owner="user", filename="a.png", title="Cat")
    save(io.BytesIO(PNG))
    before = stand.left()
    with pytest.raises(CatalogError, match="no free name") as raised:
        save(io.BytesIO(PNG))
    taken = raised.value.__cause__
    assert taken is not None
    assert "chevupload_uploads.title" in str(taken.__cause__)
    assert stand.left() == before
    stand.component.close()


def test_owners_may_have_numbers(each_database, make_upload, now):
    """A foreign key to users with numbers is possible; records tell them as text, and outlive them."""
    HostBase.metadata.create_all(each_database.engine)
    with each_database.begin() as connection:
        connection.execute(insert(Owner), [{"id": 7}, {"id": 8}])
    catalog = SqlCatalog(each_database, tables=Tables.of(OwnersPicture))
    upload, guests = make_upload(owner_id="7"), make_upload("a2", owner_id=None)
    for one in (upload, guests):
        catalog.reserve(one)
        catalog.publish(one.id)
    assert [catalog.get("a1"), catalog.get("a2")] == [upload, guests]
    assert catalog.owned("7", now=now, limit=9) == [upload]
    assert catalog.owned("8", now=now, limit=9) == []
    assert catalog.has_duplicate(upload.md5, owner_id="7", since=now)
    assert not catalog.has_duplicate(upload.md5, owner_id="8", since=now)
    with each_database.begin() as connection:
        connection.execute(delete(Owner).where(Owner.id == 7))
    assert catalog.get("a1").owner_id is None


def test_every_mixin_can_be_subclassed():
    """Each of the tables can live on the host's base under the host's name."""
    mixins = (
        *(UploadMixin, PendingMixin, KeyMixin, UserMixin, AlbumMixin, CategoryMixin, TagMixin, UploadTagMixin),
        *(ViewMixin, UsedNameMixin, TicketUseMixin, EventMixin, EndedHandlerMixin, JobMixin, JobRangeMixin, MoveMixin),
        UsageMixin,
        AuditMixin,
    )

    class Other(DeclarativeBase):
        pass

    models = [type(f"M{n}", (mixin, Other), {"__tablename__": f"m{n}"}) for n, mixin in enumerate(mixins)]
    assert [table.name for table in Tables.of(*models)] == [f"m{n}" for n in range(len(mixins))]


def test_a_class_without_a_mixin_is_refused():
    """A class that can be none of the tables is told at construction, not by a query that fails."""
    with pytest.raises(ConfigError):
        Tables.of(Person)


def test_the_ready_set_has_its_names():
    """These names are in databases and migrations of sites, so they do not change."""
    assert {table.name for table in Tables.default()} == {
        "chevupload_uploads",
        "chevupload_keys",
        "chevupload_users",
        "chevupload_albums",
        "chevupload_categories",
        "chevupload_tags",
        "chevupload_upload_tags",
        "chevupload_pending",
        "chevupload_views",
        "chevupload_used_names",
        "chevupload_ticket_uses",
        "chevupload_events",
        "chevupload_ended_handlers",
        "chevupload_usage",
        "chevupload_jobs",
        "chevupload_job_ranges",
        "chevupload_moves",
        "chevupload_audit",
    }


def test_every_query_of_the_sweep_has_an_index(database):
    """The sweep and the look for duplicates need not read every upload there is."""
    with database.connect() as connection:
        indexes = inspect(connection).get_indexes("chevupload_uploads")
    assert {tuple(index["column_names"]) for index in indexes} >= {
        ("state", "received_at"),
        ("expires_at", "id"),
        ("owner_id", "received_at"),
        ("album_id", "received_at"),
        ("owner_id", "md5", "received_at"),
        ("owner_id", "source_md5", "received_at"),
    }


def test_the_index_of_videos_is_of_all_of_their_formats():
    """Its words name them; a format that is added needs a migration."""
    videos = {extension for extension, row in BY_EXTENSION.items() if row.kind == "video"}
    assert {*re.findall(r"'(\w+)'", VIDEOS)} == videos


@pytest.mark.parametrize(
    ("dialect", "collation"),
    [("postgresql", None), ("mysql", "utf8mb4_0900_bin"), ("mariadb", "utf8mb4_nopad_bin"), ("sqlite", None)],
)
def test_tables_can_be_written_for_other_databases(dialect, collation):
    """Every database can hold the tables, and MySQL compares names byte by byte, as the others do."""
    statements = []
    drivers = {"postgresql": "postgresql+psycopg", "sqlite": "sqlite"}
    engine = create_mock_engine(
        f"{drivers.get(dialect, dialect + '+pymysql')}://", lambda ddl, *args: statements.append(ddl)
    )
    Base.metadata.create_all(engine, checkfirst=False)
    sql = "\n".join(str(statement.compile(dialect=engine.dialect)) for statement in statements)
    assert sql.count("CREATE TABLE") == len(list(Tables.default()))
    assert set(re.findall(r"COLLATE (\w+)", sql)) == ({collation} if collation else set())


def test_a_naive_time_is_refused(database, make_upload, now):
    """Nobody knows which moment a naive time means, so it is an error rather than hours off."""
    with pytest.raises(ValueError, match="naive"):
        UtcDateTime().process_bind_param(now.replace(tzinfo=None), None)
    with pytest.raises(CatalogError) as caught:
        SqlCatalog(database).reserve(make_upload(created_at=now.replace(tzinfo=None)))
    assert isinstance(caught.value.__cause__, StatementError)


def test_no_time_stays_no_time(now):
    """What never expires is stored without a time; a time is stored in UTC."""
    column = UtcDateTime()
    assert column.process_bind_param(None, None) is None
    assert column.process_result_value(None, None) is None
    assert column.process_bind_param(now + timedelta(0), None) == now.replace(tzinfo=None)
