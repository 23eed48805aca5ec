"""The Flask extension: alone, and beside Flask-SQLAlchemy, Flask-Login and Flask-WTF."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import types
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit
from wsgiref.validate import validator

import flask
import pytest
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import select
from sqlalchemy.orm import mapped_column
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import encode_multipart

from chevupload import ConfigError, Hooks, Principal, Refusal
from chevupload.contrib.flask import ChevUpload, uploads
from chevupload.db import Tables, UserColumns
from chevupload.errors import StorageError
from chevupload.storage.local import LocalStorage
from chevupload.testing import CommandContract, HostCommands, HostContract, RunningHost, serve, take_form, tell_sender
from chevupload.testing.memory import MemoryCatalog
from tests.support import BASE64, PNG, ROOT, UPLOAD, file, files_in, noise

KEY = "the-key-of-guests"
MAX_BYTES = 2_000_000


def plain(folder, **config):
    """Make an application with nothing in it but what it is told."""
    app = flask.Flask(__name__, instance_path=str(folder / "instance"))
    app.config.update(SECRET_KEY="dev", TESTING=True, CHEVUPLOAD_GUEST_KEY=KEY, CHEVUPLOAD_RENDERER="inline")
    app.config.update(config)
    return app


def send(app, *, key=KEY, path=UPLOAD, data=None, **request):
    """Upload a picture, and return the answer."""
    fields = {"source": file()} if data is None else data
    files = {name: FileStorage(*value) for name, value in fields.items() if isinstance(value, tuple)}
    # The test client itself would make a temporary file of a large form, and leave it open.
    boundary, body = encode_multipart(fields | files)
    request["content_type"] = f"multipart/form-data; boundary={boundary}"
    return app.test_client().post(path, data=body, headers={"X-API-Key": key} if key else {}, **request)


def path_of(url):
    """Return a URL's path, as a test client takes it."""
    return urlsplit(url).path


def refusal(answer):
    """Return the status and the message of a refusal, which a program can read."""
    assert answer.json["status_code"] == answer.status_code
    return answer.status_code, answer.json["error"]["message"]


class Site:
    """An application with users of its own, its database, sign-in and protection against cross-site requests."""

    def __init__(self, folder, *, csrf="before", model=None, columns=None, url_prefix=None, **config):
        self.folder = folder
        self.db = db = SQLAlchemy()
        self.User = model(db) if model else user_model(db)
        self.app = app = plain(folder, SQLALCHEMY_DATABASE_URI="sqlite:///site.db", CHEVUPLOAD_GUEST_KEY="")
        app.config.update(config)
        os.makedirs(app.instance_path, exist_ok=True)
        db.init_app(app)
        if csrf == "before":
            CSRFProtect(app)
        users = columns(self.User) if columns else self.User
        self.extension = ChevUpload(
            app, db=db, users=users, login=True, url_prefix=url_prefix, hooks=Hooks(before_store=tell_sender)
        )
        if csrf == "after":
            CSRFProtect(app)
        self._sign_in()
        with app.app_context():
            db.create_all()
            db.session.add(self.User(name="ann", **({"upload_bytes": MAX_BYTES} if columns else {})))
            db.session.commit()
        self.component = app.extensions["chevupload"]
        self.key = self.component.key_store.add_key("1", label="laptop").key

    def _sign_in(self):
        manager = LoginManager(self.app)
        manager.login_view = "sign_in"
        manager.user_loader(lambda user_id: self.db.session.get(self.User, int(user_id)))

        @self.app.get("/sign-in/<int:user_id>")
        @self.app.get("/sign-in", endpoint="sign_in")
        def sign_in(user_id=0):
            if user_id:
                login_user(self.db.session.get(self.User, user_id))
            return "signed in" if user_id else "who are you?"

        @self.app.post("/own-form")
        @login_required
        def own_form():
            try:
                title = flask.request.form["title"]
                return take_form(uploads, flask.request.files["picture"], owner=current_user.id, title=title)
            except Refusal as refusal:
                return refusal.message, refusal.status

    def signed_in(self):
        """Return the headers of a browser in which the first user is signed in."""
        client = self.app.test_client()
        client.get("/sign-in/1", environ_base={"HTTP_USER_AGENT": ""})
        return {"Cookie": f"session={client.get_cookie('session').value}"}

    def close(self):
        """Close the database."""
        with self.app.app_context():
            self.db.engine.dispose()
        self.component.close()

    def send(self, **request):
        """Upload a picture with the key of the first user."""
        return send(self.app, **{"key": self.key, **request})

    def records(self):
        """List the ids of the records that readers see."""
        return [upload.id for upload in self.component.catalog.uploads()]

    def stored(self):
        """List the stored files."""
        return files_in(self.folder / "instance" / "chevupload" / "images")


