"""What a setting may be: checked when it is set, read from a text, and refused in words that say what would be right.

Each field of the frozen settings names its :class:`Kind`; nothing is guessed from how its annotation is spelled.
"""

from __future__ import annotations

import inspect
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from datetime import UTC, timedelta, tzinfo
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chevupload.errors import ConfigError
from chevupload.filesystem import local_path

T = TypeVar("T")

_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_AUTHORITY = rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?"
_ORIGIN = re.compile(rf"https?://{_AUTHORITY}\Z")
_CORS_ORIGIN = re.compile(rf"(?:[a-z][a-z0-9+.-]*://{_AUTHORITY}|null)\Z")
_BASE_URL = re.compile(rf"https?://{_AUTHORITY}(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?\Z", re.IGNORECASE)
_PAGE_URL = re.compile(r"(?:/|https?://[^/\s])\S*\Z", re.IGNORECASE)
MASK = "***"
"""Stands for what is secret where a value is shown."""
_TELLING_WORDS = "key|secret|token|pass|auth|credential|signature|connection_string"
_TELLING_NAME = re.compile(_TELLING_WORDS, re.IGNORECASE)
_URL_PASSWORD = re.compile(
    rf"(?<=://)([^:/?#@]*:)(?:[^/?#]*|[^@]*)(?=@)|([?&][^=&]*(?:{_TELLING_WORDS})[^=&]*=)[^&#]*", re.IGNORECASE
)
"""A password, and a secret in the query. SQLAlchemy takes a password with a slash that is not percent-encoded, too."""
_QUERY_VALUE = re.compile(r"([?&][^=&#]*=)[^&#]*")


class Unfit(ValueError):
    """What is wrong with a value, to be read behind what is right."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting may be.

    Attributes:
        expected: what is right, to be read behind "must be".
        take: returns a value as it is kept; ValueError or TypeError when it is not of this kind.
        read: makes a value of the text in an ini file or an environment variable; ValueError likewise.
        is_optional: None is a value, too.
        is_secret: a value that is not right is not repeated in what is said of it.
        mask: returns a secret value as it may be shown, where a part of it is no secret.
        is_mapping: it is set as a mapping, and kept as pairs.
    """

    expected: str
    take: Callable[[Any], Any]
    read: Callable[[str], Any] = str
    is_optional: bool = False
    is_secret: bool = False
    mask: Callable[[Any], Any] | None = None
    is_mapping: bool = False

    def shown(self, value: Any) -> Any:
        """Return ``value`` without what is secret in it, which is a password in any text that is a URL."""
        if value is None or not self.is_secret:
            if isinstance(value, tuple):
                return tuple(map(self.shown, value))
            return mask_url(value) if isinstance(value, str) else value
        return MASK if self.mask is None else self.mask(value)

    def checked(self, name: str, value: Any) -> Any:
        """Return ``value`` as it is kept.

        Raises:
            ConfigError: it is not of this kind; says ``name``, what is right, and the value.
        """
        try:
            return self.take(value)
        except Unfit as error:
            raise self._error(name, value, str(error)) from None
        except (ValueError, TypeError, OverflowError):
            raise self._error(name, value) from None

    def from_setting(self, name: str, value: Any) -> Any:
        """Return the value of a flat setting: a text is read, anything else is taken as it is.

        Raises:
            ConfigError: it is not of this kind.
        """
        try:
            value = self.read(value) if isinstance(value, str) else value
        except ValueError:
            raise self._error(name, value) from None
        return self.checked(name, value)

    def _error(self, name: str, value: Any, wrong: str = "") -> ConfigError:
        shown = "" if self.is_secret else f": {mask_url(repr(value)):.80}"
        return ConfigError(f"{name} must be {self.expected}{wrong}{shown}")


def setting(default: T, kind: Kind) -> T:
    """Return the default of a dataclass's field, whose values are of ``kind``; secret ones are not in its ``repr``."""
    return field(default=default, metadata={"kind": kind}, repr=not kind.is_secret)


