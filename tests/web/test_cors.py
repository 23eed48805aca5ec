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
    assert answer.headers["Access-Control-Allow-Headers"].startswith(allowed)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("origins", ["*", ("https://a.test",)])
def test_preflight_of_files(make, origins):
    """A page may ask for parts of a film, on conditions."""
    stand = make(policy=Policy(cors_origins=origins))
    headers = {"Origin": "https://a.test", "Access-Control-Request-Headers": "if-range,range"}
    answer = stand.open(stand.upload()["url"], "OPTIONS", headers=headers)
    assert answer.status_code == 204
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"Range", "If-Range", "If-Match", "If-None-Match"} < set(allowed)
    assert answer.headers["Access-Control-Allow-Origin"] == ("*" if origins == "*" else "https://a.test")


@pytest.mark.parametrize(
    ("asked", "more"),
    [
        ("sentry-trace, baggage,traceparent", ["sentry-trace", "baggage", "traceparent"]),
        ("x-api-key,CONTENT-TYPE, x-a, X-A", ["x-a"]),
        ("", []),
        (" , ,", []),
        ("x" * 1_001, []),
        ("a b\x00c", []),
        ('"x"', []),
        ("é", []),
    ],
)
def test_other_headers_are_allowed_when_asked_for(refusing, asked, more):
    """Tracers add their own; what is no list of names is not repeated."""
    stand = refusing()
    plain = stand.open(UPLOAD, "OPTIONS").headers["Access-Control-Allow-Headers"].split(", ")
    answer = stand.open(UPLOAD, "OPTIONS", headers={"Access-Control-Request-Headers": asked})
    found = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert (found[: len(plain)], [name.strip() for name in found[len(plain) :]]) == (plain, [*more])


def test_what_pages_may_read(make):
    """Parts of files and why an upload was refused, wherever the origin may read at all."""
    stand = make(policy=Policy(cors_origins=("https://a.test",)))
    url = stand.upload()["url"]
    for origin, is_allowed in (("https://a.test", True), ("https://b.test", False), (None, False)):
        headers = {"Origin": origin} if origin else {}
        for answer in (
            stand.open(url, headers={**headers, "Range": "bytes=0-9"}),
            stand.open(url, headers={**headers, "If-Match": '"x"'}),
            stand.open("/images/none.png", headers=headers),
            stand.send({}, headers=headers),
        ):
            exposed = answer.headers.get("Access-Control-Expose-Headers", "").split(", ")
            wanted = {"Content-Range", "Content-Length", "Accept-Ranges", "ETag", "Retry-After", "Content-Disposition"}
            assert (wanted <= set(exposed)) is is_allowed


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