def user_model(db):
    """Map users with a number for an id, and with two flags."""

    class User(UserMixin, db.Model):
        id = mapped_column(db.Integer, primary_key=True)
        name = mapped_column(db.String)
        is_admin = mapped_column(db.Boolean, default=False)
        is_active = mapped_column(db.Boolean, default=True)
        upload_bytes = mapped_column(db.Integer)

    return User


@pytest.fixture
def make(tmp_path):
    """Return a function that makes sites, and closes them at the end."""
    made = []

    def make_site(**options):
        made.append(Site(tmp_path / str(len(made)), **options))
        return made[-1]

    yield make_site
    for site in made:
        site.close()


@pytest.fixture
def site(make):
    """Return a site."""
    return make()


# The contract


def reads(app, how):
    """Let the application look into bodies when it is asked to."""

    @app.before_request
    def look():
        request = flask.request
        if "X-Read-Form" not in request.headers:
            return
        if how == "data":
            request.get_data()
        elif request.is_json:
            request.get_json()
        else:
            assert {*request.form, *request.files} >= {"source"}
        assert len(request.get_data()) >= 0


class Once:
    """A body as it is where servers stream: there is no going back."""

    def __init__(self, body):
        self.read, self.readline = body.read, body.readline


def linted(application):
    """Watch over all that an application does, but for what Flask itself reads: all at once, which the rules forbid."""
    watched = validator(application)

    def chosen(environ, start_response):
        if "HTTP_X_READ_FORM" not in environ:
            return watched(environ, start_response)
        return application({**environ, "wsgi.input": Once(environ["wsgi.input"])}, start_response)

    return chosen


@contextmanager
def running(site, *, url_prefix="", mounted_at="", proxy_fix=False):
    """Run a site on a real server."""
    app = site.app
    if proxy_fix:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
    application = linted(app)
    if mounted_at:
        application = DispatcherMiddleware(plain(site.folder / "outer"), {mounted_at: application})
    with serve(application) as address:
        yield RunningHost(
            url=address + mounted_at + url_prefix,
            key=site.key,
            max_bytes=MAX_BYTES,
            signed_in=site.signed_in(),
            own_form=f"{address}{mounted_at}/own-form",
            has_key_page=True,
            has_uploads_route=True,
        )


def own_limits(model):
    """Say where users have limits of their own."""
    return UserColumns(
        id=model.id, is_admin=model.is_admin, is_active=model.is_active, max_bytes=model.upload_bytes, data=model.name
    )


CONTRACT = {
    "columns": own_limits,
    "CHEVUPLOAD_MAX_BYTES": 2 * MAX_BYTES,
    "CHEVUPLOAD_UPLOAD_PAGE_ROUTE": "upload",
    "CHEVUPLOAD_UPLOADS_ROUTE": "api/1/uploads",
    # The host's own form has no token, for the sake of brevity.
    "WTF_CSRF_CHECK_DEFAULT": False,
}


class TestAtTheRoot(HostContract):
    """Below Flask's own middleware for proxies; forms are read as forms."""

    @pytest.fixture(params=["form", "data"])
    def host(self, request, make):
        site = make(**CONTRACT)
        reads(site.app, request.param)
        with running(site, proxy_fix=True) as host:
            yield host


class TestWithPrefix(HostContract):
    """The blueprint below a prefix, and Flask-WTF initialised after it."""

    @pytest.fixture
    def host(self, make):
        site = make(csrf="after", url_prefix="/deep/down", CHEVUPLOAD_TRUSTED_PROXIES=1, **CONTRACT)
        reads(site.app, "form")
        with running(site, url_prefix="/deep/down") as host:
            yield host


class TestMounted(HostContract):
    """The application itself below a prefix, with one more for the blueprint."""

    @pytest.fixture
    def host(self, make):
        site = make(url_prefix="down", CHEVUPLOAD_TRUSTED_PROXIES=1, **CONTRACT)
        reads(site.app, "data")
        with running(site, url_prefix="/down", mounted_at="/deep") as host:
            yield host


