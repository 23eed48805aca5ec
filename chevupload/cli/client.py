"""``chevupload upload``: a small client of this API, or of any Chevereto. Files are streamed."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, cast

import click

from chevupload.cli.values import KEY, NUMBER, server_option
from chevupload.errors import BackendError, ConfigError
from chevupload.uploads.parameters import PARAMETERS

if TYPE_CHECKING:
    import httpx2

_CONNECT_SECONDS = 30
"""For a connection and its handshake."""
_ANSWER_SECONDS = 300
"""For one piece to be taken, and for the answer: the server decodes the picture first."""
_TOO_MANY = 429
_RETRY_AFTER = re.compile(r"[0-9]{1,9}\Z")
_FIELDS = [
    # Not every terminal has the typographic apostrophe.
    click.Option([f"--{row.name.replace('_', '-')}"], is_flag=row.is_flag, help=row.about.replace("’", "'"))
    for row in PARAMETERS
    if row.fills == row.name
]
"""Options that go along as parameters."""


@click.command(
    "upload",
    help="Send files to a server and print their viewer links.",
    params=_FIELDS,
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--key", type=KEY, envvar="CHEVUPLOAD_KEY", show_envvar=True, required=True, help="API key.")
@server_option
@click.option(
    "--wait",
    "most_seconds",
    type=NUMBER,
    default=3_600.0,
    metavar="SECONDS",
    show_default=True,
    help="For one file, where the server says that too many came, and when it takes more.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line for each file.")
def upload(files: tuple[Path, ...], key: str, url: str, *, most_seconds: float, as_json: bool, **fields: Any) -> None:
    """Send each file; status 1 when one could not be sent or was refused."""
    try:
        import httpx2  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise ConfigError("upload needs httpx2: pip install 'chevupload[client]'") from error

    data = {name: "1" if value is True else value for name, value in fields.items() if value}
    timeout = httpx2.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
    failed = 0
    with httpx2.Client(headers={"X-API-Key": key}, timeout=timeout) as client:
        for number, file in enumerate(files, 1):
            try:
                document = _sent(client, url, file, data, label=f"{number}/{len(files)}", most_seconds=most_seconds)
            except httpx2.RemoteProtocolError:
                document = _error(f"no HTTP answer from {url}")
            except httpx2.TransportError as error:
                document = _error(f"{url}: {_cause(error)}")
            except (OSError, BackendError) as error:
                document = _error(_cause(error))
            failed += not document.get("image")
            _show(file, document, as_json=as_json)
    click.get_current_context().exit(1 if failed else 0)


def _error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


def _cause(error: BaseException) -> str:
    """Return what went wrong first, without its number."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    return str(getattr(error, "strerror", None) or error)


def _sent(
    client: httpx2.Client, url: str, file: Path, fields: dict[str, str], *, label: str, most_seconds: float
) -> dict[str, Any]:
    """Send one file, again if the server says when it takes more, and return what it says in the end.

    Raises:
        OSError: the file cannot be read.
        BackendError: it changed meanwhile.
        httpx2.TransportError: there is no server, or no answer.
    """
    waited = 0
    while True:
        answer = _send(client, url, file, fields, label=label)
        document = _document(answer)
        wait = _RETRY_AFTER.match(answer.headers.get("Retry-After", ""))
        if answer.status_code != _TOO_MANY or wait is None or (waited := waited + int(wait[0])) > most_seconds:
            return document
        click.echo(f"{file}: {_message(document)}; it is sent again in {wait[0]} seconds", err=True)
        sleep(int(wait[0]))


def _send(client: httpx2.Client, url: str, file: Path, fields: dict[str, str], *, label: str) -> httpx2.Response:
    """Send one file and return the server's answer.

    Raises:
        OSError: the file cannot be read.
        BackendError: it changed meanwhile.
        httpx2.TransportError: there is no server, or no answer.
    """
    if not stat.S_ISREG(file.stat().st_mode):
        # Opening a pipe would wait for somebody to write.
        raise OSError(errno.EINVAL, "not a regular file")
    with file.open("rb") as content:
        name = file.name.encode("utf-8", "replace").decode()
        source = (name, content, "application/octet-stream")
        form = client.build_request("POST", url, data=fields, files={"source": source})
        length = int(form.headers["Content-Length"])
        headers = {header: form.headers[header] for header in ("Content-Type", "Content-Length")}
        with click.progressbar(
            length=length, label=label, width=0, show_eta=False, file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar:
            pieces = _followed(cast(Iterable[bytes], form.stream), length, bar)
            return client.post(url, headers=headers, content=pieces)


def _followed(pieces: Iterable[bytes], length: int, bar: Any) -> Iterator[bytes]:
    """Pass on what the length was declared of, and show how far it is."""
    sent = 0
    for piece in pieces:
        sent += len(piece)
        if sent > length:
            break
        yield piece
        bar.update(len(piece))
    if sent != length:
        raise BackendError("the file changed while it was sent")


def _document(answer: httpx2.Response) -> dict[str, Any]:
    try:
        document = json.loads(answer.content)
    except ValueError:
        document = None
    if isinstance(document, dict):
        return document
    code = answer.status_code
    return {"status_code": code, **_error(f"HTTP {code}, and no JSON", code=code)}


def _show(file: Path, document: dict[str, Any], *, as_json: bool) -> None:
    """Print what the server said of a file, or why nothing was sent."""
    if as_json:
        name = os.fsencode(file).decode("utf-8", "replace")
        click.echo(json.dumps({"file": name, **document}, ensure_ascii=False))
    elif image := document.get("image"):
        click.echo(image["url_viewer"])
    else:
        click.echo(f"{file}: {_message(document)}", err=True)


def _message(document: dict[str, Any]) -> str:
    """Return why a file was refused."""
    return str(document.get("error", {}).get("message", "no answer"))
