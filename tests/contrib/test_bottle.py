"""The Bottle plugin: the contract of hosts over HTTP, and what is Bottle's alone."""

from __future__ import annotations

import functools
import gc
import io
import json
import urllib.parse
from wsgiref.validate import validator

import bottle
import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, EnvironBuilder, TestResponse, run_wsgi_app
from werkzeug.wrappers import Request

from chevupload import Hooks
from chevupload.contrib.bottle import ChevUploadPlugin
from chevupload.db import Database, UserColumns, sqlite_engine
from chevupload.errors import ConfigError, Refusal
from chevupload.integration import RequestUploads
from chevupload.model import Principal
from chevupload.testing import HostContract, RunningHost, serve, take_form, tell_sender
from chevupload.testing.memory import StaticKeys
from tests.databases import data_folder
from tests.support import BASE64, LEAKS, PNG, Trickle, noise

MAX_BYTES = 2_000_000
UPLOAD = "/api/1/upload"
KEY = {"X-API-Key": "the-key"}


def settings(folder, **more):
    return {"folder": str(folder), "max_bytes": str(MAX_BYTES), "renderer": "inline"} | more


@pytest.fixture
def make(tmp_path):
    """Return a function that makes an application with the plugin on it, whose parts close at the end."""
    plugins = []

    def make_app(app=None, *, keyword="chevupload", prefix=None, keys=None, config=None, **parts):
        app = app or bottle.Bottle()
        app.config.update(keyword, settings(data_folder(tmp_path / keyword), **(config or {})))
        keys = keys or StaticKeys({"the-key": Principal(user_id="1")})
        plugins.append(app.install(ChevUploadPlugin(keyword=keyword, prefix=prefix, keys=keys, **parts)))
        return app

    yield make_app
    for plugin in plugins:
        plugin.close()


def read_form():
    """Read the request's form in every way that Bottle has, when asked to."""
    request = bottle.request
    if "HTTP_X_READ_FORM" in request.environ:
        assert (request.forms, request.files, request.params, request.json, request.POST) is not None
        assert request.body is not None


def own_form(chevupload):
    """Take a file in as the host's own form does."""
    request = bottle.request
    try:
        file, owner = request.files.picture.file, request.get_header("X-User")
        return take_form(chevupload, file, owner=owner, title=request.forms.title)
    except Refusal as refusal:
        return bottle.HTTPResponse(refusal.message, refusal.status)
    finally:
        # Bottle leaves both to the garbage collector, which warns.
        request.files.picture.file.close()
        request.body.close()


class TestBottle(HostContract):
    """Uploads work in an application whose hooks read every form: at the root, below a prefix, and in a larger host."""

    @pytest.fixture(params=[("", ""), ("", "/deep/down"), ("/outer", "/inner")], ids=["root", "prefix", "mounted"])
    def host(self, request, make):
        outer, prefix = request.param
        app = make(
            prefix=prefix,
            config={
                **{"trusted_proxies": "1", "max_bytes": str(2 * MAX_BYTES)},
                **{"upload_page_route": "upload", "uploads_route": "api/1/uploads"},
            },
            keys=StaticKeys({"the-key": Principal(user_id="1", max_bytes=MAX_BYTES, data="of the host's own")}),
            current_user=lambda environ: bottle.request.get_header("X-User"),
            hooks=Hooks(before_store=tell_sender),
        )
        app.add_hook("before_request", read_form)
        app.route("/own", method="POST", callback=own_form)
        application = DispatcherMiddleware(bottle.Bottle(), {outer: app}) if outer else app
        with serve(validator(application)) as address:
            yield RunningHost(
                url=address + outer + prefix,
                key="the-key",
                max_bytes=MAX_BYTES,
                signed_in={"X-User": "1"},
                own_form=f"{address}{outer}/own",
                has_uploads_route=True,
            )


