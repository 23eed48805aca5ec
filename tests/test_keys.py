"""Keys are unpredictable, stored as digests only, and asked of each backend in turn."""

from __future__ import annotations

import hashlib
import re
import zlib

import pytest

from chevupload.errors import ConfigError
from chevupload.keys import (
    GuestKey,
    KeyChain,
    as_key_backend,
    digest,
    is_mistyped,
    is_well_formed,
    key_id_of,
    new_key,
    principal_of,
    random_id,
    signed_in,
)
from chevupload.model import Principal
from chevupload.testing import KeyBackendContract
from chevupload.testing.memory import StaticKeys

KEY = "The key of user 42"
USER = Principal(user_id="42", max_bytes=1_000)


class _OneKey(KeyBackendContract):
    """A backend that knows one key."""

    @pytest.fixture
    def usable_key(self):
        """Return the key."""
        return KEY

    @pytest.fixture
    def owner(self):
        """Return the user."""
        return USER


class TestStaticKeys(_OneKey):
    """Keys given once."""

    @pytest.fixture
    def backend(self):
        """Return two of them."""
        return StaticKeys({KEY: USER, "another": Principal()})


class TestFunction(_OneKey):
    """A plain function of a host."""

    @pytest.fixture
    def backend(self):
        """Return a function in the shape of a backend."""
        wanted = digest(KEY)
        return as_key_backend(lambda key, environ: USER if digest(key) == wanted else None)


class TestGuestKey(_OneKey):
    """The key for everybody."""

    @pytest.fixture
    def backend(self):
        """Return it."""
        return GuestKey(KEY)

    @pytest.fixture
    def owner(self):
        """Return the guest."""
        return Principal()


class TestKeyChain(_OneKey):
    """Several backends, of which one in the middle knows the key."""

    @pytest.fixture
    def backend(self):
        """Return a chain."""
        return KeyChain(GuestKey("another"), StaticKeys({KEY: USER}), GuestKey(KEY), lambda key, environ: None)


def test_chevereto_key_names_its_id_and_holds_256_random_bits():
    """The id tells keys apart in a list and in the key itself, while the secret behind it cannot be guessed."""
    made = new_key("chevereto")
    assert re.fullmatch(rf"chv_{made.id}_[0-9a-f]{{64}}[0-9A-Za-z]{{6}}", made.key)
    assert re.fullmatch(r"[0-9A-Za-z]{6}", made.id)


def test_a_keys_checksum_is_of_all_before_it():
    """CRC-32, most significant digit first, with zeros in front, as the page of keys tells scanners."""
    rest = f"chv_abcdef_{'0' * 64}"
    assert zlib.crc32(rest.encode()) == 296_992_843
    assert [end for end in ("0K69P9", "0K69P8", "0k69P9", "K69P9") if is_well_formed(rest + end)] == ["0K69P9"]
    for made in (new_key(), new_key("imgbb")):
        assert is_well_formed(made.key)


def test_only_whole_keys_are_well_formed():
    """Near misses are not, nor what stands around a key."""
    key = new_key().key
    for wrong in (key[:-1], key[:-6], f"{key}0", f"{key}\n", f" {key}", key.upper(), key.replace("chv_", "chw_"), ""):
        assert not is_well_formed(wrong)
    assert is_mistyped(key[:-1])
    assert not is_mistyped(key)
    assert not is_mistyped("a guest's key of any form")


def test_a_keys_id_is_read_from_its_text():
    """Also from what was mistyped behind it; any other text has none."""
    made = new_key()
    assert key_id_of(made.key) == key_id_of(made.key[:20]) == made.id
    assert [key_id_of(text) for text in ("", "chv_", "chv_a_b", "chv_abcde\n_", new_key("imgbb").key)] == [None] * 5


def test_imgbb_key_is_32_lower_case_letters_and_digits():
    """Clients that insist on ImgBB's form get it, and the key has a public id all the same."""
    made = new_key("imgbb")
    assert re.fullmatch(r"[0-9a-z]{32}", made.key)
    assert re.fullmatch(r"[0-9A-Za-z]{6}", made.id)


def test_no_two_keys_are_the_same():
    """Keys are random, so no two users are given the same one."""
    assert len({new_key().key for _ in range(200)}) == 200


