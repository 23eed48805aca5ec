"""An inventory: what a store has, in a file that the store writes itself, so that nobody has to list it.

Source: Amazon's page on S3 Inventory. Its files are CSV without a head, compressed by gzip: bucket, key and, if it is
the first of the optional fields, size. Keys are spelled as in URLs.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import unquote_plus

from chevupload.errors import ConfigError

_GZIP = b"\x1f\x8b"


def read_inventory(file: Path, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield the path and bytes of each file in an inventory.

    A line is ``key,size`` or ``bucket,key,size``; more fields may follow the latter.

    Args:
        file: a CSV file, as it is or compressed by gzip.
        prefix: what comes before our paths in each key. A key without it is left out.

    Raises:
        ConfigError: it cannot be read, or a line of it is something else.
    """
    try:
        with _opened(file) as lines:
            for number, row in enumerate(csv.reader(lines), 1):
                if not row:
                    continue
                key, size = row[:2] if len(row) == 2 else (*row, "", "")[1:3]
                if not (size.isascii() and size.isdecimal()):
                    raise ConfigError(f"{file}, line {number}: not key,size or bucket,key,size of a current version")
                path = unquote_plus(key)
                if path.startswith(prefix):
                    yield path.removeprefix(prefix), int(size)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error


def _opened(file: Path) -> IO[str]:
    with file.open("rb") as beginning:
        is_compressed = beginning.read(2) == _GZIP
    return (
        gzip.open(file, "rt", encoding="utf-8", newline="")
        if is_compressed
        else file.open(encoding="utf-8", newline="")
    )