class TestLargerForms(HostContract):
    """Hooks that really read forms are no hindrance, where Bottle may hold forms in memory that are large enough."""

    @pytest.fixture(params=["", "/outer"], ids=["before", "outside"])
    def host(self, request, make, monkeypatch):
        monkeypatch.setattr(bottle.BaseRequest, "MEMFILE_MAX", 4 * MAX_BYTES)
        application = app = bottle.Bottle()
        if request.param:
            # The hooks that count are those of the outer application.
            application = bottle.Bottle()
        application.add_hook("before_request", read_form)
        make(app, prefix="/inner", config={"trusted_proxies": "1"})
        if request.param:
            application.mount(f"{request.param}/", app)
        with serve(validator(application)) as address:
            yield RunningHost(url=f"{address}{request.param}/inner", key="the-key", max_bytes=MAX_BYTES)


class Browser(Client):
    """Reads every answer to its end, and closes it."""

    def open(self, *values, **named):
        return super().open(*values, **named, buffered=True)


def client(app):
    return Browser(validator(app))


def send(app, path=UPLOAD, *, headers=None, **data):
    data = data or {"source": (io.BytesIO(PNG), "photo.png")}
    return client(app).post(path, data=data, headers=KEY | (headers or {}))


# The body


def encoded(kind, text):
    """Spell base64 as a form or as a document, with its content type."""
    if kind == "json":
        return json.dumps({"source": text}), "application/json"
    return urllib.parse.urlencode({"source": text}), "application/x-www-form-urlencoded"


@pytest.mark.parametrize("kind", ["json", "urlencoded"])
def test_a_hook_before_ours_that_cannot_read_a_large_form_is_told_of_in_json(make, kind):
    """Bottle reads 100 kB of such a form, and would show its own page about more."""
    app = bottle.Bottle()
    app.add_hook("before_request", lambda: bottle.request.forms)
    make(app, prefix="/up")
    data, content_type = encoded(kind, BASE64 + " " * 200_000)

    for path in (f"/up{UPLOAD}", f"/up{UPLOAD}/"):
        answer = client(app).post(path, data=data, content_type=content_type, headers=KEY)
        assert (answer.status_code, answer.json["status_code"]) == (413, 413)
        assert answer.json["error"]["message"] == "Request too big for the host, which reads forms itself"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    text = client(app).post(f"/up{UPLOAD}?format=txt", data=data, content_type=content_type, headers=KEY)
    assert (text.status_code, text.content_type) == (413, "text/plain; charset=utf-8")


@pytest.mark.parametrize("kind", ["json", "urlencoded"])
def test_a_hook_before_ours_that_reads_a_small_form_leaves_it(make, kind):
    """Bottle keeps what it read, and the component reads it again."""
    app = bottle.Bottle()
    app.add_hook("before_request", lambda: (bottle.request.forms, bottle.request.json))
    make(app)
    data, content_type = encoded(kind, BASE64)

    answer = client(app).post(UPLOAD, data=data, content_type=content_type, headers=KEY)

    assert answer.status_code == 200, answer.text


def test_other_errors_of_hooks_are_the_hosts(make):
    """A refusal of the host's own stands, and so does its page about a form that is too large elsewhere."""
    app = make()
    app.route("/form", method="POST", callback=lambda: bottle.request.forms.title)

    @app.hook("before_request")
    def refuse():
        if "HTTP_X_REFUSE" in bottle.request.environ:
            bottle.abort(int(bottle.request.get_header("X-Refuse")), "by the host")
        if bottle.request.path == "/form":
            assert bottle.request.forms.title

    assert "by the host" in send(app, headers={"X-Refuse": "403"}).text
    assert client(app).post("/form", data={"title": "there"}).text == "there"
    large = client(app).post("/form", data={"title": "x" * 200_000})
    assert (large.status_code, large.content_type) == (413, "text/html; charset=UTF-8")