def test_an_unknown_style_is_the_developers_mistake():
    """A misspelled style is a ConfigError, not a key in some other form."""
    with pytest.raises(ConfigError, match=r"^unknown key style: 'uuid'$"):
        new_key("uuid")  # type: ignore[arg-type]


def test_a_new_key_does_not_print_its_text():
    """A key's object may end up in a log or a traceback: its ``repr`` leaves the text out."""
    made = new_key()
    assert made.key not in repr(made)


def test_random_id_uses_the_whole_alphabet():
    """Every character is drawn, so that an id is as hard to guess as its length says."""
    assert set(random_id(500, "ab")) == {"a", "b"}


def test_digest_covers_the_whole_key():
    """A key is stored as the SHA-256 of all its characters; two long keys that begin alike stay two."""
    key = "k" * 100
    assert digest(key) == hashlib.sha256(key.encode()).hexdigest()
    assert digest(key + "a") != digest(key + "b")


def test_digest_takes_any_text():
    """Whatever a request sends as its key is an unknown key, never an encoding error."""
    assert digest("\ud800\x00é") != digest("?")


def test_guest_key_stands_for_nobody():
    """The guest key uploads without an owner, a near miss opens nothing, and its text is not kept."""
    guest = GuestKey("open sesame")
    assert guest.authenticate("open sesame", {}) == Principal()
    assert guest.authenticate("open sesam", {}) is None
    assert guest.authenticate("öpen", {}) is None
    assert "sesame" not in repr(vars(guest))


def test_an_empty_guest_key_is_refused():
    """An empty guest key is a setting that was forgotten, and is told at construction."""
    with pytest.raises(ConfigError, match=r"^the guest key is empty$"):
        GuestKey("")


def test_the_first_backend_that_knows_a_key_wins():
    """Backends are asked in their order, so a site decides which one speaks for a key that two of them know."""

    def first(key, environ):
        return Principal(user_id="function") if key == "one" else None

    chain = KeyChain(first, GuestKey("one"), GuestKey("two"))
    assert chain.authenticate("one", {}) == Principal(user_id="function")
    assert chain.authenticate("two", {}) == Principal()
    assert chain.authenticate("three", {}) is None
    assert KeyChain().authenticate("one", {}) is None


def test_a_function_gets_the_environ():
    """A host's plain function sees the request besides the key; its None means that the key is unknown."""
    seen = []
    backend = as_key_backend(lambda key, environ: seen.append((key, environ)))
    assert backend.authenticate("k", {"a": 1}) is None
    assert seen == [("k", {"a": 1})]


def test_every_backend_of_a_chain_gets_the_environ():
    seen = []
    KeyChain(GuestKey("another"), lambda key, environ: seen.append(environ)).authenticate("k", {"a": 1})
    assert seen == [{"a": 1}]


def test_where_no_backend_knows_users_each_id_is_one():
    assert KeyChain(GuestKey("k")).principal("7") == Principal(user_id="7")


@pytest.mark.parametrize("keys", [KeyChain(GuestKey(KEY)), as_key_backend(lambda key, environ: None)])
def test_where_keys_know_no_users_an_id_is_a_user_with_the_limits_of_the_site(keys):
    """A chain says so, and a function of the host cannot be asked."""
    assert principal_of(keys, "42") == Principal(user_id="42")


def test_who_is_signed_in_is_asked_of_the_host_and_then_of_the_keys():
    """Somebody by id or as a Principal, or nobody, who is not a guest."""
    keys = StaticKeys({KEY: USER})
    assert signed_in(keys, lambda environ: environ["user"])({"user": "42"}) == USER
    assert signed_in(keys, lambda environ: Principal(user_id="7"))({}) == Principal(user_id="7")
    assert signed_in(keys, lambda environ: None)({}) is None


def test_an_object_with_authenticate_is_taken_as_it_is():
    """A key backend of the host's is used itself, so the host can still reach and change it."""
    guest = GuestKey("k")
    assert as_key_backend(guest) is guest


def test_anything_else_is_refused():
    """What can be no key backend is found when the site is put together, not at its first upload."""
    with pytest.raises(ConfigError):
        KeyChain(GuestKey("k"), "k")  # type: ignore[arg-type]