# The extension


def test_one_line_is_enough(tmp_path):
    """Everything is in the instance folder, and nothing else is needed than somebody who may upload."""
    app = plain(tmp_path)
    ChevUpload(app)

    image = send(app).json["image"]

    assert image["url"].startswith("http://localhost/images/")
    assert app.test_client().get(path_of(image["url"]), buffered=True).data == PNG
    assert sorted(os.listdir(tmp_path / "instance")) == ["chevupload"]


def test_a_second_one_is_a_mistake(tmp_path):
    """One application has one."""
    app = plain(tmp_path)
    extension = ChevUpload(app)

    with pytest.raises(ConfigError, match="has chevupload already"):
        extension.init_app(app)


def test_one_object_serves_many_applications(tmp_path):
    """Each has its own component and folder, and the object itself remembers none of them."""
    extension = ChevUpload(url_prefix="/up")
    before = dict(vars(extension))
    one, other = plain(tmp_path / "one"), plain(tmp_path / "other", CHEVUPLOAD_URL_PREFIX="elsewhere/")
    extension.init_app(one)
    extension.init_app(other)

    url = path_of(send(one, path=f"/up{UPLOAD}").json["image"]["url"])

    assert vars(extension) == before
    assert one.test_client().get(url, buffered=True).status_code == 200
    assert other.test_client().get(url.replace("/up/", "/elsewhere/"), buffered=True).status_code == 404
    assert send(other, path=f"/elsewhere{UPLOAD}").status_code == 200
    assert one.extensions["chevupload"] is not other.extensions["chevupload"]


def test_the_environment_configures_it(tmp_path, monkeypatch):
    """As it does everything else of Flask."""
    monkeypatch.setenv("FLASK_CHEVUPLOAD_MAX_GUEST_BYTES", "1000")
    monkeypatch.setenv("FLASK_CHEVUPLOAD_KEEP_EXIF", "false")
    monkeypatch.setenv("FLASK_CHEVUPLOAD_UPLOAD_ROUTE", "api/upload")
    app = plain(tmp_path)
    app.config.from_prefixed_env()
    ChevUpload(app)

    assert send(app, path="/api/upload").status_code == 200
    assert refusal(send(app, path="/api/upload", data={"source": file(noise())}))[0] == 413


def test_an_unknown_setting_is_a_mistake(tmp_path):
    """It is named."""
    with pytest.raises(ConfigError, match=r"max_byte\Z"):
        ChevUpload(plain(tmp_path, CHEVUPLOAD_MAX_BYTE=1))


@pytest.mark.parametrize("prefix", ["", "/up"])
def test_url_for_knows_every_route(tmp_path, prefix):
    """Below a prefix, and below whatever the application itself is mounted at."""
    app = plain(tmp_path)
    ChevUpload(app, url_prefix=prefix)

    with app.test_request_context("/", base_url="http://site.test/mounted"):
        assert flask.url_for("chevupload.upload") == f"/mounted{prefix}/api/1/upload"
        assert flask.url_for("chevupload.viewer", rest="abc") == f"/mounted{prefix}/image/abc"
        assert flask.url_for("chevupload.files", rest="a/b.png") == f"/mounted{prefix}/images/a/b.png"


def test_the_proxy_works_in_requests_only(tmp_path):
    """Like Flask's own; it brings the verbs, and links as the sender of the request sees them."""
    app = plain(tmp_path, CHEVUPLOAD_URL_PREFIX="/up")
    ChevUpload(app)

    @app.post("/pictures")
    def take():
        upload = uploads.save(flask.request.files["picture"], owner=7, title="By hand")
        assert uploads.get(upload.id) == upload
        assert list(uploads.list(7)) == [upload]
        return {"file": uploads.links.file(upload, upload.path), "deleted": uploads.delete(upload)}

    with pytest.raises(RuntimeError, match="outside of"):
        uploads.list(7)
    client = app.test_client()
    answer = client.post("/pictures", data={"picture": file()}, base_url="https://site.test/mounted").json
    assert answer["file"].startswith("https://site.test/mounted/up/images/")
    assert answer["file"].endswith("/photo.png")
    assert answer["deleted"] is True


def test_a_relative_folder_is_below_the_instance_folder(tmp_path):
    """Wherever a server was started."""
    app = plain(tmp_path, CHEVUPLOAD_FOLDER="pictures")
    ChevUpload(app)

    assert send(app).status_code == 200
    assert os.listdir(tmp_path / "instance") == ["pictures"]