def test_a_file_streams(make):
    """Neither Bottle nor its hooks hold it; who has no key is refused before it is read."""
    seen = []
    app = make()
    app.add_hook("before_request", lambda: (bottle.request.forms, bottle.request.files, bottle.request.json))
    app.add_hook("after_request", lambda: seen.append(bottle.request.environ))
    content = noise()
    head = b'--x\r\nContent-Disposition: form-data; name="source"; filename="a.png"\r\n\r\n'
    tail = b"\r\n--x--\r\n"
    for key, status, more in (("the-key", 200, 0), ("wrong", 401, 4_000_000)):
        body = head + content + tail + bytes(more)
        environ = EnvironBuilder(UPLOAD, method="POST", headers={"X-API-Key": key}).get_environ()
        environ |= {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": str(len(body))}
        environ["wsgi.input"] = trickle = Trickle(body)
        answer = TestResponse(*run_wsgi_app(validator(app), environ, buffered=True), request=Request(environ))
        assert answer.status_code == status, answer.text
        assert "bottle.request.body" not in seen[-1]
    assert trickle.read_bytes < len(body) / 2


def test_a_chunked_body_streams_where_a_server_leaves_the_header(make):
    """Which lets Bottle look for chunks in a body that has none any more, once a hook asks for it."""
    app = make()
    app.add_hook("before_request", lambda: (bottle.request.forms, bottle.request.json))
    body = json.dumps({"source": BASE64}).encode()
    environ = EnvironBuilder(UPLOAD, method="POST", headers=KEY).get_environ()
    environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "CONTENT_TYPE": "application/json"}
    environ["wsgi.input"] = Trickle(body)

    answer = TestResponse(*run_wsgi_app(validator(app), environ, buffered=True), request=Request(environ))

    assert answer.status_code == 200, answer.text


# The mount


@pytest.mark.parametrize("prefix", ["", "/deep/down"])
def test_every_method_reaches_the_component(make, prefix):
    """Which tells its own refusals of some, and what browsers ask before they upload."""
    app = make(prefix=prefix)
    url = send(app, f"{prefix}{UPLOAD}").json["image"]["url"]

    assert client(app).options(f"{prefix}{UPLOAD}").status_code == 204
    for method in ("PUT", "DELETE", "PATCH", "HEAD"):
        answer = client(app).open(f"{prefix}{UPLOAD}", method=method)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, GET, OPTIONS")
    assert url.startswith(f"http://localhost{urllib.parse.quote(prefix)}/images/")
    assert client(app).get(urllib.parse.urlsplit(url).path).data == PNG


def test_files_are_closed_whatever_is_sent_of_them(make):
    """Also where nothing is: to HEAD, and to who has the file already."""
    app = make()
    path = urllib.parse.urlsplit(send(app).json["image"]["url"]).path

    whole = client(app).get(path)
    head = client(app).head(path)
    again = client(app).get(path, headers={"If-None-Match": whole.headers["ETag"]})
    beyond = client(app).get(path, headers={"Range": "bytes=99999-"})
    # A file that is still open warns when it is collected, and a warning fails this test.
    gc.collect()

    assert (head.status_code, head.data, head.content_length) == (200, b"", len(PNG))
    assert (again.status_code, again.data, beyond.status_code) == (304, b"", 416)


def test_a_catch_all_of_the_host_leaves_the_components_routes(make):
    """Whichever came first; and what the component does not know is the host's 404."""
    app = bottle.Bottle()
    app.route("/<anything:path>", method="ANY", callback=lambda anything: f"the host's {anything}")
    make(app)
    app.error(404, callback=lambda error: "the host's own 404")

    path = urllib.parse.urlsplit(send(app).json["image"]["url"]).path
    assert client(app).get(path).data == PNG
    assert client(app).get("/elsewhere").text == "the host's elsewhere"
    missing = client(app).get("/image/no/such/thing")
    assert (missing.status_code, missing.text) == (404, "the host's own 404")


