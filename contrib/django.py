"""Uploads in a Django project: views for its urls; its own users are those of :mod:`chevupload.contrib.django_users`.

Source: Django's documentation of requests and responses. Like every WSGI component, this one is for
``get_wsgi_application()``.
"""

from __future__ import annotations

import io
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import unquote

try:
    from django.conf import settings as django_settings
    from django.contrib.auth.decorators import login_not_required
    from django.db.transaction import non_atomic_requests
    from django.http import Http404, HttpResponse, StreamingHttpResponse
    from django.shortcuts import resolve_url
    from django.urls import NoReverseMatch, get_script_prefix, path, reverse
    from django.utils.http import urlencode
    from django.views.decorators.csrf import csrf_exempt
except ImportError as error:
    raise ImportError(
        "chevupload.contrib.django needs Django: pip install 'chevupload[django]'", name="django"
    ) from error

from chevupload import app as core
from chevupload.clock import utc_now
from chevupload.contrib.django_users import REQUEST, DjangoKeys, UserPrincipal, current_user, principal_of
from chevupload.errors import ConfigError
from chevupload.integration import ParsedForm, RequestUploads, below, checked_prefix, host_routes, set_parsed_form
from chevupload.site.factory import AllParts, as_database, component_from, database_from
from chevupload.wsgi.webob import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["ChevUpload", "DjangoKeys", "UserPrincipal", "current_user", "principal_of"]

_NAME = "chevupload"
_REST = "<path:rest>"


class ChevUpload:
    """The uploads of a project: ``chevupload = ChevUpload()`` in a module of it.

    Its settings are in the dictionary ``CHEVUPLOAD``: those of :func:`chevupload.component_from` in capitals,
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
            parts: keywords of :func:`~chevupload.component_from`. Without ``keys``, keys are those of
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
            database = as_database(parts.get("database")) or (made := database_from(settings))
            clock = parts.get("clock", utc_now)
            keys = DjangoKeys(database, tables=parts.get("tables"), principal=principal, clock=clock)
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
            path(route[1:], _view(self.component, name, route), name=own_name)
            for name, own_name, route in host_routes(self.component.routes, rest=_REST)
        ]
        return patterns, _NAME

    def uploads(self, request: Any) -> RequestUploads:
        """Return the uploads, for the current request: ``save``, ``get``, ``list``, ``delete`` and ``links``."""
        return RequestUploads(self.component, _environ(request), prefix=_wsgi(self._prefix()))

    def _prefix(self) -> str:
        if self._url_prefix is not None:
            return checked_prefix(self._url_prefix)
        name, _, route = next(host_routes(self.component.routes, rest=_REST))
        try:
            url = unquote(reverse(f"{_NAME}:{name}", kwargs={"rest": "-"} if _REST in route else None))
        except NoReverseMatch as error:
            raise ConfigError("these uploads are not in the project's urls: include them, or set URL_PREFIX") from error
        return url.removesuffix(route.replace(_REST, "-")).removeprefix(get_script_prefix().rstrip("/"))


def _view(component: core.ChevUpload, name: str, route: str) -> Callable[..., Any]:
    """Return a view that hands one route's requests to ``component``."""

    def view(request: Any, rest: str = "") -> Any:
        environ, route_path = _environ(request), _wsgi(route.replace(_REST, rest))
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
        REQUEST: request,
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
