"""What a server and its media workers say to each other: JSON documents, one in a line."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any


def encoded(document: dict[str, Any]) -> bytes:
    """Return the line of a document, whose values may be dataclasses: they are spelled as objects."""
    return json.dumps(document, default=_members, allow_nan=False).encode() + b"\n"


def _members(value: Any) -> dict[str, Any]:
    # Not dataclasses.asdict, which copies every value in depth, for four times the processor time.
    return {field.name: getattr(value, field.name) for field in fields(value)}
