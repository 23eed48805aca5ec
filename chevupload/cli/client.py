"""``chevupload upload``: a small client of this API, or of any Chevereto.

May know: the standard library. Files are streamed; a progress bar goes to a terminal.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from chevupload.cli.common import Commands, add_command
from chevupload.errors import BackendError, ConfigError

_PIECE_BYTES = 65_536
_BAR_WIDTH = 30


def add_commands(commands: Commands) -> None:
    """Add ``upload``."""
    parser = add_command(commands, "upload", upload, "send files to a server and print their viewer links", data=False)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--key", default=os.environ.get("CHEVUPLOAD_KEY"), help="API key (CHEVUPLOAD_KEY)")
    parser.add_argument(
        "--url",
        default=os.environ.get("CHEVUPLOAD_URL", "http://127.0.0.1:8080"),
        help="the server, with or without /api/1/upload (CHEVUPLOAD_URL, or %(default)s)",
    )
    for name in ("title", "description", "tags", "album-id", "expiration"):
        parser.add_argument(f"--{name}", help=f"{name.replace('-', '_')} of the upload")


def upload(options: argparse.Namespace) -> int:
    """Send each file; status 1 when one was refused."""
    if not options.key:
        raise ConfigError("a key is needed: --key, or CHEVUPLOAD_KEY")
    names = ("title", "description", "tags", "album_id", "expiration")
    fields = {name: value for name in names if (value := getattr(options, name))}
    failed = 0
    for file in options.files:
        document = _send(file, options.url, options.key, fields)
        image = document.get("image", {})
        failed += not image
        if options.json:
            print(json.dumps(document, ensure_ascii=False), flush=True)
        elif image:
            print(image["url_viewer"], flush=True)
        else:
            print(f"{file}: {document.get('error', {}).get('message', 'no answer')}", file=sys.stderr)
    return 1 if failed else 0


def _send(file: Path, url: str, key: str, fields: dict[str, str]) -> dict[str, Any]:
    parts, port = _address(url)
    path = parts.path.rstrip("/")
    path = path if path.endswith("/upload") else f"{path}/api/1/upload"
    boundary = secrets.token_hex(16)
    head, tail = _envelope(boundary, file.name, fields)
    length = len(head) + file.stat().st_size + len(tail)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname or "", port, timeout=300)
    headers = {
        "X-API-Key": key,
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(length),
    }
    try:
        connection.request("POST", path, _with_progress(_body(head, file, tail), length, file.name), headers)
        answer = connection.getresponse()
        return _document(answer.status, answer.read())
    except http.client.HTTPException as error:
        raise BackendError(f"no HTTP answer from {url}") from error
    finally:
        connection.close()


def _address(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return parts, parts.port
    except ValueError:
        pass
    raise ConfigError(f"not the address of a server: {url}")


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


def _body(head: bytes, file: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with file.open("rb") as content:
        while piece := content.read(_PIECE_BYTES):
            yield piece
    yield tail


def _with_progress(pieces: Iterator[bytes], length: int, label: str) -> Iterator[bytes]:
    """Pass ``pieces`` on, drawing a bar on standard error if somebody watches."""
    watched = sys.stderr.isatty()
    sent = 0
    for piece in pieces:
        yield piece
        sent += len(piece)
        if watched:
            done = sent * _BAR_WIDTH // length
            bar = "█" * done + "░" * (_BAR_WIDTH - done)
            print(f"\r{bar} {sent * 100 // length:3}% {label}", end="", file=sys.stderr, flush=True)
    if watched:
        print(file=sys.stderr)