def test_plugins_and_later_hooks_of_the_host(make):
    """Its plugins keep to its own routes, as with Bottle's mounts; headers of its hooks are on every answer."""

    def plugin(callback):
        return lambda *values, **named: pytest.fail("for the host's own routes only")

    app = make()
    app.install(plugin)
    app.add_hook("after_request", lambda: bottle.response.set_header("X-Host", "yes"))

    answer = send(app)

    assert (answer.status_code, answer.headers["X-Host"]) == (200, "yes")


@pytest.mark.parametrize("prefix", ["", "/up"])
def test_current_user_may_ask_bottle(make, tmp_path, prefix):
    """``bottle.request`` is the request, and knows its cookies; the page of keys makes a key that uploads."""
    database = Database(sqlite_engine(tmp_path / "site.db"))
    database.create_tables()
    users = Table("people", MetaData(), Column("number", Integer, primary_key=True), Column("name", String(20)))
    database.create_tables([users])
    with database.begin() as connection:
        connection.execute(insert(users), {"number": 7, "name": "ann"})

    def current_user(environ):
        user_id = bottle.request.get_cookie("user", secret="the host's own")
        return Principal(user_id=user_id) if user_id else None

    app = make(
        prefix=prefix,
        database=database,
        users=UserColumns(id=users.c.number),
        current_user=current_user,
        config={"login_url": "/login"},
    )
    app.get("/login", callback=lambda: bottle.response.set_cookie("user", "7", secret="the host's own"))
    # A hook that has read the form of keys is no hindrance.
    app.add_hook("before_request", lambda: bottle.request.forms.action)
    browser = client(app)

    away = browser.get(f"{prefix}/settings/api")
    browser.get("/login")
    page = browser.get(f"{prefix}/settings/api").text
    token = page.partition('name="token" value="')[2].partition('"')[0]
    made = browser.post(f"{prefix}/settings/api", data={"token": token, "action": "make", "label": "laptop"}).text
    key = made.partition('id="key" readonly autofocus value="')[2].partition('"')[0]
    answer = send(app, f"{prefix}{UPLOAD}", headers={"X-API-Key": key})
    database.engine.dispose()

    assert (away.status_code, away.headers["Location"]) == (302, f"/login?next={prefix}/settings/api")
    assert answer.status_code == 200, answer.text


# The keyword


def loud(callback):
    """Decorate as one should."""

    @functools.wraps(callback)
    def decorated(*values, **named):
        return callback(*values, **named).upper()

    return decorated


def hidden(callback):
    """Decorate without saying what."""
    return lambda *values, **named: callback(*values, **named)


def test_uploads_go_where_they_are_asked_for(make):
    """By name, also behind decorators and in closures that know other functions; nobody else is bothered."""
    app = make(prefix="/up")

    def helper():
        return "helped "

    @app.get("/plain")
    def plain(chevupload):
        return helper() + type(chevupload).__name__

    @app.get("/decorated/<name>")
    @loud
    def decorated(name, *, chevupload):
        return name + type(chevupload).__name__

    @app.get("/hidden")
    @hidden
    def behind(chevupload):
        return type(chevupload).__name__

    @app.get("/none")
    def none(other="untouched"):
        return other + helper()

    app.get("/any", callback=lambda **named: str(named))
    app.get("/skipped", callback=lambda chevupload="no": chevupload, skip=["chevupload"])

    pages = {path: client(app).get(path).text for path in ("/plain", "/decorated/my", "/hidden", "/none", "/any")}

    name = RequestUploads.__name__
    assert pages == {
        "/plain": f"helped {name}",
        "/decorated/my": f"my{name}".upper(),
        "/hidden": name,
        "/none": "untouchedhelped ",
        "/any": "{}",
    }
    assert client(app).get("/skipped").text == "no"


