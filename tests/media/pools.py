"""Pools of workers made for the tests, and pictures for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from chevupload.config import Limits
from chevupload.media.sandbox.pool import WorkerPool
from tests.media.pictures import encoded, photo

OTHERS: frozenset[int] = frozenset()
"""Workers that were there before a test began."""
DEFAULTS: dict[str, Any] = {"decode_workers": 1, "decode_seconds": 300.0, "queue_seconds": 300.0}
"""On a machine with much to do, a picture and a short queue take their time."""
SMALL = encoded(photo((700, 500)), "JPEG")


@cache
def slow() -> bytes:
    """Return a picture that takes long to render."""
    return encoded(Image.effect_noise((3_000, 3_000), 90).convert("RGB"), "JPEG", progressive=True, quality=95)


@contextmanager
def pool(**limits: Any) -> Iterator[WorkerPool]:
    made = WorkerPool(Limits(**DEFAULTS | limits))
    try:
        yield made
    finally:
        made.close()


def scripted(folder: Path, commands: str, **limits: Any) -> WorkerPool:
    """Make a pool whose worker runs ``commands`` instead of Python."""
    script = folder / "python"
    script.write_text(f"#!/bin/sh\n{commands}\n")
    script.chmod(0o755)
    return WorkerPool(Limits(**DEFAULTS | limits), python=str(script))


def workers() -> set[int]:
    """Return the process ids of the workers that this process has started, in the test that runs."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if b"chevupload.media.sandbox.worker" in command and int(parent) == os.getpid():
                found.add(int(entry.name))
    return found - OTHERS
