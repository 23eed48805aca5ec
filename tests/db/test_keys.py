"""Keys in a database keep their promises: with users of ours, and with those that a host has had for years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import ForeignKey, String, Uuid, delete, event, insert, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chevupload.db import (
    Accounts,
    Database,
    KeyMixin,
    SqlCatalog,
    SqlKeys,
    Tables,
    UserColumns,
    UserKeys,
    sqlite_engine,
)
from chevupload.errors import CatalogError, ConfigError
from chevupload.keys import digest, new_key
from chevupload.model import Principal
from chevupload.naming import BASE62
from chevupload.testing import KeyBackendContract, KeyStoreContract
from tests.databases import sqlite_database
from tests.support import Clock, assert_refusal, file

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
READY_KEYS = Tables.default().keys


class HostBase(DeclarativeBase):
    """The base of a host."""


class Person(HostBase):
    """A host's own user: a number, a role, and whatever else the host wants to know."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(String(20), default="member")
    is_welcome: Mapped[bool | None] = mapped_column(default=True)
    quota: Mapped[int | None] = mapped_column()
    keeps_for: Mapped[int | None] = mapped_column()
    plan: Mapped[str | None] = mapped_column(String(20))
    key_digest: Mapped[str | None] = mapped_column(String(64), unique=True)


class PersonsKey(KeyMixin, HostBase):
    """Keys under the host's name, that go with their user."""

    __tablename__ = "persons_keys"
    user_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)


class Member(HostBase):
    """A user with an id of sixteen bytes."""

    __tablename__ = "members"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)


class Subscriber(HostBase):
    """A user with a name for an id, in whatever collation the database has by itself."""

    __tablename__ = "subscribers"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)


class Customer(HostBase):
    """A user whose columns have the names that are looked for."""

    __tablename__ = "customers"
    number: Mapped[int] = mapped_column("id", primary_key=True)
    is_admin: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)


class Seat(HostBase):
    """Something with an id of two columns."""

    __tablename__ = "seats"
    row: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)


COLUMNS = UserColumns(
    id=Person.id,
    is_admin=Person.role == "admin",
    is_active=Person.is_welcome,
    max_bytes=Person.quota,
    lifetime=Person.keeps_for,
    data=Person.plan,
)
PEOPLE = [
    {"id": 7, "role": "admin", "is_welcome": True, "quota": 5_000, "plan": "gold", "keeps_for": 86_400},
    {"id": 8, "role": "member", "is_welcome": True, "quota": None, "plan": None, "keeps_for": 0},
    {"id": 9, "role": "member", "is_welcome": False, "quota": None, "plan": None, "keeps_for": 0},
    {"id": 10, "role": "member", "is_welcome": None, "quota": None, "plan": None, "keeps_for": 0},
    {"id": 11, "role": "member", "is_welcome": True, "quota": None, "plan": None, "keeps_for": 0},
]


@pytest.fixture
def people(each_database):
    """Return a database with the host's users in it."""
    HostBase.metadata.create_all(each_database.engine)
    with each_database.begin() as connection:
        connection.execute(insert(Person), PEOPLE)
    return each_database


def remove(database, person_id):
    with database.begin() as connection:
        connection.execute(delete(Person).where(Person.id == person_id))


class _PeoplesKeys(KeyBackendContract):
    """A table of keys, for the users of a host."""

    @pytest.fixture
    def usable_key(self, backend):
        """Return a key of the admin."""
        return backend.add_key("7").key

    @pytest.fixture
    def owner(self):
        """Return the admin, by the host's own columns."""
        return Principal(user_id="7", is_admin=True, max_bytes=5_000, lifetime=timedelta(days=1))

    @pytest.fixture
    def strangers_keys(self):
        """Return keys of users whom the host does not have."""
        return {}

    @pytest.fixture
    def refused_keys(self, people, backend, strangers_keys):
        """Return a key for each reason to refuse one."""
        revoked, gone = backend.add_key("7"), backend.add_key("11")
        assert backend.revoke_key(revoked.id, user_id="7") is True
        remove(people, 11)
        return strangers_keys | {
            "revoked": revoked.key,
            "expired": backend.add_key("7", expires_at=LONG_AGO).key,
            "expired, in the other style": backend.add_key("7", style="imgbb", expires_at=LONG_AGO).key,
            "not welcome": backend.add_key("9").key,
            "neither welcome nor not": backend.add_key("10").key,
            "deleted": gone.key,
        }


