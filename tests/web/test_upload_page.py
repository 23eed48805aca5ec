"""The upload page: for who is signed in, for keys, for guests where the site lets them, and for no other site."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from chevupload import Limits, Policy, Routes
from chevupload.errors import CatalogError, ConfigError
from chevupload.model import Principal
from chevupload.web.templating import spell_time
from tests.support import EMPTY, PNG, Failing, file, noise

pytestmark = pytest.mark.mounts

PAGE = "/upload"
ON = Routes(upload_page="upload")
ANN, BOB = Principal(user_id="user"), Principal(user_id="other")
JSON = {"Accept": "application/json"}


class Site:
    """A component with an upload page, and who is signed in there."""

    def __init__(self, make, **settings):
        self.user = ANN
        self.stand = make(**{"routes": ON, "current_user": lambda environ: self.user} | settings)

    def see(self, **request):
        return self.stand.open(PAGE, **request)

    def token(self):
        return html.unescape(re.search(r'name="token" value="([^"]*)"', self.see().text).group(1))

    def send(self, *, accept=None, token=None, **fields):
        fields = {"source": file(), "token": self.token() if token is None else token, **fields}
        fields = {name: value for name, value in fields.items() if value is not None}
        return self.stand.open(PAGE, "POST", data=fields, headers=accept or {})

    def owners(self):
        return [upload.owner_id for upload in self.stand.catalog.uploads()]


@pytest.fixture
def site(make):
    """Return a site where Ann is signed in."""
    return Site(make)


@pytest.fixture
def strict(refusing):
    """Return a site where Ann is signed in, which must have stored nothing in the end."""
    return Site(refusing)


def problem(answer):
    """Return what the page says is wrong."""
    (text,) = re.findall(r'role="alert" id="problem">(?:<svg.*?</svg>)?<div>([^<]*)</div>', answer.text)
    return html.unescape(text)


def test_it_is_there_only_when_it_is_asked_for(stand, make):
    """Its path is the host's otherwise."""
    for method in ("GET", "POST"):
        assert stand.component.respond({"PATH_INFO": PAGE, "REQUEST_METHOD": method}) is None
    elsewhere = make(routes=Routes(upload_page="pictures/new"))
    assert elsewhere.open("/pictures/new").status_code == 200


@pytest.mark.slow
def test_who_is_signed_in_uploads_without_a_key(site):
    """A page with every link follows, and the upload is theirs."""
    answer = site.send(expiration="P1D", nsfw="1")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    (upload,) = site.stand.catalog.uploads()
    assert (upload.owner_id, upload.nsfw) == ("user", True)
    assert upload.expires_at == upload.received_at + timedelta(days=1)
    rows = dict(re.findall(r'<input [^>]*id="(\w+)" [^>]*readonly value="([^"]*)">', answer.text))
    assert {"direct", "html", "markdown", "bbcode", "delete"} <= set(rows)
    assert answer.text.index("Sensitive picture") < answer.text.index("<img"), "it is hidden until somebody asks for it"
    assert site.stand.open(html.unescape(rows["delete"]), "POST").status_code == 200


@pytest.mark.slow
def test_programs_are_answered_as_by_the_api(site):
    """Whether they ask by header or by parameter; the document is the same."""
    answers = [site.send(accept=JSON), site.send(format="json")]
    for answer in answers:
        assert answer.status_code == 200
        assert answer.json["image"]["url_viewer"].startswith(site.stand.base)
        assert list(answer.json) == ["status_code", "success", "image", "status_txt"]
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
    by_api = site.stand.send({"source": file()}).json
    assert [list(answer.json["image"]) for answer in answers] == [list(by_api["image"])] * 2


@pytest.mark.slow
@pytest.mark.parametrize("user", [None, ANN])
def test_a_key_counts_for_its_user(site, user):
    """Whoever else is signed in, and needs no token."""
    site.user = user
    assert site.send(token="", key="other-key").status_code == 200
    assert site.owners() == ["other"]


