"""A process that renders pictures for :class:`~chevupload.media.sandbox.pool.WorkerPool`, one job at a time.

Run as ``python -P -m chevupload.media.sandbox.worker LIMITS``, LIMITS being JSON. One JSON document per line comes in
on standard input and one goes out on standard output for each; it ends when its input does, so it outlives its parent
by one picture at most. This is where hostile bytes meet C code, so it limits itself before it reads the first of
them.
"""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from typing import Any, BinaryIO

from PIL import AvifImagePlugin, Image

from chevupload import errors
from chevupload.config import Originals
from chevupload.media import render
from chevupload.media.sandbox.messages import encoded
from chevupload.model import MediaJob
from chevupload.scaling import RenditionSize

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

MAX_FILES = 64
"""Open files; a job needs four."""


def main() -> None:
    """Serve jobs until standard input ends."""
    limits = json.loads(sys.argv[1])
    answers = _own_stdout()
    _limit(limits)
    # Sizes are checked against the job's own limits; these settings are this process's alone.
    Image.MAX_IMAGE_PIXELS = None
    # A thread of the decoder reserves tens of megabytes of the address space, on some machines 64 times.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    warnings.simplefilter("ignore")
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _limit_seconds(limits["seconds"])
        answers.write(encoded(_answer(request)))
        answers.flush()


def _own_stdout() -> BinaryIO:
    """Keep standard output for answers alone; what a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _limit(limits: dict[str, Any]) -> None:
    if resource is None:
        return
    for kind, value in (
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, MAX_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _limit_seconds(seconds: float) -> None:
    """Allow the next job ``seconds`` of processor time: the deadline that holds even if the parent is gone."""
    if resource is None:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    if "job" not in request:
        return {"ready": True}
    job = _job(request["job"])
    try:
        result = render.process(job, prefix=request["prefix"])
    except (errors.Refusal, errors.BackendError) as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"result": result}


def _job(values: dict[str, Any]) -> MediaJob:
    originals = Originals(**values["originals"])
    extra = tuple((name, RenditionSize(**size)) for name, size in dict(values["extra"]).items())
    return MediaJob(**values | {"formats": tuple(values["formats"]), "originals": originals, "extra": extra})


if __name__ == "__main__":
    main()
