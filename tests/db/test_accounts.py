"""Accounts give keys that open until they are revoked, expire, or their user is disabled; and never show them again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chevupload.db import Accounts, SqlKeys, Tables, UnknownName
from chevupload.errors import ConfigError, NameTaken
from chevupload.keys import digest
from chevupload.model import Category, Principal


class _Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock(now):
    return _Clock(now)


@pytest.fixture
def accounts(database, clock):
    return Accounts(database, clock=clock)


@pytest.fixture
def keys(database, clock):
    return SqlKeys(database, clock=clock)


@pytest.mark.parametrize("style", ["chevereto", "imgbb"])
def test_a_key_stands_for_its_user(accounts, keys, style):
    """A key in either style opens as its user, an admin's with an admin's rights."""
    admin, user = accounts.add_user("root", is_admin=True), accounts.add_user("user")
    made = accounts.add_key("root", style=style)
    assert keys.authenticate(made.key, {}) == Principal(user_id=admin, is_admin=True)
    assert keys.authenticate(accounts.add_key("user").key, {}) == Principal(user_id=user)


def test_nothing_else_opens(accounts, keys):
    """Near misses and patterns open nothing, and neither does a digest out of a leaked database."""
    accounts.add_user("user")
    key = accounts.add_key("user").key
    for wrong in (key + "x", key[:-1], key.upper(), digest(key), "%", "\ud800", "x"):
        assert keys.authenticate(wrong, {}) is None


def test_a_revoked_key_is_closed_for_good(accounts, keys, now):
    """A revoked key opens nothing any more, the list says since when, and revoking in vain is told."""
    accounts.add_user("user")
    made = accounts.add_key("user")
    assert accounts.revoke_key(made.id) is True
    assert accounts.revoke_key(made.id) is False
    assert accounts.revoke_key("nobody") is False
    assert keys.authenticate(made.key, {}) is None
    (listed,) = accounts.list_keys()
    assert listed.revoked_at == now
    assert not listed.is_usable(now)


def test_a_key_expires_at_its_second(accounts, keys, clock, now):
    """A key opens until its last second and not at its end, and the list says the same."""
    accounts.add_user("user")
    made = accounts.add_key("user", expires_at=now + timedelta(seconds=10))
    clock.now = now + timedelta(seconds=9)
    assert keys.authenticate(made.key, {}) is not None
    assert accounts.list_keys()[0].is_usable(clock.now)
    clock.now = now + timedelta(seconds=10)
    assert keys.authenticate(made.key, {}) is None
    assert not accounts.list_keys()[0].is_usable(clock.now)


def test_keys_of_a_disabled_user_are_closed_until_enabled(accounts, keys, now):
    """Disabling a user closes the keys without ending them, so that it can be taken back."""
    accounts.add_user("user")
    key = accounts.add_key("user").key
    accounts.disable_user("user")
    assert keys.authenticate(key, {}) is None
    assert accounts.find_user("user").disabled_at == now
    accounts.disable_user("user", disabled=False)
    assert keys.authenticate(key, {}) is not None


def test_only_digests_are_stored(accounts, database):
    """Whoever reads the table of keys can use none of them."""
    accounts.add_user("user")
    made = accounts.add_key("user", label="laptop")
    with database.connect() as connection:
        (row,) = connection.execute(Tables.default().keys.select()).mappings()
    assert row["digest"] == digest(made.key)
    secret = made.key.rsplit("_", 1)[1]
    assert not any(secret in str(value) for value in row.values())


def test_listed_keys_tell_everything_but_the_secret(accounts, clock, now):
    """A key is recognised by label, style and times, and the list never gives its text away."""
    accounts.add_user("user")
    first = accounts.add_key("user", label="laptop")
    clock.now = now + timedelta(hours=1)
    second = accounts.add_key("user", style="imgbb", expires_at=now + timedelta(days=1))
    one, two = accounts.list_keys()
    assert (one.id, one.user, one.label, one.style, one.created_at) == (first.id, "user", "laptop", "chevereto", now)
    assert one.is_usable(now)
    assert (two.id, two.style, two.expires_at) == (second.id, "imgbb", now + timedelta(days=1))
    assert first.key not in repr(one)
    assert second.key not in repr(two)


def test_user_names_are_unique_and_differ_by_case(accounts):
    """A name has one user, ``Ann`` and ``ann`` being two, and a second attempt changes nothing of the first."""
    first = accounts.add_user("Ann")
    with pytest.raises(NameTaken):
        accounts.add_user("Ann", is_admin=True)
    accounts.add_user("ann")
    assert accounts.find_user("Ann").id == first
    assert accounts.find_user("ANN") is None
    assert [(user.name, user.is_admin) for user in accounts.list_users()] == [("Ann", False), ("ann", False)]


def test_unknown_users_are_told(accounts):
    """A misspelled user is an error with a name of its own, not an empty result."""
    for action in (accounts.add_key, accounts.disable_user, accounts.user_id):
        with pytest.raises(UnknownName):
            action("nobody")


def test_an_unknown_style_is_a_mistake(accounts):
    """A misspelled style is refused before anything is stored."""
    accounts.add_user("user")
    with pytest.raises(ConfigError):
        accounts.add_key("user", style="uuid")
    assert accounts.list_keys() == []


def test_names_have_one_spelling(accounts):
    """macOS writes letters and their accents apart."""
    accounts.add_category("Cafés")
    with pytest.raises(NameTaken):
        accounts.add_category("Cafe\u0301s")


def test_categories_are_numbered(accounts):
    """Categories have the small numbers that clients send, and each name is given once."""
    assert [accounts.add_category(name) for name in ("Animals", "Cars")] == [1, 2]
    with pytest.raises(NameTaken):
        accounts.add_category("Cars")
    assert accounts.list_categories() == [Category(1, "Animals"), Category(2, "Cars")]
