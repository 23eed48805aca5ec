"""The floor: the least CPU time that one upload can cost with these libraries, without HTTP and in one process.

It assumes what a server has to find out: that this is a good picture, that its name is free and its uploader known.
What is left is the work that nobody can leave out: hash and write the bytes, decode no more pixels than the larger
derivative needs, resize, encode, put three files in place, insert a row. The time of Python and
of the libraries for that is part of the floor. So are the formats and encoder settings of this package.

Run as a program it reads lines ``<path of a file> <uploads>`` and answers each with the CPU milliseconds per upload.
"""

from __future__ import annotations

import hashlib
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pi_heif
import sqlalchemy as sa
from PIL import Image, JpegImagePlugin

MEDIUM_WIDTH, THUMB_SIDE = 500, 320
QUALITY = 90
OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 3},
    "WEBP": {"quality": QUALITY, "method": 2},
    "AVIF": {"quality": QUALITY, "speed": 9, "max_threads": 1},
    "JPEG": {"quality": QUALITY},
}
"""How each format of a derivative is encoded. Whatever else comes in gets JPEG, except GIF."""
OVERSAMPLING = 1.5
"""How much larger than needed a picture is decoded, for the resize to have something to average."""

_metadata = sa.MetaData()
_uploads = sa.Table(
    "uploads",
    _metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("owner", sa.String(64), index=True),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("stem", sa.String(255), unique=True, nullable=False),
    sa.Column("extension", sa.String(8), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("md5", sa.String(32), nullable=False),
    sa.Column("original_filename", sa.String(255), nullable=False),
    sa.Column("thumb_size", sa.Integer, nullable=False),
    sa.Column("medium_size", sa.Integer, nullable=False),
)
_insert = sa.insert(_uploads)


def open_database(path: Path) -> sa.Engine:
    """Create the database, set up the way that is fast and survives a crash of the program."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    sa.event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = NORMAL"))
    engine.dispose()  # the pool's connection is older than the setting
    _metadata.create_all(engine)
    return engine


def upload(engine: sa.Engine, folder: Path, spooled: Path, content: bytes) -> None:
    """Do once what every upload needs: ``content`` as it passes through memory, ``spooled`` where it is put first."""
    spooled.write_bytes(content)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    size, derivatives = _derivatives(spooled)
    name = uuid.uuid4().hex
    stem = folder / name
    spooled.rename(stem.with_suffix(spooled.suffix))
    for kind, derivative in derivatives.items():
        stem.with_suffix(f".{kind}{spooled.suffix}").write_bytes(derivative)
    row = _row(name, spooled.suffix, size, md5) | {
        "size": len(content),
        "thumb_size": len(derivatives["th"]),
        "medium_size": len(derivatives["md"]),
    }
    with engine.begin() as connection:
        connection.execute(_insert, row)


def _derivatives(path: Path) -> tuple[tuple[int, int], dict[str, bytes]]:
    """Return the size of a picture or film, and its derivatives."""
    if path.suffix == ".mp4":
        frame = _frame(path)
        return frame.size, {"fr": _encode(frame, "JPEG"), **render(frame, "JPEG")}
    if path.suffix == ".heic":
        image = pi_heif.open_heif(path).to_pillow()
        return image.size, {"fr": _encode(image, "JPEG"), **render(image, "JPEG")}
    with Image.open(path) as image:
        return image.size, render(image, str(image.format))


def _frame(path: Path) -> Image.Image:
    """Return the frame a quarter into a film."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        assert container.duration is not None
        assert stream.time_base is not None
        wanted = int(container.duration / av.time_base / 4) / stream.time_base
        container.seek(int(wanted), stream=stream)
        frame = next(frame for frame in container.decode(stream) if frame.pts is not None and frame.pts >= wanted)
        return frame.to_image()


def render(image: Image.Image, kind: str) -> dict[str, bytes]:
    """Return the medium and the thumbnail of a picture that is just opened."""
    scale = OVERSAMPLING * max(MEDIUM_WIDTH / image.width, THUMB_SIDE / min(image.size))
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
        decoded: Image.Image = image
        resampling = Image.Resampling.HAMMING
    else:
        pixels = image.convert("RGB") if image.mode == "P" else image
        decoded = pixels.reduce(max(1, int(1 / scale)))
        resampling = Image.Resampling.LANCZOS
    medium = decoded.resize((MEDIUM_WIDTH, round(MEDIUM_WIDTH * image.height / image.width)), resampling)
    source = decoded
    if min(medium.size) >= THUMB_SIDE:
        source, resampling = medium, Image.Resampling.BICUBIC
    side = min(source.size)
    left, top = (source.width - side) / 2, (source.height - side) / 2
    thumb = source.resize((THUMB_SIDE, THUMB_SIDE), resampling, box=(left, top, left + side, top + side))
    return {"md": _encode(medium, kind), "th": _encode(thumb, kind)}


def _encode(image: Image.Image, kind: str) -> bytes:
    file = BytesIO()
    if kind == "GIF":
        image.quantize(255, Image.Quantize.FASTOCTREE).save(file, "GIF")
    else:
        image.save(file, kind, **OPTIONS[kind])
    return file.getvalue()


def _row(name: str, suffix: str, size: tuple[int, int], md5: str) -> dict[str, object]:
    return {
        "id": name,
        "owner": "bench",
        "created_at": datetime.now(UTC).replace(tzinfo=None),
        "stem": name,
        "extension": suffix[1:],
        "width": size[0],
        "height": size[1],
        "md5": md5,
        "original_filename": f"photo{suffix}",
    }


def _spool(folder: Path, picture: Path, count: int) -> Iterator[tuple[Path, bytes]]:
    for number in range(count):
        content = picture.read_bytes()
        yield folder / f"spool-{number}{picture.suffix}", content


def main() -> None:
    """Serve measurements in the folder named by the first argument until the input ends."""
    folder = Path(sys.argv[1])
    engine = open_database(folder / "floor.sqlite3")
    for line in sys.stdin:
        picture, _, count = line.rpartition(" ")
        used = 0
        for spooled, content in _spool(folder, Path(picture), int(count)):
            before = time.process_time_ns()
            upload(engine, folder, spooled, content)
            used += time.process_time_ns() - before
        print(round(used / int(count) / 1e6, 3), flush=True)


if __name__ == "__main__":
    main()
