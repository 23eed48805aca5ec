"""One HTTP/1.1 exchange on an open connection: a request, the head of its response, the body in pieces.

h11 frames the messages and refuses what is malformed. The time for everything is one deadline, checked before each
read: a response that comes byte by byte ends at the same moment as one that does not come at all.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator

import h11

from chevupload.errors import FetchFailed
from chevupload.fetch.connector import Deadline, network_errors
from chevupload.fetch.url_safety import ParsedUrl

_RECEIVE_BYTES = 16_384
"""What one TLS record holds: more never comes at once over https."""
_MAX_HEAD_BYTES = 65_536
"""Of a response's status line and headers, and of a chunk's header. Servers send a few kilobytes."""
_MAX_HEADERS = 100
_MAX_INTERIM_RESPONSES = 10
_REDIRECTS = (301, 302, 303, 307, 308)


class Exchange:
    """A request for one URL, and its response.

    Attributes:
        status: of the response.
        location: where a redirect leads; None when it is none.
    """

    def __init__(
        self,
        connection: socket.socket,
        url: ParsedUrl,
        *,
        user_agent: str,
        deadline: Deadline,
        headers: Iterable[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> None:
        """Send the request for ``url`` over ``connection``, and read the head of the response.

        With ``content`` it is a POST of that, with these ``headers`` besides; otherwise a GET.

        Raises:
            FetchTimeout: the deadline has passed.
            FetchFailed: the response is none, or a redirect to nowhere.
        """
        self._connection = connection
        self._deadline = deadline
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._send(url, user_agent, headers, content)
        self._response = self._read_head()
        self.status = self._response.status_code
        self.location = _location(self._response) if self.status in _REDIRECTS else None

    def file(self) -> Iterator[bytes]:
        """Return the body in pieces, which is the file that was asked for.

        Raises:
            FetchFailed: the response is no file.
        """
        _check_file(self._response)
        return self._body()

    def _body(self) -> Iterator[bytes]:
        """Yield the body in pieces.

        Raises:
            FetchTimeout: the deadline has passed.
            FetchFailed: the file ended too early, or its chunks are malformed.
        """
        while isinstance(event := self._next_event(), h11.Data):
            yield bytes(event.data)

    def _send(self, url: ParsedUrl, user_agent: str, more: Iterable[tuple[str, str]], content: bytes | None) -> None:
        # Nothing in it comes from a client but the URL.
        headers = [
            ("Host", url.authority),
            ("User-Agent", user_agent),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
            *more,
        ]
        if content is not None:
            headers.append(("Content-Length", str(len(content))))
        method = "GET" if content is None else "POST"
        request = self._http.send(h11.Request(method=method, target=url.path, headers=headers)) or b""
        request += (self._http.send(h11.Data(data=content)) or b"") if content else b""
        self._http.send(h11.EndOfMessage())
        rest = memoryview(request)
        with network_errors():
            while rest:
                self._connection.settimeout(self._deadline.seconds_left())
                rest = rest[self._connection.send(rest) :]

    def _read_head(self) -> h11.Response:
        for _ in range(_MAX_INTERIM_RESPONSES + 1):
            if isinstance(event := self._next_event(), h11.Response):
                return event
        raise FetchFailed

    def _next_event(self) -> object:
        with network_errors():
            try:
                while (event := self._http.next_event()) is h11.NEED_DATA:
                    self._connection.settimeout(self._deadline.seconds_left())
                    self._http.receive_data(self._connection.recv(_RECEIVE_BYTES))
            except h11.RemoteProtocolError as error:
                raise FetchFailed from error
            return event


def _location(response: h11.Response) -> str:
    locations = _values(response, b"location")
    if len(locations) != 1:
        raise FetchFailed
    try:
        return locations[0].decode()
    except UnicodeDecodeError:
        return locations[0].decode("latin-1")


def _check_file(response: h11.Response) -> None:
    """Check that the body is a file, its bytes are not encoded, and its length has one reading.

    Raises:
        FetchFailed: it is something else.
    """
    if response.status_code != 200:
        raise FetchFailed(f"The server behind the URL answered with status {response.status_code}")
    encodings = {encoding.strip(b" \t").lower() for encoding in _values(response, b"content-encoding")}
    has_two_lengths = _values(response, b"content-length") and _values(response, b"transfer-encoding")
    if encodings - {b"", b"identity"} or has_two_lengths or len(response.headers) > _MAX_HEADERS:
        raise FetchFailed


def _values(response: h11.Response, name: bytes) -> list[bytes]:
    return [value for header, value in response.headers if header == name]
