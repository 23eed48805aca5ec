"""What every key backend promises, and every store of keys that users make for themselves.

A backend that keeps these promises lets nobody in who should stay out, and never lets a strange key become an error.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn
from wsgiref.util import setup_testing_defaults

import pytest

from chevupload.model import ApiKey, KeyStyle, Principal
from chevupload.policy.restrictions import NO_RESTRICTIONS, KeyRestrictions
from chevupload.protocols import KeyBackend, KeyStore, UserKeyBackend
from chevupload.testing.records import in_threads

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_KEY = 512
"""How long a key can be: the component asks for no longer one."""

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ONE_DAY = datetime(2200, 1, 1, tzinfo=UTC)

RESTRICTED = KeyRestrictions(
    scopes=frozenset({"upload", "list"}),
    album_id="an album ü",
    max_bytes=5_000_000_000,
    formats=frozenset({"PNG", "JPEG"}),
    origins=frozenset({"https://forum.example", "http://localhost:8080", "null"}),
)

STRANGERS = {
    "one letter": "a",
    "a space": " ",
    "a null": "\x00",
    "line breaks": "\r\n\t",
    "as long as can be": "k" * MAX_KEY,
    "a pattern": "%",
    "another pattern": "_" * 64,
    "a statement": "' OR '1'='1",
    "accents": "schlüssel",
    "a cat": "🐈" * 16,
    "full-width letters": "ｋｅｙ",
    "a lone surrogate": "\ud800",
    "bytes that are no UTF-8": "key\udcff\udcfe",
    "a number": "0",
    "no value": "None",
}
"""Keys that nobody has, some of which only a hostile client sends."""


class _Unread(io.RawIOBase):
    """A request body that tells when somebody touches it."""

    def __init__(self) -> None:
        self.was_read = False

    def _touched(self, *arguments: Any) -> NoReturn:
        self.was_read = True
        raise AssertionError("wsgi.input was read")

    read = readinto = readline = readlines = readall = __iter__ = __next__ = _touched


def _near(key: str) -> Iterator[tuple[str, str]]:
    """Yield keys that are almost ``key``."""
    yield "its beginning", key[:-1]
    yield "its first half", key[: len(key) // 2]
    yield "its end", key[1:]
    yield "in the other case", key.swapcase()
    yield "in capitals", key.upper()
    yield "in small letters", key.lower()
    yield "with a letter more", f"{key}x"
    yield "with a space behind", f"{key} "
    yield "with a space before", f" {key}"
    yield "with a line break", f"{key}\n"
    yield "with a null", f"{key}\x00"
    yield "with an accent", f"{key}\u0301"
    yield "with a surrogate", f"{key}\udc00"
    yield "twice", key + key
    yield "with the last letter changed", key[:-1] + ("x" if key[-1] != "x" else "y")
    yield "its digest", sha256(key.encode()).hexdigest()
    yield "filled up", key.ljust(MAX_KEY, "x")


def assert_owner(principal: Principal | None, owner: Principal | str | None) -> None:
    """Assert that a principal is the one that was expected, or has this user id."""
    assert isinstance(principal, Principal)
    assert (principal if isinstance(owner, Principal) else principal.user_id) == owner


class _Requests:
    """What both contracts send."""

    @pytest.fixture
    def environ(self) -> WSGIEnvironment:
        """Return the WSGI environ of an upload, whose body fails whoever reads it."""
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/api/1/upload",
            "CONTENT_LENGTH": "1000",
            "CONTENT_TYPE": "multipart/form-data; boundary=b",
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.input": _Unread(),
        }
        setup_testing_defaults(environ)
        return environ


class KeyBackendContract(_Requests):
    """The promises of a :class:`~chevupload.protocols.KeyBackend`.

    The subclass gives the fixtures ``backend``, ``usable_key`` and ``owner``: the Principal that the key stands for, or
    its user id alone, None being a guest. Where keys can be revoked, expire or belong to a user who may not upload any
    more, ``refused_keys`` gives one for each reason.
    """

    @pytest.fixture
    def backend(self) -> KeyBackend:
        """Return the backend under test."""
        raise NotImplementedError("the subclass gives a fixture `backend`")

    @pytest.fixture
    def usable_key(self) -> str:
        """Return a key that the backend knows."""
        raise NotImplementedError("the subclass gives a fixture `usable_key`")

    @pytest.fixture
    def owner(self) -> Principal | str | None:
        """Return whom the key stands for."""
        raise NotImplementedError("the subclass gives a fixture `owner`")

    @pytest.fixture
    def refused_keys(self) -> Mapping[str, str]:
        """Return keys that were good once, by the reason why they no longer are."""
        return {}

    def test_a_user_is_the_same_by_the_id(
        self, backend: KeyBackend, usable_key: str, owner: Principal | str | None, environ: WSGIEnvironment
    ) -> None:
        """Where the backend knows users by their ids: the same limits, and nobody for an id that is almost it."""
        principal = backend.authenticate(usable_key, environ)
        if not isinstance(backend, UserKeyBackend) or principal is None or principal.user_id is None:
            pytest.skip("the backend knows nobody by id")
        user_id = principal.user_id
        found = backend.principal(user_id)
        assert found == principal
        assert found.data == principal.data
        near = {f"{user_id} ", f" {user_id}", f"{user_id}x", f"0{user_id}", user_id.swapcase(), "", "\x00", "\ud800"}
        assert [other for other in near - {user_id} if backend.principal(other) is not None] == []

    def test_a_usable_key_stands_for_its_owner(
        self, backend: KeyBackend, usable_key: str, owner: Principal | str | None, environ: WSGIEnvironment
    ) -> None:
        """Whoever sends the key is its owner, each time that it is sent; a user id is text, as records keep it."""
        for _ in range(2):
            principal = backend.authenticate(usable_key, environ)
            assert_owner(principal, owner)
            assert principal is not None
            assert principal.user_id is None or type(principal.user_id) is str

    def test_an_unknown_key_is_refused_whatever_it_is_made_of(
        self, backend: KeyBackend, environ: WSGIEnvironment
    ) -> None:
        """The answer is None and never an exception, which would be a fault of the server in the client's hands."""
        answers = {name: backend.authenticate(key, environ) for name, key in STRANGERS.items()}
        assert answers == dict.fromkeys(STRANGERS)

    def test_a_near_miss_is_refused(self, backend: KeyBackend, usable_key: str, environ: WSGIEnvironment) -> None:
        """Only the whole key opens: none of its parts, no other spelling of it, and not what a database keeps of it."""
        near = {name: key for name, key in _near(usable_key) if 0 < len(key) <= MAX_KEY and key != usable_key}
        answers = {name: backend.authenticate(key, environ) for name, key in near.items()}
        assert answers == dict.fromkeys(near)

    def test_a_key_that_was_good_once_is_refused_like_an_unknown_one(
        self,
        backend: KeyBackend,
        usable_key: str,
        owner: Principal | str | None,
        refused_keys: Mapping[str, str],
        environ: WSGIEnvironment,
    ) -> None:
        """Nobody learns from the answer that a key was right once; and refusing it shuts nobody else out."""
        answers = {reason: backend.authenticate(key, environ) for reason, key in refused_keys.items()}
        assert answers == dict.fromkeys(refused_keys)
        assert_owner(backend.authenticate(usable_key, environ), owner)

    def test_the_body_is_not_read(
        self, backend: KeyBackend, usable_key: str, refused_keys: Mapping[str, str], environ: WSGIEnvironment
    ) -> None:
        """The picture that follows the key is left to the component, which reads it once."""
        for key in (usable_key, "unknown", *refused_keys.values()):
            backend.authenticate(key, environ)
        assert environ["wsgi.input"].was_read is False

    def test_keys_are_told_apart_in_many_threads(
        self, backend: KeyBackend, usable_key: str, owner: Principal | str | None, environ: WSGIEnvironment
    ) -> None:
        """No request is answered with what another one asked at the same moment."""

        def work(thread: int) -> list[Principal | None]:
            key = usable_key if thread % 2 else f"unknown-{thread}"
            return [backend.authenticate(key, dict(environ)) for _ in range(10)]

        for thread, answers in enumerate(in_threads(8, work)):
            if not thread % 2:
                assert answers == [None] * 10
                continue
            for answer in answers:
                assert_owner(answer, owner)

    def test_no_key_is_printed(self, backend: KeyBackend, usable_key: str, environ: WSGIEnvironment) -> None:
        """The backend and the principal may end up in a log or a traceback: neither shows the key."""
        principal = backend.authenticate(usable_key, environ)
        for thing in (backend, principal):
            assert usable_key not in repr(thing)
            assert usable_key not in str(thing)


