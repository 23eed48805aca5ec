"""What a worker does and refuses, within its limits."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from chevupload import errors
from chevupload.media.sandbox.inline import InlineRenderer
from tests.media.pictures import encoded, job, left, stored
from tests.media.pools import SMALL, pool, workers


def test_a_worker_does_what_the_same_code_does_inline(tmp_path: Path) -> None:
    """Both renderers give the same facts and pictures."""
    request = job(stored(tmp_path / "a", SMALL), width=600)
    inline = InlineRenderer()
    with pool() as made:
        results = [made.process(request), inline.process(request)]
    inline.close()
    facts = [(r.format, r.width, r.height, r.exif, r.original_md5, r.thumb.size, r.resized) for r in results]
    assert facts[0] == facts[1]
    assert len(left(tmp_path)) == 6


def test_refusals_keep_their_class_and_words(tmp_path: Path) -> None:
    """What the worker refuses is refused by the pool alike, and nothing is left."""
    with pool() as made:
        with pytest.raises(errors.DisabledFormat, match=r"Disabled image format \(jpeg\)"):
            made.process(job(stored(tmp_path / "a", SMALL), formats=("PNG",)))
        with pytest.raises(errors.BrokenImage):
            made.process(job(stored(tmp_path / "b", SMALL[:2_000]), width=300))
        with pytest.raises(errors.BackendError):
            made.process(job(tmp_path / "absent"))
        assert len(workers()) == 1
    assert left(tmp_path) == []


def test_memory_is_limited(tmp_path: Path) -> None:
    """A picture that needs more memory than allowed is refused, and the worker replaced."""
    big = encoded(Image.new("RGB", (9_000, 5_000)), "PNG")
    with pool(decode_memory_bytes=200_000_000) as made:
        with pytest.raises(errors.TooCostly):
            made.process(job(stored(tmp_path / "big", big)))
        assert left(tmp_path) == []
        assert made.process(job(stored(tmp_path / "a", SMALL))).width == 700


def test_file_size_is_limited(tmp_path: Path) -> None:
    """A worker cannot fill the disk."""
    noise = encoded(Image.effect_noise((1_500, 1_500), 90), "BMP")
    with pool(max_bytes=1, max_pixels=1) as made, pytest.raises(errors.TooCostly):
        made.process(job(stored(tmp_path / "a", noise)))
    assert left(tmp_path) == []


def test_the_worker_answers_line_by_line(tmp_path: Path) -> None:
    """The protocol on its own: ready, a result, a refusal, and an end with the input."""
    path = stored(tmp_path / "a", SMALL)
    values = dataclasses.asdict(job(path))
    requests = [{}, {"job": values, "prefix": "p-"}, {"job": values | {"formats": []}, "prefix": "p-"}]
    settings = {"memory_bytes": 2_000_000_000, "file_bytes": 100_000_000, "seconds": 9.0}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "chevupload.media.sandbox.worker", json.dumps(settings)],
        input="".join(json.dumps(request) + "\n" for request in requests),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.load(io.StringIO(line)) for line in done.stdout.splitlines()]
    assert [sorted(answer) for answer in answers] == [["ready"], ["result"], ["error", "message"]]
    assert all(name.startswith("p-") for name in left(tmp_path))
