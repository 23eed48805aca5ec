"""What a trusted proxy says about the outside address of a request.

May know: werkzeug.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from werkzeug.middleware.proxy_fix import ProxyFix

from chevupload.errors import MalformedRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?\Z|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?\Z")


def trust_proxies(environ: WSGIEnvironment, count: int) -> WSGIEnvironment:
    """Return ``environ`` as the outermost of ``count`` proxies saw it, by their X-Forwarded headers.

    A prefix that the proxies took off goes before that of the mount point, unless it is there already.
    """
    if not count:
        return environ
    seen, mount = dict(environ), environ.get("SCRIPT_NAME", "")
    fix = ProxyFix(_nothing, x_for=count, x_proto=count, x_host=count, x_port=count, x_prefix=count)
    # It changes the environ in place before it calls the application, of which only this effect is wanted.
    fix(seen, cast("StartResponse", None))
    prefix = seen.get("SCRIPT_NAME", "").rstrip("/")
    seen["SCRIPT_NAME"] = mount if f"{mount}/".startswith(f"{prefix}/") else prefix + mount
    return seen


def _nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return ()


def request_base_url(environ: WSGIEnvironment) -> str:
    """Return the URL of the mount point as this request reached it.

    Raises:
        MalformedRequest: the Host header is no host.
    """
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    if not _HOST.match(host):
        raise MalformedRequest("Malformed Host header")
    scheme = "https" if environ["wsgi.url_scheme"] == "https" else "http"
    host = host.removesuffix(":443" if scheme == "https" else ":80")
    return f"{scheme}://{host}{mount_path(environ)}"


def mount_path(environ: WSGIEnvironment) -> str:
    """Return the path of the mount point, escaped, without a slash behind it; empty at the root.

    It is one path, however many slashes it came with: a path that starts with two names another host.
    """
    prefix = _escaped(environ.get("SCRIPT_NAME", ""))
    return f"/{prefix}" if prefix else ""


def request_path(environ: WSGIEnvironment) -> str:
    """Return the path that this request asks for, escaped, with one slash at its start."""
    return "/" + _escaped(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))


def login_address(login_url: str, environ: WSGIEnvironment) -> str:
    """Return ``login_url`` with the page to come back to as ``next``."""
    return f"{login_url}{'&' if '?' in login_url else '?'}next={quote(request_path(environ))}"


def _escaped(path: str) -> str:
    return quote(path.encode("latin-1", "replace").decode("utf-8", "replace").strip("/"))