class KeyStoreContract(_Requests):
    """The promises of a :class:`~chevupload.protocols.KeyStore`.

    The subclass gives the fixtures ``store``, ``owner_id`` and ``other_owner_id``: two users without keys who may
    upload; and ``backend``, what the keys open, when it is not the store itself.
    """

    @pytest.fixture
    def store(self) -> KeyStore:
        """Return the store under test."""
        raise NotImplementedError("the subclass gives a fixture `store`")

    @pytest.fixture
    def owner_id(self) -> str:
        """Return a user's id."""
        raise NotImplementedError("the subclass gives a fixture `owner_id`")

    @pytest.fixture
    def other_owner_id(self) -> str:
        """Return another user's id."""
        raise NotImplementedError("the subclass gives a fixture `other_owner_id`")

    @pytest.fixture
    def backend(self, store: KeyStore) -> Any:
        """Return the key backend that knows the store's keys."""
        assert callable(getattr(store, "authenticate", None)), "the subclass gives a fixture `backend`"
        return store

    def test_it_has_every_method(self, store: KeyStore) -> None:
        """The page of keys finds all that it calls."""
        assert isinstance(store, KeyStore)

    @pytest.mark.parametrize("style", ["chevereto", "imgbb"])
    def test_a_new_key_opens_as_its_user(
        self, store: KeyStore, backend: KeyBackend, owner_id: str, style: KeyStyle, environ: WSGIEnvironment
    ) -> None:
        """A key works from the moment when it is shown, in either style, and can be sent as a header as it is."""
        made = store.add_key(owner_id, label="laptop 🐈", style=style, expires_at=ONE_DAY)
        assert_owner(backend.authenticate(made.key, environ), owner_id)
        assert made.key.isascii()
        assert made.key.isprintable()
        assert " " not in made.key
        assert 20 <= len(made.key) <= MAX_KEY

    def test_imgbb_keys_are_32_small_letters_and_digits(self, store: KeyStore, owner_id: str) -> None:
        """Clients of ImgBB insist on this form."""
        key = store.add_key(owner_id, style="imgbb").key
        assert len(key) == 32
        assert set(key) <= set("0123456789abcdefghijklmnopqrstuvwxyz")

    def test_a_keys_text_is_shown_once(self, store: KeyStore, owner_id: str) -> None:
        """Neither the list of keys nor any ``repr`` has it: whoever lost a key makes another one."""
        made = store.add_key(owner_id, label="laptop")
        (listed,) = store.keys_of(owner_id)
        for thing in (made, listed, store):
            assert made.key not in repr(thing)
        assert made.key not in [getattr(listed, name) for name in ApiKey.__dataclass_fields__]

    def test_a_forgotten_users_keys_are_gone(
        self,
        store: KeyStore,
        backend: KeyBackend,
        owner_id: str,
        other_owner_id: str,
        environ: WSGIEnvironment,
    ) -> None:
        """All of them, and nobody else's: whoever gets the same id later finds none."""
        gone = [store.add_key(owner_id, label=str(number)).key for number in range(3)]
        kept = store.add_key(other_owner_id).key
        store.forget_keys(owner_id)
        store.forget_keys(owner_id)
        store.forget_keys("nobody of this name")
        assert list(store.keys_of(owner_id)) == []
        assert [backend.authenticate(key, environ) for key in gone] == [None] * 3
        assert_owner(backend.authenticate(kept, environ), other_owner_id)

    def test_a_listed_key_is_recognised(self, store: KeyStore, owner_id: str) -> None:
        """A user finds a key by its label, its style and its times, in the order in which they were made."""
        assert list(store.keys_of(owner_id)) == []
        first = store.add_key(owner_id, label="laptop 🐈")
        second = store.add_key(owner_id, style="imgbb", expires_at=ONE_DAY)
        listed = store.keys_of(owner_id)
        assert sorted(key.id for key in listed) == sorted([first.id, second.id])
        assert [key.created_at for key in listed] == sorted(key.created_at for key in listed)
        by_id = {key.id: key for key in listed}
        one, two = by_id[first.id], by_id[second.id]
        assert (one.label, one.style, one.expires_at, one.revoked_at) == ("laptop 🐈", "chevereto", None, None)
        assert (two.label, two.style, two.expires_at, two.revoked_at) == ("", "imgbb", ONE_DAY, None)
        assert {one.user_id, two.user_id} == {owner_id}
        assert one.created_at.utcoffset() is not None

    def test_a_key_is_for_what_it_was_made_for(
        self, store: KeyStore, backend: KeyBackend, owner_id: str, environ: WSGIEnvironment
    ) -> None:
        """Who sends it may do no more, the list says what it is for, and another key of its owner is not narrowed."""
        made = store.add_key(owner_id, label="narrow", restrictions=RESTRICTED)
        whole = store.add_key(owner_id)
        principal, owner = backend.authenticate(made.key, environ), backend.authenticate(whole.key, environ)
        assert owner is not None
        assert owner.restrictions == NO_RESTRICTIONS
        assert principal == owner.narrowed(RESTRICTED)
        assert principal.data == owner.data
        assert {key.id: key.restrictions for key in store.keys_of(owner_id)} == {
            made.id: RESTRICTED,
            whole.id: NO_RESTRICTIONS,
        }

    def test_a_key_for_nothing_is_for_nothing(
        self, store: KeyStore, backend: KeyBackend, owner_id: str, environ: WSGIEnvironment
    ) -> None:
        """Sets without members are kept as such: they are the contrary of no restriction."""
        nothing = KeyRestrictions(scopes=frozenset(), formats=frozenset(), origins=frozenset())
        made = store.add_key(owner_id, restrictions=nothing)
        principal = backend.authenticate(made.key, environ)
        assert principal is not None
        assert principal.restrictions == nothing
        assert not principal.may("upload")

    def test_a_revoked_key_opens_nothing_and_stays_in_the_list(
        self, store: KeyStore, backend: KeyBackend, owner_id: str, environ: WSGIEnvironment
    ) -> None:
        """A key is ended at once and for good, the others are not, and the list says which one it was."""
        made, kept = store.add_key(owner_id), store.add_key(owner_id)
        assert store.revoke_key(made.id, user_id=owner_id) is True
        assert backend.authenticate(made.key, environ) is None
        assert_owner(backend.authenticate(kept.key, environ), owner_id)
        assert {key.id: key.revoked_at is None for key in store.keys_of(owner_id)} == {made.id: False, kept.id: True}
        assert store.revoke_key(made.id, user_id=owner_id) is False
        assert backend.authenticate(made.key, environ) is None

    def test_an_expired_key_opens_nothing_and_stays_in_the_list(
        self, store: KeyStore, backend: KeyBackend, owner_id: str, environ: WSGIEnvironment
    ) -> None:
        """Its owner sees why it does not work any more."""
        made = store.add_key(owner_id, expires_at=LONG_AGO)
        assert backend.authenticate(made.key, environ) is None
        assert [key.expires_at for key in store.keys_of(owner_id)] == [LONG_AGO]

    def test_nobody_sees_or_ends_anothers_key(
        self, store: KeyStore, backend: KeyBackend, owner_id: str, other_owner_id: str, environ: WSGIEnvironment
    ) -> None:
        """A user who knows the id of another one's key can do nothing with it, and does not learn that it exists."""
        made = store.add_key(owner_id)
        assert list(store.keys_of(other_owner_id)) == []
        assert store.revoke_key(made.id, user_id=other_owner_id) is False
        assert store.revoke_key("nobody", user_id=other_owner_id) is False
        assert_owner(backend.authenticate(made.key, environ), owner_id)
        assert [key.revoked_at for key in store.keys_of(owner_id)] == [None]

    def test_nobody_has_no_keys(
        self, store: KeyStore, backend: KeyBackend, owner_id: str, environ: WSGIEnvironment
    ) -> None:
        """A user id that is none, whatever it is made of, has an empty list and can end nothing."""
        made = store.add_key(owner_id)
        for nobody in ("nobody", "0", "-1", "9" * 40, "", " ", "%", f"{owner_id} ", f" {owner_id}", "ü"):
            assert list(store.keys_of(nobody)) == [], nobody
            assert store.revoke_key(made.id, user_id=nobody) is False, nobody
        assert_owner(backend.authenticate(made.key, environ), owner_id)

    def test_keys_of_many_threads_are_all_kept(
        self, store: KeyStore, backend: KeyBackend, owner_id: str, environ: WSGIEnvironment
    ) -> None:
        """Keys that are made at one moment are different ones, and all of them open."""
        made = in_threads(6, lambda thread: [store.add_key(owner_id, label=str(thread)) for _ in range(3)])
        keys = list(chain(*made))
        assert len({key.key for key in keys}) == len({key.id for key in keys}) == 18
        assert sorted(key.id for key in store.keys_of(owner_id)) == sorted(key.id for key in keys)
        for key in keys:
            assert_owner(backend.authenticate(key.key, environ), owner_id)
