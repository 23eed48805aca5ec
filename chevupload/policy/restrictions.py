"""What a key may be used for: less than what its owner may do, never more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from chevupload.formats import NAMES
from chevupload.validation import BYTES, CORS_ORIGIN, Kind, Unfit, check, kind_of, optional, read_words, setting

Scope: TypeAlias = Literal["upload", "list", "edit", "delete", "ticket"]
"""What can be done with a key: to upload; to list, edit and delete the owner's uploads; and to make tickets."""
SCOPES: tuple[Scope, ...] = get_args(Scope)
MAX_ORIGINS = 20
"""Origins of one key."""
MAX_ORIGIN = 255
"""Characters of one of them."""
MAX_ALBUM_ID = 64
"""Characters."""


def _set_of(noun: str, allowed: Iterable[str]) -> Kind:
    words = tuple(allowed)

    def take(value: Any) -> frozenset[str]:
        found = _set(value)
        if unknown := sorted(found.difference(words)):
            raise Unfit(f", not {unknown[0]!r:.40}")
        return found

    return optional(Kind(f"a set of {noun} out of {', '.join(words)}", take, read_words))


def _set(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        raise ValueError(value)
    return frozenset(value)


def _origins(value: Any) -> frozenset[str]:
    found = _set(value)
    if len(found) > MAX_ORIGINS or any(len(CORS_ORIGIN.take(origin)) > MAX_ORIGIN for origin in found):
        raise ValueError(value)
    return found


def _album_id(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ALBUM_ID or not value.isprintable():
        raise ValueError(value)
    return value


ALBUM_ID = Kind(f"the id of an album, 1 to {MAX_ALBUM_ID} printable characters", _album_id)
_ORIGINS = f"a set of at most {MAX_ORIGINS} origins, each {CORS_ORIGIN.expected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRestrictions:
    """What a key may be used for. None takes nothing away.

    Raises:
        ConfigError: a value that cannot be meant.
    """

    scopes: Set[Scope] | None = setting(None, _set_of("scopes", SCOPES))
    """What can be done with it. With an empty set, nothing."""
    album_id: str | None = setting(None, optional(ALBUM_ID))
    """The one album of its owner that it uploads to."""
    max_bytes: int | None = setting(None, optional(BYTES))
    """Largest file. The limit of its owner or of the site stays where that is lower."""
    formats: Set[str] | None = setting(None, _set_of("formats", NAMES))
    """Formats that it uploads, of those that the site accepts."""
    origins: Set[str] | None = setting(None, optional(Kind(_ORIGINS, _origins, read_words)))
    """Origins of the pages that it is for. A request without one of them in its header ``Origin`` is refused: browsers
    send that header, and no page can change it; other programs can."""

    def __post_init__(self) -> None:
        """Check each value."""
        check(self)


NO_RESTRICTIONS = KeyRestrictions()

RESTRICTION_KINDS = {name: kind_of(one) for name, one in KeyRestrictions.__dataclass_fields__.items()}
"""What each of them may be, by its name."""


def narrower(one: Any, other: Any, choose: Callable[[Any, Any], Any]) -> Any:
    """Return what ``choose`` makes of two limits of which None is no limit."""
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)