def test_a_folder_in_the_home_folder_is_there(tmp_path, monkeypatch):
    """Not in a folder named like its sign, below the instance folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    ChevUpload(plain(tmp_path, CHEVUPLOAD_FOLDER="~/pictures"))

    assert os.listdir(tmp_path) == ["home"]


def test_no_folder_is_made_that_nobody_needs(tmp_path):
    """With records and files elsewhere."""
    app = plain(tmp_path, CHEVUPLOAD_FOLDER="", CHEVUPLOAD_SECRET_KEYS=["a secret of sixteen or more"])
    ChevUpload(app, catalog=MemoryCatalog(), storage=LocalStorage(tmp_path / "i", incoming=tmp_path / "n"))

    assert send(app).status_code == 200
    assert not (tmp_path / "instance").exists()


@pytest.mark.parametrize("secret", ["dev", b"\xff\x00", "a key as it should be, long and random"])
def test_delete_links_outlive_a_new_secret_key(tmp_path, secret):
    """As sessions do, with the old one among the fallbacks; and without it they are worth nothing."""
    old = plain(tmp_path, SECRET_KEY=secret)
    ChevUpload(old)
    link = path_of(send(old).json["image"]["delete_url"])
    changed, rotated = plain(tmp_path, SECRET_KEY="new"), plain(tmp_path, SECRET_KEY="new")
    rotated.config["SECRET_KEY_FALLBACKS"] = [secret]

    for app, status in ((changed, 404), (rotated, 200)):
        ChevUpload(app)
        assert app.test_client().post(link).status_code == status


def test_without_a_secret_key_the_folder_has_one(tmp_path):
    """And keeps it."""
    links = []
    for _ in (1, 2):
        app = plain(tmp_path, SECRET_KEY=None)
        ChevUpload(app)
        links.append(path_of(send(app).json["image"]["delete_url"]))

    assert [app.test_client().post(link).status_code for link in links] == [200, 200]


def test_without_a_page_of_keys_its_path_is_the_hosts(tmp_path):
    """Though the host's own view was registered later."""
    app = plain(tmp_path)
    ChevUpload(app)
    app.add_url_rule("/settings/api", view_func=lambda: "the host's own settings")

    assert app.test_client().get("/settings/api").text == "the host's own settings"


# Answers


class Watched(LocalStorage):
    """Remembers the files that it opened."""

    def open(self, path, part=None):
        self.opened = super().open(path, part)
        return self.opened


def test_files_are_streamed_and_closed(tmp_path):
    """A large one is never in memory as a whole; every way of asking for one closes it."""
    storage = Watched(tmp_path / "images", incoming=tmp_path / "incoming")
    app = plain(tmp_path)
    ChevUpload(app, storage=storage)
    content = noise((1200, 900))
    client, url = app.test_client(), path_of(send(app, data={"source": file(content)}).json["image"]["url"])

    answer = client.get(url)
    assert len(content) > 3_000_000
    assert len(next(answer.iter_encoded())) <= 1_048_576
    assert storage.opened.tell() <= 1_048_576
    assert not storage.opened.closed
    answer.close()
    assert storage.opened.closed
    for method, headers in (("HEAD", {}), ("GET", {"If-None-Match": answer.headers["ETag"]})):
        client.open(url, method=method, headers=headers).close()
        assert storage.opened.closed


def test_the_hosts_hooks_see_the_answers(tmp_path):
    """After a request as before it."""
    app = plain(tmp_path)
    ChevUpload(app)
    app.after_request(lambda response: response.headers.add("X-Seen", flask.request.endpoint) or response)

    answer = send(app)

    assert (answer.status_code, answer.headers["X-Seen"]) == (200, "chevupload.upload")


@pytest.mark.parametrize("kind", [404, HTTPException])
def test_what_is_not_ours_is_the_hosts_404(tmp_path, kind):
    """With the host's own page, in whichever way it has one."""
    app = plain(tmp_path)
    ChevUpload(app)
    app.register_error_handler(kind, lambda error: ("the host's own page", 404))

    answer = app.test_client().get("/image/no/such/thing")

    assert (answer.status_code, answer.text) == (404, "the host's own page")


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("is_read", [False, True])
def test_the_hosts_limit_counts(tmp_path, is_chunked, is_read):
    """Whoever reads the body, and whether its length is declared; and a program can read why."""
    app = plain(tmp_path, MAX_CONTENT_LENGTH=50_000)
    ChevUpload(app)
    if is_read:
        app.before_request(lambda: flask.request.form and None)
    more = {"environ_overrides": {"wsgi.input_terminated": True}} if is_chunked else {}

    small = send(app, **more)
    large = send(app, data={"source": file(noise())}, **more)

    assert small.status_code == 200
    assert refusal(large)[0] == 413


