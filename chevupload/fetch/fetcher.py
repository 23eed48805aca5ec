"""Brings the file behind a URL from the public network, and from nowhere else; or, for some, from nowhere at all.

A name is resolved once, every address that it resolves to has to be public, and the connection goes to one of these.
A redirect goes through the same door. No proxy, cookie or header of the client is used, and no setting opens the door
wider: a host that has to fetch from inside brings a fetcher of its own.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Literal, TypeAlias

from chevupload.errors import Busy, ConfigError, FetchFailed, FetchTimeout, InvalidUrl, UrlRefused, UrlUploadDisabled
from chevupload.fetch.client import Deadline, ask, oddities_refused
from chevupload.fetch.url_safety import Address, Network, Target, is_host_name, public_address, read_url
from chevupload.protocols import Sink

_MAX_DIALLED = 8
"""Addresses of one name that are tried; each gets its share of the time that is left."""

_MAX_SECONDS = 3600
_NO_ADDRESS = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

Resolve: TypeAlias = Callable[[str, int], Iterable[str]]
"""Returns the addresses of a host, or raises OSError."""
Dial: TypeAlias = Callable[[str, int, float], socket.socket]
"""Connects to an address and port within some seconds, or raises OSError."""


class DisabledFetcher:
    """Refuses every URL."""

    def fetch(self, url: str, into: Sink) -> str | None:
        """Refuse.

        Raises:
            UrlUploadDisabled: always.
        """
        raise UrlUploadDisabled


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRules:
    """Where and how a site fetches. Private addresses it never reaches, whatever is set here.

    Host patterns are names in lower case; one that starts with a dot stands for that name and all below it.

    Raises:
        ConfigError: a number is out of its range, or a host, network or header value is none.
    """

    allow_hosts: tuple[str, ...] | Literal["*"] = "*"
    """The only hosts to fetch from; a star for every public one, and for addresses in place of names."""
    deny_hosts: tuple[str, ...] = ()
    """Hosts never to fetch from. A machine may have more names than one: ``deny_networks`` knows it by address."""
    deny_networks: tuple[str, ...] = ()
    """Networks never to reach besides those that nobody may, such as your own servers' public addresses."""
    ports: tuple[int, ...] = (80, 443)
    """Ports to connect to. On others there are services that were not made to hear from strangers."""
    seconds: float = 30.0
    """From the first look at the URL to the last byte of its file: resolution, redirects and all."""
    max_redirects: int = 4
    """Redirects to follow. More than four is a loop or a tracker."""
    max_concurrent: int = 2
    """Fetches at a time in each process of the server, more are answered with 503 at once. Each holds a thread, for
    ``seconds`` at most: half as many as the process has threads, or fewer, leave the others to answer everything else.
    Two are half of four, with which small sites are started."""
    user_agent: str = "chevupload"
    """How we call ourselves. Some sites want a way to reach you in it."""

    def __post_init__(self) -> None:
        """Check everything."""
        if not 0 < self.seconds <= _MAX_SECONDS:
            raise ConfigError(f"FetchRules.seconds must be positive, and at most {_MAX_SECONDS}")
        if self.max_concurrent <= 0 or self.max_redirects < 0:
            raise ConfigError("FetchRules.max_concurrent must be positive, max_redirects not negative")
        if not self.ports or not all(0 < port < 65536 for port in self.ports):
            raise ConfigError("FetchRules.ports must be numbers from 1 to 65535, at least one")
        if not self.user_agent.isascii() or not self.user_agent.isprintable():
            raise ConfigError("FetchRules.user_agent must be printable ASCII")
        for patterns in (self.deny_hosts, () if self.allow_hosts == "*" else self.allow_hosts):
            _check_hosts(patterns)
        self.networks()

    def networks(self) -> tuple[Network, ...]:
        """Return the denied networks as such."""
        if isinstance(self.deny_networks, str):
            raise ConfigError("FetchRules.deny_networks is a tuple")
        try:
            return tuple(map(ip_network, self.deny_networks))
        except ValueError as error:
            raise ConfigError(f"not a network: {error}") from None

    def allows(self, target: Target) -> bool:
        """Whether the host is among those to fetch from."""
        if _is_among(target.host, self.deny_hosts):
            return False
        return self.allow_hosts == "*" or _is_among(target.host, self.allow_hosts)