@pytest.mark.parametrize("mounted", [False, True])
def test_the_hosts_own_form_saves_lists_and_links(make, mounted):
    """In the words that every host has; links are right below a prefix, and where the application is mounted."""
    app = make(prefix="/up")

    @app.post("/form")
    def form(chevupload):
        picture = bottle.request.files.picture
        upload = chevupload.save(
            picture.file, owner="1", filename=picture.raw_filename, title=bottle.request.forms.title
        )
        assert chevupload.get(upload.id) == upload
        assert list(chevupload.list("1")) == [upload]
        return {"title": upload.title, "url": chevupload.links.file(upload, upload.path)}

    @app.get("/delete")
    def delete(chevupload):
        return {"deleted": [chevupload.delete(upload) for upload in chevupload.list("1")]}

    application, mount = app, ""
    if mounted:
        application, mount = bottle.Bottle(), "/outer"
        application.mount("/outer/", app)
    browser = client(application)

    saved = browser.post(f"{mount}/form", data={"picture": (io.BytesIO(PNG), "photo.png"), "title": "Größe"})
    assert (saved.status_code, saved.json["title"]) == (200, "Größe")
    assert saved.json["url"].startswith(f"http://localhost{mount}/up/images/")
    assert browser.get(saved.json["url"].removeprefix("http://localhost")).data == PNG
    assert browser.get(f"{mount}/delete").json == {"deleted": [True]}


# Settings


def test_settings_come_from_a_file(tmp_path):
    """As Bottle reads one, its prefix too."""
    (tmp_path / "site.ini").write_text(
        f"[chevupload]\nfolder = {tmp_path}/site\nprefix = up/\nguest_key = for guests\nmax_guest_bytes = 100\n"
        "renderer = inline\n[other]\nname = value\n"
    )
    app = bottle.Bottle()
    app.config.load_config(str(tmp_path / "site.ini"))
    app.install(ChevUploadPlugin(prefix="/elsewhere"))

    answer = send(app, f"/up{UPLOAD}", headers={"X-API-Key": "for guests"}, source=(io.BytesIO(noise()), "a.png"))

    assert (answer.status_code, answer.json["error"]["message"]) == (413, "File too big - max 100 B")
    app.close()


@pytest.mark.parametrize(
    ("config", "message"),
    [({}, "nowhere to keep records"), ({"chevupload.max_byte": "1"}, "unknown settings: max_byte")],
)
def test_settings_that_cannot_be_meant_are_refused(config, message):
    """When the plugin is installed, not at the first request."""
    app = bottle.Bottle()
    app.config.update(config)

    with pytest.raises(ConfigError, match=message):
        app.install(ChevUploadPlugin())
    assert [plugin for plugin in app.plugins if isinstance(plugin, ChevUploadPlugin)] == []


def test_two_plugins_need_two_keywords(make):
    """Each then has settings, a folder and a mount point of its own, and both reach the same callback."""
    app = make(prefix="/a")
    with pytest.raises(bottle.PluginError, match="keyword 'chevupload'"):
        app.install(ChevUploadPlugin())
    make(app, keyword="pictures", prefix="/b")

    @app.get("/links")
    def links(chevupload, pictures):
        return f"{chevupload.links.base_url} {pictures.links.base_url}"

    assert client(app).get("/links").text == "http://localhost/a http://localhost/b"
    assert [send(app, f"{prefix}{UPLOAD}").status_code for prefix in ("/a", "/b")] == [200, 200]


def test_closing_ends_the_workers(make):
    """When the application is closed, and when the plugin is taken off."""

    class Counting:
        closed = 0

        def process(self, job, *, sender):
            """Render nothing."""

        def warm(self):
            """Be ready."""

        def close(self):
            self.closed += 1

    renderer = Counting()
    app = make(renderer=renderer)
    app.close()
    assert renderer.closed == 1
    app.uninstall("chevupload")
    assert renderer.closed == 2


def test_a_fault_of_the_hosts_parts_is_told_in_json(make):
    """No page of Bottle's, and nothing of ours in it."""

    def broken(key, environ):
        raise RuntimeError("secret detail")

    answer = send(make(keys=broken))

    assert (answer.status_code, answer.json["status_code"]) == (500, 500)
    assert [leak for leak in LEAKS if leak in answer.text] == []


# The library
