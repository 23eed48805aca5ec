"""What is over a limit is refused as early as it can be known, and leaves no trace."""

from __future__ import annotations

import base64

import pytest

from chevupload.config import Limits
from tests.support import UPLOAD, Trickle, animation, assert_refusal, file, noise, picture


@pytest.mark.parametrize("key", ["user-key", "guest-key", "small-key"])
def test_files_over_the_limit(refusing, key):
    """413 by the limit of whoever uploads: as file, as base64, with the key in the header or last in the body."""
    limits = Limits(max_bytes=5_000, max_guest_bytes=500)
    stand = refusing(limits=limits)
    big, size = noise((60, 60)), {"user-key": "5 KB", "guest-key": "500 B", "small-key": "1 KB"}[key]
    message = f"File too big - max {size}"
    assert_refusal(stand.send({"source": file(big)}, key=key), 413, 400, message)
    assert_refusal(stand.send({"source": base64.b64encode(big).decode()}, key=key), 413, 400, message)
    assert_refusal(stand.send({"source": file(noise((30, 20))), "key": "guest-key"}, key=None), 413, 400)


def test_a_declared_length_over_the_limit_is_refused_unread(refusing):
    """Not a byte is read, whoever the key belongs to."""
    stand = refusing(limits=Limits(max_bytes=5_000, max_guest_bytes=500))
    for key in ("user-key", "guest-key", None):
        body = Trickle(b"x" * 2_000_000)
        answer = stand.send(
            None, key=key, stream=body, content_type="multipart/form-data; boundary=x", length=2_000_000
        )
        assert_refusal(answer, 413, 400)
        assert body.read_bytes == 0


@pytest.mark.parametrize("length", [None, 3_000_000])
def test_a_stream_over_the_limit(refusing, length):
    """What is not declared is counted."""
    stand = refusing(limits=Limits(max_bytes=5_000))
    body = Trickle(b"source=" + b"A" * 3_000_000)
    answer = stand.send(
        None,
        stream=body,
        content_type="application/x-www-form-urlencoded",
        length=length,
    )
    assert_refusal(answer, 413, 400)
    assert body.read_bytes < 1_500_000


def test_too_many_pixels_and_fields(refusing):
    """Pixels, frames, scans and fields are limited, too."""
    stand = refusing(limits=Limits(max_pixels=47, max_frames=2, max_fields=5))
    assert_refusal(stand.send({"source": file()}), 413, 400, "Image has too many pixels - 8x6, max 47")
    assert_refusal(stand.send({str(number): "x" for number in range(9)}), 413, 400)
    stand = refusing(limits=Limits(max_frames=2, max_scans=3))
    assert_refusal(stand.send({"source": file(animation())}), 413, 400)
    scans = picture((80, 60), "JPEG", progressive=True)
    assert_refusal(stand.send({"source": file(scans)}), 413, 400, "Image has too many scans - max 3")


def test_as_many_fields_in_the_query_as_in_a_body(stand):
    """The limit counts a query once."""
    query = "&".join(f"f{number}=1" for number in range(90))
    assert stand.send({"source": file()}, path=f"{UPLOAD}?{query}").status_code == 200
