"""What a run of schemathesis has to know of this API that no schema can say. No check is switched off by it.

The key is in the environment as ``CHEVUPLOAD_KEY``.
"""

from __future__ import annotations

import base64
import functools
import os
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests
import schemathesis
from hypothesis import strategies

from tests.media.films import film
from tests.support import SECONDS, picture

PICTURES = [picture((8, 6)), picture((20, 10), "JPEG"), picture((3, 3), "GIF")]
FILM = film(seconds=1)

# A schema says that a file is wanted, not how to draw one. The address is nobody's, by RFC 2606.
schemathesis.openapi.format("binary", strategies.sampled_from(PICTURES))
schemathesis.openapi.format(
    "base64-or-uri", strategies.sampled_from([base64.b64encode(one).decode() for one in PICTURES])
)
schemathesis.openapi.format("uri", strategies.just("http://pictures.example/a.png"))


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Any, kwargs: dict[str, Any]) -> None:
    """Make a request that is meant to succeed name what exists."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if "Idempotency-Key" in (case.headers or {}):
        # A value stands for one file.
        case.headers["Idempotency-Key"] = uuid4().hex
    for values in (case.query, case.body):
        if isinstance(values, dict):
            # Which categories there are, and how wide the picture is, depends on more than the request's form.
            values.update({name: "1" for name in ("category_id", "width") if values.get(name)})
            if values.get("album_id"):
                # Only one of the two can be given, and links lead to albums that are there.
                values.pop("album", None)
    for name in ("before", "after"):
        # It is signed; tests of ours follow it.
        (case.query or {}).pop(name, None)
    if "album" in (case.path_parameters or {}):
        _name_an_album(case)
    elif case.path_parameters or "oembed" in case.path:
        _name_an_upload(case)
    # It would judge an edited body anew, take the bytes of a picture for no text, and the request for a wrong one.
    case._record_starting_state()


def _name_an_album(case: Any) -> None:
    """Have the request ask for a new album."""
    answer = requests.post(
        f"{case.operation.base_url.rstrip('/')}/api/1/albums",
        headers={"X-API-Key": os.environ["CHEVUPLOAD_KEY"]},
        data={"title": uuid4().hex},
        timeout=SECONDS,
    )
    case.path_parameters["album"] = answer.json()["album"]["id"]


def _name_an_upload(case: Any) -> None:
    """Have the request ask for an upload: for a new one if the request may change it, or end it."""
    base = case.operation.base_url.rstrip("/")
    is_film = case.path.startswith("/clip/")
    image = _lasting(base, is_film) if case.method in ("GET", "HEAD", "OPTIONS") else _upload(base, is_film)
    if "url" in (case.query or {}):
        case.query["url"] = image["url_viewer"]
    values = {
        "id": image["id_encoded"],
        "upload": urlsplit(image["url_viewer"]).path.rpartition("/")[2],
        "token": image["delete_url"].rpartition("/")[2],
        "path": image["url"].removeprefix(f"{base}/images/"),
    }
    case.path_parameters.update({name: values[name] for name in case.path_parameters if name in values})


def _upload(base: str, is_film: bool) -> dict[str, Any]:
    answer = requests.post(
        f"{base}/api/1/upload",
        headers={"X-API-Key": os.environ["CHEVUPLOAD_KEY"]},
        files={"source": ("a.mp4", FILM) if is_film else ("a.png", PICTURES[0])},
        timeout=SECONDS,
    )
    image: dict[str, Any] = answer.json()["image"]
    return image


_lasting = functools.cache(_upload)
