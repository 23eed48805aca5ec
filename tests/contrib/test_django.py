"""Django: the component around a project and beside it, as views in its urls, and with keys of its users."""

from __future__ import annotations

import hmac
import io
import logging
import os
import types
import uuid
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit
from wsgiref.validate import validator

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import override_settings
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import EnvironBuilder, run_wsgi_app

from chevupload import Hooks, Principal, Refusal
from chevupload.contrib.django import ChevUpload, DjangoKeys, current_user, principal_of
from chevupload.contrib.django_command import UploadsCommand
from chevupload.errors import CatalogError, ConfigError
from chevupload.keys import as_key_backend, digest
from chevupload.testing import (
    CommandContract,
    HostCommands,
    HostContract,
    KeyBackendContract,
    KeyStoreContract,
    RunningHost,
    picture,
    serve,
    take_form,
    tell_sender,
)
from tests.contrib.django_site import MIDDLEWARE, UploadKey, application, sign_in
from tests.databases import data_folder, sqlite_database
from tests.support import SECONDS, Trickle

MAX_BYTES = 2_000_000
READS_FORMS = "tests.contrib.django_site.reads_forms"
User = get_user_model()


@pytest.fixture(autouse=True)
def tidy():
    """Leave neither users nor connections behind."""
    yield
    User.objects.all().delete()
    connections.close_all()


@contextmanager
def site(folder, prefix="", *, middleware=(*MIDDLEWARE, READS_FORMS), views=(), parts=None, **settings):
    """Set the project up with uploads in ``folder``, below ``prefix`` of its urls; None leaves them out."""
    chevupload_settings = {"FOLDER": folder / "uploads", "MAX_BYTES": MAX_BYTES, "RENDERER": "inline"}
    chevupload_settings |= settings.pop("CHEVUPLOAD", {})
    with override_settings(CHEVUPLOAD=chevupload_settings, MIDDLEWARE=list(middleware), **settings):
        chevupload = ChevUpload(**parts or {})
        urls = types.ModuleType("urls")
        urls.urlpatterns = [path("sign-in", sign_in), *(path(name, view) for name, view in views)]
        if prefix is not None:
            urls.urlpatterns.append(path(f"{prefix}/"[1:], include(chevupload.urls)))
        with override_settings(ROOT_URLCONF=urls):
            yield chevupload
        chevupload.component.close()


def user_and_key(chevupload, name="ann", **fields):
    user = User.objects.create(username=name, **fields)
    return user, chevupload.component.key_store.add_key(str(user.pk)).key


def upload(client, key, url="/api/1/upload", content=None, **more):
    data = {"source": SimpleUploadedFile("photo.png", content or picture()), "title": "A day", **more.pop("data", {})}
    return client.post(url, data, headers={"X-API-Key": key, **more.pop("headers", {})}, **more)


def with_own_limit(user):
    """Say what a user may do: what Django says, and a limit of their own."""
    found = principal_of(user)
    return found and replace(found, max_bytes=MAX_BYTES)


@contextmanager
def contract_site(folder, prefix, **settings):
    """Set the project up as the contract of hosts wants it, and make a user."""
    uploads = []

    @csrf_exempt
    def own_form(request):
        title = request.POST["title"]
        try:
            found = uploads[0].uploads(request)
            return HttpResponse(take_form(found, request.FILES["picture"], owner=request.user.pk, title=title))
        except Refusal as refusal:
            return HttpResponse(refusal.message, status=refusal.status)

    settings |= {"TRUSTED_PROXIES": 1, "MAX_BYTES": 2 * MAX_BYTES, "UPLOAD_PAGE_ROUTE": "upload"}
    settings["UPLOADS_ROUTE"] = "api/1/uploads"
    parts = {"principal": with_own_limit, "hooks": Hooks(before_store=tell_sender)}
    data_folder(folder / "uploads")
    with site(folder, prefix, views=[("own-form", own_form)], parts=parts, CHEVUPLOAD=settings) as chevupload:
        uploads.append(chevupload)
        yield chevupload, User.objects.create(username="ann", is_superuser=True)