class TestReadyKeysOfPeople(_PeoplesKeys):
    """The ready table of keys, whose users are the host's and have numbers."""

    @pytest.fixture
    def backend(self, people):
        """Return keys that look at the host's users."""
        return SqlKeys(people, users=COLUMNS)

    @pytest.fixture
    def strangers_keys(self, people):
        """Return keys of users whom another table of users had before; to some databases 7th is a 7."""
        keys = {}
        with people.begin() as connection:
            for owner in ("7th", "07", " 7", "7.0", "nobody", ""):
                made = new_key()
                row = {"id": made.id, "user_id": owner, "label": "", "style": "chevereto", "created_at": LONG_AGO}
                connection.execute(insert(READY_KEYS), row | {"digest": digest(made.key)})
                keys[f"of the user {owner!r}"] = made.key
        return keys


class TestKeysBesidePeople(_PeoplesKeys):
    """A table of keys on the host's own base, with a foreign key to the host's users."""

    @pytest.fixture
    def backend(self, people):
        """Return keys of the host's own table."""
        return SqlKeys(people, tables=Tables.of(PersonsKey), users=COLUMNS)


class TestKeysOfAccounts(KeyBackendContract):
    """The ready tables of keys and users."""

    @pytest.fixture
    def accounts(self, each_database):
        """Return accounts with one user who may upload, and one who may not."""
        accounts = Accounts(each_database)
        accounts.add_user("ann", is_admin=True)
        accounts.add_user("bob")
        accounts.disable_user("bob")
        return accounts

    @pytest.fixture
    def backend(self, each_database):
        """Return keys of these accounts."""
        return SqlKeys(each_database)

    @pytest.fixture
    def usable_key(self, accounts):
        """Return a key of the admin."""
        return accounts.add_key("ann").key

    @pytest.fixture
    def owner(self, accounts):
        """Return the admin."""
        return Principal(user_id=accounts.find_user("ann").id, is_admin=True)

    @pytest.fixture
    def refused_keys(self, accounts):
        """Return a key for each reason to refuse one."""
        revoked = accounts.add_key("ann")
        accounts.revoke_key(revoked.id)
        return {
            "revoked": revoked.key,
            "expired": accounts.add_key("ann", expires_at=LONG_AGO).key,
            "disabled": accounts.add_key("bob").key,
        }


class TestDigestsOfPeople(KeyBackendContract):
    """One key for each user, in a column of the host's own users."""

    @pytest.fixture
    def backend(self, people):
        """Return keys that look into the column."""
        return UserKeys(people, digest=Person.key_digest, users=COLUMNS)

    @pytest.fixture
    def keys(self, people):
        """Give each user a key."""
        keys = {}
        for person in PEOPLE:
            keys[person["id"]] = new_key().key
            change = update(Person).where(Person.id == person["id"]).values(key_digest=digest(keys[person["id"]]))
            with people.begin() as connection:
                connection.execute(change)
        return keys

    @pytest.fixture
    def usable_key(self, keys):
        """Return the key of the admin."""
        return keys[7]

    @pytest.fixture
    def owner(self):
        """Return the admin, by the host's own columns."""
        return Principal(user_id="7", is_admin=True, max_bytes=5_000, lifetime=timedelta(days=1))

    @pytest.fixture
    def refused_keys(self, people, keys):
        """Return a key for each reason to refuse one."""
        remove(people, 11)
        with people.begin() as connection:
            connection.execute(update(Person).where(Person.id == 8).values(key_digest=None))
        return {"taken away": keys[8], "not welcome": keys[9], "neither": keys[10], "deleted": keys[11]}


class TestStoreOfAccounts(KeyStoreContract):
    """Users of ours make keys for themselves."""

    @pytest.fixture
    def store(self, each_database):
        """Return keys on the ready tables."""
        return SqlKeys(each_database)

    @pytest.fixture
    def owner_id(self, each_database):
        """Return a user of the site."""
        return Accounts(each_database).add_user("ann")

    @pytest.fixture
    def other_owner_id(self, each_database):
        """Return another user of the site."""
        return Accounts(each_database).add_user("bob")