def test_the_host_may_allow_more_for_uploads(tmp_path):
    """In its own hook, as Flask says."""
    app = plain(tmp_path, MAX_CONTENT_LENGTH=1_000, MAX_FORM_MEMORY_SIZE=None)
    ChevUpload(app)

    @app.before_request
    def allow():
        if flask.request.endpoint == "chevupload.upload":
            flask.request.max_content_length = 10_000_000

    assert send(app, data={"source": file(noise())}).status_code == 200


@pytest.mark.parametrize("size", [600_000, 20_000_000])
def test_a_host_that_reads_forms_takes_large_texts(tmp_path, size):
    """More than Flask's half a megabyte, and not without end; a program can read why."""
    app = plain(tmp_path)
    ChevUpload(app)
    app.before_request(lambda: flask.request.form and None)

    answer = send(app, data={"source": "\n" * size + BASE64})

    if size < 1_000_000:
        assert answer.status_code == 200, answer.text
    else:
        assert refusal(answer) == (413, "Request too big - more than this site takes at once")


# Users, keys and their page


def test_keys_are_those_of_the_hosts_users(site):
    """What they upload is theirs, as long as they are there."""
    with site.app.app_context():
        assert site.send().status_code == 200
        assert [upload.owner_id for upload in site.component.catalog.uploads()] == ["1"]

        site.db.session.get(site.User, 1).is_active = False
        site.db.session.commit()
        assert refusal(site.send())[0] == 401

        site.db.session.get(site.User, 1).is_active = True
        site.db.session.commit()
        assert site.send().status_code == 200

        site.db.session.delete(site.db.session.get(site.User, 1))
        site.db.session.commit()
        assert refusal(site.send())[0] == 401


def test_a_mapped_is_admin_counts(make):
    """Who may upload the same picture twice, for example, where others may not."""
    site = make(CHEVUPLOAD_DUPLICATES="reject")
    assert [site.send().status_code for _ in (1, 2)] == [200, 400]
    with site.app.app_context():
        site.db.session.get(site.User, 1).is_admin = True
        site.db.session.commit()

    assert site.send().status_code == 200


def test_users_may_be_columns(make, tmp_path):
    """Where a model spells its flags in other words."""
    db = SQLAlchemy()
    User = user_model(db)
    app = plain(tmp_path, SQLALCHEMY_DATABASE_URI="sqlite:///site.db")
    os.makedirs(app.instance_path)
    db.init_app(app)
    ChevUpload(app, db=db, users=UserColumns(id=User.id, is_active=User.name != "bob"))
    with app.app_context():
        db.create_all()
        db.session.add_all([User(name="ann"), User(name="bob")])
        db.session.commit()
        keys = [app.extensions["chevupload"].key_store.add_key(user_id).key for user_id in ("1", "2")]

        assert [send(app, key=key).status_code for key in keys] == [200, 401]
        db.engine.dispose()


def test_a_model_may_name_others_that_come_later(tmp_path):
    """An extension object is made before every model is there."""
    db = SQLAlchemy()

    class User(db.Model):
        id = mapped_column(db.Integer, primary_key=True)
        posts = db.relationship("Post")

    extension = ChevUpload(db=db, users=User)

    class Post(db.Model):
        id = mapped_column(db.Integer, primary_key=True)
        user_id = mapped_column(db.ForeignKey("user.id"))

    app = plain(tmp_path, SQLALCHEMY_DATABASE_URI="sqlite:///:memory:")
    db.init_app(app)
    extension.init_app(app)
    assert "chevupload" in app.extensions


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_is_signed_out_is_sent_to_sign_in(site, method):
    """Where Flask-Login says, and back again."""
    answer = getattr(site.app.test_client(), method)("/settings/api")

    assert answer.status_code == 302
    assert path_of(answer.headers["Location"]) == "/sign-in"
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["next"] == ["/settings/api"]