def running(address, prefix, chevupload, user):
    """Describe such a site, in which ``user`` is signed in."""
    client = Client()
    client.force_login(user)
    return RunningHost(
        url=address + prefix,
        key=chevupload.component.key_store.add_key(str(user.pk)).key,
        max_bytes=MAX_BYTES,
        signed_in={"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"},
        own_form=f"{address}/own-form",
        has_key_page=True,
        has_uploads_route=True,
    )


class TestView(HostContract):
    """As views in the project's urls, behind middleware that reads forms."""

    @pytest.fixture(params=["", "/deep/down"])
    def host(self, request, tmp_path):
        with contract_site(tmp_path, request.param) as made, serve(validator(application())) as address:
            yield running(address, request.param, *made)


class TestAround(HostContract):
    """Around the project, none of whose middleware sees an upload; and beside it, where it has no such urls."""

    @pytest.fixture(params=["", "/deep/down"])
    def host(self, request, tmp_path):
        with contract_site(tmp_path, None, URL_PREFIX=request.param) as (chevupload, user):
            project, component = validator(application()), chevupload.component
            both = DispatcherMiddleware(project, {request.param: validator(component)})
            with serve(both if request.param else validator(component.wrap(project))) as address:
                yield running(address, request.param, chevupload, user)


class TestCommands(CommandContract):
    """By a management command."""

    @pytest.fixture
    def commands(self, tmp_path):
        with site(tmp_path) as chevupload:
            user, key = user_and_key(chevupload)
            command = type("Command", (UploadsCommand,), {"uploads": chevupload})

            def run(*words):
                output = io.StringIO()
                try:
                    call_command(command(), *words, stdout=output)
                except SystemExit as error:
                    return error.code, output.getvalue()
                except CommandError as error:
                    return error.returncode, str(error)
                return 0, output.getvalue()

            yield HostCommands(
                run=run,
                upload=lambda sent: upload(Client(), sent or key).status_code,
                images=tmp_path / "uploads" / "images",
                user_id=str(user.pk),
            )


class TestDjangoKeys(KeyBackendContract):
    """Keys open as Django's users, and only as long as they should."""

    @pytest.fixture
    def store(self, tmp_path):
        with sqlite_database(tmp_path / "keys.db") as database:
            yield DjangoKeys(database)

    @pytest.fixture
    def user(self):
        return User.objects.create(username="ann", is_superuser=True)

    @pytest.fixture
    def backend(self, store):
        return store

    @pytest.fixture
    def usable_key(self, store, user):
        return store.add_key(str(user.pk)).key

    @pytest.fixture
    def owner(self, user):
        return Principal(user_id=str(user.pk), is_admin=True)

    @pytest.fixture
    def refused_keys(self, store, user):
        inactive = User.objects.create(username="bob", is_active=False)
        gone = User.objects.create(username="eve")
        revoked = store.add_key(str(user.pk))
        store.revoke_key(revoked.id, user_id=str(user.pk))
        keys = {
            "revoked": revoked.key,
            "expired": store.add_key(str(user.pk), expires_at=datetime(2000, 1, 1, tzinfo=UTC)).key,
            "inactive": store.add_key(str(inactive.pk)).key,
            "deleted": store.add_key(str(gone.pk)).key,
            "of another kind of users": store.add_key(str(uuid.uuid4())).key,
            "another spelling": store.add_key(f"0{user.pk}").key,
        }
        gone.delete()
        return keys

    def test_the_user_is_there_for_hooks(self, backend, usable_key, user):
        """Which can ask for permissions."""
        assert backend.authenticate(usable_key, {}).data == user

    def test_an_absent_database_is_no_wrong_key(self, backend, usable_key):
        """The client is told to come again."""
        with connection.schema_editor() as editor:
            editor.alter_db_table(User, User._meta.db_table, "moved")
        try:
            with pytest.raises(CatalogError):
                backend.authenticate(usable_key, {})
        finally:
            with connection.schema_editor() as editor:
                editor.alter_db_table(User, "moved", User._meta.db_table)

    def test_no_connection_is_left_open_outside_of_django(self, backend, usable_key):
        """Nobody would close it when the database has gone away, and the thread would fail for good."""
        connections.close_all()
        assert backend.authenticate(usable_key, {})
        assert connection.connection is None

    def test_a_transaction_around_it_stays(self, backend, usable_key):
        """Tests run in one."""
        with transaction.atomic():
            User.objects.create(username="new")
            assert backend.authenticate(usable_key, {})
            transaction.set_rollback(True)
        assert not User.objects.filter(username="new").exists()


