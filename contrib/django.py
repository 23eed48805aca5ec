"""Uploads in a Django project: views for its urls, its own users, and keys that end with them.

Source: Django's documentation of requests and responses, of its authentication and of databases. Like every WSGI
component, this one is for ``get_wsgi_application()``.
"""

from __future__ import annotations

import io
import weakref
from argparse import REMAINDER
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack
from urllib.parse import unquote

from click import ClickException

try:
    from django.conf import settings as django_settings
    from django.contrib.auth import get_user, get_user_model
    from django.contrib.auth.decorators import login_not_required
    from django.core.exceptions import ValidationError
    from django.core.management.base import BaseCommand, CommandError, CommandParser
    from django.db import Error as DjangoDatabaseError
    from django.db import close_old_connections
    from django.db.transaction import get_connection, non_atomic_requests
    from django.http import Http404, HttpResponse, StreamingHttpResponse, parse_cookie
    from django.shortcuts import resolve_url
    from django.urls import NoReverseMatch, get_script_prefix, path, reverse
    from django.utils.http import urlencode
    from django.views.decorators.csrf import csrf_exempt
except ImportError as error:
    raise ImportError(
        "chevupload.contrib.django needs Django: pip install 'chevupload[django]'", name="django"
    ) from error

from chevupload import app as core
from chevupload.clock import Clock, utc_now
from chevupload.db import Database, SqlKeys, Tables, UserColumns
from chevupload.errors import CatalogError, ConfigError
from chevupload.factory import AllParts, component_from, database_from
from chevupload.integration import RequestUploads, below, checked_prefix
from chevupload.model import Principal
from chevupload.wsgi.form import ParsedForm, set_parsed_form
from chevupload.wsgi.routing import route_paths
from chevupload.wsgi.webob import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_NAME = "chevupload"
_REQUEST = "chevupload.django.request"

UserPrincipal: TypeAlias = Callable[[Any], Principal | None]
"""What a user of Django's may do; None for who is not signed in, or may not upload."""


def principal_of(user: Any) -> Principal | None:
    """Return what a user of Django's may do: superusers are admins, and who is not active is nobody.

    The user is in ``data``, for hooks that ask for permissions.
    """
    if not user.is_authenticated or not user.is_active:
        return None
    return Principal(user_id=str(user.pk), is_admin=bool(getattr(user, "is_superuser", False)), data=user)


class ChevUpload:
    """The uploads of a project: ``chevupload = ChevUpload()`` in a module of it.

    Its settings are in the dictionary ``CHEVUPLOAD``: those of :func:`chevupload.factory.component_from` in capitals,
    and ``URL_PREFIX``. Delete links are signed with the project's ``SECRET_KEY`` unless ``SECRET_KEYS`` says otherwise.

    Attributes:
        component: the component, for ``chevupload.component.wrap(get_wsgi_application())``.
    """

    def __init__(
        self, *, url_prefix: str | None = None, principal: UserPrincipal = principal_of, **parts: Unpack[AllParts]
    ) -> None:
        """Put the component together.

        Args:
            url_prefix: where the component is mounted outside of the project's urls, or they have it in a namespace
                of their own; by default the place of :attr:`urls` in them. ``URL_PREFIX`` wins.
            principal: a function of a user that returns what they may do, such as one that gives them limits of their
                own; it is asked for each user who sends a key or is signed in.
            parts: keywords of :func:`~chevupload.factory.component_from`. Without ``keys``, keys are those of
                :class:`DjangoKeys`.

        Raises:
            ConfigError: settings and parts do not fit together.
        """
        settings = {name.lower(): value for name, value in getattr(django_settings, "CHEVUPLOAD", {}).items()}
        self._url_prefix = settings.pop("url_prefix", url_prefix)
        settings.setdefault(
            "secret_keys", [*reversed(django_settings.SECRET_KEY_FALLBACKS), django_settings.SECRET_KEY]
        )
        made = None
        if "keys" not in parts:
            database = parts.get("database") or (made := database_from(settings))
            keys = DjangoKeys(database, tables=parts.get("tables"), principal=principal)
            parts |= {"database": database, "keys": keys, "key_store": keys}
        self.component = component_from(
            settings, **{"current_user": partial(current_user, principal=principal)} | parts
        )
        if made is not None:
            weakref.finalize(self.component, made.engine.dispose)
            self.component.own_database = made

    @property
    def urls(self) -> tuple[list[Any], str]:
        """The component's routes, for ``path("up/", include(chevupload.urls))``; none of them is for anything else."""
        patterns = [
            path(route[1:].replace("{rest}", "<path:rest>"), _view(self.component, name, route), name=f"{name}{slash}")
            for name, routes in route_paths(self.component.routes).items()
            for slash, route in zip(("", "-slash"), routes, strict=False)
        ]
        return patterns, _NAME

    def uploads(self, request: Any) -> RequestUploads:
        """Return the uploads, for the current request: ``save``, ``get``, ``list``, ``delete`` and ``links``."""
        return RequestUploads(self.component, _environ(request), prefix=_wsgi(self._prefix()))

    def _prefix(self) -> str:
        if self._url_prefix is not None:
            return checked_prefix(self._url_prefix)
        name, (route, *_) = next(iter(route_paths(self.component.routes).items()))
        try:
            url = unquote(reverse(f"{_NAME}:{name}", kwargs={"rest": "-"} if "{rest}" in route else None))
        except NoReverseMatch as error:
            raise ConfigError("these uploads are not in the project's urls: include them, or set URL_PREFIX") from error
        return url.removesuffix(route.replace("{rest}", "-")).removeprefix(get_script_prefix().rstrip("/"))


