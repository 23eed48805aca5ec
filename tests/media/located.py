"""Films that say where they were made, in the ways that cameras have, and what a player gets of a film."""

from __future__ import annotations

import io
from typing import Any

import av
from PIL import Image

from tests.media.films import CODECS

PLACE = b"+48.1374+011.5755/"
"""As ISO 6709 writes it, and as telephones do."""
WRITERS = {
    "MP4": {"name": "mp4"},
    "MP4, Apple's keys": {"name": "mp4", "movflags": "use_metadata_tags"},
    "MP4, header first": {"name": "mp4", "moov_size": "9000"},
    "MP4, fragments": {"name": "mp4", "movflags": "frag_keyframe+empty_moov+default_base_moof"},
    "MP4, fragments, the file's places": {"name": "mp4", "movflags": "frag_keyframe+empty_moov"},
    "MOV": {"name": "mov"},
    "MOV, Apple's keys": {"name": "mov", "movflags": "use_metadata_tags"},
    "WEBM": {"name": "webm"},
    "WEBM, index first": {"name": "webm", "reserve_index_space": "500"},
    "WEBM, recording": {"name": "webm", "live": "1"},
}
"""Options of FFmpeg's writers, by what they make; the format comes first."""
SECONDS = 8


def located(writer: str = "MP4", *, timed: bytes = b"meta") -> bytes:
    """Encode a film that names its place for the whole, for a track, and with each second in a track of its own.

    ``timed`` says what kind of track that is: its handler, in WebM the number of its type.
    """
    options = dict(WRITERS[writer])
    name, file = options.pop("name"), io.BytesIO()
    with av.open(file, "w", format=name, options=options) as container:
        told = {"title": "secret", "location": PLACE.decode(), "comment": PLACE.decode()}
        told |= {"creation_time": "2024-05-06T07:08:09Z", "com.apple.quicktime.location.ISO6709": PLACE.decode()}
        container.metadata.update(told)
        stream: Any = container.add_stream(CODECS[name], rate=1, options={"g": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.metadata.update({"handler_name": "secret", "title": "secret", "location": PLACE.decode()})
        codec = CODECS[name] if name == "webm" else "mjpeg"
        notes: Any = container.add_stream(codec, rate=1)
        notes.width, notes.height = 16, 16
        notes.pix_fmt = "yuv420p" if name == "webm" else "yuvj420p"
        for number in range(SECONDS):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), (30 * number,) * 3))
            frame.pts = number
            container.mux(stream.encode(frame))
            packet = av.Packet(PLACE + b"secret" * (number % 3))
            packet.pts, packet.dts, packet.duration, packet.time_base, packet.stream = number, number, 1, 1, notes
            packet.is_keyframe = True
            container.mux(packet)
        container.mux(stream.encode(None))
    return _noted(file.getvalue(), timed)


def _noted(data: bytes, timed: bytes) -> bytes:
    """Turn the second track, which FFmpeg wrote as one of pictures, into one of another kind."""
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        kind = b"\x83\x81"  # the type of a track, in one byte
        at = data.index(kind, data.index(kind + b"\1") + 3)
        assert data[at : at + 3] == kind + b"\1"
        return data[: at + 2] + timed + data[at + 3 :]
    at = data.index(b"vide", data.index(b"vide", data.index(b"hdlr")) + 4)
    return data[:at] + timed + data[at + 4 :]


def played(data: bytes, notes: int | None = 1) -> list[Any]:
    """Return what a player gets, but for the track of the notes: durations, and every packet with its times."""
    with av.open(io.BytesIO(data)) as container:
        streams = [stream for stream in container.streams if stream.index != notes]
        packets = [
            (packet.stream.index, packet.pts, packet.dts, packet.duration, packet.is_keyframe, bytes(packet))
            for packet in container.demux(streams)
        ]
        return [[(stream.duration, stream.time_base) for stream in streams], packets]


def shown(data: bytes, count: int = 3) -> list[bytes]:
    """Decode the first frames."""
    with av.open(io.BytesIO(data)) as container:
        frames = [frame for _, frame in zip(range(count), container.decode(video=0), strict=False)]
        return [bytes(frame.planes[0]) for frame in frames]
