"""Inspects one upload and renders what is stored of it; the same code in a worker and inline.

Source: docs/api.md, Files, and Chevereto V4 for sizes: the thumb is a square crop, the medium picture a
width; both are upright, carry no metadata, and show the first frame. A picture in a framed format is stored as it is,
with a full-size JPEG beside it; where it has to be written anew, that JPEG is the original.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Any, BinaryIO

from chevupload.errors import BackendError, BrokenImage, ChevuploadError, DisabledFormat, TooCostly, WidthTooLarge
from chevupload.formats import FORMATS
from chevupload.media import original
from chevupload.media.codecs import COLORS, ENCODE, MAX_SIDES, STRIP
from chevupload.media.color import continuous
from chevupload.media.color_description import Colors
from chevupload.media.color_space import HighDynamicRange
from chevupload.media.containers import exif as exif_block
from chevupload.media.decode import HEAD_BYTES, OPEN, Opened, decoded, sniff
from chevupload.media.metadata import object_name, php_exif, read_texts
from chevupload.media.optional import extra
from chevupload.media.renditions import (
    Extra,
    Outbox,
    Picture,
    derived,
    extras_of,
    md5_of,
    redrawn,
    shown,
    write_extras,
)
from chevupload.media.resizing import OVERSAMPLING
from chevupload.model import MediaFile, MediaJob, MediaResult
from chevupload.scaling import Size, boxed, medium_size, to_width
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
        with open(job.source, "rb") as file:
            name = sniff(file.read(HEAD_BYTES))
            if name not in job.formats:
                raise DisabledFormat(f"Disabled image format ({name.lower()})")
            if FORMATS[name].kind == "video":
                with extra(FORMATS[name].extra):
                    from chevupload.media import video  # noqa: PLC0415 - an extra, and 17 MB that pictures do not need
                return video.processed(file, name, job, outbox)
            file.seek(0)
            source = _read(file, name, OPEN[name](file, job))
            return _rendered(source, _plan(source, job), job, outbox)
    except BaseException as error:
        outbox.discard()
        if isinstance(error, ChevuploadError) or not isinstance(error, Exception):
            raise
        raise _meaning(error) from error


def _meaning(error: Exception) -> ChevuploadError:
    """Return what it means that a decoder raises something: hostile files make Pillow raise nearly anything."""
    if isinstance(error, MemoryError):
        return TooCostly()
    if isinstance(error, OSError):
        if error.errno in _COSTS or "out of memory" in str(error):
            return TooCostly()
        if error.errno in _OUR_SIDE:
            return BackendError(f"media files: {error.strerror}")
    # What the AVIF encoder says when it gets no memory.
    return TooCostly() if isinstance(error, RuntimeError) and "Failed to encode" in str(error) else BrokenImage()


@dataclass(frozen=True, slots=True)
class _Source:
    """An opened picture, and what was read of it."""

    file: BinaryIO
    name: str
    opened: Opened
    info: dict[Any, Any]
    exif: exif_block.Exif
    size: Size
    mode: str
    colors: Colors


def _read(file: BinaryIO, name: str, opened: Opened) -> _Source:
    """Read what an opened picture and its file say of its pixels."""
    image, info = opened.image, opened.image.info
    exif = exif_block.read(info["exif"]) if info.get("exif") else exif_block.Exif()
    profile = info.get("icc_profile")
    colors = COLORS[name](file, profile, image.mode) if name in COLORS else profile
    return _Source(file, name, opened, dict(info), exif, image.size, image.mode, colors)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is to be made of a picture.

    Attributes:
        name: the format of the stored original.
        size: of the stored original, upright; so is ``medium``, the size of the medium picture.
        extras: the additional renditions.
        orientation: how the decoded pixels have to be turned.
        rewritten: whether the original is encoded anew.
        scale: the least at which to decode, for everything that is made.
        derived_name: the format of the derived pictures.
        derived_width: pixels that the derived pictures need of the width, upright.
    """

    name: str
    size: Size
    medium: Size | None
    extras: tuple[Extra, ...]
    orientation: int
    resized: bool
    converted: bool
    rewritten: bool
    scale: float
    derived_name: str
    derived_width: float


def _plan(source: _Source, job: MediaJob) -> _Plan:
    """Decide.

    Raises:
        WidthTooLarge: the request asks for more than there is.
    """
    name, row, orientation = source.name, FORMATS[source.name], source.exif.orientation
    is_animated, keeps_exif = source.opened.frames > 1, job.originals.keep_exif
    # Without its Exif an animation is shown as it is stored, so its derived pictures are too; AVIF turns without Exif.
    if is_animated and not keeps_exif and not row.turns_itself:
        orientation = 1
    width, height = source.size
    full = size = (width, height) if orientation < 5 else (height, width)
    target = None
    if not is_animated:
        size = _stored_size(full, job)
        target = dict(job.originals.convert).get(name)
        if target is not None and max(size) > MAX_SIDES.get(target, max(size)):
            target = None
    medium = medium_size(size, job.medium_side, job.medium_fixed, always=is_animated)
    is_turned = orientation > 1 and not is_animated and not (keeps_exif and _has_trailer(source))
    other = target or source.opened.stored_as or row.stored_as
    rewritten = size != full or is_turned or other is not None
    extras = extras_of(size, job) if job.extra else ()
    scale = _needed_scale(size, medium, extras, job)
    derived_width = scale * size[0]
    if rewritten:
        scale = max(scale, OVERSAMPLING) if size != full else 1.0
        other = other or ("JPEG" if row.is_framed else None)
    stored_name = other or name
    return _Plan(
        name=stored_name,
        size=size,
        medium=medium,
        extras=extras,
        orientation=orientation,
        resized=size != full,
        converted=target is not None,
        rewritten=rewritten,
        scale=min(1.0, scale * size[0] / full[0]),
        derived_name="JPEG" if FORMATS[stored_name].is_framed else stored_name,
        derived_width=derived_width,
    )