class UploadsCommand(BaseCommand):  # type: ignore[misc]  # Django has no types
    """The command line of the uploads, for a management command of the project.

    A subclass called ``Command``, in a module ``management/commands/chevupload.py`` of an app, sets ``uploads``.

    Attributes:
        uploads: the uploads of the project.
    """

    help = "Look after the uploads of this project: --help behind the word -- lists the commands."
    uploads: ChevUpload

    def add_arguments(self, parser: CommandParser) -> None:
        """Leave every word to the command."""
        parser.add_argument("words", nargs=REMAINDER, help="a command and its options")

    def handle(self, *, words: list[str], **options: Any) -> None:
        """Run one; what fails ends with a status of 1.

        Raises:
            CommandError: a part refused its work.
        """
        from chevupload.cli import host_commands, hosted  # noqa: PLC0415  # servers need no command line

        # What is printed has its line ends already.
        self.stdout.ending = ""
        try:
            with redirect_stdout(self.stdout):
                status = host_commands.main(
                    words, "manage.py chevupload", standalone_mode=False, obj=hosted(self.uploads.component)
                )
        except ClickException as error:
            raise CommandError(error.format_message(), returncode=error.exit_code) from error
        if status:
            raise SystemExit(status)


class DjangoKeys(SqlKeys):
    """Keys of Django's users, in the table of keys: each opens as long as its user is there and active."""

    def __init__(
        self,
        database: Database,
        *,
        tables: Tables | None = None,
        principal: UserPrincipal = principal_of,
        clock: Clock = utc_now,
    ) -> None:
        """Keep keys in ``database``, which need not be Django's own; ``principal`` says what a user may do."""
        tables = tables or Tables.default()
        # No table of users is asked there: a key's user is whom it names, if Django knows them.
        super().__init__(database, tables=tables, users=UserColumns(id=tables.keys.c.user_id), clock=clock)
        self._user_principal = principal

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """Return the user of ``key``; None when it is unknown, revoked or expired, or its user inactive or gone.

        Raises:
            CatalogError: a database cannot do its work.
        """
        found = super().authenticate(key, environ)
        if found is None or found.user_id is None:
            return None
        with _connected(environ):
            return self.principal(found.user_id)

    def principal(self, user_id: str) -> Principal | None:
        """Return what a user may do, by the id; None when there is no such user, or an inactive one.

        Raises:
            CatalogError: Django's database cannot do its work.
        """
        try:
            user = get_user_model()._default_manager.filter(pk=user_id).first()
        except (ValueError, ValidationError):
            # No id of these users, but of others that the project had before.
            return None
        except DjangoDatabaseError as error:
            raise CatalogError("Django's database cannot do its work") from error
        return None if user is None or str(user.pk) != user_id else self._user_principal(user)


