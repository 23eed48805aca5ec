"""Where a request came from, what it is mounted at, and what answers its path.

Sources: docs/api.md, Routes; RFC 9110, section 7.2 (Host), for ports; the X-Forwarded headers have no standard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from chevupload.errors import MalformedRequest
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Handler: TypeAlias = Callable[..., Response]
"""Answers one path, given the environ; or what is below a path, given the groups of its rest, too."""

REST = "{rest}"
"""Ends a pattern that has a rest."""
ANY_REST = re.compile("(.+)", re.DOTALL)
"""Every rest but an empty one, as one group."""

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?\Z")
_PORT = re.compile(r":[0-9]*\Z")
_ADDRESS_AND_PORT = re.compile(r"(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?\Z")
_MAX_PORT = 65_535
_OTHER_SCHEMES_PORT = {"https": "80", "http": "443"}


class RouteTable:
    """Finds what answers a path: what has exactly this one, or else what has the longest beginning of it."""

    def __init__(self, handlers: Iterable[tuple[str, re.Pattern[str], Handler]]) -> None:
        """Answer each pattern, where its rest matches the expression beside it, by the handler beside that."""
        self._exact: dict[str, Handler] = {}
        self._below: list[tuple[str, re.Pattern[str], Handler]] = []
        for pattern, rest, handler in handlers:
            if pattern.endswith(REST):
                self._below.append((pattern.removesuffix(REST), rest, handler))
            else:
                self._exact[pattern] = handler
        self._below.sort(key=lambda row: len(row[0]), reverse=True)

    def find(self, path: str) -> tuple[Handler, tuple[str | None, ...]] | None:
        """Return what answers ``path``, and the groups of its rest; None when it is nothing of ours.

        The path is decoded and begins below the mount point.
        """
        if (handler := self._exact.get(path)) is not None:
            return handler, ()
        for start, rest, handler in self._below:
            if path.startswith(start) and (found := rest.fullmatch(path, len(start))):
                return handler, found.groups()
        return None


def trust_proxies(environ: WSGIEnvironment, count: int) -> WSGIEnvironment:
    """Return ``environ`` as the outermost of ``count`` proxies saw it, by their X-Forwarded headers.

    A port in X-Forwarded-Host or Host is the one that the client used, and wins over X-Forwarded-Port. Port 80 with
    https, and 443 with http, is where the proxy itself listens, behind another one that ended TLS.

    A prefix that the proxies took off goes before that of the mount point, unless it is there already.
    """
    if not count:
        return environ
    seen, mount = dict(environ), environ.get("SCRIPT_NAME", "")
    if address := _forwarded(environ, "FOR", count):
        # Some proxies add the port of the connection, by which one client would be as many as it has connections.
        found = _ADDRESS_AND_PORT.match(address)
        seen["REMOTE_ADDR"] = (found[1] or found[2]) if found else address
    if (scheme := _forwarded(environ, "PROTO", count).lower()) in _OTHER_SCHEMES_PORT:
        seen["wsgi.url_scheme"] = scheme
    if host := _forwarded(environ, "HOST", count):
        seen["HTTP_HOST"] = host
    host = seen.get("HTTP_HOST") or seen.get("SERVER_NAME", "")
    port = _forwarded(environ, "PORT", count)
    if port and port != _OTHER_SCHEMES_PORT.get(seen.get("wsgi.url_scheme", "")) and not _PORT.search(host):
        seen["HTTP_HOST"] = f"{host}:{port}"
    prefix = _forwarded(environ, "PREFIX", count).rstrip("/")
    seen["SCRIPT_NAME"] = mount if f"{mount}/".startswith(f"{prefix}/") else prefix + mount
    return seen


def _forwarded(environ: WSGIEnvironment, name: str, count: int) -> str:
    """Return what the outermost trusted proxy wrote into an X-Forwarded header; empty without any.

    Each proxy adds one value to the list or leaves it as it came. So the last ``count`` values, or as many as there
    are, come from trusted proxies, and the first of these from the outermost one that wrote any.
    """
    values = [value.strip() for value in environ.get(f"HTTP_X_FORWARDED_{name}", "").split(",")]
    return next(iter([value for value in values if value][-count:]), "")


def client_network(remote: str) -> str:
    """Return where a client is: its IPv4 address, or the /64 network that a customer has of IPv6.

    Whatever else a server calls its client stays as it is; it is empty behind a Unix socket. Source: RFC 6177 and RFC
    4291, section 2.5.4.
    """
    try:
        address = ip_address(remote.partition("%")[0])
    except ValueError:
        return remote
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


def request_base_url(environ: WSGIEnvironment) -> str:
    """Return the URL of the mount point as this request reached it.

    Raises:
        MalformedRequest: the Host header is no host.
    """
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    found = _HOST.match(host)
    if found is None or int(found[1] or 0) > _MAX_PORT:
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


def mounted_path(environ: WSGIEnvironment) -> str:
    """Return the path below the mount point, decoded."""
    path: str = environ.get("PATH_INFO", "") or "/"
    return path.encode("latin-1", "replace").decode("utf-8", "replace")


def request_path(environ: WSGIEnvironment) -> str:
    """Return the path that this request asks for, escaped, with one slash at its start."""
    return "/" + _escaped(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))


def login_address(login_url: str, environ: WSGIEnvironment) -> str:
    """Return ``login_url`` with the page to come back to as ``next``."""
    return f"{login_url}{'&' if '?' in login_url else '?'}next={quote(request_path(environ))}"


def _escaped(path: str) -> str:
    return quote(path.encode("latin-1", "replace").decode("utf-8", "replace").strip("/"))
