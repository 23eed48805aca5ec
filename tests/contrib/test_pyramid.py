"""A Pyramid host: its settings, its directive, its transactions, its users, and the contract of hosts."""

from __future__ import annotations

import contextlib
import io
from contextlib import contextmanager
from functools import partial
from wsgiref.validate import validator

import pytest
import transaction
import zope.sqlalchemy
from click.testing import CliRunner
from pyramid.config import Configurator
from pyramid.events import ContextFound, NewRequest
from pyramid.exceptions import ConfigurationConflictError, ConfigurationError
from pyramid.paster import get_app
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory
from sqlalchemy import ForeignKey, event, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from sqlalchemy.pool import Pool
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from chevupload import Hooks
from chevupload.contrib.pyramid import main
from chevupload.db import Database, Tables, UserColumns, sqlite_engine
from chevupload.errors import ConfigError, Refusal, RequestDenied
from chevupload.model import Principal
from chevupload.testing import CommandContract, HostCommands, HostContract, RunningHost, serve, take_form, tell_sender
from chevupload.testing.memory import MemoryCatalog, MemoryStorage, StaticKeys
from tests.support import PNG, UPLOAD, file, files_in

INCLUDE = "chevupload.contrib.pyramid"
KEYS = "/settings/api"
MAX_BYTES = 2_000_000


class Base(DeclarativeBase):
    """The host's own."""


class User(Base):
    """The host's users."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(default="member")
    upload_bytes: Mapped[int | None] = mapped_column(default=MAX_BYTES)


class Note(Base):
    """What the host writes besides."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))


TABLES = Tables.default().in_metadata(Base.metadata)


class Policy:
    """Knows users by a header, and permits nothing to anybody."""

    def identity(self, request):
        return self.authenticated_userid(request)

    def authenticated_userid(self, request):
        return request.headers.get("X-User")

    def permits(self, request, context, permission):
        return False


def read_form(event):
    """Look into the body before anybody else does, when asked to."""
    request = event.request
    if "X-Read-Form" in request.headers:
        assert request.json_body if request.content_type == "application/json" else request.POST
        # WebOb leaves the file that it copies a body into to the garbage collector, which warns.
        request.add_finished_callback(lambda request: request.body_file_raw.close())


def write_note(event):
    """Write a note in the transaction of the request, when asked to."""
    request = event.request
    if "X-Note" in request.headers:
        request.dbsession.add(Note(user_id=int(request.headers["X-Note"])))
        if "X-Flush" in request.headers:
            request.dbsession.flush()


def own_form(request):
    """Take a file in as the host's own form does."""
    file = request.POST["picture"]
    try:
        owner, title = request.authenticated_userid, request.POST["title"]
        return Response(take_form(request.chevupload, file.file, owner=owner, title=title))
    except Refusal as refusal:
        return Response(refusal.message, status=refusal.status)
    finally:
        request.add_finished_callback(lambda request: request.body_file_raw.close())


def own_upload(request):
    """Take a file in as the host's own form does, and do with the transaction as asked."""
    upload = request.chevupload.save(io.BytesIO(PNG), owner=1, filename="own.png")
    if request.params.get("then") == "fail":
        raise RuntimeError("the host's own fault")
    if request.params.get("then") == "doom":
        request.tm.doom()
    return Response(f"{upload.id} {request.chevupload.links.viewer(upload)}")


def plain(folder, **settings):
    """Return the configuration of a host that has nothing of its own."""
    own = {"folder": str(folder / "data"), "renderer": "inline"} | settings
    return Configurator(settings={f"chevupload.{name}": value for name, value in own.items()})


def host_engine(folder):
    """Return the engine of the host, with two users in its database."""
    engine = sqlite_engine(folder / "host.db")
    Base.metadata.create_all(engine)
    with sessionmaker(engine).begin() as dbsession:
        dbsession.add_all([User(id=1), User(id=2)])
    return engine


