"""The page of keys: for who is signed in, for nobody else, and for no other site."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from chevupload import Policy, Routes
from chevupload.db import Accounts, SqlKeys
from chevupload.errors import CatalogError
from chevupload.keys import KeyChain
from chevupload.model import Principal
from chevupload.testing.memory import StaticKeys
from tests.databases import sqlite_database
from tests.support import PRINCIPALS, Clock, Failing, file

PAGE = "/settings/api"
ANN, BOB = Principal(user_id="ann ü"), Principal(user_id="bob")


@pytest.fixture
def database(tmp_path):
    """Return a database with two users."""
    with sqlite_database(tmp_path / "keys.db") as database:
        with database.begin() as connection:
            users = Accounts(database)._tables.users
            row = {"is_admin": False, "disabled_at": None}
            connection.execute(users.insert(), [row | {"id": user, "name": user} for user in ("ann ü", "bob")])
        yield database


class Site:
    """A component with a page of keys, and who is signed in there."""

    def __init__(self, make, database, **settings):
        self.user = ANN
        self.clock = Clock()
        self.keys = SqlKeys(database, clock=self.clock)
        settings = {"current_user": lambda environ: self.user, "key_store": self.keys} | settings
        keys = KeyChain(self.keys, StaticKeys(PRINCIPALS))
        self.stand = make(keys=keys, clock=self.clock, **settings)

    def see(self, **request):
        return self.stand.open(PAGE, **request)

    def send(self, **fields):
        return self.stand.open(PAGE, "POST", data=fields)

    def token(self):
        return html.unescape(re.search(r'name="token" value="([^"]+)"', self.see().text).group(1))

    def make(self, **fields):
        answer = self.send(token=self.token(), action="make", **fields)
        assert answer.status_code == 200, answer.text
        return re.search(r'id="key"[^>]*value="([^"]+)"', answer.text).group(1)


@pytest.fixture
def site(make, database):
    """Return a site where Ann is signed in."""
    return Site(make, database)


@pytest.mark.parametrize("style", ["chevereto", "imgbb"])
def test_a_key_is_made_and_shown_once(site, style):
    """It uploads for its user, and no page shows it again."""
    key = site.make(label="Laptop", style=style)
    assert re.fullmatch("[0-9a-z]{32}" if style == "imgbb" else "chv_[0-9A-Za-z]{6}_[0-9a-f]{64}[0-9A-Za-z]{6}", key)
    answer = site.stand.send({"source": file()}, key=key)
    assert answer.status_code == 200
    assert [upload.owner_id for upload in site.stand.component.uploads.list("ann ü")] == ["ann ü"]
    page = site.see().text
    assert "Laptop" in page
    assert key not in page


def test_a_key_ends_when_it_was_said_to(site):
    """And the page says so."""
    key = site.make(label="Short", lifetime="P7D")
    site.clock.move(days=7, seconds=-1)
    assert site.stand.send({"source": file()}, key=key).status_code == 200
    site.clock.move(seconds=1)
    assert site.stand.send({"source": file()}, key=key).status_code == 401
    assert "expired 11 March 2026" in site.see().text


def test_a_key_is_revoked(site):
    """At once, and the browser is sent back to the page, where a reload sends nothing again."""
    key = site.make(label="Lost")
    key_id = key.split("_")[1]
    answer = site.send(token=site.token(), action="revoke", key=key_id)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{site.stand.prefix}{PAGE}")
    assert site.stand.send({"source": file()}, key=key).status_code == 401
    assert "revoked 4 March 2026" in site.see().text
    assert site.send(token=site.token(), action="revoke", key=key_id).status_code == 404


def test_another_users_keys_are_nobodys_here(site):
    """They are not shown, and cannot be revoked."""
    key = site.make(label="Anns own")
    site.user = BOB
    assert "Anns own" not in site.see().text
    answer = site.send(token=site.token(), action="revoke", key=key.split("_")[1])
    assert answer.status_code == 404
    assert site.stand.send({"source": file()}, key=key).status_code == 200


def test_a_form_needs_the_token_of_its_user(site):
    """No other site has one, another user's does not fit, and yesterday's is too old."""
    mine = site.token()
    site.user = BOB
    others = site.token()
    site.user = ANN
    for token in ("", "x", others, mine[:-1], mine + "x", "é"):
        answer = site.send(token=token, action="make", label="Forged")
        assert (answer.status_code, answer.content_type) == (403, "text/html; charset=utf-8")
    assert site.keys.keys_of("ann ü") == []


def test_a_token_is_not_cut_to_another_id(make, database):
    """The token of user 12 does not serve as that of user 1 with a 2 before it."""
    site = Site(make, database)
    site.user = Principal(user_id="12")
    theirs = site.token()
    site.user = Principal(user_id="1")
    assert site.send(token="2" + theirs, action="make", label="Forged").status_code == 403


def test_an_old_form_is_refused(site, monkeypatch):
    """A form that was open over night is told to reload."""
    token = site.token()
    monkeypatch.setattr("chevupload.signing._FORM_SECONDS", -1)
    assert site.send(token=token, action="make", label="Late").status_code == 403


@pytest.mark.parametrize("nobody", [None, Principal()])
def test_nobody_is_told_to_sign_in(site, nobody):
    """A guest is nobody here."""
    token = site.token()
    site.user = nobody
    assert site.see().status_code == 401
    assert site.send(token=token, action="make", label="x").status_code == 401


def test_nobody_is_sent_where_to_sign_in(make, database):
    """With the way back, for a host that says where; a form that was sent is not."""
    site = Site(make, database, policy=Policy(login_url="/login?from=keys"))
    site.user = None
    answer = site.see()
    there = f"/login?from=keys&next={site.stand.prefix}{PAGE}"
    assert (answer.status_code, answer.headers["Location"]) == (302, there)
    assert site.send(action="make").status_code == 401


def test_a_label_is_no_markup(site):
    """However it is written."""
    site.make(label="<script>alert(1)</script>\x00" + "x" * 200)
    page = site.see().text
    assert "<script>" not in page
    assert len(site.keys.keys_of("ann ü")[0].label) == 100


@pytest.mark.parametrize("fields", [{"style": "other"}, {"lifetime": "P100Y"}])
def test_what_is_not_offered_is_refused(site, fields):
    """Nothing is made by a form that our page does not have."""
    answer = site.send(token=site.token(), action="make", label="x", **fields)
    assert answer.status_code == 400
    assert site.keys.keys_of("ann ü") == []


def test_keys_are_bounded(site, monkeypatch):
    """A user makes so many and no more; revoked ones do not count."""
    monkeypatch.setattr("chevupload.web.keys_page.MAX_KEYS", 2)
    first = site.make(label="1")
    site.make(label="2")
    assert site.send(token=site.token(), action="make", label="3").status_code == 400
    site.send(token=site.token(), action="revoke", key=first.split("_")[1])
    site.make(label="3")


def test_the_page_keeps_to_itself(site):
    """Nothing caches it, frames it, or learns its address, only our own runs in it; other origins cannot read it."""
    headers = site.see(headers={"Origin": "https://elsewhere.example"}).headers
    assert headers["Cache-Control"] == "no-store"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(site, method):
    """With those that there are."""
    answer = site.see(method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


def test_a_large_form_is_refused(site):
    """The page's own are small."""
    answer = site.send(token=site.token(), action="make", label="x" * 3_000_000)
    assert answer.status_code == 413


