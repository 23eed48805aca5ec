"""Fetches the file behind a URL, from the public network only.

A name is resolved once, every address that it resolves to has to be public, and the connection goes to one of these.
A redirect is checked in the same way. No proxy, cookie or header of the client is used, and no setting allows more: a
host that has to fetch from its own network brings a fetcher of its own.
"""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Literal

from chevupload.errors import Busy, ConfigError, FetchFailed, InvalidUrl, UrlRefused, UrlUploadDisabled
from chevupload.fetch.connector import Connector, Deadline, Dial, Resolve
from chevupload.fetch.url_safety import Network, ParsedUrl, is_host_name, parse_url
from chevupload.protocols import Writable

_MAX_SECONDS = 3600


class DisabledFetcher:
    """Refuses every URL."""

    def fetch(self, url: str, into: Writable) -> str | None:
        """See Fetcher. Every URL raises UrlUploadDisabled."""
        raise UrlUploadDisabled


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRules:
    """Where and how a site fetches. No setting lets it reach private addresses.

    Host patterns are names in lower case; one that starts with a dot stands for that name and all below it.

    Raises:
        ConfigError: a number is out of its range, or a host, network or header value cannot be one.
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

    def check(self, target: ParsedUrl) -> None:
        """Check that ``target`` may be fetched from.

        Raises:
            UrlRefused: its port or its host is not among those to fetch from.
        """
        if target.port not in self.ports:
            raise UrlRefused("Unsupported port in URL")
        allowed = self.allow_hosts == "*" or _matches(target.host, self.allow_hosts)
        if not allowed or _matches(target.host, self.deny_hosts):
            raise UrlRefused


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
        self._connector = Connector(
            denied=self._rules.networks(), max_look_ups=self._rules.max_concurrent, resolve=resolve, dial=dial
        )
        self._fetches = threading.Semaphore(self._rules.max_concurrent)

    def fetch(self, url: str, into: Writable) -> str | None:
        """Write what ``url`` holds into ``into`` and return the last segment of its path, None when that is empty.

        Raises:
            InvalidUrl: it has no single reading, or is neither http nor https.
            UrlRefused: it, or where it redirects to, is not to be reached.
            FetchFailed: the server is away, or its response is not usable.
            FetchTimeout: the time was over.
            Busy: too many fetches are under way.
            TooLarge: ``into`` took no more.
        """
        target = parse_url(url)
        if not self._fetches.acquire(blocking=False):
            raise Busy("too many URLs are fetched already")
        try:
            self._follow(target, into, Deadline(self._rules.seconds))
        finally:
            self._fetches.release()
        return target.filename

    def _follow(self, target: ParsedUrl, into: Writable, deadline: Deadline) -> None:
        from chevupload.fetch.client import Exchange  # noqa: PLC0415 - h11 comes with the first URL

        for _ in range(self._rules.max_redirects + 1):
            self._rules.check(target)
            with closing(self._connector.connect(target, deadline)) as connection:
                exchange = Exchange(connection, target, user_agent=self._rules.user_agent, deadline=deadline)
                if exchange.location is None:
                    for piece in exchange.file():
                        into.write(piece)
                    return
            target = _redirected(target, exchange.location)
        raise FetchFailed


def _redirected(target: ParsedUrl, location: str) -> ParsedUrl:
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


def _matches(host: str, patterns: tuple[str, ...]) -> bool:
    return any(host == pattern or (pattern[0] == "." and f".{host}".endswith(pattern)) for pattern in patterns)