def section(default: T, kind: Kind, *, named: str = "{}") -> T:
    """Return the default of a field that holds frozen settings itself.

    ``named`` says how a flat setting for one of their fields is called, with ``{}`` for the field's own name.
    """
    return field(default=default, metadata={"kind": kind, "named": named})


def kind_of(one: Field[Any]) -> Kind:
    """Return the kind of a field made by :func:`setting`."""
    return cast(Kind, one.metadata["kind"])


def check(settings: Any) -> None:
    """Check every field of frozen settings, and keep each value in one form.

    Raises:
        ConfigError: a value is not of its field's kind.
    """
    for one in fields(settings):
        value = getattr(settings, one.name)
        kept = kind_of(one).checked(f"{type(settings).__name__}.{one.name}", value)
        if kept is not value:
            object.__setattr__(settings, one.name, kept)


def instance_of(kind: type, example: str) -> Kind:
    """Return the kind of a value that is a ``kind``, or for a protocol has its methods, such as ``example``."""
    is_protocol = getattr(kind, "_is_protocol", False)

    def take(value: Any) -> Any:
        if is_protocol:
            # Not isinstance: newer Pythons look past __getattr__, by which a host's proxy hands calls on.
            methods = [method for method in vars(kind) if not method.startswith("_")]
            if missing := [method for method in methods if not callable(getattr(value, method, None))]:
                raise Unfit(f", and this one has no {', '.join(missing[:5])}")
        elif not isinstance(value, kind):
            raise ValueError(value)
        return value

    return Kind(f"such as {example}", take)


def function_of(*arguments: str) -> Kind:
    """Return the kind of a function that can be called with these arguments, in this order, and answers at once."""

    def take(function: Any) -> Any:
        if not callable(function):
            raise ValueError(function)
        if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004  # an object's own
            raise Unfit(" that is not async")
        try:
            signature = inspect.signature(function)
        except (ValueError, TypeError):
            # Some that are written in C do not say what they take.
            return function
        try:
            signature.bind(*arguments)
        except TypeError:
            raise Unfit(f", and this one takes {signature}") from None
        return function

    return Kind(f"a function of ({', '.join(arguments)})", take)


def _whole(least: int, most: int | None = None) -> Callable[[Any], int]:
    def take(value: Any) -> int:
        # A bool is an int in Python, and no number that anybody means.
        if type(value) is not int or value < least or (most is not None and value > most):
            raise ValueError(value)
        return value

    return take


def _read_whole(text: str) -> int:
    return int(text.strip())


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(value)
    return value


