"""Who sends an upload, which may be known before its body is read, in the middle of it, or at its end.

A key comes in a header, in the query or in a field of the body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chevupload.errors import MissingKey, Refusal
from chevupload.model import Principal
from chevupload.wsgi.form import Form

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sends a form of ours without a key.

    Attributes:
        principal: whom the host knows the sender for.
        check: raises a refusal when the form, once it is read, does not show that it was meant.
    """

    principal: Principal
    check: Callable[[Form], None]


class Sender:
    """Who sends a request: known as soon as a key was read, which may be at the end of the body.

    Attributes:
        visitor: whom it is from if it has no key.
    """

    def __init__(
        self,
        environ: WSGIEnvironment,
        form: Form,
        identify: Callable[[str, WSGIEnvironment], Principal],
        visitor: Visitor | None,
    ) -> None:
        """Know nobody yet; ``identify`` returns whose a key is, or raises a refusal."""
        self._environ = environ
        self._form = form
        self._identify = identify
        self._found: dict[str, Principal | Refusal] = {}
        self.visitor = visitor

    @property
    def key(self) -> str | None:
        """The key that counts, of those that were read so far."""
        return key_of(self._environ, self._form)

    def known(self) -> Principal | None:
        """Return whose key was read so far; None if there is none, or a wrong one."""
        found = self._asked(self.key) if self.key else None
        return found if isinstance(found, Principal) else None

    def identified(self) -> Principal:
        """Return whom the request is from, by all that was read.

        Raises:
            Refusal: it is from nobody who may upload.
        """
        if not self.key:
            if self.visitor is None:
                raise MissingKey
            self.visitor.check(self._form)
            return self.visitor.principal
        found = self._asked(self.key)
        if isinstance(found, Refusal):
            raise found
        return found

    def close(self) -> None:
        """Let go of the request, whose environ may hold open files of its host.

        What opens temporary files knows the sender and is known to the form: without this, only the garbage collector
        would find that nobody needs them any more.
        """
        self._environ = {}

    def _asked(self, key: str) -> Principal | Refusal:
        """Ask once for each key."""
        if key not in self._found:
            try:
                self._found[key] = self._identify(key, self._environ)
            except Refusal as refusal:
                self._found[key] = refusal
        return self._found[key]


def key_of(environ: WSGIEnvironment, form: Form) -> str | None:
    """Return the key of a request, the header's first, as far as it was read."""
    key: str = environ.get("HTTP_X_API_KEY", "")
    return key.strip() or form.fields.get("key")