@contextmanager
def site(folder, *, prefix=None, session=None, **settings):
    """Return the configuration of a host with users, transactions and everything switched on that refuses requests."""
    engine = host_engine(folder)
    maker = sessionmaker(engine)

    def begun(request):
        made = maker()
        zope.sqlalchemy.register(made, transaction_manager=request.tm)
        return made

    config = plain(folder, **settings)
    config.add_settings({"tm.manager_hook": "pyramid_tm.explicit_manager"})
    config.set_security_policy(Policy())
    config.set_default_permission("own everything")
    config.set_session_factory(SignedCookieSessionFactory("a secret of the session"))
    config.set_default_csrf_options(require_csrf=True)
    config.include("pyramid_tm")
    config.add_request_method(session or begun, "dbsession", reify=True)
    config.add_subscriber(read_form, NewRequest)
    config.add_subscriber(write_note, ContextFound)
    config.include(INCLUDE, route_prefix=prefix)
    users = UserColumns(id=User.id, is_admin=User.role == "admin", max_bytes=User.upload_bytes, data=User.role)
    config.set_chevupload(database=engine, tables=TABLES, users=users, hooks=Hooks(before_store=tell_sender))
    config.add_route("own_form", "/own-form")
    config.add_view(own_form, route_name="own_form", require_csrf=False, permission="__no_permission_required__")
    config.add_route("own", "/own")
    config.add_view(own_upload, route_name="own", require_csrf=False, permission="__no_permission_required__")
    yield config
    engine.dispose()


@pytest.fixture(autouse=True)
def closed():
    """Close every connection: a component keeps the database that it opened itself as long as the process lives."""
    opened = []

    def remember(connection, record):
        opened.append(connection)

    event.listen(Pool, "connect", remember)
    yield
    event.remove(Pool, "connect", remember)
    for connection in opened:
        connection.close()


@pytest.fixture
def stand(tmp_path):
    """Return such a host, running."""
    with site(tmp_path) as config:
        yield Stand(config, tmp_path)


def browse(config):
    """Return a client of the host, who reads every answer to its end."""
    client = Client(validator(config.make_wsgi_app()))
    client.open = partial(client.open, buffered=True)
    return client


class Stand:
    """A host that answers, and what is left in its stores."""

    def __init__(self, config, folder):
        self.client = browse(config)
        self.component = config.registry["chevupload"]
        self._folder = folder

    def upload(self, headers=None, **fields):
        """Send a picture with a new key of user 1."""
        key = self.component.key_store.add_key("1").key
        data = {"key": key, "source": file(), **fields}
        return self.client.post(UPLOAD, data=data, headers=headers)

    def files(self):
        """List the stored files."""
        return files_in(self._folder / "data" / "images")

    def records(self):
        """List the records, in whatever state."""
        return [upload.id for upload in self.component.catalog.uploads()]


def refusing(upload, principal, file):
    raise RequestDenied("Not today")


CONTRACT = {
    **{"trusted_proxies": "1", "max_bytes": str(2 * MAX_BYTES)},
    **{"upload_page_route": "upload", "uploads_route": "api/1/uploads"},
}
"""Settings of the hosts under contract; each user has a limit of their own below the site's."""


def running(address, prefix, key):
    """Describe such a host, in which user 1 is signed in."""
    return RunningHost(
        url=address + prefix,
        key=key,
        max_bytes=MAX_BYTES,
        signed_in={"X-User": "1"},
        own_form=f"{address}/own-form",
        has_key_page=True,
        has_uploads_route=True,
    )


class TestMounted(HostContract):
    """At the root, and below a route prefix."""

    @pytest.fixture(params=["", "/deep/down"])
    def host(self, request, tmp_path):
        with site(tmp_path, prefix=request.param, **CONTRACT) as config:
            application = validator(config.make_wsgi_app())
            key = config.registry["chevupload"].key_store.add_key("1").key
            with serve(application) as address:
                yield running(address, request.param, key)


class TestMountedTwice(HostContract):
    """Below a route prefix of a host that is itself mounted somewhere."""

    @pytest.fixture
    def host(self, tmp_path):
        with site(tmp_path, prefix="inner", **CONTRACT) as config:
            host = validator(config.make_wsgi_app())
            key = config.registry["chevupload"].key_store.add_key("1").key
            with serve(DispatcherMiddleware(Response(status=404), {"/outer": host})) as address:
                yield running(f"{address}/outer", "/inner", key)


