"""``chevupload upload``: a small client of this API, or of any Chevereto.

Files are streamed; a progress bar goes to a terminal.
"""

from __future__ import annotations

import argparse
import errno
import http.client
import json
import os
import secrets
import shutil
import stat
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from chevupload.cli.common import SERVER_HELP, SERVER_URL, Commands, add_command, upload_address
from chevupload.errors import BackendError, ConfigError
from chevupload.uploads.parameters import PARAMETERS

_PIECE_BYTES = 65_536
_BAR_WIDTH = 30
_CONNECT_SECONDS = 30
"""For a connection and its handshake."""
_ANSWER_SECONDS = 300
"""For one piece to be taken, and for the answer: the server decodes the picture first."""
_FIELDS = tuple(row for row in PARAMETERS if row.fills == row.name)
"""Options that go along as parameters."""


def add_commands(commands: Commands) -> None:
    """Add ``upload``."""
    parser = add_command(commands, "upload", upload, "send files to a server and print their viewer links", site=False)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--key", default=os.environ.get("CHEVUPLOAD_KEY"), help="API key (CHEVUPLOAD_KEY)")
    parser.add_argument("--url", default=os.environ.get("CHEVUPLOAD_URL", SERVER_URL), help=SERVER_HELP)
    for row in _FIELDS:
        flag: dict[str, Any] = {"action": "store_const", "const": "1"} if row.is_flag else {}
        # Not every terminal has the typographic apostrophe.
        parser.add_argument(f"--{row.name.replace('_', '-')}", help=row.about.replace("’", "'"), **flag)


def upload(options: argparse.Namespace) -> int:
    """Send each file; status 1 when one could not be sent or was refused."""
    if not options.key:
        raise ConfigError("a key is needed: --key, or CHEVUPLOAD_KEY")
    if not (options.key.isascii() and options.key.isprintable()):
        raise ConfigError("a key has only printable ASCII characters")
    upload_address(options.url)
    fields = {row.name: value for row in _FIELDS if (value := getattr(options, row.name))}
    failed = 0
    for file in options.files:
        try:
            document = _send(file, options.url, options.key, fields)
        except (OSError, BackendError) as error:
            document = {"error": {"message": _cause(error)}}
        failed += not document.get("image")
        _report(file, document, as_json=options.json)
    return 1 if failed else 0


def _report(file: Path, document: dict[str, Any], *, as_json: bool) -> None:
    """Print what the server said of a file, or why nothing was sent."""
    if as_json:
        print(
            json.dumps({"file": os.fsencode(file).decode("utf-8", "replace"), **document}, ensure_ascii=False),
            flush=True,
        )
    elif image := document.get("image"):
        print(image["url_viewer"], flush=True)
    else:
        print(f"{file}: {document.get('error', {}).get('message', 'no answer')}", file=sys.stderr)


def _cause(error: Exception) -> str:
    """Return what an error says, without its number."""
    return str(getattr(error, "strerror", None) or error)


def _send(file: Path, url: str, key: str, fields: dict[str, str]) -> dict[str, Any]:
    """Send one file and return the server's answer.

    Raises:
        OSError: the file cannot be read.
        BackendError: there is no server, or no answer.
    """
    boundary = secrets.token_hex(16)
    head, tail = _envelope(boundary, file.name, fields)
    if not stat.S_ISREG(file.stat().st_mode):
        # Opening a pipe would wait for somebody to write.
        raise OSError(errno.EINVAL, "not a regular file")
    with file.open("rb") as content:
        size = os.fstat(content.fileno()).st_size
        length = len(head) + size + len(tail)
        headers = {
            "X-API-Key": key,
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(length),
        }
        with _Bar(length, file.name) as bar:
            return _post(url, bar.follow(_body(head, content, size, tail)), headers)


def _post(url: str, body: Iterator[bytes], headers: dict[str, str]) -> dict[str, Any]:
    parts = upload_address(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=_CONNECT_SECONDS)
    try:
        connection.connect()
        connection.sock.settimeout(_ANSWER_SECONDS)
        try:
            connection.request("POST", parts.path, body, headers)
        except ConnectionError as error:
            return _early_answer(connection, error)
        return _answer(connection)
    except (http.client.HTTPException, UnicodeError) as error:
        raise BackendError(f"no HTTP answer from {url}") from error
    except OSError as error:
        raise BackendError(f"{url}: {_cause(error)}") from error
    finally:
        connection.close()


def _early_answer(connection: http.client.HTTPConnection, error: ConnectionError) -> dict[str, Any]:
    """Return the refusal of a server that did not wait for the whole body; without any, raise ``error``."""
    try:
        return _answer(connection)
    except (OSError, http.client.HTTPException):
        raise error from None


def _answer(connection: http.client.HTTPConnection) -> dict[str, Any]:
    answer = connection.getresponse()
    return _document(answer.status, answer.read())


def _document(status: int, body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if isinstance(document, dict):
        return document
    return {"status_code": status, "error": {"message": f"HTTP {status}, and no JSON", "code": status}}


def _envelope(boundary: str, filename: str, fields: dict[str, str]) -> tuple[bytes, bytes]:
    """Return what goes before and behind the file. Source: RFC 7578; names are escaped as browsers do."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    safe = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="source"; filename="{safe}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return "".join(parts).encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode()


def _body(head: bytes, content: BinaryIO, size: int, tail: bytes) -> Iterator[bytes]:
    """Yield the body, of just the length that was declared."""
    yield head
    left = size
    while left and (piece := _read(content, min(left, _PIECE_BYTES))):
        left -= len(piece)
        yield piece
    if left:
        raise BackendError("the file became shorter while it was sent")
    yield tail


def _read(content: BinaryIO, size: int) -> bytes:
    """Read the file, whose failure is not the connection's."""
    try:
        return content.read(size)
    except OSError as error:
        raise BackendError(_cause(error)) from error


class _Bar:
    """A progress bar on standard error, if somebody watches; it is gone when the answer is there."""

    def __init__(self, length: int, label: str) -> None:
        """Show the way to ``length`` bytes."""
        self._length = length
        self._label = "".join(character if character.isprintable() else "?" for character in label)
        self._is_watched = sys.stderr.isatty()
        self._shown = ""

    def __enter__(self) -> _Bar:
        """Draw nothing yet."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Erase it."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def follow(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Pass ``pieces`` on, and draw how far they are."""
        sent = 0
        for piece in pieces:
            yield piece
            sent += len(piece)
            if self._is_watched:
                self._draw(sent)

    def _draw(self, sent: int) -> None:
        done = sent * _BAR_WIDTH // self._length
        bar = "█" * done + "░" * (_BAR_WIDTH - done)
        # In its last column, some terminals begin a new line.
        text = _cut(f"{bar} {sent * 100 // self._length:3}% {self._label}", _columns() - 1)
        if text != self._shown:
            # A wider terminal's longer line must not show behind a shorter one.
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = text


def _columns() -> int:
    """Return the width of the terminal at standard error; standard output may be elsewhere."""
    try:
        watched = os.get_terminal_size(sys.stderr.fileno())
    except OSError:
        watched = os.terminal_size((0, 0))
    return shutil.get_terminal_size(watched).columns or 80


def _cut(text: str, columns: int) -> str:
    """Return as much of ``text`` as fits; East Asian characters are two columns wide."""
    for index, character in enumerate(text):
        columns -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if columns < 0:
            return text[:index]
    return text
