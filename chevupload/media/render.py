"""Inspects one picture and renders what is stored of it; the same code in a worker and inline.

Source: contract of the API, section 7, and Chevereto V4 for sizes: the thumb is a square crop, the medium picture a
width; both are upright, carry no metadata, and show the first frame.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image
from PIL.ImageFile import ImageFile

from chevupload.errors import BackendError, BrokenImage, ChevuploadError, DisabledFormat, TooCostly
from chevupload.formats import FORMATS
from chevupload.media import metadata, original, promises
from chevupload.media.color import continuous, displayable
from chevupload.media.color_description import Colors, source_colors
from chevupload.media.color_space import HighDynamicRange
from chevupload.media.containers import exif as exif_block
from chevupload.media.containers import raster as strip
from chevupload.media.containers.jpeg import check_segments
from chevupload.media.encode import Outbox, md5_of
from chevupload.media.optional import extra
from chevupload.media.probe import HEAD_BYTES, Structure, measure, sniff
from chevupload.media.resize import (
    AGAIN,
    OVERSAMPLING,
    Picture,
    medium_size,
    open_picture,
    substitute,
    upright,
    upright_size,
)
from chevupload.model import MediaFile, MediaJob, MediaResult
from chevupload.spool import PREFIX

_COSTS = frozenset((errno.ENOMEM, errno.EFBIG))
_OUR_SIDE = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR", "EMFILE", "ENFILE")
    if hasattr(errno, name)
)


def process(job: MediaJob, *, prefix: str = PREFIX) -> MediaResult:
    """Do one job; the names of the files it writes start with ``prefix``. On any error none of them is left.

    Raises:
        Refusal: the picture is not accepted.
        BackendError: its files cannot be read or written.
    """
    outbox = Outbox(job.folder, prefix)
    try:
        return _guarded(job, outbox)
    except BaseException:
        outbox.discard()
        raise


def _guarded(job: MediaJob, outbox: Outbox) -> MediaResult:
    """Turn whatever a decoder raises into one of our errors: hostile files make Pillow raise nearly anything."""
    try:
        with open(job.source, "rb") as file:
            return _processed(file, job, outbox)
    except ChevuploadError:
        raise
    except MemoryError as error:
        raise TooCostly from error
    except OSError as error:
        if error.errno in _COSTS or "out of memory" in str(error):
            raise TooCostly from error
        if error.errno in _OUR_SIDE:
            raise BackendError(f"media files: {error.strerror}") from error
        raise BrokenImage from error
    except RuntimeError as error:
        # What the AVIF encoder says when it gets no memory.
        raise (TooCostly if "Failed to encode" in str(error) else BrokenImage) from error
    except Exception as error:
        raise BrokenImage from error


def _processed(file: BinaryIO, job: MediaJob, outbox: Outbox) -> MediaResult:
    name = sniff(file.read(HEAD_BYTES))
    if name not in job.formats:
        raise DisabledFormat(f"Disabled image format ({name.lower()})")
    if FORMATS[name].kind == "video":
        with extra("video", "av"):
            from chevupload.media import video  # noqa: PLC0415 - an extra, and 17 MB that pictures do not need
        return video.processed(file, name, job, outbox)
    if name == "HEIC":
        with extra("heic", "pi_heif"):
            from chevupload.media import heif  # noqa: PLC0415 - an extra
        return heif.processed(file, job, outbox)
    if name == "JPEG":
        check_segments(file, max_scans=job.max_scans)
    measured = measure(file, name, max_frames=job.max_frames)
    limits = {key: getattr(job, key) for key in ("max_pixels", "max_total_pixels", "max_frames")}
    if measured is not None:
        measured.check(**limits)
    image = open_picture(file, name)
    try:
        frames = measured.frames if measured is not None else getattr(image, "n_frames", 1)
        Structure(*image.size, frames).check(**limits)
        if name != "JPEG":  # nothing to gain from waiting, and PNG has its Exif behind its pixels
            image.load()
        is_lossless = measured is not None and measured.is_lossless
        colors = source_colors(file, name, image.info.get("icc_profile"), image.mode)
        exif = exif_block.read(image.info.get("exif") or b"")
        source = _Source(file, image, name, frames, exif, is_lossless, colors)
        return _rendered(source, _plan(source, job), job, outbox)
    finally:
        image.close()


@dataclass(frozen=True, slots=True)
class _Source:
    """An opened picture."""

    file: BinaryIO
    image: ImageFile
    name: str
    frames: int
    exif: exif_block.Exif
    is_lossless: bool
    colors: Colors


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be made of it, and in which format. Sizes are upright; ``scale`` is what the pixels need for all."""

    orientation: int
    size: tuple[int, int]
    medium: tuple[int, int] | None
    name: str
    resized: bool
    converted: bool
    rewritten: bool
    scale: float


def _plan(source: _Source, job: MediaJob) -> _Plan:
    animated, keeps_exif = source.frames > 1, job.originals.keep_exif
    # Without its Exif an animation is shown as it is stored, so its derived pictures are too; AVIF turns without Exif.
    orientation = 1 if animated and not keeps_exif and source.name != "AVIF" else source.exif.orientation
    full = upright_size(source.image.size, orientation)
    size = full if animated else original.stored_size(full, job)
    resized = size != full
    target = None if animated else original.converted_format(source.name, size, job)
    medium = medium_size(size, job, always=animated)
    turned = not animated and orientation > 1 and not (keeps_exif and _has_company(source))
    other = substitute(source.image)
    rewritten = resized or turned or other is not None or target is not None
    scale = _needed_scale(size, medium, job)
    if rewritten:
        scale = max(scale, OVERSAMPLING) if resized else 1.0
    name = target or other or source.name
    scale = min(1.0, scale * size[0] / full[0])
    return _Plan(orientation, size, medium, name, resized, target is not None, rewritten, scale)


