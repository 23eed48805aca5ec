"""One of several processes of a site: ``python -m tests.web.flooding URL`` sends pictures from many threads at once."""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path

from chevupload import Flood, Limits, Policy
from chevupload.web import redis_counts
from tests.support import PNG, Stand, file

THREADS = 8
FLOOD = Flood(minute=None, hour=60)


def main(url: str) -> None:
    """Print how each was answered."""
    # On a machine where all others are busy, too.
    redis_counts._TIMEOUT_SECONDS = 60.0
    with tempfile.TemporaryDirectory() as folder:
        limits = Limits(waiting_uploads=THREADS)
        stand = Stand(Path(folder), policy=Policy(flood=FLOOD), flood_store=url, limits=limits)
        statuses: list[int] = []
        start = threading.Barrier(THREADS)

        def send() -> None:
            start.wait()
            for content in (b"no picture", PNG, PNG, PNG):
                statuses.append(stand.send({"source": file(content)}).status_code)

        threads = [threading.Thread(target=send) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stand.component.close()
        print(*statuses)


if __name__ == "__main__":
    main(sys.argv[1])