def test_a_form_needs_the_token_of_its_user(strict):
    """No other site has one, another user's does not fit, nor does nobody's."""
    strict.user = BOB
    others = strict.token()
    strict.user = ANN
    for token in ("", "x", others, strict.token()[:-1], "é"):
        answer = strict.send(token=token)
        assert answer.status_code == 403
        assert problem(answer).startswith("This page was open for too long.")
        assert strict.send(token=token, accept=JSON).json["error"]["message"].startswith("This form is too old")


def test_an_old_form_is_refused(strict, monkeypatch):
    """A page that was open over night is told to reload."""
    token = strict.token()
    monkeypatch.setattr("chevupload.signing._FORM_SECONDS", -1)
    assert strict.send(token=token).status_code == 403


@pytest.mark.parametrize("nobody", [None, Principal()])
def test_nobody_needs_a_key(strict, nobody):
    """The page says so; a token from before signing out is none."""
    token = strict.token()
    strict.user = nobody
    assert (
        'id="key" name="key" type="password" autocomplete="off" spellcheck="false" maxlength="512" required'
        in strict.see().text
    )
    for fields in ({"token": token}, {"token": ""}):
        answer = strict.send(**fields)
        assert (answer.status_code, problem(answer)) == (401, "Who are you? Please sign in, or paste an API key.")
    assert strict.send(token="", key="wrong").status_code == 401


def test_without_anybody_to_ask_there_are_keys(make):
    """A site of keys alone has the page, too."""
    stand = make(routes=ON)
    assert stand.open(PAGE, "POST", data={"source": file(), "key": "user-key"}).status_code == 200


def test_guests_upload_where_the_site_lets_them(make):
    """Without a key, and without an owner; a form of another site still does not count."""
    site = Site(make, policy=Policy(guest_page=True))
    site.user = None
    assert "As a guest" in site.see().text
    assert site.send().status_code == 200
    assert site.owners() == [None]
    assert site.send(token="").status_code == 403


@pytest.mark.parametrize("policy", [Policy(), Policy(guest_page=True, guests=False)])
def test_guests_are_refused_elsewhere(refusing, policy):
    """By default, and where no guest may upload at all."""
    site = Site(refusing, policy=policy)
    site.user = None
    assert site.send().status_code == 401


def test_the_token_of_a_guest_is_nobody_elses(refusing):
    """Not even that of a user whose id looks like nobody."""
    site = Site(refusing, policy=Policy(guest_page=True))
    site.user = None
    token = site.token()
    for user_id in ("", "None", "ÿ", "\udcff"):
        site.user = Principal(user_id=user_id)
        assert site.send(token=token).status_code == 403


def test_limits_are_those_of_the_sender(make):
    """Shown before, and kept to."""
    limits = Limits(max_bytes=3_000_000, max_guest_bytes=1_000)
    site = Site(make, policy=Policy(guest_page=True), limits=limits)
    big = file(noise((100, 80)))
    assert 'data-max-bytes="3000000"' in site.see().text
    assert "up to 3 MB" in site.see().text
    assert site.send(source=file(noise((100, 80)))).status_code == 200
    site.user = None
    assert 'data-max-bytes="1000"' in site.see().text
    answer = site.send(source=big)
    assert (answer.status_code, problem(answer)) == (
        413,
        "This file is too large. Make it smaller, or choose another file.",
    )
    site.user = Principal(user_id="user", max_bytes=4_000_000)
    assert "up to 4 MB" in site.see().text


def test_a_guest_reads_what_a_key_changes(make):
    """The limit, and the time that uploads stay."""
    policy = Policy(guest_page=True, guest_lifetime=timedelta(days=7))
    site = Site(make, policy=policy, limits=Limits(max_bytes=3_000_000, max_guest_bytes=1_000))
    site.user = None
    page = re.sub("<[^>]*>", "", site.see().text)
    assert "up to 1 KB each, or 3 MB with a key" in page
    assert "Guests’ files are deleted after 7 days." in page
    site.user = Principal(user_id="user", lifetime=timedelta(hours=36))
    page = site.see().text
    assert "with a key" not in page
    assert '<option value="">As usual, 1 day, 12 hours</option>' in page
    assert site.send().status_code == 200
    (upload,) = site.stand.catalog.uploads()
    assert upload.expires_at - upload.received_at == timedelta(hours=36)


