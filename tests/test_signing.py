from __future__ import annotations

import re
import string
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.errors import ConfigError, InvalidParameter
from chevupload.signing import CursorSigner, DeleteTokens, FormTokens, OldForm, TicketSigner

OLD, NEW = "old secret of 16+", "new secret of 16+"
TOKENS = DeleteTokens([NEW])


def test_a_token_deletes_its_upload_and_no_other():
    """A delete link opens one upload only; whoever holds it has no power over another."""
    token = TOKENS.sign("abc")
    assert TOKENS.verify("abc", token)
    assert not TOKENS.verify("abd", token)
    assert not TOKENS.verify("", token)


def test_a_token_is_long_and_safe_in_a_link():
    """256 bits, in characters that need no escape."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", TOKENS.sign("abc"))


def test_a_token_says_the_same_twice():
    """Nothing is stored for a token: whoever knows the secret makes it again, in another process too."""
    assert TOKENS.sign("abc") == DeleteTokens([NEW]).sign("abc")


def test_tokens_survive_a_rotation():
    """The last key signs, all are accepted, and a key that is dropped takes its tokens with it."""
    before, during = DeleteTokens([OLD]), DeleteTokens([OLD, NEW])
    assert during.verify("abc", before.sign("abc"))
    assert during.sign("abc") == TOKENS.sign("abc")
    assert not TOKENS.verify("abc", before.sign("abc"))


def test_a_token_changed_anywhere_is_refused():
    """Every other character at every place, the last one too, whose lowest bits mean nothing."""
    token = TOKENS.sign("abc")
    for place in range(len(token)):
        for other in string.ascii_letters + string.digits + "-_":
            if other != token[place]:
                assert not TOKENS.verify("abc", token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "=", lambda t: t + "A", lambda t: t + "\n"])
def test_another_length_is_refused(change):
    """A token has one spelling: cut, padded or prolonged it is none."""
    assert not TOKENS.verify("abc", change(TOKENS.sign("abc")))


@pytest.mark.parametrize("junk", ["!", " ", "é", "\x00", "\ud800", "="])
def test_junk_inside_is_refused(junk):
    """Some decoders skip what they do not know."""
    token = TOKENS.sign("abc")
    assert not TOKENS.verify("abc", token[:5] + junk + token[5:])


@pytest.mark.slow
@given(st.text(max_size=50) | st.text("AEIaei019-_", min_size=43, max_size=43))
def test_a_guess_is_refused(token):
    """No text deletes anything without the secret, not even one in the form of a token."""
    assert not TOKENS.verify("abc", token)


@pytest.mark.parametrize("keys", [[], [""], ["short"], ["x" * 15], [NEW, "short"], ["short", NEW]])
def test_weak_keys_are_refused(keys):
    """One secret that can be guessed opens every upload, so each of them is checked, at construction."""
    with pytest.raises(ConfigError, match=r"^secret_keys needs at least one key, each of 16 characters or more$"):
        DeleteTokens(keys)


@pytest.mark.parametrize("keys", [NEW, NEW.encode(), [5], [NEW, None]])
def test_a_secret_that_is_no_list_of_texts_is_refused(keys):
    """One text would be as many keys of one character; what it holds gets into no message."""
    with pytest.raises(ConfigError, match=r"^secret_keys must be a list of texts, the oldest first$"):
        DeleteTokens(keys)


def test_sixteen_characters_are_enough():
    """That is the length that the message asks for."""
    tokens = DeleteTokens(["x" * 16])
    assert tokens.verify("abc", tokens.sign("abc"))


@pytest.mark.parametrize("user_id", ["7", "ann ü", "a.b:c", "", "\udcff"])
def test_a_forms_token_is_its_users(user_id):
    """Whatever users are called, and after a rotation of the secret; no other user's, and no delete token."""
    old, new = "the first secret of this site", "the second secret of this site"
    token = FormTokens([old]).sign(user_id)
    rotated = FormTokens([old, new])
    rotated.check(user_id, token)
    refused = [
        (rotated, user_id + "x", token),
        (FormTokens([new]), user_id, token),
        (rotated, user_id, DeleteTokens([old]).sign("x")),
        (rotated, user_id, ""),
        (rotated, user_id, "2" + rotated.sign(user_id + "2")),
        *([(rotated, user_id[:-1], user_id[-1:] + token)] if user_id else []),
    ]
    for tokens, user, other in refused:
        with pytest.raises(OldForm):
            tokens.check(user, other)


