"""What every adapter does alike."""

from __future__ import annotations

import io

import pytest

from chevupload.errors import ConfigError
from chevupload.integration import RequestUploads, below, checked_prefix
from tests.support import PNG


@pytest.mark.parametrize(
    ("given", "prefix"), [(None, ""), ("", ""), ("/", ""), ("up", "/up"), ("/up/", "/up"), ("//a/b//", "/a/b")]
)
def test_a_prefix_has_one_slash_before_it(given, prefix):
    """However it was written; the root is none."""
    assert checked_prefix(given) == prefix


@pytest.mark.parametrize("given", ["/bücher", "a b", "/<int:id>", "a%20b", "a?b", "a#b"])
def test_a_prefix_that_needs_escaping_is_refused(given):
    """URLs would not say what the host's routes do."""
    with pytest.raises(ConfigError, match="not a usable prefix"):
        checked_prefix(given)


def test_an_application_below_sees_its_own_mount_point():
    """And the host's environ stays as it was."""
    environ = {"SCRIPT_NAME": "/host", "PATH_INFO": "/up/x", "other": 1}
    seen = below(environ, "/up", "/x", more=2)
    assert seen == {"SCRIPT_NAME": "/host/up", "PATH_INFO": "/x", "other": 1, "more": 2}
    assert environ == {"SCRIPT_NAME": "/host", "PATH_INFO": "/up/x", "other": 1}


def test_a_request_has_every_verb(stand):
    """Each does what the component does, with links as this request's sender sees them."""
    environ = {"HTTP_HOST": "host.example", "wsgi.url_scheme": "https", "SCRIPT_NAME": "/app", "PATH_INFO": "/page"}
    uploads = RequestUploads(stand.component, environ, prefix="/up")
    upload = uploads.save(io.BytesIO(PNG), owner=7, filename="a.png", title="A")
    assert uploads.get(upload.id) == upload
    assert uploads.list(7) == [upload]
    assert uploads.list(7, limit=1, before=upload) == []
    assert uploads.links.viewer(upload) == f"https://host.example/app/up/image/A.{upload.id}"
    assert uploads.document(upload)["image"]["url_viewer"] == uploads.links.viewer(upload)
    album = uploads.albums.add(7, "Cats")
    assert uploads.albums.list(7) == [album]
    assert uploads.delete(upload)
    assert uploads.get(upload.id) is None
    uploads.save(io.BytesIO(PNG), owner=7)
    uploads.forget(7)
    assert uploads.list(7) == []