class TestSettings:
    """What an ini file says."""

    def test_an_ini_includes_and_mounts(self, tmp_path):
        """With nothing but texts: the include, the route prefix and the rest."""
        texts = {
            "pyramid.includes": f"\n{INCLUDE}\n",
            "chevupload.route_prefix": "/up",
            "chevupload.guest_key": "guests",
        }
        texts |= {"chevupload.folder": str(tmp_path), "chevupload.renderer": "inline", "chevupload.max_bytes": "1_000"}
        client = browse(Configurator(settings=texts))
        answer = client.post("/up" + UPLOAD, data={"key": "guests", "source": file(), "format": "txt"})
        assert answer.text.startswith("http://localhost/up/images/")
        assert client.get(UPLOAD).status_code == 404

    def test_the_prefix_of_an_include_comes_first(self, tmp_path):
        """As everywhere in Pyramid."""
        config = plain(tmp_path, route_prefix="inner", guest_key="guests")
        config.include(INCLUDE, route_prefix="/outer/")
        assert browse(config).get("/outer/inner" + UPLOAD).status_code == 401

    def test_routes_are_settings(self, tmp_path):
        """Renamed, or switched off by an empty text."""
        config = plain(tmp_path, guest_key="guests", upload_route="api/upload", viewer_route="")
        config.include(INCLUDE)
        client = browse(config)
        image = client.post("/api/upload", data={"key": "guests", "source": file()}).json["image"]
        assert image["url_viewer"] == image["url"]
        assert [client.get(path).status_code for path in (UPLOAD, "/image/1")] == [404, 404]

    @pytest.mark.parametrize("wrong", [{"foldr": "x"}, {"max_bytes": "many"}, {"secret_keys": "short"}])
    def test_a_wrong_setting_is_told_at_the_start(self, tmp_path, wrong):
        """By its name; nothing starts that means something else than was written."""
        config = plain(tmp_path, **wrong)
        config.include(INCLUDE)
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            config.make_wsgi_app()

    def test_a_wrong_route_is_told_at_the_include(self, tmp_path):
        """As is a route prefix that would be many."""
        with pytest.raises(ConfigError, match="upload_route must be a path such as"):
            plain(tmp_path, upload_route="a b").include(INCLUDE)
        with pytest.raises(ConfigError, match="not a usable prefix"):
            plain(tmp_path).include(INCLUDE, route_prefix="/{language}")

    def test_routes_stand_where_the_include_stands(self, tmp_path):
        """Before a route of the host that takes everything, if the host adds that later."""
        config = plain(tmp_path, guest_key="guests")
        config.include(INCLUDE)
        config.add_route("everything", "/*rest")
        config.add_view(lambda request: Response("the host's"), route_name="everything")
        client = browse(config)
        assert client.get(UPLOAD).status_code == 401
        assert client.get("/anything/else").text == "the host's"


class TestDirective:
    """What a host has of its own."""

    def test_parts_are_used(self, tmp_path):
        """Given together or one after the other."""
        config = plain(tmp_path)
        config.include(INCLUDE)
        storage, seen = MemoryStorage(), []
        config.set_chevupload(keys=StaticKeys({"a-key": Principal(user_id="1")}), catalog=MemoryCatalog())
        config.set_chevupload(storage=storage)
        config.set_chevupload(hooks=Hooks(on_upload=lambda upload, principal: seen.append(principal.user_id)))
        client = browse(config)
        assert client.post(UPLOAD, data={"key": "a-key", "source": file()}).status_code == 200
        assert (len(storage._files), seen) == (2, ["1"])

    def test_two_of_one_part_conflict(self, tmp_path):
        """Both lines are named; other parts do not conflict."""
        config = plain(tmp_path)
        config.include(INCLUDE)
        config.set_chevupload(storage=MemoryStorage())
        config.set_chevupload(storage=MemoryStorage())
        with pytest.raises(ConfigurationConflictError, match=r"(?s)test_pyramid\.py.*test_pyramid\.py"):
            config.make_wsgi_app()

    def test_the_application_overrides_what_it_includes(self, tmp_path):
        """As views and routes do, whichever comes first."""
        included, own = MemoryStorage(), MemoryStorage()

        def includeme(config):
            config.include(INCLUDE)
            config.set_chevupload(storage=included, hooks=Hooks(before_store=refusing))

        config = plain(tmp_path, guest_key="guests")
        config.include(includeme)
        config.set_chevupload(storage=own)
        config.set_chevupload(hooks=Hooks(before_store=None))
        assert browse(config).post(UPLOAD, data={"key": "guests", "source": file()}).status_code == 200
        assert (len(included._files), len(own._files)) == (0, 2)

    def test_hooks_refuse(self, tmp_path):
        """With the host's reason."""
        config = plain(tmp_path, guest_key="guests")
        config.include(INCLUDE)
        config.set_chevupload(hooks=Hooks(before_store=refusing))
        answer = browse(config).post(UPLOAD, data={"key": "guests", "source": file()})
        assert (answer.status_code, answer.json["error"]["message"]) == (403, "Not today")

    @pytest.mark.parametrize("name", ["storrage", "routes", "settings"])
    def test_an_unknown_part_is_told(self, tmp_path, name):
        """Where it is written; routes are settings, because their place is that of the include."""
        config = plain(tmp_path)
        config.include(INCLUDE)
        with pytest.raises(ConfigurationError, match=name):
            config.set_chevupload(**{name: None})

    def test_after_the_commit_it_is_too_late(self, tmp_path):
        """A hook that would be left out is told."""
        config = plain(tmp_path)
        config.include(INCLUDE)
        config.commit()
        with pytest.raises(ConfigurationError, match="before the commit"):
            config.set_chevupload(hooks=Hooks(before_store=refusing))

    def test_users_may_be_columns(self, tmp_path):
        """And the database chevupload's own, around an engine of the host."""
        engine = host_engine(tmp_path)
        config = plain(tmp_path)
        config.include(INCLUDE)
        users = UserColumns(id=User.id, is_active=User.id != 2)
        config.set_chevupload(database=Database(engine), users=users, tables=TABLES)
        stand = Stand(config, tmp_path)
        keys = [stand.component.key_store.add_key(user_id).key for user_id in ("1", "2")]
        answers = [stand.client.post(UPLOAD, data={"key": key, "source": file()}) for key in keys]
        assert [answer.status_code for answer in answers] == [200, 401]
        engine.dispose()