def _stored_size(full: Size, job: MediaJob) -> Size:
    """Return the size to store a still picture in: the smaller of what request and operator say."""
    size = boxed(full, job.originals.max_width, job.originals.max_height)
    if job.width is None:
        return size
    if job.width > full[0]:
        raise WidthTooLarge
    return to_width(full, job.width) if job.width < size[0] else size


def _has_trailer(source: _Source) -> bool:
    """Whether a gain map or a film stands behind a JPEG, which would be lost by turning its pixels: Exif turns it."""
    if source.name != "JPEG" or "xmp" not in source.info:
        return False
    from chevupload.media import xmp  # noqa: PLC0415 - most pictures have no packet, and need no XML parser

    return xmp.has_trailer(source.info["xmp"])


def _needed_scale(size: Size, medium: Size | None, extras: tuple[Extra, ...], job: MediaJob) -> float:
    """Return the scale of a picture of ``size`` that serves thumb, medium and extras; they differ in panoramas."""
    scale = OVERSAMPLING * job.thumb_side / min(size)
    if medium is not None:
        scale = max(scale, OVERSAMPLING * medium[0] / size[0])
    for _, made, _ in extras:
        scale = max(scale, OVERSAMPLING * max(made[0] / size[0], made[1] / size[1]))
    return min(1.0, scale)


def _rendered(source: _Source, plan: _Plan, job: MediaJob, outbox: Outbox) -> MediaResult:
    save = ENCODE[plan.derived_name]
    picture, profile = decoded(source.opened.image, plan.scale, plan.orientation), source.colors
    if isinstance(profile, HighDynamicRange):
        picture, profile = _in_standard_range(picture, profile), None
    palette = picture.image.getpalette() if plan.name == "GIF" and picture.image.mode == "P" else None
    stored: MediaFile | None = None
    frame: MediaFile | None = None
    if plan.rewritten:
        picture = redrawn(picture, plan.size if plan.resized else None)
    if plan.converted or FORMATS[source.name].is_framed:
        image, profile = original.converted(picture.image, profile, plan.derived_name)
        picture = picture.showing(image)
    if plan.rewritten:
        kept: dict[str, Any] = {"lossless": source.opened.is_lossless}
        if job.originals.keep_exif and ("exif" in source.info or "xmp" in source.info):
            kept |= original.kept_metadata(source.info)
        stored = outbox.encode(picture.image, save, job.quality, icc_profile=profile, palette=palette, **kept)
    elif not job.originals.keep_exif and plan.name in STRIP:
        stored = original.stripped(source.file, plan.name, outbox)
    if FORMATS[plan.name].is_framed:
        frame = outbox.encode(picture.image, save, job.quality, icc_profile=profile)
    picture, profile = shown(picture, profile, plan.derived_width)
    options = {"icc_profile": profile, "palette": palette}
    extras = write_extras(picture, plan.extras, outbox, save, job.quality, **options)
    thumb, medium = derived(picture, plan.medium, job)
    # The decoded pixels are given back before what is made of them is encoded.
    picture.image.close()
    source.opened.image.close()
    return _result(
        source,
        plan,
        job,
        original=stored,
        original_md5=None if stored is None else md5_of(stored.path),
        thumb=outbox.encode(thumb, save, job.quality, **options),
        medium=None if medium is None else outbox.encode(medium, save, job.quality, **options),
        frame=frame,
        extras=extras,
    )


def _in_standard_range(picture: Picture, colors: HighDynamicRange) -> Picture:
    """Return the pixels as sRGB, which needs no profile."""
    from chevupload.media.tone_mapping import tone_mapped  # noqa: PLC0415 - few pictures need it

    return picture.showing(tone_mapped(continuous(picture.image), colors))


def _result(source: _Source, plan: _Plan, job: MediaJob, **files: Any) -> MediaResult:
    info, is_jpeg = source.info, source.name == "JPEG"
    title = object_name(info["photoshop"]) if is_jpeg and "photoshop" in info else None
    texts = read_texts(source.exif, title, info.get("xmp")).allowed(job.originals)
    answer = None
    if is_jpeg and job.originals.keep_exif:
        is_color, comment = source.mode == "RGB", info.get("comment")
        answer = php_exif(source.exif, size=source.size, is_color=is_color, comment=comment, title=title)
    return MediaResult(
        format=plan.name,
        width=plan.size[0],
        height=plan.size[1],
        frames=source.opened.frames,
        is_360=texts.is_360,
        title=texts.title,
        description=texts.description,
        exif=answer,
        taken_at=texts.taken_at,
        resized=plan.resized,
        converted=plan.converted,
        camera=texts.camera,
        **files,
    )
