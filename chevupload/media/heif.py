"""Inspects one HEIC picture and renders what stands for it: JPEG throughout, since few browsers show the format itself.

May know: the floors below and this folder; pi-heif, so only a worker that gets such a picture imports this module. The
picture is stored as it is, with a full-size JPEG beside it that pages show. Where the original has to be written anew,
for another width or without its metadata, that JPEG is the original: nothing here writes HEIC.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import pi_heif
from PIL import Image

from chevupload.errors import WidthTooLarge
from chevupload.media import exif as exif_block
from chevupload.media import metadata
from chevupload.media.color import continuous, displayable
from chevupload.media.encoding import Outbox, md5_of
from chevupload.media.picture import AGAIN, Picture, fitted
from chevupload.media.structure import Structure
from chevupload.model import MediaJob, MediaResult

# The number of workers says how many processors are used.
pi_heif.options.DECODE_THREADS = 1


def processed(file: BinaryIO, job: MediaJob, outbox: Outbox) -> MediaResult:
    """Do a job on the HEIC picture in ``file``.

    Raises:
        Refusal: the picture is not accepted.
        ValueError: it cannot be decoded.
    """
    opened = pi_heif.open_heif(file)
    width, height = opened.size
    Structure(width, height, 1).check(
        max_pixels=job.max_pixels, max_total_pixels=job.max_total_pixels, max_frames=job.max_frames
    )
    # It comes upright: the container says how it is to be turned, and what Exif says besides does not count.
    decoded = opened.to_pillow()
    info = dict(decoded.info)
    image, profile = displayable(continuous(decoded), info.get("icc_profile"))
    image = _opaque(image)
    resized = job.width is not None and job.width != image.width
    if resized and job.width is not None:
        if job.width > image.width:
            raise WidthTooLarge
        image = Picture.of(image).resized(fitted(image.size, job.width))
    return _rendered(image, profile, info, job, outbox, resized=resized)


def _opaque(image: Image.Image) -> Image.Image:
    """Put a picture with holes on white: JPEG has none."""
    if image.mode != "RGBA":
        return image
    back = Image.new("RGB", image.size, "white")
    back.paste(image, mask=image.getchannel("A"))
    return back


def _rendered(
    image: Image.Image, profile: bytes | None, info: dict[Any, Any], job: MediaJob, outbox: Outbox, *, resized: bool
) -> MediaResult:
    block = info.get("exif") or b""
    texts = metadata.read_texts(exif_block.read(block), None)
    if not job.keep_exif:
        texts = metadata.Texts(taken_at=texts.taken_at)
    is_rewritten = resized or not job.keep_exif
    kept = {"exif": exif_block.without_orientation(block)} if is_rewritten and job.keep_exif else {}
    whole = outbox.encode(image, "JPEG", job.quality, icc_profile=profile, **kept)
    medium = None
    if image.width > job.medium_width:
        medium = Picture.of(image).resized(fitted(image.size, job.medium_width))
    enough = medium is not None and min(medium.size) >= job.thumb_side
    thumb = (Picture.of(medium, AGAIN) if medium is not None and enough else Picture.of(image)).square(job.thumb_side)
    return MediaResult(
        format="JPEG" if is_rewritten else "HEIC",
        width=image.width,
        height=image.height,
        frames=1,
        is_360=False,
        title=texts.title,
        description=texts.description,
        exif=None,
        taken_at=texts.taken_at,
        original=whole if is_rewritten else None,
        original_md5=md5_of(whole.path) if is_rewritten else None,
        resized=resized,
        thumb=outbox.encode(thumb, "JPEG", job.quality, icc_profile=profile),
        medium=outbox.encode(medium, "JPEG", job.quality, icc_profile=profile) if medium is not None else None,
        frame=None if is_rewritten else whole,
    )