def test_nobodys_token_is_no_users():
    """Nor is a user's that of nobody, whatever they are called."""
    tokens = FormTokens([NEW])
    tokens.check(None, tokens.sign(None))
    for user in ("", "None", "\xff", "XX"):
        with pytest.raises(OldForm):
            tokens.check(user, tokens.sign(None))
        with pytest.raises(OldForm):
            tokens.check(None, tokens.sign(user))


@pytest.mark.parametrize("user_id", ["7", "ann ü", "a.b:c", "", "\udcff", None])
@pytest.mark.parametrize("place", ["1772600767000000-abc", "Ein Titel. – 日本", "\udcff"])
def test_a_cursor_is_its_users(user_id, place):
    """Of one list, whatever it says, and after a rotation of the secret."""
    old, new = "the first secret of this site", "the second secret of this site"
    cursor = CursorSigner([old], of="uploads").sign(user_id, place)
    assert quote(cursor, safe="") == cursor
    rotated = CursorSigner([old, new], of="uploads")
    assert rotated.read(user_id, cursor) == place
    text, _, token = cursor.rpartition(".")
    for signer, user, other in (
        (rotated, f"{user_id}x", cursor),
        (rotated, "other", cursor),
        (CursorSigner([new], of="uploads"), user_id, cursor),
        (CursorSigner([old], of="albums"), user_id, cursor),
        (rotated, user_id, f"{text}=.{token}"),
        (rotated, user_id, f"A{cursor}"),
        (rotated, user_id, cursor[:-1]),
        (rotated, user_id, token),
        (rotated, user_id, "\udcff.x"),
        (rotated, user_id, ""),
    ):
        with pytest.raises(InvalidParameter, match=r"^Invalid cursor, expected the next of an answer to the same \w+$"):
            signer.read(user, other)


def test_what_was_signed_stays_signed(monkeypatch):
    """Delete links, tickets, lists and open forms outlive an update of the server: its hashes and salts stay."""
    assert DeleteTokens([NEW]).verify("abc", "VQza-LO2S-ChpJet8NpuSMlyE10c0aIMFuVq95MxNV8")
    ticket = "eyJpIjoiw6kifQ.Ni-JXxDOoy9qa8_sCifhHMhUt6w-fVRF8oWD1NUR-A4"
    assert TicketSigner([NEW]).read(ticket) == {"i": "é"}
    cursor = "MTc3MjYwMDc2NzAwMDAwMC1hYmM.71yfp4OoNuvTkTy_zDyVbx_3e44eWw7DcBmhbTTIOdc"
    assert CursorSigner([NEW], of="uploads").read("7", cursor) == "1772600767000000-abc"
    guests = "MQ.s1KlxBvB0o_D17j2M792BMBvf5lcf_qlLgKTbeNcIsE"
    assert CursorSigner([NEW], of="uploads").read(None, guests) == "1"
    monkeypatch.setattr(time, "time", lambda: 1_772_600_767 + 12 * 3600)
    FormTokens([NEW]).check("7", ".aae9vw.6-CQih7fBorWvGKxQ-TyfI6mAfXowc1aOR8Y76KG0PM")


def test_a_form_may_stay_open_for_half_a_day(monkeypatch):
    """And no second longer."""
    now = 1_772_600_767
    monkeypatch.setattr(time, "time", lambda: now)
    token = FormTokens([NEW]).sign("7")
    now += 12 * 3600
    FormTokens([NEW]).check("7", token)
    now += 1
    with pytest.raises(OldForm):
        FormTokens([NEW]).check("7", token)