def test_a_store_that_is_away_is_told(make, database):
    """As our own fault, without a word of what went wrong."""
    site = Site(make, database)
    site.stand.start(key_store=Failing(site.keys, "keys_of", CatalogError("secret detail")))
    answer = site.see()
    assert answer.status_code == 503
    assert "secret detail" not in answer.text


def test_without_a_host_that_knows_users_there_is_no_page(make, database):
    """It has to be asked for, and can be switched off and renamed."""
    keys = SqlKeys(database)
    for settings in (
        {},
        {"key_store": keys},
        {"current_user": lambda environ: ANN},
        {"key_store": keys, "current_user": lambda environ: ANN, "routes": Routes(keys=None)},
    ):
        assert make(**settings).open(PAGE).status_code == 404
    renamed = make(key_store=keys, current_user=lambda environ: ANN, routes=Routes(keys="my/keys"))
    assert renamed.open("/my/keys").status_code == 200


def test_a_long_lifetime_is_counted_by_the_calendar(site):
    """A month from the last of January is the last of February."""
    site.clock.now = site.clock.now.replace(month=1, day=31)
    site.make(label="x", lifetime="P1M")
    (key,) = site.keys.keys_of("ann ü")
    assert key.expires_at.date().isoformat() == "2026-02-28"
    assert key.expires_at - site.clock.now < timedelta(days=31)


def test_the_layout_leads_to_every_page_there_is(make, database):
    """To the page of keys for who is signed in, to signing in for who is not; the page that is shown is marked."""
    routes = Routes(upload_page="upload", api_page="about", home="/")
    site = Site(make, database, routes=routes, policy=Policy(login_url="/login"))
    prefix, here = site.stand.prefix, ' aria-current="page"'

    def seen(path):
        header = re.search("(?s)<header>.*</header>", site.stand.open(path).text)[0]
        return re.findall(r'<a href="([^"]*)"(.*?)>', re.sub("<svg.*?</svg>", "", header))

    start, upload = (f"{prefix}/", ""), (f"{prefix}/upload", "")
    assert seen(PAGE) == [start, upload, (f"{prefix}{PAGE}", here), (f"{prefix}/about", "")]
    site.user = None
    assert seen("/nothing") == [start, upload, (f"{prefix}/about", ""), (f"/login?next={prefix}/nothing", "")]
    assert seen("/about") == [start, upload, (f"{prefix}/about", here), (f"/login?next={prefix}/about", "")]


def test_who_may_not_upload_any_more_is_led_to_sign_in(make, database):
    """As the page of keys does: the host still has them signed in, but their keys' users do not know them."""
    site = Site(make, database, policy=Policy(login_url="/login"))
    site.user = "999"
    header = re.search("(?s)<header>.*</header>", site.stand.open("/nothing").text)[0]
    assert 'href="/login?next=' in header
    assert PAGE not in header
    assert site.stand.open(PAGE).status_code == 302
