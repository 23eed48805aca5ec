"""What a check of many files needs: seconds and memory, in a process of its own.

    python -m tests.benchmarks.check [--files 1_000_000] [--megabytes 100]

The files are on a local disk, empty but for their sizes, below the temporary folder; the records are in a SQLite file.
Needs Linux. It ends with status 1 if it needs more memory, or if something is wrong with any file.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chevupload.app import ChevUpload
from chevupload.db import Database, SqlCatalog, sqlite_engine
from chevupload.storage.local import LocalStorage
from chevupload.testing.memory import StaticKeys
from tests.benchmarks.rows import fill, progress

FILES_OF_ONE = 3
"""An original, a thumbnail and a medium picture."""


def catalog_in(folder: Path) -> SqlCatalog:
    """Return the catalog of a site in ``folder``."""
    return SqlCatalog(Database(sqlite_engine(folder / "site.db")))


def make_site(folder: Path, files: int) -> None:
    """Make records, and a file of the right size for each of their paths."""
    catalog = catalog_in(folder)
    catalog.create_tables()
    fill(catalog.database, files // FILES_OF_ONE)
    for number, upload in enumerate(catalog.uploads(), 1):
        for path, size in upload.sizes.items():
            file = folder / "images" / path
            if number == 1:
                file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as empty:
                os.truncate(empty.fileno(), size)
        if number % 50_000 == 0:
            progress(f"files of {number:,} uploads")


def check_site(folder: Path, megabytes: int) -> int:
    """Check it, print what that needed, and return the status."""
    component = ChevUpload(
        keys=StaticKeys({}),
        catalog=catalog_in(folder),
        storage=LocalStorage(folder / "images"),
        secret_keys=["a secret of sixteen characters or more"],
    )
    start = time.perf_counter()
    report = component.maintenance.check()
    seconds = time.perf_counter() - start
    component.close()
    # What getrusage() says begins with the memory of the process that started this one.
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
    print(f"{report.uploads:,} uploads, {report.left} faults, {seconds:.0f} s, {peak:.0f} MB at most")
    return int(report.left > 0 or peak > megabytes)


def main() -> int:
    """Make a site, and check it in another process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        return check_site(options.folder, options.megabytes)
    with tempfile.TemporaryDirectory(prefix="chevupload-check-") as folder:
        make_site(Path(folder), options.files)
        again = [sys.executable, "-m", "tests.benchmarks.check", "--folder", folder]
        return subprocess.run([*again, "--megabytes", str(options.megabytes)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