class _PeoplesStore(KeyStoreContract):
    """Users of a host make keys for themselves."""

    @pytest.fixture
    def owner_id(self):
        """Return a user of the host, as text."""
        return "7"

    @pytest.fixture
    def other_owner_id(self):
        """Return another user of the host, as text."""
        return "8"


class TestReadyStoreOfPeople(_PeoplesStore):
    """In the ready table of keys."""

    @pytest.fixture
    def store(self, people):
        """Return keys that look at the host's users."""
        return SqlKeys(people, users=COLUMNS)


class TestStoreBesidePeople(_PeoplesStore):
    """In a table of the host's own."""

    @pytest.fixture
    def store(self, people):
        """Return keys of the host's own table."""
        return SqlKeys(people, tables=Tables.of(PersonsKey), users=COLUMNS)


@pytest.fixture(params=["ready", "own", "column"])
def known(request, people):
    """Return each way to know the users of a host, and a function that gives one of them a key."""
    if request.param == "column":

        def give(person_id):
            made = new_key()
            with people.begin() as connection:
                change = update(Person).where(Person.id == person_id).values(key_digest=digest(made.key))
                connection.execute(change)
            return made.key

        return UserKeys(people, digest=Person.key_digest, users=COLUMNS), give
    tables = Tables.of(PersonsKey) if request.param == "own" else None
    # A day may end while a test lasts, and the first use of a key on each is written down.
    keys = SqlKeys(people, tables=tables, users=COLUMNS, clock=Clock())
    return keys, lambda person_id: keys.add_key(str(person_id)).key


def test_a_hosts_columns_say_what_a_user_may(known):
    """Rights and limits are read from the host's own columns, and what it wants to find again is passed on."""
    keys, give = known
    admin, member = keys.authenticate(give(7), {}), keys.authenticate(give(8), {})
    assert admin == Principal(user_id="7", is_admin=True, max_bytes=5_000, lifetime=timedelta(days=1))
    assert admin.data == "gold"
    assert member == Principal(user_id="8")
    assert (type(member.is_admin), member.max_bytes, member.data) == (bool, None, None)


def test_a_change_of_the_hosts_is_seen_at_once(known, people):
    """Whoever is shut out, made an admin or given another limit is so from the next upload on."""
    keys, give = known
    key = give(8)
    assert keys.authenticate(key, {}) == Principal(user_id="8")
    with people.begin() as connection:
        connection.execute(update(Person).where(Person.id == 8).values(role="admin", quota=1))
    assert keys.authenticate(key, {}) == Principal(user_id="8", is_admin=True, max_bytes=1)
    with people.begin() as connection:
        connection.execute(update(Person).where(Person.id == 8).values(is_welcome=False))
    assert keys.authenticate(key, {}) is None


def test_a_deleted_users_key_is_dead(known, people):
    """Whoever removes a user has removed the keys, though the row of one may stay."""
    keys, give = known
    key = give(8)
    remove(people, 8)
    assert keys.authenticate(key, {}) is None


def test_everybody_may_upload_where_no_column_says_otherwise(people):
    """An id is enough to know users by: then nobody is an admin, and nobody has a limit or data."""
    keys = SqlKeys(people, users=UserColumns(id=Person.id))
    principal = keys.authenticate(keys.add_key("9").key, {})
    assert principal == Principal(user_id="9")
    assert principal.data is None


def test_a_model_says_by_itself_what_it_can(each_database):
    """Its primary key, and its rights by their usual names, where it has them; two columns are no user id."""
    HostBase.metadata.create_all(each_database.engine)
    with each_database.begin() as connection:
        connection.execute(insert(Customer), {"number": 1, "is_admin": True})
        connection.execute(insert(Customer), {"number": 2, "is_active": False})
        connection.execute(insert(Person), PEOPLE)
    keys = SqlKeys(each_database, users=UserColumns.of(Customer))
    assert keys.authenticate(keys.add_key("1").key, {}) == Principal(user_id="1", is_admin=True)
    assert keys.authenticate(keys.add_key("2").key, {}) is None
    keys = SqlKeys(each_database, users=UserColumns.of(Person))
    assert keys.authenticate(keys.add_key("9").key, {}) == Principal(user_id="9")
    with pytest.raises(ConfigError):
        UserColumns.of(Seat)