def _has_company(source: _Source) -> bool:
    """Whether a gain map or a film stands behind a JPEG, which would be lost by turning its pixels: Exif turns it."""
    return source.name == "JPEG" and promises.has_promises(source.image.info.get("xmp"))


def _needed_scale(size: tuple[int, int], medium: tuple[int, int] | None, job: MediaJob) -> float:
    """Return the scale of a picture of ``size`` that serves thumb and medium alike; they differ in panoramas."""
    thumb = OVERSAMPLING * job.thumb_side / min(size)
    return min(1.0, max(thumb, OVERSAMPLING * medium[0] / size[0])) if medium else min(1.0, thumb)


def _rendered(source: _Source, plan: _Plan, job: MediaJob, outbox: Outbox) -> MediaResult:
    info, raw_size, is_color = dict(source.image.info), source.image.size, source.image.mode == "RGB"
    picture, profile = _decoded(source, plan)
    orientation, name, keeps_exif = plan.orientation, plan.name, job.originals.keep_exif
    palette = source.image.getpalette() if name == "GIF" and source.image.mode == "P" else None
    stored: MediaFile | None = None
    if plan.rewritten:
        picture, orientation = _redrawn(picture, plan), 1
        if plan.converted:
            image, profile = original.converted(picture.image, profile, name)
            picture = picture.showing(image)
        kept = original.kept_metadata(info) if keeps_exif else {}
        extras = {"icc_profile": profile, "palette": palette, "lossless": source.is_lossless} | kept
        stored = outbox.encode(picture.image, name, job.quality, **extras)
    elif not keeps_exif and name in strip.FORMATS:
        stored = original.stripped(source.file, name, outbox)
    thumb, medium, profile = _derived(source, picture, profile, orientation, plan, job)
    extras = {"icc_profile": profile, "palette": palette}
    stored_thumb = outbox.encode(thumb, name, job.quality, **extras)
    stored_medium = outbox.encode(medium, name, job.quality, **extras) if medium is not None else None
    is_jpeg = source.name == "JPEG"
    title = metadata.object_name(info.get("photoshop")) if is_jpeg else None
    texts = metadata.read_texts(source.exif, title, info.get("xmp")).allowed(job.originals)
    comment = info.get("comment")
    return MediaResult(
        format=name,
        width=plan.size[0],
        height=plan.size[1],
        frames=source.frames,
        is_360=texts.is_360,
        title=texts.title,
        description=texts.description,
        exif=metadata.php_exif(source.exif, size=raw_size, is_color=is_color, comment=comment, title=title)
        if is_jpeg and keeps_exif
        else None,
        taken_at=texts.taken_at,
        original=stored,
        original_md5=md5_of(stored.path) if stored is not None else None,
        resized=plan.resized,
        converted=plan.converted,
        camera=texts.camera,
        thumb=stored_thumb,
        medium=stored_medium,
    )


def _decoded(source: _Source, plan: _Plan) -> tuple[Picture, bytes | None]:
    """Return the pixels with their profile; those of high dynamic range as sRGB, which needs none."""
    picture = Picture.decoded(source.image, plan.scale)
    if not isinstance(source.colors, HighDynamicRange):
        return picture, source.colors
    from chevupload.media.tone_mapping import tone_mapped  # noqa: PLC0415 - few pictures need it

    return picture.showing(tone_mapped(continuous(picture.image), source.colors)), None


def _redrawn(picture: Picture, plan: _Plan) -> Picture:
    """Return the picture as it will be stored: resized, then turned upright, since turning a small one is cheaper."""
    image = picture.image
    if image.mode == "1" and "transparency" in image.info:
        image = continuous(image)  # Pillow writes the value that is transparent wrongly
    if plan.resized:
        size = upright_size(plan.size, plan.orientation)
        image = picture.showing(continuous(image)).resized(size)
    turned = upright(image, plan.orientation)
    if turned is not picture.image:
        picture.image.close()
    return Picture.of(turned)


def _derived(
    source: _Source, picture: Picture, profile: bytes | None, orientation: int, plan: _Plan, job: MediaJob
) -> tuple[Image.Image, Image.Image | None, bytes | None]:
    """Return thumb, medium picture and their color profile; the decoded pixels are given back before any encoding."""
    base = picture.showing(continuous(picture.image))
    scale = _needed_scale(plan.size, plan.medium, job) * plan.size[0]
    base = base.shrunk(scale / upright_size((base.width, base.height), orientation)[0])
    if base.image is not picture.image:
        picture.image.close()
    image, profile = displayable(base.image, profile)
    base = base.showing(image)
    medium = base.resized(upright_size(plan.medium, orientation)) if plan.medium else None
    # Made from the medium picture a thumb measures 47 dB and more, and costs a fifth. Where it would have to be
    # enlarged it falls to 46 dB (16:9) and 35 dB (panoramas).
    enough = medium is not None and min(medium.size) >= job.thumb_side
    thumb = (Picture.of(medium, AGAIN) if medium is not None and enough else base).square(job.thumb_side)
    source.image.close()
    return upright(thumb, orientation), None if medium is None else upright(medium, orientation), profile