class HttpFetcher:
    """Fetches over http and https. Safe to share between threads, and to be forked while nothing is fetched."""

    def __init__(
        self, rules: FetchRules | None = None, *, resolve: Resolve | None = None, dial: Dial | None = None
    ) -> None:
        """Fetch nothing yet.

        Args:
            rules: the site's.
            resolve: answers with a host's addresses, in a thread of its own; by default the system does. What it
                answers is checked all the same.
            dial: connects to addresses that were checked, and whom it reached is checked again.
        """
        self._rules = rules or FetchRules()
        self._denied = self._rules.networks()
        self._resolve = resolve or system_resolve
        self._dial = dial or system_dial
        self._tls = ssl.create_default_context()
        self._fetches = threading.Semaphore(self._rules.max_concurrent)
        # A look-up cannot be interrupted: one that outlives its fetch goes on counting here.
        self._look_ups = threading.Semaphore(self._rules.max_concurrent)

    def fetch(self, url: str, into: Sink) -> str | None:
        """Write what ``url`` holds into ``into`` and return the last segment of its path, None when that is empty.

        Raises:
            InvalidUrl: it has no single reading, or is neither http nor https.
            UrlRefused: it, or where it redirects to, is not to be reached.
            FetchFailed: the server is away, or its answer is not usable.
            FetchTimeout: the time was over.
            Busy: too many fetches are under way.
            TooLarge: ``into`` took no more.
        """
        target = read_url(url)
        if not self._fetches.acquire(blocking=False):
            raise Busy("too many URLs are fetched already")
        try:
            self._follow(target, into, Deadline(self._rules.seconds))
        finally:
            self._fetches.release()
        return target.filename

    def _follow(self, target: Target, into: Sink, deadline: Deadline) -> None:
        for _ in range(self._rules.max_redirects + 1):
            with closing(self._connect(target, deadline)) as connection:
                answer = ask(connection, target, user_agent=self._rules.user_agent, deadline=deadline)
                if answer.location is None:
                    for piece in answer.pieces():
                        into.write(piece)
                    return
            target = _redirected(target, answer.location)
        raise FetchFailed

    def _connect(self, target: Target, deadline: Deadline) -> socket.socket:
        """Go through the door: the only way to a connection."""
        if target.port not in self._rules.ports:
            raise UrlRefused("Unsupported port in URL")
        if not self._rules.allows(target):
            raise UrlRefused
        connection = self._reach(self._addresses(target, deadline), target.port, deadline)
        if target.scheme == "http":
            return connection
        try:
            connection.settimeout(deadline.left())
            with oddities_refused():
                # A body may end with its connection, and then only TLS tells an end from a cut.
                return self._tls.wrap_socket(connection, server_hostname=target.host, suppress_ragged_eofs=False)
        except BaseException:
            connection.close()
            raise

    def _addresses(self, target: Target, deadline: Deadline) -> list[Address]:
        """Return where to connect: the addresses of ``target``, all of which are public.

        Raises:
            UrlRefused: one is not, or there is none.
        """
        if target.address is not None:
            spellings = [str(target.address)]
        elif "." in target.host:
            spellings = self._look_up(target, deadline)
        else:
            # A name without a dot means something inside only; the system would complete it to one.
            raise UrlRefused
        addresses = [public_address(spelling, denied=self._denied) for spelling in spellings]
        public = [address for address in addresses if address is not None]
        if not public or len(public) < len(addresses):
            raise UrlRefused
        return list(dict.fromkeys(public))

    def _look_up(self, target: Target, deadline: Deadline) -> list[str]:
        if not self._look_ups.acquire(blocking=False):
            raise Busy("too many names of hosts are looked up already")
        found: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

        def look_up() -> None:
            answer: list[str] | Exception
            try:
                answer = list(self._resolve(target.host, target.port))
            except Exception as error:
                answer = error
            self._look_ups.release()
            found.put(answer)

        try:
            threading.Thread(target=look_up, name="chevupload-look-up", daemon=True).start()
        except RuntimeError as error:
            self._look_ups.release()
            raise Busy("no thread can be started") from error
        try:
            return _looked_up(found.get(timeout=deadline.left()))
        except queue.Empty:
            raise FetchTimeout from None

    def _reach(self, addresses: list[Address], port: int, deadline: Deadline) -> socket.socket:
        tried = addresses[:_MAX_DIALLED]
        failure: OSError | None = None
        for index, address in enumerate(tried):
            try:
                connection = self._dial(str(address), port, deadline.left() / (len(tried) - index))
            except OSError as error:
                failure = error
            else:
                return _checked_peer(connection, address)
        raise (FetchTimeout if isinstance(failure, TimeoutError) else FetchFailed) from failure


def system_resolve(host: str, port: int) -> list[str]:
    """Ask the system for every address of ``host``."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def system_dial(address: str, port: int, seconds: float) -> socket.socket:
    """Connect to ``address``, which is no name: nothing is resolved any more."""
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def _looked_up(answer: list[str] | Exception) -> list[str]:
    if not isinstance(answer, Exception):
        return answer
    if isinstance(answer, socket.gaierror) and answer.errno in _NO_ADDRESS:
        # Told apart from names that have private addresses only, unknown ones would map the inside.
        return []
    raise FetchFailed from answer


def _checked_peer(connection: socket.socket, address: Address) -> socket.socket:
    """Return ``connection`` if it leads to ``address`` indeed."""
    try:
        with oddities_refused():
            peer = ip_address(connection.getpeername()[0])
        if peer != address:
            raise UrlRefused
    except BaseException:
        connection.close()
        raise
    return connection


def _redirected(target: Target, location: str) -> Target:
    try:
        after = target.join(location)
    except InvalidUrl as error:
        raise FetchFailed from error
    if target.scheme == "https" and after.scheme == "http":
        # The client asked for a file that nobody can change on its way.
        raise FetchFailed
    return after


def _check_hosts(patterns: tuple[str, ...]) -> None:
    if isinstance(patterns, str):
        raise ConfigError("FetchRules takes tuples of hosts")
    for pattern in patterns:
        if not is_host_name(pattern.removeprefix(".")):
            raise ConfigError(f"not a host name in lower case: {pattern!r}")


def _is_among(host: str, patterns: tuple[str, ...]) -> bool:
    return any(host == pattern or (pattern[0] == "." and f".{host}".endswith(pattern)) for pattern in patterns)
