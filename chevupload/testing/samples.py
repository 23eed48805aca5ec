"""What tests of a host upload, a hook that tells them who was seen to upload it, and what the host's own form does."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from chevupload.errors import RequestDenied
from chevupload.model import Owner, Principal, Upload
from chevupload.protocols import Readable, Wrapper

if TYPE_CHECKING:
    from chevupload.integration import RequestUploads

SENDER_TITLE = "Who sends this?"
"""Title of an upload whose sender is to be told."""
VERBS_TITLE = "Every verb"
"""Title of what a host's own code saves, changes and deletes with its verbs."""


def picture(size: tuple[int, int] = (64, 48)) -> bytes:
    """Paint a PNG that no encoder makes small, about three bytes for each of its pixels."""
    file = io.BytesIO()
    Image.frombytes("RGB", size, os.urandom(3 * size[0] * size[1])).save(file, "PNG")
    return file.getvalue()


def tell_sender(upload: Upload, principal: Principal, file: BinaryIO) -> None:
    """Refuse uploads with the title :data:`SENDER_TITLE`, as ``before_store``, and say what is known of their sender.

    Raises:
        RequestDenied: an upload has this title.
    """
    if upload.title == SENDER_TITLE:
        # The same whether a key is sent or not.
        raise RequestDenied(f"{replace(principal, key_id=None)}, {principal.data}")


def take_form(uploads: RequestUploads, file: Readable | Wrapper, *, owner: Owner, title: str) -> str:
    """Save the file of a host's own form, and return what it answers.

    With the title :data:`VERBS_TITLE`, the first form makes an album with the file in it, the next ones change the
    upload, delete it, and delete the album, each by what it finds: a transaction may end with each.

    Raises:
        Refusal: the file is not acceptable.
    """
    if title != VERBS_TITLE:
        uploads.save(file, owner=owner, title=title)
        return "thank you"
    albums = uploads.albums
    if (album := albums.find(owner, title)) is None:
        album = albums.add(owner, title)
        upload = uploads.save(file, owner=owner, title=title, album_id=album.id)
        return _told(uploads, upload)
    found = uploads.list(owner, album_id=album.id, limit=1)
    if not found:
        renamed = albums.rename(album.id, "Deleted")
        assert renamed == albums.get(album.id), "a rename is seen in its own request"
        return json.dumps({"deleted": albums.delete(album.id)})
    upload = found[0]
    if upload.title == title:
        changed = uploads.update(upload, title="Changed")
        assert changed is not None, "the upload is there"
        return _told(uploads, changed)
    assert uploads.get(upload.id) == upload, "an upload is as it is listed"
    return json.dumps({"deleted": uploads.delete(upload)})


def _told(uploads: RequestUploads, upload: Upload) -> str:
    return json.dumps(uploads.document(upload)["image"] | {"medium_url": uploads.links.medium(upload)})