def current_user(environ: WSGIEnvironment, *, principal: UserPrincipal = principal_of) -> Principal | None:
    """Return who is signed in, in a view's request or, for a component around Django, by the session's cookie.

    ``principal`` says what a user may do.
    """
    if _REQUEST in environ:
        return principal(environ[_REQUEST].user)
    cookies = parse_cookie(environ.get("HTTP_COOKIE", "").encode("latin-1").decode("utf-8", "replace"))
    session = import_module(django_settings.SESSION_ENGINE).SessionStore(
        cookies.get(django_settings.SESSION_COOKIE_NAME)
    )
    # After a change of SECRET_KEY Django gives sessions new names, which nobody here could tell the browser.
    session.cycle_key = lambda: None
    with _connected(environ):
        return principal(get_user(SimpleNamespace(session=session)))


@contextmanager
def _connected(environ: WSGIEnvironment) -> Iterator[None]:
    """Close database connections as Django does around its requests, where there is none: they would grow stale."""
    is_ours = _REQUEST not in environ and not get_connection().in_atomic_block
    if is_ours:
        close_old_connections()
    try:
        yield
    finally:
        if is_ours:
            close_old_connections()


def _view(component: core.ChevUpload, name: str, route: str) -> Callable[..., Any]:
    """Return a view that hands one route's requests to ``component``."""

    def view(request: Any, rest: str = "") -> Any:
        environ, route_path = _environ(request), _wsgi(route.replace("{rest}", rest))
        environ = below(environ, environ["PATH_INFO"].removesuffix(route_path), route_path)
        _pass_form(environ, request)
        response = component.respond(environ)
        if response is None:
            raise Http404
        if name == "keys" and response.status_code == 401 and request.method in ("GET", "HEAD"):
            return _to_login(request)
        return _answer(response, environ, request)

    # Keys are no cookies, and the page of keys has tokens of its own. A transaction would be open as long as a client
    # sends. And where everything needs a login, programs have none.
    exempt: Callable[..., Any] = csrf_exempt(non_atomic_requests(login_not_required(view)))
    return exempt


def _environ(request: Any) -> WSGIEnvironment:
    """Return the environ of ``request`` as WSGI has it, with what Django's settings make of host and scheme."""
    return {
        **request.META,
        "SCRIPT_NAME": _wsgi(request.META["SCRIPT_NAME"].rstrip("/")),
        "PATH_INFO": _wsgi(request.path_info),
        "HTTP_HOST": request.get_host(),
        "wsgi.url_scheme": request.scheme,
        _REQUEST: request,
    }


def _wsgi(text: str) -> str:
    """Spell a path as WSGI does, after Django has put its own spelling into the environ."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _pass_form(environ: WSGIEnvironment, request: Any) -> None:
    """Pass on what Django has made of the body, if a middleware looked into it."""
    # Empty although there is a body: that has no declared length, and Django did not read it.
    if vars(request).get("_body"):
        environ["wsgi.input"] = io.BytesIO(request.body)
    elif request._read_started and (request.POST or request.FILES):
        fields = [(name, value) for name, values in request.POST.lists() for value in values]
        files = [(name, file.name or "", file) for name, values in request.FILES.lists() for file in values]
        set_parsed_form(environ, ParsedForm(fields=fields, files=files))


def _answer(response: Any, environ: WSGIEnvironment, request: Any) -> Any:
    status, headers, body = Request(environ).call_application(response)
    code, _, reason = status.partition(" ")
    if isinstance(body, list):
        answer = HttpResponse(b"".join(body), status=code, reason=reason)
    else:
        answer = StreamingHttpResponse(body, status=code, reason=reason)
        # Pictures are compressed already, and a part of a file cannot be: GZipMiddleware leaves them alone.
        request.META.pop("HTTP_ACCEPT_ENCODING", None)
    # Django's default, which an answer without content does not have.
    del answer["Content-Type"]
    for name, value in headers:
        answer[name] = value
    return answer


def _to_login(request: Any) -> Any:
    """Send a browser to where the project has its users sign in, and back."""
    url = resolve_url(django_settings.LOGIN_URL)
    query = urlencode({"next": request.get_full_path()})
    return HttpResponse(status=302, headers={"Location": f"{url}{'&' if '?' in url else '?'}{query}"})
