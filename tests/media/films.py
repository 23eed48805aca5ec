"""Films made for the tests: small, quick to encode, and with frames that can be told apart."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from chevupload import errors
from chevupload.media import render as image
from chevupload.model import MediaResult
from tests.media.pictures import job, left, photo, stored

CODECS = {"mp4": "h264", "mov": "mpeg4", "webm": "libvpx", "matroska": "libvpx", "ipod": "mpeg4", "3gp": "mpeg4"}
VOICES = {"webm": "libopus"}
NAMES = {"MP4": "mp4", "MOV": "mov", "WEBM": "webm"}
"""FFmpeg's name of each format's writer."""


def film(
    name: str = "mp4",
    size: tuple[int, int] = (64, 48),
    seconds: float = 4,
    *,
    codec: str | None = None,
    rate: int = 1,
    key_frames: int = 12,
    sound: bool = False,
    **options: str,
) -> bytes:
    """Encode a film of gray frames, each lighter than the one before; :func:`number_of` tells which one is seen."""
    file = io.BytesIO()
    with av.open(file, "w", format=name, options=options) as container:
        stream: Any = container.add_stream(codec or CODECS[name], rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.gop_size = key_frames
        stream.codec_context.max_b_frames = 0
        voice: Any = container.add_stream(VOICES.get(name, "aac"), rate=48_000) if sound else None
        for number in range(round(seconds * rate)):
            frame = av.VideoFrame.from_image(Image.new("RGB", size, (20 + 3 * number % 230,) * 3))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if voice is not None:
            _add_silence(container, voice)
    return file.getvalue()


def number_of(picture: Image.Image) -> int:
    """Return which frame of :func:`film` a picture shows, of the first 76."""
    (gray,) = picture.convert("L").resize((1, 1)).get_flattened_data()
    return round((gray - 20) / 3)


def sound(name: str = "ipod") -> bytes:
    """Encode silence, without any picture."""
    file = io.BytesIO()
    with av.open(file, "w", format=name) as container:
        _add_silence(container, container.add_stream(VOICES.get(name, "aac"), rate=48_000))
    return file.getvalue()


def _add_silence(container: Any, stream: Any) -> None:
    for number in range(40):
        silence = av.AudioFrame("flt" if stream.codec.name == "libopus" else "fltp", "stereo", 960)
        silence.sample_rate, silence.pts = 48_000, number * 960
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(silence))
    container.mux(stream.encode(None))


def repeated(picture: Image.Image, count: int, name: str = "mov") -> bytes:
    """Make a film that shows one picture for ``count`` seconds; it is encoded once."""
    file = io.BytesIO()
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = *picture.size, "yuvj420p"
    codec.time_base = codec.framerate = 1
    (packet,) = codec.encode(av.VideoFrame.from_image(picture))
    data = bytes(packet)
    with av.open(file, "w", format=name) as container:
        stream: Any = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = *picture.size, "yuvj420p"
        for number in range(count):
            packet = av.Packet(data)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = 1, stream
            container.mux(packet)
    return file.getvalue()


def turned(data: bytes, degrees: int) -> bytes:
    """Write into the film's header that it is to be shown turned clockwise, as telephones do."""
    one, no = 0x10000, 0
    cosine, sine = {90: (no, one), 180: (-one, no), 270: (no, -one)}[degrees]
    upright = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 0x40000000)
    matrix = struct.pack(">9i", cosine, sine, 0, -sine, cosine, 0, 0, 0, 0x40000000)
    # The first such matrix is the whole film's, the second the picture's.
    at = data.index(upright, data.index(b"tkhd"))
    return data[:at] + matrix + data[at + len(matrix) :]


def inspected(folder: Path, data: bytes, **changes: Any) -> MediaResult:
    """Inspect and render a film."""
    return image.process(job(stored(folder / "source", data), **changes))


def refused(folder: Path, data: bytes, **changes: Any) -> errors.Refusal:
    """Return why a film is refused; nothing may be left of it."""
    with pytest.raises(errors.Refusal) as caught:
        inspected(folder, data, **changes)
    assert left(folder) == []
    return caught.value


def with_document_type(data: bytes, name: bytes) -> bytes:
    """Name the document type of a WebM film otherwise."""
    at = data.index(b"\x42\x82\x84webm")
    head = data[:4] + bytes([data[4] + len(name) - 4]) + data[5:at]
    return head + b"\x42\x82" + bytes([0x80 | len(name)]) + name + data[at + 7 :]


def corners(picture: Image.Image) -> list[str]:
    """Name the colors in the corners, clockwise from the upper left one."""
    width, height = picture.size
    found = [picture.getpixel(at) for at in ((2, 2), (width - 3, 2), (width - 3, height - 3), (2, height - 3))]
    return ["white" if min(pixel) > 180 else "rgb"[pixel.index(max(pixel))] for pixel in found]  # type: ignore


def still(size: tuple[int, int] = (96, 64), count: int = 2, **options: Any) -> bytes:
    """Make a film of a picture whose corners differ."""
    return repeated(photo(size), count, **options)
