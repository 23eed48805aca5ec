"""Connects to the server that a URL names, if all its addresses are public, before a deadline."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from ipaddress import ip_address
from typing import TypeAlias

from chevupload.errors import Busy, FetchFailed, FetchTimeout, Refusal, UrlRefused
from chevupload.fetch.url_safety import Address, Network, ParsedUrl, public_address

_MAX_ADDRESSES = 8
"""Addresses of one name that are tried; each gets its share of the time that is left."""
_NO_ADDRESS = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

Resolve: TypeAlias = Callable[[str, int], Iterable[str]]
"""Returns the addresses of a host, or raises OSError."""
Dial: TypeAlias = Callable[[str, int, float], socket.socket]
"""Connects to an address and port within some seconds, or raises OSError."""


class Deadline:
    """A moment by which everything has to be done."""

    def __init__(self, seconds: float) -> None:
        """Set it ``seconds`` from now."""
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Return the seconds that are left, more than zero.

        Raises:
            FetchTimeout: none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchTimeout
        return left


@contextmanager
def network_errors() -> Iterator[None]:
    """Turn the errors of sockets, TLS and resolvers into refusals.

    Raises:
        FetchTimeout: it took too long.
        FetchFailed: anything else.
    """
    try:
        yield
    except Refusal:
        raise
    except TimeoutError as error:
        raise FetchTimeout from error
    except (OSError, ValueError) as error:
        raise FetchFailed from error


class Connector:
    """Opens connections to public addresses. A name is resolved once, and only its checked addresses are dialled."""

    def __init__(
        self, *, denied: Iterable[Network], max_look_ups: int, resolve: Resolve | None, dial: Dial | None
    ) -> None:
        """Connect to no address in the networks ``denied``; look up ``max_look_ups`` names at a time."""
        self._denied = tuple(denied)
        self._resolve = resolve or system_resolve
        self._dial = dial or system_dial
        # A look-up cannot be interrupted: one that outlives its fetch goes on counting here.
        self._look_ups = threading.Semaphore(max_look_ups)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reading the system's certificates takes longer than all else that a component needs to be made.
        return ssl.create_default_context()

    def connect(self, url: ParsedUrl, deadline: Deadline) -> socket.socket:
        """Return a connection to the server of ``url``, over TLS if its scheme is https.

        Raises:
            UrlRefused: it has no address, or one that is not public.
            FetchFailed: it cannot be reached, or its certificate is not valid.
            FetchTimeout: the deadline has passed.
            Busy: too many names are looked up.
        """
        connection = self._connect_any(self._addresses(url, deadline), url.port, deadline)
        if url.scheme == "http":
            return connection
        try:
            connection.settimeout(deadline.seconds_left())
            with network_errors():
                # A body may end with its connection, and then only TLS tells an end from a cut.
                return self._tls.wrap_socket(connection, server_hostname=url.host, suppress_ragged_eofs=False)
        except BaseException:
            connection.close()
            raise

    def _addresses(self, url: ParsedUrl, deadline: Deadline) -> list[Address]:
        if url.address is not None:
            spellings = [str(url.address)]
        elif "." in url.host:
            spellings = self._look_up(url, deadline)
        else:
            # A name without a dot means something inside only; the system would complete it to one.
            raise UrlRefused
        addresses = [public_address(spelling, denied=self._denied) for spelling in spellings]
        public = [address for address in addresses if address is not None]
        if not public or len(public) < len(addresses):
            raise UrlRefused
        return list(dict.fromkeys(public))

    def _look_up(self, url: ParsedUrl, deadline: Deadline) -> list[str]:
        if not self._look_ups.acquire(blocking=False):
            raise Busy("too many names of hosts are looked up already")
        found: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

        def look_up() -> None:
            result: list[str] | Exception
            try:
                result = list(self._resolve(url.host, url.port))
            except Exception as error:
                result = error
            self._look_ups.release()
            found.put(result)

        try:
            threading.Thread(target=look_up, name="chevupload-look-up", daemon=True).start()
        except RuntimeError as error:
            self._look_ups.release()
            raise Busy("no thread can be started") from error
        try:
            result = found.get(timeout=deadline.seconds_left())
        except queue.Empty:
            raise FetchTimeout from None
        if not isinstance(result, Exception):
            return result
        if isinstance(result, socket.gaierror) and result.errno in _NO_ADDRESS:
            # Told apart from names that have private addresses only, unknown ones would map the inside.
            return []
        raise FetchFailed from result

    def _connect_any(self, addresses: list[Address], port: int, deadline: Deadline) -> socket.socket:
        tried = addresses[:_MAX_ADDRESSES]
        failure: OSError | None = None
        for index, address in enumerate(tried):
            try:
                connection = self._dial(str(address), port, deadline.seconds_left() / (len(tried) - index))
            except OSError as error:
                failure = error
            else:
                return _with_peer(connection, address)
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


def _with_peer(connection: socket.socket, address: Address) -> socket.socket:
    """Return ``connection`` if it leads to ``address`` indeed."""
    try:
        with network_errors():
            peer = ip_address(connection.getpeername()[0])
        if peer != address:
            raise UrlRefused
    except BaseException:
        connection.close()
        raise
    return connection
