"""Reads the numbers and the head of EBML, which WebM and Matroska consist of.

Source: RFC 8794.
"""

from __future__ import annotations

MAGIC = b"\x1a\x45\xdf\xa3"
_DOCUMENT_TYPE = b"\x42\x82"


def number_bytes(first: int) -> int:
    """Return how many bytes a number has, by its first; more than eight are none."""
    return 9 - first.bit_length()


def number(data: bytes) -> tuple[int, int]:
    """Read a number whose own length is told by its first bit that is set; return both."""
    size = number_bytes(data[0])
    return int.from_bytes(data[:size], "big") & (1 << 7 * size) - 1, size


def document_type(head: bytes) -> bytes:
    """Return the document type that a file beginning with ``head`` has; nothing where there is none.

    It may be padded with NUL, and other elements may stand before it.
    """
    if not head.startswith(MAGIC):
        return b""
    try:
        length, size = number(head[len(MAGIC) :])
        at = len(MAGIC) + size
        end = min(at + length, len(head))
        while at < end:
            name = head[at : at + number_bytes(head[at])]
            at += len(name)
            length, size = number(head[at:])
            at += size
            if name == _DOCUMENT_TYPE:
                return head[at : at + length].split(b"\0")[0]
            at += length
    except IndexError:
        pass
    return b""