class TestProtections:
    """What a host forbids by default is not in the way of what has a protection of its own."""

    def test_everything_answers(self, stand):
        """Though the host wants a token in every form, and a permission for every view."""
        image = stand.upload().json["image"]
        for url in (image["url"], image["url_viewer"], image["delete_url"]):
            assert stand.client.get(url).status_code == 200
        assert stand.client.post(image["delete_url"]).status_code == 200
        assert stand.client.get(KEYS, headers={"X-User": "1"}).status_code == 200

    def test_the_hosts_own_views_stay_protected(self, tmp_path):
        """By a permission, and by a token."""
        with site(tmp_path) as config:
            for name, permission in (("default", None), ("open", "__no_permission_required__")):
                config.add_route(name, f"/{name}")
                config.add_view(lambda request: Response("done"), route_name=name, permission=permission)
            client = browse(config)
            assert [client.get(f"/{name}").status_code for name in ("default", "open")] == [403, 200]
            assert client.post("/open").status_code == 400


class TestUsers:
    """Who is signed in."""

    def test_the_security_policy_knows(self, stand):
        """A key that is made on the page is that user's."""
        page = stand.client.get(KEYS, headers={"X-User": "2"}).text
        token = page.split('name="token" value="')[1].split('"')[0]
        made = stand.client.post(
            KEYS, data={"token": token, "action": "make", "label": "laptop"}, headers={"X-User": "2"}
        )
        assert made.status_code == 200
        assert [key.label for key in stand.component.key_store.keys_of("2")] == ["laptop"]

    def test_nobody_is_asked_to_sign_in(self, stand):
        """With a page that says so."""
        assert stand.client.get(KEYS).status_code == 401

    def test_or_sent_where_that_is_done(self, tmp_path):
        """If the host says where."""
        with site(tmp_path, login_url="/login") as config:
            answer = browse(config).get(KEYS)
            assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=/settings/api")

    def test_a_function_may_know(self, tmp_path):
        """From the request, instead of the policy."""
        with site(tmp_path) as config:
            config.set_chevupload(current_user=lambda request: Principal(user_id=request.params["user"]))
            stand = Stand(config, tmp_path)
            stand.component.key_store.add_key("2", label="second")
            assert "second" in stand.client.get(f"{KEYS}?user=2").text
            assert "second" not in stand.client.get(f"{KEYS}?user=1", headers={"X-User": "2"}).text

    @pytest.mark.parametrize("has", ["users", "a policy"])
    def test_without_a_policy_or_users_there_is_no_page(self, tmp_path, has):
        """The answer is the host's own 404."""
        config = plain(tmp_path)
        config.include(INCLUDE)
        if has == "users":
            config.set_chevupload(users=User, database=host_engine(tmp_path), tables=TABLES)
        else:
            config.set_security_policy(Policy())
        config.add_notfound_view(lambda request: Response("the host's", status=404))
        answer = browse(config).get(KEYS, headers={"X-User": "1"})
        assert (answer.status_code, answer.text) == (404, "the host's")


