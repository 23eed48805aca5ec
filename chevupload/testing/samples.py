"""What tests of a host upload, and a hook that tells them who was seen to upload it."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from typing import BinaryIO

from PIL import Image

from chevupload.errors import RequestDenied
from chevupload.model import Principal, Upload

SENDER_TITLE = "Who sends this?"
"""Title of an upload whose sender is to be told."""


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