def test_users_may_have_uuids(each_database):
    """Ids of another type work with the ready table of keys too, as they are spelled by ``str``."""
    HostBase.metadata.create_all(each_database.engine)
    member = UUID("12345678-1234-5678-1234-567812345678")
    with each_database.begin() as connection:
        connection.execute(insert(Member), {"id": member})
    keys = SqlKeys(each_database, users=UserColumns(id=Member.id))
    assert keys.authenticate(keys.add_key(str(member)).key, {}) == Principal(user_id=str(member))


def test_users_may_have_names_for_ids(each_database):
    """Texts of the host's compare with ours, in whatever order its database sorts them."""
    HostBase.metadata.create_all(each_database.engine)
    with each_database.begin() as connection:
        connection.execute(insert(Subscriber), {"id": "Ännchen"})
    keys = SqlKeys(each_database, users=UserColumns(id=Subscriber.id))
    assert keys.authenticate(keys.add_key("Ännchen").key, {}) == Principal(user_id="Ännchen")
    assert keys.authenticate(keys.add_key("annchen").key, {}) is None


@pytest.fixture
def statements(people):
    """Return a list that grows by each statement that the database is sent."""
    sent = []

    def note(connection, cursor, statement, parameters, context, executemany):
        # Behind a pooler, each transaction sets its time limit.
        if not statement.startswith("SET "):
            sent.append(statement)

    event.listen(people.engine, "before_cursor_execute", note)
    yield sent
    event.remove(people.engine, "before_cursor_execute", note)


def test_whatever_is_wrong_with_a_key_one_and_the_same_statement_is_run(people, known, statements):
    """An unknown key costs what a revoked, an expired or a shut-out user's costs: time tells nothing apart."""
    keys, give = known
    sent_keys = {"unknown": new_key().key, "usable": give(7), "not welcome": give(9)}
    if isinstance(keys, SqlKeys):
        revoked = keys.add_key("8")
        keys.revoke_key(revoked.id, user_id="8")
        sent_keys |= {"revoked": revoked.key, "expired": keys.add_key("8", expires_at=LONG_AGO).key}
    gone = give(11)
    remove(people, 11)
    sent_keys |= {"deleted": gone}
    seen, answers = {}, {}
    # The first use of a day is written down, as no key tells that is refused.
    keys.authenticate(sent_keys["usable"], {})
    for reason, key in sent_keys.items():
        statements.clear()
        answers[reason] = keys.authenticate(key, {})
        seen[reason] = list(statements)
    assert {reason for reason, answer in answers.items() if answer is not None} == {"usable"}
    assert all(statement == seen["unknown"] for statement in seen.values())
    assert len(seen["unknown"]) == 1


def test_mistyped_keys_cost_no_statement(known, statements):
    """Ten thousand of them: one character or two are others, are missing, or are in each other's place."""
    keys, give = known
    key = give(8)
    random, letters = Random(8), f"{BASE62}_-ü "
    mutated = set()
    while len(mutated) < 10_000:
        first, second = sorted(random.sample(range(4, len(key)), 2))
        before, between, behind = key[:first], key[first + 1 : second], key[second + 1 :]
        one, other = random.choices(letters, k=2)
        mutated |= {
            f"{before}{one}{key[first + 1 :]}",
            f"{before}{one}{between}{other}{behind}",
            f"{before}{key[second]}{between}{key[first]}{behind}",
            f"{before}{one}{key[first:]}",
            before,
            before + behind,
        }
    statements.clear()
    assert [wrong for wrong in mutated - {key} if keys.authenticate(wrong, {}) is not None] == []
    assert statements == []
    assert keys.authenticate(key, {}) == Principal(user_id="8")


def test_the_last_use_is_written_once_a_day(people, statements):
    """And costs the other uploads of the day no statement; a refused key was not used."""
    clock = Clock()
    keys = SqlKeys(people, users=COLUMNS, clock=clock)
    used, unused = keys.add_key("8").key, keys.add_key("9").key

    def uses():
        statements.clear()
        assert keys.authenticate(used, {}).user_id == "8"
        return len(statements)

    def days():
        return [str(key.last_used_on) for key in (*keys.keys_of("8"), *keys.keys_of("9"))]

    assert days() == ["None", "None"]
    assert [uses(), uses()] == [2, 1]
    assert keys.authenticate(unused, {}) is None
    assert days() == ["2026-03-04", "None"]
    clock.move(days=1)
    assert [uses(), uses()] == [2, 1]
    assert days() == ["2026-03-05", "None"]
    clock.move(days=-1)
    assert uses() == 1


