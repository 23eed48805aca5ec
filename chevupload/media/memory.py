"""Memory for libraries in Rust, which end the process where they get none."""

from __future__ import annotations

import mmap


def check_free(size: int) -> None:
    """Check that so many bytes can be had; none of them is used.

    Raises:
        MemoryError: they cannot.
    """
    try:
        mmap.mmap(-1, size).close()
    except OSError as error:
        raise MemoryError from error
