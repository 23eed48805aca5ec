"""What pages say to people who are refused; programs read the refusal's own message.

The words are in ``refusal_words.json`` beside this module, by the names of the classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chevupload.errors import Refusal
from chevupload.wsgi.responses import reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalWords:
    """What a page shows of a refusal.

    Attributes:
        icon: name of its icon.
        color: class of the icon's colour.
        title: what is wrong, without a full stop.
        text: what to do, or why.
    """

    icon: str
    color: str
    title: str
    text: str

    @property
    def sentence(self) -> str:
        """Both together."""
        return f"{self.title}{'' if self.title.endswith('?') else '.'} {self.text}"


def words_of(refusal: Refusal) -> RefusalWords:
    """Return the words of a refusal's class, or of the next class above it that has any.

    A host that refuses for a reason of its own has told it in the message.
    """
    names = (kind.__name__ for kind in type(refusal).__mro__)
    words = next((_words()[name] for name in names if name in _words()), None)
    if words is None:
        return RefusalWords(icon="warn", color="warn", title=reason(refusal.status), text=refusal.message)
    is_own = type(refusal).__name__ == "RequestDenied" and refusal.message != refusal.text
    wait = _spelled(int(dict(refusal.headers).get("Retry-After", "10")))
    text = words["text"].replace("{wait}", wait).replace("{message}", refusal.message)
    return RefusalWords(**{**words, "text": refusal.message if is_own else text})


def _spelled(seconds: int) -> str:
    """Return a time in the largest unit of which there are two, rounded up."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{-(-seconds // length)} {unit}"
    return "1 second" if seconds == 1 else f"{seconds} seconds"


@cache
def _words() -> dict[str, dict[str, str]]:
    words: dict[str, dict[str, str]] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return words