class TestDjangoKeyStore(KeyStoreContract):
    """Users make and end their own keys, and nobody else's."""

    store = TestDjangoKeys.store

    @pytest.fixture
    def owner_id(self):
        return str(User.objects.create(username="ann").pk)

    @pytest.fixture
    def other_owner_id(self):
        return str(User.objects.create(username="bob").pk)


def whose_key(key, environ):
    """As in the documentation."""
    wanted = digest(key)
    found = UploadKey.objects.select_related("user").filter(digest=wanted).first()
    if found is None or not hmac.compare_digest(found.digest, wanted):
        return None
    return principal_of(found.user)


class TestKeysInAModel(KeyBackendContract):
    """A project's own model of keys, whose rows go with their user."""

    @pytest.fixture
    def backend(self):
        yield as_key_backend(whose_key)
        connections.close_all()

    @pytest.fixture
    def user(self):
        return User.objects.create(username="ann")

    @pytest.fixture
    def usable_key(self, user):
        return self.key_of(user)

    @pytest.fixture
    def owner(self, user):
        return str(user.pk)

    @pytest.fixture
    def refused_keys(self):
        inactive = User.objects.create(username="bob", is_active=False)
        gone = User.objects.create(username="eve")
        keys = {"inactive": self.key_of(inactive), "deleted": self.key_of(gone)}
        gone.delete()
        return keys

    def key_of(self, user):
        key = f"key-of-{user.username}"
        UploadKey.objects.create(user=user, digest=digest(key))
        return key

    def test_keys_are_told_apart_in_many_threads(self):
        """Django's connections belong to threads, which close them at the end of a request: see :class:`TestView`."""


