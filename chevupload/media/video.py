"""Inspects one film and renders the pictures that stand for it, all of them cut from one frame.

The film itself is never encoded: it is stored as it is, or without its metadata, and then it is that copy that is
inspected. Source: docs/api.md, Files, and Chevereto V4: the frame is a quarter into the film.

FFmpeg knows three hundred formats, playlists among them that open other files. Here it gets an open file, one demuxer
by the first bytes, no protocol to open anything with, and only the decoders that films on the web are made for.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import BinaryIO, TypeAlias

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from chevupload.errors import BrokenImage, BrokenVideo, ChevuploadError, TooCostly, UnavailableFormat
from chevupload.media import original
from chevupload.media.codecs import ENCODE
from chevupload.media.containers.matroska import document_type
from chevupload.media.decode import HEAD_BYTES, check_size
from chevupload.media.film_frame import display_size, picture_of
from chevupload.media.renditions import Outbox, Picture, derived, extras_of, md5_of, write_extras
from chevupload.model import MediaFile, MediaJob, MediaResult
from chevupload.scaling import medium_size

_FRAME_QUALITY = 86
"""Of frames at most: a little less than of pictures, as Chevereto V4 has it, whose pages show the smaller file of frame
and medium picture."""
MAX_SECONDS = 2**31 - 1
"""Longest duration: what a catalog's column holds. Longer ones are lies."""
MAX_DECODED_PIXELS = 500_000_000
"""Pixels decoded on the way from a key frame to the wanted one: 240 frames of full HD, which take about a second. Where
key frames are further apart, the frame is taken from as far as that leads."""
MIN_FRAME_PIXELS = 100_000
"""What a smaller frame is counted as: however small, each costs a packet's way through the decoder."""

