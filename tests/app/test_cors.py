"""Pages of other origins may upload, all of them or those that the site lists."""

from __future__ import annotations

import pytest

from chevupload.config import Policy
from tests.support import UPLOAD, file


def test_preflight(refusing):
    """OPTIONS needs no key and names what a page may send."""
    answer = refusing().open(UPLOAD, "OPTIONS", headers={"Origin": "https://a.test"})
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Allow"] == "POST, GET, OPTIONS"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, GET, OPTIONS"
    allowed = "Cache-Control, X-Requested-With, Content-Type, X-API-Key, Idempotency-Key"
    assert answer.headers["Access-Control-Allow-Headers"] == allowed
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("origin", "expected"), [("https://a.test", "https://a.test"), ("https://b.test", None), (None, None)]
)
def test_cors_with_a_list(make, origin, expected):
    """A listed origin is named, others are not; caches keep them apart; on success, refusal, preflight and files."""
    stand = make(policy=Policy(cors_origins=("https://a.test", "https://c.test")))
    headers = {"Origin": origin} if origin else {}
    uploaded = stand.send({"source": file()}, headers=headers)
    for answer in (
        uploaded,
        stand.send({}, headers=headers),
        stand.open(UPLOAD, "OPTIONS", headers=headers),
        stand.open(uploaded.json["image"]["url"], headers=headers),
        stand.open("/images/none.png", headers=headers),
    ):
        assert answer.headers.get("Access-Control-Allow-Origin") == expected
        assert "Origin" in answer.headers["Vary"]
