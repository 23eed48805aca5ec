"""Inspects one upload and renders what is stored of it; the same code in a worker and inline.

Source: docs/api.md, Files, and Chevereto V4 for sizes: the thumb is a square crop, the medium picture a
width; both are upright, carry no metadata, and show the first frame. A picture in a framed format is stored as it is,
with a full-size JPEG beside it; where it has to be written anew, that JPEG is the original.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import Image

from chevupload.errors import BackendError, BrokenImage, ChevuploadError, DisabledFormat, TooCostly, WidthTooLarge
from chevupload.formats import FORMATS
from chevupload.media import original
from chevupload.media.codecs import COLORS, ENCODE, HEAD_BYTES, MAX_SIDES, OPEN, STRIP, sniff
from chevupload.media.color import continuous, displayable
from chevupload.media.color_description import Colors
from chevupload.media.color_space import HighDynamicRange
from chevupload.media.containers import exif as exif_block
from chevupload.media.decode import Opened, decoded
from chevupload.media.derived import (
    OVERSAMPLING,
    Extra,
    Picture,
    derived,
    extras_of,
    needed_scale,
    upright,
    upright_size,
    write_extras,
)
from chevupload.media.encode import Outbox, md5_of
from chevupload.media.metadata import object_name, php_exif, read_texts
from chevupload.media.optional import extra
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
            return _processed(file, job, outbox)
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


def _processed(file: BinaryIO, job: MediaJob, outbox: Outbox) -> MediaResult:
    name = sniff(file.read(HEAD_BYTES))
    if name not in job.formats:
        raise DisabledFormat(f"Disabled image format ({name.lower()})")
    row = FORMATS[name]
    if row.kind == "video":
        with extra(row.extra):
            from chevupload.media import video  # noqa: PLC0415 - an extra, and 17 MB that pictures do not need
        return video.processed(file, name, job, outbox)
    file.seek(0)
    opened = OPEN[name](file, job)
    image, info = opened.image, opened.image.info
    exif = exif_block.read(info["exif"]) if info.get("exif") else exif_block.Exif()
    profile = info.get("icc_profile")
    colors = COLORS[name](file, profile, image.mode) if name in COLORS else profile
    source = _Source(file, name, opened, dict(info), exif, image.size, image.mode, colors)
    return _rendered(source, _plan(source, job), job, outbox)


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
    full = size = upright_size(source.size, orientation)
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
    scale = needed_scale(size, medium, extras, job)
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


def _rendered(source: _Source, plan: _Plan, job: MediaJob, outbox: Outbox) -> MediaResult:
    orientation, save = plan.orientation, ENCODE[plan.derived_name]
    picture, profile = _decoded(source, plan)
    palette = picture.image.getpalette() if plan.name == "GIF" and picture.image.mode == "P" else None
    stored: MediaFile | None = None
    frame: MediaFile | None = None
    if plan.rewritten:
        picture, orientation = _redrawn(picture, plan), 1
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
    picture, profile = _displayable(picture, profile, orientation, plan)
    options = {"icc_profile": profile, "palette": palette}
    extras = write_extras(picture, plan.extras, outbox, save, job.quality, orientation=orientation, **options)
    thumb, medium = _derived(source, picture, orientation, plan, job)
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


def _decoded(source: _Source, plan: _Plan) -> tuple[Picture, bytes | None]:
    """Return the pixels with their profile; those of high dynamic range as sRGB, which needs none."""
    picture = decoded(source.opened.image, plan.scale)
    if not isinstance(source.colors, HighDynamicRange):
        return picture, source.colors
    from chevupload.media.tone_mapping import tone_mapped  # noqa: PLC0415 - few pictures need it

    return picture.showing(tone_mapped(continuous(picture.image), source.colors)), None


def _redrawn(picture: Picture, plan: _Plan) -> Picture:
    """Return the picture as it will be stored: resized, then turned upright, since turning a small one is cheaper."""
    whole = picture.image
    # Pillow writes the value wrongly that is transparent in a picture of two colors.
    if not _is_plain(whole) and (plan.resized or (whole.mode == "1" and "transparency" in whole.info)):
        picture = picture.showing(continuous(whole))
    image = picture.image
    if plan.resized:
        image = picture.resized(upright_size(plan.size, plan.orientation))
    image = upright(image, plan.orientation)
    if image is not whole:
        whole.close()
    return Picture(image, image.size)


def _displayable(
    picture: Picture, profile: bytes | None, orientation: int, plan: _Plan
) -> tuple[Picture, bytes | None]:
    """Return the picture as derived ones are made of it, in a size near to theirs, and its color profile."""
    whole, is_plain = picture.image, _is_plain(picture.image)
    if not is_plain:
        picture = picture.showing(continuous(whole))
    picture = picture.reduced(plan.derived_width / upright_size(picture.extent, orientation)[0])
    if picture.image is not whole:
        whole.close()
    if not is_plain or profile is not None:
        image, profile = displayable(picture.image, profile)
        picture = picture.showing(image)
    return picture, profile


def _derived(
    source: _Source, picture: Picture, orientation: int, plan: _Plan, job: MediaJob
) -> tuple[Image.Image, Image.Image | None]:
    """Return thumb and medium picture; the decoded pixels are given back before these are encoded."""
    size = None if plan.medium is None else upright_size(plan.medium, orientation)
    thumb, medium = derived(picture, size, job)
    for image in (picture.image, source.opened.image):
        image.close()
    if orientation > 1:
        thumb, medium = upright(thumb, orientation), None if medium is None else upright(medium, orientation)
    return thumb, medium


def _is_plain(image: Image.Image) -> bool:
    """Whether the pixels can be blended and shown as they are, as most photographs' can."""
    return image.mode == "RGB" and "transparency" not in image.info


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