_DEMUXERS = {"MP4": "mov", "MOV": "mov", "WEBM": "matroska"}
_DECODERS = ("h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "mpeg4", "mjpeg", "prores", "h263")
"""What some browser plays: the last four Safari alone, so others show the frame."""
_IN_WEBM = {"video": ("vp8", "vp9", "av1"), "audio": ("opus", "vorbis")}
"""What a Matroska file may consist of that is taken as WebM: Chromium names its recordings so."""
_COVER = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
"""What an audio file shows of its album is no film."""
_SEEING_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_READ_BYTES = 65_536
_Seen: TypeAlias = tuple[Image.Image, bytes | None]
"""A frame, and its color profile if it is not sRGB."""


def processed(file: BinaryIO, name: str, job: MediaJob, outbox: Outbox) -> MediaResult:
    """Do a job on the film in ``file``, whose format is ``name``.

    Raises:
        Refusal: the film is not accepted.
        OSError: it cannot be read, or its pictures cannot be written.
    """
    stored = None if job.originals.keep_exif else _stripped(file, name, outbox)
    with open(stored.path, "rb") if stored is not None else nullcontext(file) as film:
        seen, seconds = _guarded(film, name, job)
    return _rendered(*seen, seconds, name, stored, job, outbox)


def _stripped(file: BinaryIO, name: str, outbox: Outbox) -> MediaFile | None:
    try:
        return original.stripped(file, name, outbox)
    except BrokenImage as error:
        raise BrokenVideo from error


def _guarded(file: BinaryIO, name: str, job: MediaJob) -> tuple[_Seen, int]:
    """Turn whatever the libraries raise into one of our errors."""
    try:
        return _inspected(file, name, job)
    except (ChevuploadError, MemoryError):
        raise
    except av.error.FFmpegError as error:
        raise (TooCostly if error.errno == errno.ENOMEM else BrokenVideo) from error
    except OSError as error:
        # A file that lies of its lengths is sought in before its beginning; anything else is the disk's.
        if error.errno != errno.EINVAL:
            raise
        raise BrokenVideo from error
    except Exception as error:
        raise BrokenVideo from error


def _inspected(file: BinaryIO, name: str, job: MediaJob) -> tuple[_Seen, int]:
    """Return the film's frame, as a player shows it, and its duration in whole seconds."""
    with _opened(file, name, job) as container:
        if name == "WEBM":
            _check_matroska(container, file)
        stream = _film(container, job)
        declared = _declared_seconds(container, stream)
        seconds = _counted_seconds(container, stream) if declared is None else declared
        if not 0 < seconds <= MAX_SECONDS:
            raise BrokenVideo
        moment = int(seconds / 4)
        if declared is not None and (frame := _frame_at(container, stream, moment, job)) is not None:
            return _pixels(frame, stream, job), int(seconds)
    # From its end a film without an index leads nowhere. Where nothing can be decoded from the wanted moment on, the
    # film begins with what can.
    for start in (moment, 0) if declared is None else (0,):
        with _opened(file, name, job) as container:
            stream = _film(container, job)
            if (frame := _frame_at(container, stream, start, job)) is not None:
                return _pixels(frame, stream, job), int(seconds)
    raise BrokenVideo


def _opened(file: BinaryIO, name: str, job: MediaJob) -> InputContainer:
    file.seek(0)
    return av.open(
        file,
        "r",
        format=_DEMUXERS[name],
        options={
            "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm",
            "protocol_whitelist": "",
            "codec_whitelist": ",".join(_DECODERS),
            **_decoder_options(job),
        },
        metadata_errors="replace",
        buffer_size=_READ_BYTES,
    )


def _decoder_options(job: MediaJob) -> dict[str, str]:
    # The size in the stream may be another than the container's.
    return {"max_pixels": str(job.max_pixels), "threads": "1"}


def _film(container: InputContainer, job: MediaJob) -> VideoStream:
    """Return the first stream of moving pictures, ready to be decoded."""
    stream = next((stream for stream in container.streams.video if not stream.disposition & _COVER), None)
    if stream is None:
        raise BrokenVideo
    context = stream.codec_context
    # There is no context where FFmpeg has no decoder at all.
    if context is None or context.codec.name not in _DECODERS:
        raise UnavailableFormat
    _check(context.width, context.height, job)
    _single_threaded(context, job)
    return stream


def _single_threaded(context: VideoCodecContext, job: MediaJob) -> VideoCodecContext:
    # A thread reserves tens of megabytes of the address space; the number of workers says how many processors are used.
    context.thread_type = "NONE"
    context.thread_count = 1
    context.options = _decoder_options(job)
    return context


def _check_matroska(container: InputContainer, file: BinaryIO) -> None:
    """Refuse a Matroska file that is no WebM but for its document type."""
    here = file.tell()
    file.seek(0)
    is_webm = document_type(file.read(HEAD_BYTES)) == b"webm"
    file.seek(here)
    for stream in () if is_webm else container.streams:
        context = stream.codec_context
        known = _IN_WEBM.get(stream.type)
        if known and (context is None or context.codec.canonical_name not in known):
            raise UnavailableFormat


def _check(width: int, height: int, job: MediaJob) -> None:
    if width < 1 or height < 1:
        raise BrokenVideo
    # The limits of animations are no limits of films.
    check_size(width, height, 1, replace(job, max_total_pixels=job.max_pixels))


def _declared_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    # Sound may go on when the pictures have ended, and the last of them stays.
    if container.duration:
        return container.duration / av.time_base
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None


def _counted_seconds(container: InputContainer, stream: VideoStream) -> float:
    """Read to the end: a browser's recording is written as it is made, and says no duration."""
    start, end = None, 0
    for packet in container.demux(stream):
        if packet.pts is not None:
            start = packet.pts if start is None else min(start, packet.pts)
            end = max(end, packet.pts + (packet.duration or 0))
    return float((end - (start or 0)) * (stream.time_base or 0))


def _frame_at(container: InputContainer, stream: VideoStream, moment: int, job: MediaJob) -> VideoFrame | None:
    """Return the first frame from ``moment`` on, in seconds; or the last before it that the limit leads to."""
    start = stream.start_time or 0
    wanted = start + (int(moment / stream.time_base) if stream.time_base else 0)
    if moment:
        # A film without an index is read from its beginning.
        with suppress(av.error.FFmpegError):
            container.seek(wanted, stream=stream)
    found, pixels = None, 0
    for frame in _frames(container, stream, _decoder(stream, job), wanted):
        found = frame
        pixels += max(MIN_FRAME_PIXELS, frame.width * frame.height)
        if frame.pts is None or frame.pts >= wanted or pixels >= MAX_DECODED_PIXELS:
            break
    return found


def _decoder(stream: VideoStream, job: MediaJob) -> VideoCodecContext:
    """Return what decodes the stream. Where there is transparency, FFmpeg's own decoder does not see it."""
    name = _SEEING_ALPHA.get(stream.codec_context.name) if stream.metadata.get("alpha_mode") == "1" else None
    if name is None:
        return stream.codec_context
    decoder = VideoCodecContext.create(name, "r")
    assert isinstance(decoder, VideoCodecContext)
    return _single_threaded(decoder, job)


def _frames(
    container: InputContainer, stream: VideoStream, decoder: VideoCodecContext, wanted: int
) -> Iterator[VideoFrame]:
    """Decode what can be decoded: players pass over damage, too.

    Before ``wanted``, in the stream's own unit of time, only those frames are decoded that others need: a third less
    work for films of H.264.
    """
    for packet in container.demux(stream):
        is_before = packet.pts is not None and packet.pts < wanted
        decoder.skip_frame = "NONREF" if is_before else "DEFAULT"
        try:
            yield from decoder.decode(packet)
        except av.error.InvalidDataError:
            continue


def _pixels(frame: VideoFrame, stream: VideoStream, job: MediaJob) -> _Seen:
    size = display_size(frame.width, frame.height, stream.sample_aspect_ratio)
    _check(frame.width, frame.height, job)
    _check(*size, job)
    return picture_of(frame, size)


def _rendered(
    image: Image.Image,
    profile: bytes | None,
    seconds: int,
    name: str,
    stored: MediaFile | None,
    job: MediaJob,
    outbox: Outbox,
) -> MediaResult:
    save, picture = ENCODE["JPEG"], Picture(image, image.size)
    medium_box = medium_size(image.size, job.medium_side, job.medium_fixed)
    thumb, medium = derived(picture, medium_box, job)
    return MediaResult(
        format=name,
        width=image.width,
        height=image.height,
        original=stored,
        original_md5=md5_of(stored.path) if stored is not None else None,
        thumb=outbox.encode(thumb, save, job.quality, icc_profile=profile),
        medium=outbox.encode(medium, save, job.quality, icc_profile=profile) if medium is not None else None,
        frame=outbox.encode(image, save, min(job.quality, _FRAME_QUALITY), icc_profile=profile),
        extras=write_extras(picture, extras_of(image.size, job), outbox, save, job.quality, icc_profile=profile),
        duration=seconds,
    )