@pytest.mark.parametrize(
    ("url_sources", "guest", "nobody", "user"),
    [("users", "hidden", "shown", "shown"), ("everybody", "shown", "shown", "shown"), ("nobody", None, None, None)],
)
def test_an_address_is_asked_for_where_one_is_fetched(make, url_sources, guest, nobody, user):
    """Guests get a field for it once they have a key; without a script, they get none."""
    field = re.compile('<details class="fold" id="from-web"([^>]*)>')
    for user_id, guest_page, expected in ((None, True, guest), (None, False, nobody), ("user", True, user)):
        site = Site(make, policy=Policy(url_sources=url_sources, guest_page=guest_page))
        site.user = user_id and Principal(user_id=user_id)
        found = field.search(site.see().text)
        state = found and ("hidden" if " hidden" in found[1] else "shown")
        assert state == expected


def test_albums_are_those_of_who_is_signed_in(make):
    """For all files and for one of them; who has none is asked for none."""
    site = Site(make, policy=Policy(guest_page=True))
    assert site.see().text.count('<option value="ownalbum">Own</option>') == 2
    assert site.send(album_id="ownalbum").status_code == 200
    (upload,) = site.stand.catalog.uploads()
    assert upload.album_id == "ownalbum"
    for nobody in (Principal(user_id="albumless"), None):
        site.user = nobody
        assert "album_id" not in site.see().text


def test_a_new_album_is_typed_where_the_site_makes_them(make):
    """In the place where those that there are are offered."""
    site = Site(make, policy=Policy(guest_page=True, album_names=True))
    page = site.see().text
    assert (page.count('list="albums"'), page.count('<option value="Own"></option>')) == (2, 1)
    assert "album_id" not in page
    assert [site.send(album=title).status_code for title in ("", "New", "Own")] == [200, 200, 200]
    albums = {album.id: album.title for album in site.stand.component.albums.list("user")}
    assert sorted(albums.get(upload.album_id, "") for upload in site.stand.catalog.uploads()) == ["", "New", "Own"]
    for nobody in (Principal(), None):
        site.user = nobody
        assert 'list="albums"' not in site.see().text


def test_formats_are_those_that_can_be_taken(make, monkeypatch):
    """HEIC is asked for by its endings, too, which some systems know better; what lacks an extra is not."""
    accept = re.search('accept="([^"]*)"', Site(make).see().text)[1].split(",")
    assert {"image/heic", ".heic", ".heif", "image/jpeg", "video/mp4", "video/quicktime"} <= set(accept)
    monkeypatch.setattr("chevupload.web.upload_form.usable", lambda formats: ("JPEG", "PNG"))
    page = Site(make).see().text
    assert 'accept="image/jpeg,image/png"' in page
    assert "JPEG, PNG · up to" in page


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (timedelta(minutes=5), "5 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(days=7), "7 days"),
        (timedelta(days=1, hours=12), "1 day, 12 hours"),
        (timedelta(seconds=90), "1 minute, 30 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(days=1, minutes=5), "1 day"),
    ],
)
def test_times_are_spelled(time, expected):
    """In whole numbers of the largest unit."""
    assert spell_time(time) == expected


def test_a_user_with_a_larger_limit_uses_it(make):
    """The page knows its user before the form is read."""
    site = Site(make, limits=Limits(max_bytes=1_000))
    site.user = Principal(user_id="user", max_bytes=1_000_000)
    assert site.send(source=file(noise((100, 80)))).status_code == 200


def test_what_is_wrong_is_said_on_the_page(strict):
    """With the form to try again, and the status that it has; a program reads the API's refusal."""
    for content, fields, words in (
        (b"no picture", {}, "This file is not a picture"),
        (b"", {}, "This file is empty."),
        (None, {}, "Choose a file first."),
        (PNG, {"expiration": "soon"}, "We could not read that."),
    ):
        answers = [
            strict.send(accept=accept, source=None if content is None else file(content), **fields)
            for accept in (None, JSON)
        ]
        assert [answer.status_code for answer in answers] == [400, 400]
        assert problem(answers[0]).startswith(words)
        assert 'enctype="multipart/form-data"' in answers[0].text