def test_a_key_opens_where_its_use_cannot_be_written_down(tmp_path, caplog):
    """A database that can only be read lets keys in, with a line in the log."""
    with sqlite_database(tmp_path / "keys.db") as database:
        Accounts(database).add_user("ann")
        made = Accounts(database).add_key("ann")
        event.listen(database.engine, "begin", lambda connection: connection.exec_driver_sql("PRAGMA query_only=1"))
        assert SqlKeys(database).authenticate(made.key, {}) is not None
    assert [record.getMessage() for record in caplog.records if made.id in record.getMessage()] != []


def test_words_of_a_later_version_allow_nothing(people):
    """A server that does not know a scope or a format yet, beside one that does, refuses what it does not know."""
    keys = SqlKeys(people, users=COLUMNS)
    made = keys.add_key("8")
    with people.begin() as connection:
        row = {"scopes": "fly upload", "formats": "JXL"}
        connection.execute(update(READY_KEYS).where(READY_KEYS.c.id == made.id).values(row))
    principal = keys.authenticate(made.key, {})
    assert (principal.scopes, principal.formats, principal.key_id) == ({"upload"}, frozenset(), made.id)


def test_mistyped_keys_are_refused_without_the_database(make, database, tmp_path):
    """On the wire they are unknown keys like any other: 401, though the database is not there any more."""
    Accounts(database).add_user("ann")
    key = Accounts(database).add_key("ann").key
    stand = make(catalog=SqlCatalog(database), keys=SqlKeys(database))
    assert stand.send({"source": file()}, key=key).status_code == 200
    (tmp_path / "records.db").unlink()
    database.engine.dispose()
    assert stand.send({"source": file()}, key=new_key().key).status_code == 503
    for place in range(4, len(key)):
        wrong = f"{key[:place]}{'x' if key[place] != 'x' else 'y'}{key[place + 1 :]}"
        assert_refusal(stand.send({"source": file()}, key=wrong), 401, 100, "Invalid API key.")
        assert_refusal(stand.send({"source": file(), "key": key[:place]}, key=None), 401, 100, "Invalid API key.")


@pytest.mark.parametrize("style", ["chevereto", "imgbb"])
def test_hooks_are_told_which_key_was_sent(make, database, style):
    """By the id that lists of keys show; what the host's own code saves came with none."""
    accounts, seen = Accounts(database), []
    accounts.add_user("ann")
    made = accounts.add_key("ann", style=style)

    def before_store(upload, principal, file):
        seen.append(principal.key_id)

    stand = make(catalog=SqlCatalog(database), keys=SqlKeys(database), before_store=before_store)
    stand.upload(key=made.key)
    stand.component.uploads.save(file()[0], owner=accounts.user_id("ann"))
    assert seen == [made.id, None]
    assert [key.id for key in accounts.list_keys("ann")] == [made.id]


def test_a_key_for_nobody_is_not_made(people):
    """A user id that is none, or a user that is not there, is told when the key is made."""
    keys = SqlKeys(people, tables=Tables.of(PersonsKey), users=COLUMNS)
    for nobody in ("nobody", "07", "", None, "4711", "9" * 40):
        with pytest.raises(CatalogError):
            keys.add_key(nobody)
    with pytest.raises(ConfigError):
        keys.add_key("7", style="uuid")


def test_a_guest_can_end_nobodys_key(people):
    """The user id of a guest is None, which is not everybody's."""
    keys = SqlKeys(people, users=COLUMNS)
    made = keys.add_key("7")
    assert keys.revoke_key(made.id, user_id=None) is False
    assert keys.keys_of(None) == []
    assert keys.authenticate(made.key, {}) is not None


def test_a_database_that_is_away_is_an_error_and_no_refusal(tmp_path):
    """A client whose key is right is told to come again, not that the key is wrong."""
    engine = sqlite_engine(tmp_path / "nowhere" / "a.db", busy_seconds=0)
    for keys in (
        SqlKeys(Database(engine)),
        UserKeys(Database(engine), digest=Person.key_digest, users=COLUMNS),
    ):
        with pytest.raises(CatalogError):
            keys.authenticate(new_key().key, {})
    engine.dispose()