class TestRequests:
    """What a view makes of Django's requests and responses."""

    def test_uploads_are_their_users(self, tmp_path):
        """By a key, or by the host's own code."""
        seen = {}

        def own(request):
            uploads = chevupload.uploads(request)
            seen["listed"] = uploads.list(user.pk)
            seen["saved"] = uploads.save(request.FILES["picture"], owner=user.pk, title="Own")
            seen["url"] = uploads.links.viewer(seen["saved"])
            return HttpResponse("ok")

        with site(tmp_path, "/up", views=[("own", own)]) as chevupload:
            user, key = user_and_key(chevupload)
            client = Client()
            image = upload(client, key, "/up/api/1/upload").json()["image"]
            content = picture()
            client.post("/own", {"picture": SimpleUploadedFile("own.png", content)})
            assert [found.id for found in seen["listed"]] == [image["id_encoded"]]
            assert seen["saved"].original_filename == "own.png"
            assert seen["url"].startswith("http://testserver/up/image/Own.")
            assert client.get(urlsplit(seen["url"]).path).status_code == 200
            chevupload.uploads(RequestFactory().get("/")).delete(seen["saved"])
            assert client.get(urlsplit(seen["url"]).path).status_code == 404

    def test_bodies_are_streamed(self, tmp_path):
        """Past Django's limit for what it reads into memory, and without its parser."""
        content = picture((400, 400))
        with site(tmp_path, DATA_UPLOAD_MAX_MEMORY_SIZE=1000, FILE_UPLOAD_HANDLERS=["no.such.Handler"]) as chevupload:
            _, key = user_and_key(chevupload)
            answer = upload(Client(), key, content=content, data={"description": "x" * 5_000})
            assert answer.json()["image"]["size"] == len(content)

    @pytest.mark.parametrize("header", ["X-Read-Form", "X-Read-Body"])
    @pytest.mark.parametrize("kind", ["multipart", "json"])
    def test_what_middleware_has_read_uploads(self, tmp_path, header, kind):
        """The form that Django parsed, or the body that it kept."""
        with site(tmp_path) as chevupload:
            _, key = user_and_key(chevupload)
            if kind == "multipart":
                answer = upload(Client(), key, headers={header: "yes"})
            else:
                source = (
                    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
                )
                body = {"source": source, "title": "A day"}
                headers = {"X-API-Key": key, header: "yes"}
                answer = Client().post("/api/1/upload", body, content_type="application/json", headers=headers)
            assert answer.json()["image"]["title"] == "A day"

    def test_files_above_djangos_memory_limit_are_handed_on(self, tmp_path):
        """Django keeps them on disk."""
        content = picture((200, 200))
        with site(tmp_path, FILE_UPLOAD_MAX_MEMORY_SIZE=1000) as chevupload:
            _, key = user_and_key(chevupload)
            answer = upload(Client(), key, content=content, headers={"X-Read-Form": "yes"})
            assert answer.json()["image"]["size"] == len(content)

    def test_a_body_that_middleware_has_read_in_part_is_refused_with_the_cause(self, tmp_path):
        """Not as a missing source: what was read is nowhere."""
        with site(tmp_path) as chevupload:
            _, key = user_and_key(chevupload)
            headers = {"X-Read-Some": "yes", "X-API-Key": key, "Host": "testserver"}
            data = {"source": (io.BytesIO(picture()), "photo.png")}
            environ = EnvironBuilder("/api/1/upload", method="POST", data=data, headers=headers).get_environ()
            # As a server hands it over that streams.
            environ["wsgi.input"] = Trickle(environ["wsgi.input"].read())
            body, status, _ = run_wsgi_app(application(), environ)
            assert (status, b"read by the host" in b"".join(body)) == ("400 Bad Request", True)

    def test_djangos_own_limit_stands_where_middleware_reads_forms(self, tmp_path):
        """As the documentation says."""
        with site(tmp_path, DATA_UPLOAD_MAX_MEMORY_SIZE=1000) as chevupload:
            _, key = user_and_key(chevupload)
            answer = upload(Client(), key, data={"description": "x" * 5_000}, headers={"X-Read-Form": "yes"})
            assert (answer.status_code, "Bad Request" in answer.text) == (400, True)

    def test_a_view_holds_no_transaction(self, tmp_path):
        """It would be open as long as a client sends."""
        seen = []

        def before_store(draft, principal, file_path):
            seen.append(connection.in_atomic_block)

        is_atomic = {**connection.settings_dict, "ATOMIC_REQUESTS": True}
        with site(tmp_path, parts={"hooks": Hooks(before_store=before_store)}) as chevupload:
            _, key = user_and_key(chevupload)
            kept, connection.settings_dict = connection.settings_dict, is_atomic
            try:
                assert upload(Client(), key).status_code == 200
            finally:
                connection.settings_dict = kept
        assert seen == [False]

    def test_programs_need_no_login(self, tmp_path):
        """Even where every view of the project does."""
        middleware = [*MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
        with site(tmp_path, middleware=middleware) as chevupload:
            _, key = user_and_key(chevupload)
            assert upload(Client(), key).status_code == 200

    def test_faults_are_told_in_json(self, tmp_path):
        """Not by Django's page, which no program reads."""

        def before_store(draft, principal, file_path):
            raise ValueError("a secret cause")

        with site(tmp_path, parts={"hooks": Hooks(before_store=before_store)}) as chevupload:
            _, key = user_and_key(chevupload)
            logging.disable(logging.CRITICAL)
            try:
                answer = upload(Client(), key)
            finally:
                logging.disable(logging.NOTSET)
            assert (answer.status_code, answer.json()["status_code"]) == (500, 500)
            assert "secret" not in answer.text

    def test_an_unknown_host_is_djangos_to_refuse(self, tmp_path):
        """No answer's URLs lead where a stranger's header says."""
        with site(tmp_path) as chevupload:
            _, key = user_and_key(chevupload)
            assert upload(Client(), key, HTTP_HOST="evil.example").status_code == 400
            image = upload(Client(), key, HTTP_HOST="other.example").json()["image"]
            assert image["url"].startswith("http://other.example/images/")

    def test_djangos_own_settings_for_proxies_hold(self, tmp_path):
        """A project that has them needs no others."""
        header = ("HTTP_X_FORWARDED_PROTO", "https")
        with site(tmp_path, SECURE_PROXY_SSL_HEADER=header, USE_X_FORWARDED_HOST=True) as chevupload:
            _, key = user_and_key(chevupload)
            headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "other.example"}
            image = upload(Client(), key, headers=headers).json()["image"]
            assert image["url"].startswith("https://other.example/images/")

    def test_a_project_below_a_prefix(self, tmp_path):
        """Whether the server says it or a setting, and in any alphabet."""
        seen = []

        def own(request):
            seen.append(chevupload.uploads(request).links.base_url)
            return HttpResponse("ok")

        with site(tmp_path, "/hôch", views=[("own", own)]) as chevupload:
            _, key = user_and_key(chevupload)
            base = "http://testserver/s%C3%AFte/h%C3%B4ch"
            with serve(DispatcherMiddleware(None, {"/sïte".encode().decode("latin-1"): application()})) as address:
                answer = _post(f"{address}/s%C3%AFte/h%C3%B4ch/api/1/upload", key)
                assert answer["image"]["url"].startswith(f"{address}/s%C3%AFte/h%C3%B4ch/images/")
                _get(f"{address}/s%C3%AFte/own")
                assert seen.pop() == f"{address}/s%C3%AFte/h%C3%B4ch"
            with override_settings(FORCE_SCRIPT_NAME="/sïte/"):
                answer = upload(Client(), key, "/hôch/api/1/upload")
                assert answer.json()["image"]["url"].startswith(f"{base}/images/")
                Client().get("/own")
                assert seen == [base]

    def test_the_prefix_can_be_said(self, tmp_path):
        """Around the project, and beside it, there is nothing in its urls."""
        request = RequestFactory().get("/")
        with site(tmp_path, None) as chevupload, pytest.raises(ConfigError, match="URL_PREFIX"):
            _ = chevupload.uploads(request).links
        for said, base in (("", "http://testserver"), ("up", "http://testserver/up")):
            with site(tmp_path, None, CHEVUPLOAD={"URL_PREFIX": said}) as chevupload:
                assert chevupload.uploads(request).links.base_url == base
            with site(tmp_path, None, parts={"url_prefix": said}) as chevupload:
                assert chevupload.uploads(request).links.base_url == base

    @pytest.mark.parametrize("is_asked", [True, False], ids=["gzip", "plain"])
    def test_files_come_as_they_are(self, tmp_path, is_asked):
        """With their length, in parts, for HEAD without content; and no middleware compresses what is compressed."""
        content, headers = picture(), {"Accept-Encoding": "gzip"} if is_asked else {}
        with site(tmp_path, middleware=["django.middleware.gzip.GZipMiddleware", *MIDDLEWARE]) as chevupload:
            _, key = user_and_key(chevupload)
            url = urlsplit(upload(Client(), key).json()["image"]["url"]).path
            url = urlsplit(upload(Client(), key, content=content).json()["image"]["url"]).path
            whole = Client().get(url, headers=headers)
            assert (whole.streaming, whole.getvalue(), whole["Content-Length"]) == (True, content, str(len(content)))
            assert not whole.has_header("Content-Encoding")
            part = Client().get(url, headers={"Range": "bytes=10-19", **headers})
            assert (part.status_code, part.getvalue(), part["Content-Length"]) == (206, content[10:20], "10")
            head = Client().head(url, headers=headers)
            assert (head.getvalue(), head["Content-Length"]) == (b"", str(len(content)))
            unchanged = Client().get(url, headers={"If-None-Match": whole["ETag"], **headers})
            assert (unchanged.status_code, unchanged.getvalue()) == (304, b"")
            assert not unchanged.has_header("Content-Type")

    def test_files_are_closed(self, tmp_path, monkeypatch):
        """Whether their client reads to the end or goes away; else this test would see a ResourceWarning, too."""
        opened = []
        with site(tmp_path) as chevupload:
            _, key = user_and_key(chevupload)
            image = upload(Client(), key).json()["image"]
            storage = chevupload.component.context.storages.by_name[""]
            open_file = storage.open

            def remembered(stored, part=None):
                opened.append(open_file(stored, part))
                return opened[-1]

            monkeypatch.setattr(storage, "open", remembered)
            for method in ("GET", "HEAD"):
                environ = RequestFactory().generic(method, urlsplit(image["url"]).path).environ
                body, status, _ = run_wsgi_app(application(), environ, buffered=False)
                assert status == "200 OK"
                body.close()
        assert [file.closed for file in opened] == [True, True]

    def test_what_is_not_there_is_djangos(self, tmp_path):
        """Its own page of errors."""
        with site(tmp_path, CHEVUPLOAD={"DELETE_ON_GET": "no"}):
            answer = Client().get("/image/no/such/thing")
            assert (answer.status_code, "Not Found" in answer.text) == (404, True)