def test_an_address_is_fetched_for_who_may_name_one(make):
    """By the API's own way; the page has no field for it where nobody may."""

    class Fetcher:
        def fetch(self, url, into):
            into.write(PNG)
            return "far.png"

    site = Site(make, fetcher=Fetcher())
    answer = site.send(source="https://pictures.test/far.png", accept=JSON)
    assert answer.json["image"]["filename"] == "far.png"
    # As a browser sends both fields of the form: an empty file, and the address.
    token = site.token()
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'
        for name, more, value in (
            ("token", "", token),
            ("source", '; filename=""', ""),
            ("source", "", "https://pictures.test/far.png"),
        )
    )
    answer = site.stand.open(PAGE, "POST", data=f"{body}--x--\r\n", content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 200
    without = Site(make, policy=Policy(url_sources="nobody"))
    assert ('type="url"' in site.see().text, 'type="url"' in without.see().text) == (True, False)


def test_get_takes_nothing(strict):
    """Not even with everything in the query, as the API would."""
    answer = strict.see(query_string={"key": "user-key", "source": "https://pictures.test/a.png"})
    assert answer.status_code == 200
    assert strict.stand.left() == EMPTY


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(site, method):
    """With those that there are; no other origin is told anything by a preflight."""
    answer = site.see(method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_page_keeps_to_itself(site):
    """Nothing caches it, frames it or learns its address; other origins cannot read it, nor the token in it."""
    headers = site.see(headers={"Origin": "https://elsewhere.example"}).headers
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "form-action 'self'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers


def test_the_page_says_where_to_sign_in(make):
    """And to come back; to who is signed in, it does not."""
    site = Site(make, policy=Policy(login_url="/login?x=1"))
    assert "sign in" not in site.see().text.lower()
    site.user = None
    assert f'<a href="/login?x=1&amp;next={site.stand.prefix}/upload">sign in</a>' in site.see().text


def test_a_backend_that_is_away_is_said_to_be(site):
    """503, to come again, and nothing is left."""
    token = site.token()
    site.stand.component.context.writer._records = Failing(site.stand.catalog, "reserve", CatalogError("away"))
    answer = site.send(token=token)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert site.stand.left() == EMPTY


def test_a_host_that_cannot_tell_who_it_is(make):
    """Its own error is answered with 500, as a page or to a program."""

    def current_user(environ):
        raise RuntimeError("secret detail")

    stand = make(routes=ON, current_user=current_user)
    page, document = stand.open(PAGE), stand.open(PAGE, headers=JSON)
    assert (page.status_code, page.mimetype, document.status_code, document.mimetype) == (
        *(500, "text/html"),
        *(500, "application/json"),
    )
    assert "secret" not in page.text + document.text


@pytest.mark.parametrize("path", ["/upload", "/"])
def test_the_script_of_the_key_is_there_when_the_page_is(make, path):
    """A browser runs it before the page counts as loaded, so that no click on its button is lost; users need none."""
    site = Site(make, routes=Routes(upload_page="upload", home="/"))
    for user, names in ((None, ["key.js", "upload.js"]), (ANN, ["upload.js"])):
        site.user = user
        assert re.findall(r'<script type="module" src="[^"]*/([^"/]+)"', site.stand.open(path).text) == names


def test_origins_of_pop_ups(make):
    """They are told to the page; what is no origin is a mistake."""
    origins = ("https://forum.example", "http://localhost:8000", "http://[::1]:80")
    site = Site(make, policy=Policy(popup_origins=origins))
    assert f'data-origins="{" ".join(origins)}"' in site.see().text
    for wrong in ("*", ("*",), ("https://a.example/",), ("a.example",), ("https://a.example b",), "https://a.example"):
        with pytest.raises(ConfigError, match="popup_origins"):
            Policy(popup_origins=wrong)