class TestTransactions:
    """Uploads last if the transaction of their request does."""

    def test_a_commit_keeps_them(self, stand):
        """Though nothing but the upload was written."""
        upload_id, viewer = stand.client.post("/own").text.split()
        assert stand.records() == [upload_id]
        assert stand.client.get(viewer).status_code == 200
        assert len(stand.files()) == 2

    def test_an_upload_by_the_api_too(self, stand):
        """Committed before it is answered."""
        url = stand.upload().json["image"]["url"]
        assert stand.client.get(url).data == PNG

    @pytest.mark.parametrize("then", ["doom", "fail"])
    def test_an_abort_takes_them_away(self, stand, then):
        """Record and files."""
        with contextlib.suppress(RuntimeError):
            stand.client.post("/own", data={"then": then})
        assert (stand.records(), stand.files()) == ([], [])

    @pytest.mark.parametrize("path", ["/own", UPLOAD])
    def test_a_failing_commit_too(self, tmp_path, path):
        """The client hears of a fault, and not of an upload."""
        with site(tmp_path) as config:
            config.add_exception_view(lambda request: Response("away", status=500), context=IntegrityError)
            stand = Stand(config, tmp_path)
            # There is no such user: known when the host's session is flushed, which is in the commit.
            headers = {"X-Note": "404"}
            answer = stand.upload(headers) if path == UPLOAD else stand.client.post(path, headers=headers)
            assert (answer.status_code, answer.text) == (500, "away")
            assert (stand.records(), stand.files()) == ([], [])

    def test_what_the_host_writes_is_committed_with_them(self, stand, tmp_path):
        """Upload and note, by one commit; though it holds SQLite's only lock before the upload comes."""
        assert stand.upload({"X-Note": "1", "X-Flush": "yes"}).status_code == 200
        engine = sqlite_engine(tmp_path / "host.db")
        with engine.connect() as connection:
            assert connection.scalar(select(func.count()).select_from(Note)) == 1
        engine.dispose()
        assert len(stand.records()) == 1

    @pytest.mark.parametrize("kind", ["other", "none", "unbound", "foreign"])
    def test_another_database_has_its_own(self, tmp_path, kind):
        """The upload is there, whatever becomes of the host's transaction."""
        other = sqlite_engine(tmp_path / "other.db")

        def session(request):
            made = {"other": lambda: sessionmaker(other)(), "unbound": lambda: sessionmaker()(), "foreign": object}
            return made.get(kind, lambda: None)()

        with site(tmp_path, session=session) as config:
            stand = Stand(config, tmp_path)
            stand.client.post("/own", data={"then": "doom"})
            assert stand.upload().status_code == 200
            assert len(stand.records()) == 2
        other.dispose()

    def test_another_catalog_has_its_own(self, tmp_path):
        """The engine is then the keys' only."""
        with site(tmp_path) as config:
            config.set_chevupload(catalog=MemoryCatalog())
            stand = Stand(config, tmp_path)
            assert stand.client.post("/own").status_code == 200
            assert stand.upload().status_code == 200

    def test_without_a_manager_they_have_their_own(self, tmp_path):
        """Nobody would commit the host's session."""
        with site(tmp_path) as config:
            config.add_settings({"tm.activate_hook": lambda request: False})
            stand = Stand(config, tmp_path)
            upload_id = stand.client.post("/own").text.split()[0]
            assert stand.records() == [upload_id]

    def test_a_test_of_the_host_can_hold_the_transaction(self, tmp_path):
        """As Pyramid's cookiecutter does: nothing is left when it is aborted."""
        with site(tmp_path) as config:
            stand = Stand(config, tmp_path)
            manager = transaction.TransactionManager(explicit=True)
            manager.begin()
            environ = {"tm.active": True, "tm.manager": manager}
            assert stand.client.post("/own", environ_overrides=environ).status_code == 200
            assert len(stand.files()) == 2
            manager.abort()
            assert (stand.records(), stand.files()) == ([], [])


def make_application(global_config, **settings):
    """Return an application, as ini files name it."""
    config = Configurator(settings=settings)
    config.include(INCLUDE)
    return config.make_wsgi_app()


class TestCommands(CommandContract):
    """Behind the ini file of the application."""

    @pytest.fixture
    def commands(self, tmp_path):
        path = tmp_path / "site.ini"
        path.write_text(
            f"[app:main]\nuse = call:{__name__}:make_application\nchevupload.secret_keys = a-secret-of-this-test\n"
            "chevupload.guest_key = guests\nchevupload.renderer = inline\nchevupload.folder = %(here)s/data\n"
            "chevupload.database_url = sqlite:///%(here)s/uploads.db\n"
        )

        def run(*words):
            result = CliRunner().invoke(main, [str(path), *words])
            return result.exit_code, result.output

        def upload(key):
            return Client(get_app(str(path))).post(UPLOAD, data={"key": "guests", "source": file()}).status_code

        return HostCommands(run=run, upload=upload, images=tmp_path / "data" / "images")