class TestKeysPage:
    """The page of keys, for users of the project."""

    def sign_in(self, user):
        client = Client(enforce_csrf_checks=True)
        client.get("/sign-in", {"name": user.username})
        return client

    @pytest.mark.parametrize("end", ["delete", "disable"])
    def test_a_key_ends_with_its_user(self, tmp_path, end):
        """At once, and to the client it never was one."""
        with site(tmp_path) as chevupload:
            user, key = user_and_key(chevupload)
            assert upload(Client(), key).status_code == 200
            if end == "delete":
                user.delete()
            else:
                User.objects.update(is_active=False)
            answer = upload(Client(), key)
            assert (answer.status_code, answer.json()["error"]["message"]) == (401, "Invalid API key.")

    @pytest.mark.parametrize("login_url", ["/sign-in", "/sign-in?kind=user"])
    def test_others_are_sent_to_the_projects_login(self, tmp_path, login_url):
        """And come back from there; a form goes nowhere."""
        with site(tmp_path, "/up", LOGIN_URL=login_url):
            answer = Client().get("/up/settings/api")
            joint = "&" if "?" in login_url else "?"
            assert (answer.status_code, answer["Location"]) == (302, f"{login_url}{joint}next=%2Fup%2Fsettings%2Fapi")
            assert Client().head("/up/settings/api").status_code == 302
            assert Client().post("/up/settings/api").status_code == 401

    def test_who_is_disabled_is_nobody(self, tmp_path):
        """Though their session is still there."""
        with site(tmp_path):
            user = User.objects.create(username="ann")
            client = self.sign_in(user)
            assert client.get("/settings/api").status_code == 200
            User.objects.update(is_active=False)
            assert client.get("/settings/api").status_code == 302

    def test_the_page_is_there_around_the_project_too(self, tmp_path):
        """By the session's cookie, whose session stays as it is; no connection stays open."""
        with site(tmp_path, None) as chevupload:
            user = User.objects.create(username="ann")
            cookie = self.sign_in(user).cookies["sessionid"].value
            around = chevupload.component.wrap(application())

            def status(cookie):
                environ = RequestFactory().get("/settings/api").environ | {"HTTP_COOKIE": f"sessionid={cookie}"}
                body, status, _ = run_wsgi_app(around, environ)
                page = b"".join(body).decode()
                return status, "Make a key" in page

            connections.close_all()
            assert status(cookie) == ("200 OK", True)
            assert connection.connection is None
            with override_settings(
                SECRET_KEY="another secret, as after a change",
                SECRET_KEY_FALLBACKS=["a secret of the site, which signs"],
            ):
                assert status(cookie) == ("200 OK", True)
                assert status(cookie) == ("200 OK", True)
            assert status("x" * 32) == ("401 Unauthorized", False)
            assert status("ü") == ("401 Unauthorized", False)
            User.objects.update(is_active=False)
            assert status(cookie) == ("401 Unauthorized", False)

    def test_nobody_is_signed_in_without_a_cookie(self):
        """Around a project."""
        assert current_user({}) is None