def test_a_disabled_user_is_not_signed_in(make):
    """Though the session says so, and a model that knows no better."""

    def model(db):
        User = user_model(db)
        User.is_authenticated = True
        return User

    site = make(model=model)
    client = site.app.test_client()
    client.get("/sign-in/1")
    assert client.get("/settings/api").status_code == 200
    with site.app.app_context():
        site.db.session.get(site.User, 1).is_active = False
        site.db.session.commit()

    assert client.get("/settings/api").status_code == 302


def test_a_users_id_for_sessions_may_be_another(make):
    """Flask-Login lets a user have one that changes with the password; keys are those of the user."""

    def model(db):
        User = user_model(db)
        User.get_id = lambda self: f"{self.id}0"
        return User

    site = make(model=model)
    site.app.login_manager.user_loader(lambda text: site.db.session.get(site.User, int(text[:-1])))
    client = site.app.test_client()
    client.get("/sign-in/1")

    assert "laptop" in client.get("/settings/api").text


def test_a_page_of_keys_of_nobody_is_a_mistake():
    """It would make keys that open nothing."""
    with pytest.raises(ConfigError, match="users"):
        ChevUpload(login=True)


def test_hosts_without_flask_login_say_themselves_who_is_signed_in(tmp_path, site):
    """The component's own answer says that nobody is."""
    app = plain(tmp_path)
    signed_in = [Principal(user_id="1"), None]
    ChevUpload(app, current_user=lambda environ: signed_in.pop(0), key_store=site.component.key_store)

    answers = [app.test_client().get("/settings/api") for _ in (1, 2)]

    assert [answer.status_code for answer in answers] == [200, 401]
    assert "laptop" in answers[0].text


# Cross-site requests


@pytest.mark.parametrize("csrf", ["before", "after"])
def test_flask_wtf_protects_the_host_and_leaves_us_alone(make, csrf):
    """Initialised before this extension or after it."""
    site = make(csrf=csrf)
    site.app.add_url_rule("/own", view_func=lambda: "taken", methods=["POST"])
    client = site.app.test_client()
    client.get("/sign-in/1")

    image = site.send().json["image"]
    token = re.search(r'name="token" value="([^"]+)"', client.get("/settings/api").text)[1]

    assert client.post("/own").status_code == 400
    assert client.post("/settings/api", data={"token": token, "action": "make", "label": "x"}).status_code == 200
    assert client.post("/settings/api", data={"action": "make", "label": "x"}).status_code == 403
    assert client.post(path_of(image["delete_url"])).status_code == 200
    assert site.records() == []


# The host's database


def test_its_tables_are_the_hosts(site):
    """``db.create_all()`` made them, and migrations see them."""
    assert {table.name for table in Tables.default()} <= set(site.db.metadata.tables)
    assert site.send().status_code == 200


def test_tables_may_be_the_hosts_own(tmp_path):
    """With a foreign key, for example; the others are in the same metadata all the same."""
    from chevupload.db import KeyMixin

    db = SQLAlchemy()
    User = user_model(db)

    class UploadKey(KeyMixin, db.Model):
        user_id = mapped_column(db.ForeignKey(User.id, ondelete="CASCADE"), index=True)

    ChevUpload(db=db, users=User, tables=Tables.of(UploadKey))

    assert {"upload_key", "chevupload_uploads"} <= set(db.metadata.tables)


def test_the_database_comes_first(tmp_path):
    """A mistake is told in words, not by what follows from it."""
    db, other = SQLAlchemy(), SQLAlchemy()
    app = plain(tmp_path, SQLALCHEMY_DATABASE_URI="sqlite:///:memory:")
    for _ in ("no database", "another one"):
        with pytest.raises(ConfigError, match=r"db\.init_app\(app\) has to come before"):
            ChevUpload(app, db=db)
        if "sqlalchemy" not in app.extensions:
            other.init_app(app)


@pytest.mark.parametrize("database", ["sqlite:///site.db", "sqlite:///:memory:"])
def test_a_save_joins_the_hosts_transaction(make, database):
    """There when it commits, together with what the host wrote; gone with it when it rolls back."""
    site = make(SQLALCHEMY_DATABASE_URI=database)
    session = site.db.session
    with site.app.test_request_context("/"):
        session.add(site.User(name="bob"))
        kept = uploads.save(io.BytesIO(PNG), owner=1, filename="kept.png", session=session)
        session.commit()
        session.add(site.User(name="eve"))
        lost = uploads.save(io.BytesIO(PNG), owner=1, filename="lost.png", session=session)
        session.rollback()
        site.component.maintenance.sweep()

        assert session.scalars(select(site.User.name)).all() == ["ann", "bob"]
        assert uploads.get(kept.id) == kept
        assert uploads.get(lost.id) is None
        assert [name for name in site.stored() if "lost" in name] == []
        assert len(site.stored()) == len(kept.paths)


