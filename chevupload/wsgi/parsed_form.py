"""A form that the host has read already, as its framework handed it over.

Whoever reads a body before this component, for a check of its own or without meaning to, leaves nothing of it; what
was read may be put into the environ instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_KEY = "chevupload.form"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedForm:
    """What a host made of a body.

    Attributes:
        fields: name and value of each text field, in their order.
        files: form name, client's file name and content of each file part; the content is read from its start.
    """

    fields: Iterable[tuple[str, str]]
    files: Iterable[tuple[str, str, IO[bytes]]]


def hand_on(environ: WSGIEnvironment, form: HandedForm) -> None:
    """Leave ``form`` for the component, which then reads no body."""
    environ[_KEY] = form


def handed_form(environ: WSGIEnvironment) -> HandedForm | None:
    """Return the form that a host left, if any."""
    return cast("HandedForm | None", environ.get(_KEY))