class TestSettings:
    """The dictionary CHEVUPLOAD."""

    def test_delete_links_survive_a_change_of_the_secret_key(self, tmp_path):
        """As Django's own signatures do."""
        old = "an old secret of the same site"
        with site(tmp_path, SECRET_KEY=old) as chevupload:
            _, key = user_and_key(chevupload)
            url = urlsplit(upload(Client(), key).json()["image"]["delete_url"]).path
        with site(tmp_path, SECRET_KEY_FALLBACKS=["an older one, long ago", old]):
            assert Client().get(url).status_code == 200
        with site(tmp_path):
            assert Client().get(url).status_code == 404

    def test_records_can_be_elsewhere(self, tmp_path):
        """In any database that SQLAlchemy knows, the keys too."""
        url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
        with site(tmp_path, CHEVUPLOAD={"DATABASE_URL": url}) as chevupload:
            chevupload.component.catalog.create_tables()
            _, key = user_and_key(chevupload)
            assert upload(Client(), key).status_code == 200
        assert (tmp_path / "elsewhere.db").stat().st_size
        assert not (tmp_path / "uploads" / "chevupload.db").exists()

    def test_keys_can_be_the_projects_own(self, tmp_path):
        """A function, and a key for guests behind it."""
        parts = {"keys": whose_key}
        with site(tmp_path, parts=parts, CHEVUPLOAD={"GUEST_KEY": "anybody-may-use-this"}) as chevupload:
            user = User.objects.create(username="ann")
            UploadKey.objects.create(user=user, digest=digest("own-key"))
            assert upload(Client(), "own-key").status_code == 200
            assert upload(Client(), "anybody-may-use-this").status_code == 200
            assert len(chevupload.component.uploads.list(user.pk)) == 1
            assert Client().get("/settings/api").status_code == 404

    @pytest.mark.parametrize("wrong", [{"FOLDERS": "x"}, {"FOLDER": ""}, {"DATABASE_URL": "nothing"}])
    def test_what_cannot_be_meant_is_refused(self, tmp_path, wrong):
        """When the project starts."""
        with pytest.raises(ConfigError), site(tmp_path, CHEVUPLOAD=wrong):
            pass

    def test_a_route_that_is_off_is_not_there(self, tmp_path):
        """Prefixes are found by one that is."""
        with site(tmp_path, "/up", CHEVUPLOAD={"UPLOAD_ROUTE": "", "VIEWER_ROUTE": "p"}) as chevupload:
            assert Client().post("/up/api/1/upload").status_code == 404
            assert chevupload.uploads(RequestFactory().get("/")).links.base_url == "http://testserver/up"


def _post(url, key):
    import requests

    return requests.post(
        url, headers={"X-API-Key": key}, files={"source": ("a.png", picture())}, timeout=SECONDS
    ).json()


def _get(url):
    import requests

    assert requests.get(url, timeout=SECONDS).status_code == 200


def test_the_site_damages_nothing():
    """Other tests run in this process: neither its logging nor its time zone is Django's."""
    assert not logging.getLogger("django").handlers
    assert "TZ" not in os.environ or os.environ["TZ"] != settings.TIME_ZONE
