"""Inspects one HEIC picture and renders what stands for it: JPEG throughout, since few browsers show the format itself.

The picture is stored as it is, or without its metadata, with a full-size JPEG beside it that pages show. Where the
original has to be written anew, in another size or because the operator wants another format, that picture is the
original, and there is no other beside it: nothing here encodes HEIC.
"""

from __future__ import annotations

from typing import BinaryIO

import pi_heif
from PIL import Image

from chevupload.media import metadata, original
from chevupload.media.color import continuous
from chevupload.media.color_description import source_colors
from chevupload.media.color_space import HighDynamicRange
from chevupload.media.containers import exif as exif_block
from chevupload.media.encode import Outbox, md5_of
from chevupload.media.probe import Structure
from chevupload.media.resize import AGAIN, Picture, medium_size
from chevupload.media.tone_mapping import tone_mapped
from chevupload.model import MediaFile, MediaJob, MediaResult

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
    full, info = decoded.size, dict(decoded.info)
    colors = source_colors(file, "HEIC", info.get("icc_profile"), decoded.mode)
    if isinstance(colors, HighDynamicRange):
        decoded, colors = tone_mapped(continuous(decoded), colors), None
    size = original.stored_size(full, job)
    target = original.converted_format("HEIC", size, job)
    is_rewritten = size != full or target is not None
    name = target or "JPEG"
    image, profile = original.converted(decoded, colors, name)
    if size != full:
        image = Picture.of(image).resized(size)
    texts = metadata.read_texts(exif_block.read(info.get("exif") or b""), None, info.get("xmp")).allowed(job.originals)
    kept = original.kept_metadata(info) if is_rewritten and job.originals.keep_exif else {}
    whole = outbox.encode(image, name, job.quality, icc_profile=profile, **kept)
    stored: MediaFile | None = whole
    if not is_rewritten:
        stored = None if job.originals.keep_exif else _stripped(file, outbox)
    medium, thumb = _derived(image, job)
    return MediaResult(
        format=name if is_rewritten else "HEIC",
        width=image.width,
        height=image.height,
        frames=1,
        is_360=texts.is_360,
        title=texts.title,
        description=texts.description,
        exif=None,
        taken_at=texts.taken_at,
        original=stored,
        original_md5=md5_of(stored.path) if stored is not None else None,
        resized=size != full,
        converted=target is not None,
        thumb=outbox.encode(thumb, name, job.quality, icc_profile=profile),
        medium=outbox.encode(medium, name, job.quality, icc_profile=profile) if medium is not None else None,
        frame=None if is_rewritten else whole,
        camera=texts.camera,
    )


def _stripped(file: BinaryIO, outbox: Outbox) -> MediaFile | None:
    """Copy the picture without metadata, if it has some; what can be shown no more is refused."""
    stored = original.stripped(file, "HEIC", outbox)
    if stored is not None:
        with open(stored.path, "rb") as copy:
            pi_heif.open_heif(copy)
    return stored


def _derived(image: Image.Image, job: MediaJob) -> tuple[Image.Image | None, Image.Image]:
    """Return medium picture and thumb."""
    size = medium_size(image.size, job)
    medium = None if size is None else Picture.of(image).resized(size)
    enough = medium is not None and min(medium.size) >= job.thumb_side
    return medium, (Picture.of(medium, AGAIN) if medium is not None and enough else Picture.of(image)).square(
        job.thumb_side
    )
