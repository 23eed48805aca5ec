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
from chevupload.model import Album, Principal
from chevupload.policy.restrictions import KeyRestrictions
from chevupload.testing.memory import MemoryCatalog, StaticKeys
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


def test_a_key_is_to_upload_unless_it_is_said_to_be_for_more(site):
    """And the page says what each is for, and when it was used last."""
    key = site.make(label="Plain")
    site.make(label="Wide", **{"scope-list": "1", "scope-ticket": "1"})
    plain, wide = sorted(site.keys.keys_of("ann ü"), key=lambda one: one.label)
    assert plain.restrictions == KeyRestrictions(scopes={"upload"})
    assert wide.restrictions == KeyRestrictions(scopes={"list", "ticket"})
    assert site.stand.send({"source": file()}, key=key).status_code == 200
    page = site.see().text
    assert "last used 4 March 2026" in page
    assert "not used yet" in page
    assert "For: List uploads, make upload tickets" in page


def test_a_key_is_narrowed(make, database):
    """To an album, a size, formats and pages; the page shows all of it, and the key does no more."""
    catalog = MemoryCatalog(albums=[Album("a1", "ann ü", "Cats"), Album("b1", "bob", "Dogs")])
    site = Site(make, database, catalog=catalog)
    page = site.see().text
    assert '<option value="a1">Cats</option>' in page
    assert "Dogs" not in page
    key = site.make(
        label="Forum",
        album_id="a1",
        megabytes="2",
        origins=" https://forum.example, http://localhost:8000 ",
        **{"format-PNG": "1", "format-JPEG": "1"},
    )
    (made,) = site.keys.keys_of("ann ü")
    assert made.restrictions == KeyRestrictions(
        scopes={"upload"},
        album_id="a1",
        max_bytes=2_000_000,
        formats={"PNG", "JPEG"},
        origins={"https://forum.example", "http://localhost:8000"},
    )
    text = html.unescape(re.sub("<[^>]*>", "", site.see().text))
    shown = "For: Upload · album “Cats” · up to 2 MB · JPEG, PNG · only on http://localhost:8000, https://forum.example"
    assert shown in text
    assert site.stand.send({"source": file()}, key=key).status_code == 403
    sent = site.stand.send({"source": file()}, key=key, headers={"Origin": "https://forum.example"})
    assert sent.status_code == 200
    assert [upload.album_id for upload in catalog.uploads()] == ["a1"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"megabytes": "x"}, 400),
        ({"megabytes": "-1"}, 400),
        ({"origins": "forum.example"}, 400),
        ({"origins": " ".join(f"https://{number}.example" for number in range(21))}, 400),
        ({"album_id": "b1"}, 403),
    ],
)
def test_what_a_key_cannot_be_for_is_refused(site, fields, status):
    """And no key is made that could do more."""
    assert site.send(token=site.token(), action="make", label="x", **fields).status_code == status
    assert site.keys.keys_of("ann ü") == []


def test_what_happens_on_the_page_is_in_the_audit_log(site, caplog):
    """Who made and revoked which key."""
    caplog.set_level("INFO", logger="chevupload.audit")
    key_id = site.make(label="Laptop").split("_")[1]
    site.send(token=site.token(), action="revoke", key=key_id)
    site.send(token=site.token(), action="revoke", key=key_id)
    found = [record for record in caplog.records if record.name == "chevupload.audit"]
    assert [(record.event, record.user_id, record.key_id) for record in found] == [
        ("key_made", "ann ü", key_id),
        ("key_revoked", "ann ü", key_id),
    ]


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
