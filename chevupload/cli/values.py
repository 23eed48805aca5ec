"""What arguments and options may be: each value is read once, and one that is no good is wrong usage."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

import click

from chevupload.config import Routes
from chevupload.errors import ConfigError, InvalidParameter
from chevupload.uploads.parameters import parse_expiration
from chevupload.validation import Kind, read_words

F = TypeVar("F", bound=Callable[..., Any])


class Value(click.ParamType[Any]):
    """What a function reads, which raises ConfigError for the rest."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        """Show it as ``name`` in the help."""
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a text; a default that is no text is taken as it is."""
        try:
            return self._read(value) if isinstance(value, str) else value
        except ConfigError as error:
            self.fail(str(error), param, ctx)


def setting(name: str, kind: Kind) -> Value:
    """Return the type of what a setting of the component may be."""
    return Value(name, lambda value: kind.from_setting("it", value))


def words_option(option: str, name: str, kind: Kind, **more: Any) -> Callable[[F], F]:
    """Return an option that takes a set of words, of what a setting of the component may be.

    They have commas between them, or the option is given for each. Without it, the set is None.
    """

    def read(value: str) -> Any:
        if not read_words(value):
            raise ConfigError("it names nothing")
        return kind.from_setting("it", value)

    def joined(ctx: click.Context, param: click.Parameter, sets: tuple[frozenset[str], ...]) -> frozenset[str] | None:
        return frozenset().union(*sets) if sets else None

    return click.option(option, name, type=Value(name, read), multiple=True, callback=joined, **more)


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        # No database could keep it.
        raise ConfigError(f"not text in UTF-8: {value!a}") from None
    return value


def _line(value: str) -> str:
    if not _text(value).isprintable():
        raise ConfigError(f"not one line of printable text: {value!a}")
    return value


def _name(value: str) -> str:
    """Return what names something, without the white space around it."""
    if not _line(value).strip():
        raise ConfigError("a name must not be empty")
    return value.strip()


def _key(value: str) -> str:
    if not (value and value.isascii() and value.isprintable()):
        raise ConfigError("a key has only printable ASCII characters")
    return value


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ConfigError(f"not a number, 0 or more: {value}")
    return number


def _above_zero(value: str) -> float:
    number = _number(value)
    if number == 0:
        raise ConfigError("it must be more than 0")
    return number


def _grace(value: str) -> timedelta:
    try:
        grace = timedelta(seconds=_number(value))
        # Beyond this, there is no time before now.
        datetime.now(UTC) - grace
    except OverflowError:
        raise ConfigError(f"not a number of seconds that have passed: {value}") from None
    return grace


def _end(duration: str) -> datetime:
    """Return when something ends that lasts for ``duration`` from now."""
    try:
        # The API takes a number for seconds; who ends a key after "90" means days.
        expiration = None if duration.strip().isdecimal() else parse_expiration(duration)
        if expiration is not None:
            return expiration.after(datetime.now(UTC).replace(microsecond=0))
    except (InvalidParameter, ValueError, OverflowError):
        pass
    # Nothing, where an end was asked for, must not make a key without end.
    raise ConfigError(f"not an ISO 8601 duration, such as P90D for 90 days: {duration}")


def _moment(value: str) -> datetime:
    """Return a time; a date is its beginning, and what has no zone is in UTC."""
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(f"not a date or a time by ISO 8601, such as 2026-01-31: {value}") from None


def _md5(value: str) -> str:
    if not re.fullmatch("[0-9A-Fa-f]{32}", value):
        raise ConfigError(f"not an MD5 hash of 32 hexadecimal digits: {value!a}")
    return value.lower()


def upload_address(url: str) -> SplitResult:
    """Return the address of a server's upload route; of the server's itself, the route is added.

    Raises:
        ConfigError: it is no address of a server.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            path = parts.path.rstrip("/")
            path = path if path.endswith("/upload") else f"{path}/{Routes().upload}"
            return parts._replace(path=path, query="", fragment="")
    except ValueError:
        pass
    raise ConfigError(f"not the address of a server: {url}")


TEXT = Value("text", _text)
LINE = Value("text", _line)
NAME = Value("name", _name)
KEY = Value("key", _key)
NUMBER = Value("number", _number)
SECONDS = Value("seconds", _above_zero)
MOMENT = Value("time", _moment)
MD5 = Value("hash", _md5)
GRACE = Value("seconds", _grace)
END = Value("duration", _end)
SERVER = Value("url", lambda value: upload_address(value).geturl())

server_option = click.option(
    "--url",
    type=SERVER,
    envvar="CHEVUPLOAD_URL",
    show_envvar=True,
    default="http://127.0.0.1:8080",
    show_default=True,
    help="The server, with or without /api/1/upload.",
)