def _true_or_false(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


def _read_flag(text: str) -> bool:
    if (found := _FLAGS.get(text.strip().lower())) is None:
        raise ValueError(text)
    return found


def _zone(value: Any) -> tzinfo:
    if isinstance(value, tzinfo):
        return value
    try:
        return UTC if value == "UTC" else ZoneInfo(value)
    except (ZoneInfoNotFoundError, OSError):
        # A folder of the system's time zones is found, and cannot be read as one.
        raise ValueError(value) from None


def _span(value: Any) -> timedelta:
    span = value if isinstance(value, timedelta) else timedelta(seconds=_seconds(value))
    if span <= timedelta(0):
        raise ValueError(value)
    return span


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise ValueError(value)
    return tuple(value)


def read_words(text: str) -> tuple[str, ...]:
    """Return the words of a text, with white space or commas between them."""
    return tuple(text.replace(",", " ").split())


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _folder(value: Any) -> str:
    folder = local_path(value)
    if not folder.is_dir():
        raise ValueError(value)
    return str(folder)


def _writable_folder(value: Any) -> str:
    folder = _folder(value)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(value)
    return folder


def _base_url(value: Any) -> str:
    if not _BASE_URL.match(value) or (urlsplit(value).port or 80) > 65535:
        raise ValueError(value)
    return cast(str, value)


def mask_url(url: Any) -> str:
    """Return a URL without its password, and without secrets in its query."""
    return _URL_PASSWORD.sub(lambda found: f"{found[1] or found[2]}{MASK}", str(url))


def mask_query(url: Any) -> str:
    """Return a URL without its password, and without any value in its query."""
    return _QUERY_VALUE.sub(rf"\1{MASK}", mask_url(url))


def mask_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested options without the values of those whose names tell of secrets."""
    return {
        name: mask_options(value)
        if isinstance(value, Mapping)
        else MASK
        if value and _TELLING_NAME.search(str(name))
        else mask_url(value)
        if isinstance(value, str)
        else value
        for name, value in options.items()
    }


def whole(expected: str, *, least: int = 1, most: int | None = None) -> Kind:
    """Return the kind of a whole number."""
    return Kind(expected, _whole(least, most), _read_whole)


def choice(*words: str) -> Kind:
    """Return the kind of one of a few words."""

    def take(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(value)
        return value

    return Kind(_one_of(words), take)


def words_of(noun: str, known: Iterable[str]) -> Kind:
    """Return the kind of several of a few words, in any order."""
    allowed = tuple(known)

    def take(value: Any) -> tuple[str, ...]:
        found = _texts(value)
        if not found or not set(found) <= set(allowed):
            raise ValueError(value)
        return found

    return Kind(f"a tuple of {noun}, each {_one_of(allowed)}", take, read_words)


def matching(expected: str, pattern: re.Pattern[str]) -> Kind:
    """Return the kind of a text that ``pattern`` matches."""

    def take(value: Any) -> str:
        if not pattern.match(value):
            raise ValueError(value)
        return cast(str, value)

    return Kind(expected, take)


def optional(kind: Kind) -> Kind:
    """Return a kind of which there may be none: None, or an empty text."""

    def take(value: Any) -> Any:
        return None if value is None else kind.take(value)

    def read(text: str) -> Any:
        return None if text == "" else kind.read(text)

    return replace(kind, expected=f"{kind.expected}, or None", take=take, read=read, is_optional=True)


def each(noun: str, kind: Kind, *, star: bool = False) -> Kind:
    """Return the kind of several texts that are each of ``kind``; with ``star``, ``"*"`` stands for all there are."""

    def take(value: Any) -> Any:
        return value if star and value == "*" else tuple(kind.take(one) for one in _texts(value))

    def read(text: str) -> Any:
        return text if star and text == "*" else read_words(text)

    return Kind(f"a tuple of {noun}, each {kind.expected}" + (", or '*'" if star else ""), take, read)


def _one_of(words: Iterable[str]) -> str:
    *most, last = map(repr, words)
    return f"{', '.join(most)} or {last}"


COUNT = whole("a whole number above 0")
PROXIES = whole("a whole number, 0 or more", least=0)
BYTES = whole("a whole number of bytes above 0, such as 5_000_000")
PIXELS = whole("a whole number of pixels above 0")
SECONDS = Kind("a number of seconds above 0", _seconds, float)
FLAG = Kind("True or False", _true_or_false, _read_flag)
TEXT = Kind("a text", _text)
FOLDER = Kind("a folder that is there", _folder)
WRITABLE_FOLDER = Kind("a folder that can be written to", _writable_folder)
TIME_ZONE = Kind("a time zone, such as 'Europe/Berlin' or a tzinfo", _zone)
TIME_SPAN = Kind("a timedelta above 0, or its seconds", _span, float)
_AN_ORIGIN = "an origin in small letters such as 'https://forum.example', with nothing behind it"
ORIGIN = matching(_AN_ORIGIN, _ORIGIN)
CORS_ORIGIN = matching(_AN_ORIGIN, _CORS_ORIGIN)
"""Pages of browser extensions and of files have origins, too: ``moz-extension://...`` and ``null``."""
PAGE_URL = matching("a path from the root of the host, such as '/login', or an http or https address", _PAGE_URL)
BASE_URL = Kind(
    "an address such as 'https://example.org/uploads', with http or https, a host, and neither query nor fragment",
    _base_url,
)