def test_a_rollback_of_the_host_leaves_uploads_of_others_alone(site):
    """What came in by the API was never in its transaction."""
    with site.app.app_context():
        site.db.session.add(site.User(name="never"))
        assert site.send().status_code == 200
        site.db.session.rollback()

    assert len(site.records()) == 1


# Commands


def run(app, *words):
    """Run ``flask chevupload`` with these words."""
    return app.test_cli_runner().invoke(args=["chevupload", *words])


class TestCommands(CommandContract):
    """Of ``flask chevupload``."""

    @pytest.fixture
    def commands(self, site):
        def run_command(*words):
            result = run(site.app, *words)
            return result.exit_code, result.output

        return HostCommands(
            run=run_command,
            upload=lambda key: site.send(key=key or site.key).status_code,
            images=site.folder / "instance" / "chevupload" / "images",
            user_id="1",
        )


def test_the_group_of_commands_works_by_itself(site):
    """A host may put it below a group of its own, or run it in its tests; it loads its commands when it is asked."""
    group = site.app.cli.commands["chevupload"]
    names = group.list_commands(None)
    assert "sweep" in names
    assert group.get_command(None, "sweep").name == "sweep"
    result = site.app.test_cli_runner().invoke(group, ["sweep"])
    assert (result.exit_code, result.exception) == (0, None), result.output


def test_help_is_there_without_docstrings():
    """Python drops them with -OO."""
    program = "from chevupload.cli import commands; print(all(one.help for one in commands.commands.values()))"
    told = subprocess.run(
        [sys.executable, "-OO", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert told == "True\n"


@pytest.mark.parametrize("db", [object(), "sqlite://", types.SimpleNamespace(metadata=None, init_app=None)])
def test_what_is_no_database_of_flask_is_told(db):
    """At once, and not by an attribute that it lacks."""
    with pytest.raises(ConfigError, match="db must be Flask-SQLAlchemy's object, such as SQLAlchemy"):
        ChevUpload(db=db)


class Stuck(LocalStorage):
    """Deletes nothing."""

    def delete(self, path):
        raise StorageError("not now")


def test_a_sweep_says_what_it_could_not_remove(tmp_path):
    """And fails, so that whoever runs it looks."""
    app = plain(tmp_path)
    ChevUpload(app, storage=Stuck(tmp_path / "images", incoming=tmp_path / "incoming"))
    assert app.test_client().post(path_of(send(app).json["image"]["delete_url"])).status_code == 503

    swept = run(app, "sweep")

    assert swept.exit_code == 1
    assert swept.output == "removed 0 uploads and 0 temporary files, 1 failed\n"


def test_create_tables_makes_what_is_missing(make):
    """Once or twice."""
    site = make()
    with site.app.app_context():
        site.db.drop_all()
    broken = run(site.app, "check")
    assert broken.exit_code == 1
    assert broken.output.startswith("Error: the database cannot do its work: its tables are missing: ")

    assert [run(site.app, "create-tables").exit_code for _ in (1, 2)] == [0, 0]

    assert run(site.app, "check").output == "0 uploads checked\n"


def test_commands_say_what_there_is_not(tmp_path):
    """Without tables, and without keys of users."""
    app = plain(tmp_path)
    ChevUpload(app, catalog=MemoryCatalog())

    assert run(app, "create-tables").output == "Error: this catalog has no tables\n"
    assert run(app, "key", "list", "1").output == "Error: this application makes its keys elsewhere\n"


def test_the_flask_command_finds_them(tmp_path):
    """In a process of its own."""
    (tmp_path / "hello.py").write_text(
        "import flask\nfrom chevupload.contrib.flask import ChevUpload\n"
        "app = flask.Flask(__name__)\napp.secret_key = 'dev'\nChevUpload(app)\n"
    )
    command = [sys.executable, "-m", "flask", "--app", "hello", "chevupload", "check"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert (done.stdout, done.returncode) == ("0 uploads checked\n", 0), done.stderr
    assert json.dumps(done.stderr) == '""'
