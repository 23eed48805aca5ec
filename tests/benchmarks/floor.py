"""The floor: the least CPU time that one upload can cost with these libraries, without HTTP and in one process.

It assumes what a server has to find out: that this is a good picture, that its name is free and its uploader known.
What is left is the work that nobody can leave out: hash and write the bytes, decode no more pixels than the larger
derivative needs, resize, encode, put three files in place, insert a row. The time of Python and
of the libraries for that is part of the floor.

Run as a program it reads lines ``<path of a picture> <uploads>`` and answers each with the CPU milliseconds per upload.
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

import sqlalchemy as sa
from PIL import Image, JpegImagePlugin

MEDIUM_WIDTH, THUMB_SIDE, QUALITY, PNG_LEVEL = 500, 320, 90, 3
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
    with Image.open(spooled) as image:
        size = image.size
        medium, thumb = render(image)
    name = uuid.uuid4().hex
    stem = folder / name
    spooled.rename(stem.with_suffix(spooled.suffix))
    stem.with_suffix(f".md{spooled.suffix}").write_bytes(medium)
    stem.with_suffix(f".th{spooled.suffix}").write_bytes(thumb)
    row = _row(name, spooled.suffix, size, md5) | {
        "size": len(content),
        "thumb_size": len(thumb),
        "medium_size": len(medium),
    }
    with engine.begin() as connection:
        connection.execute(_insert, row)


def render(image: Image.Image) -> tuple[bytes, bytes]:
    """Return the medium and the thumbnail of a picture that is just opened."""
    kind = str(image.format)
    scale = OVERSAMPLING * max(MEDIUM_WIDTH / image.width, THUMB_SIDE / min(image.size))
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
        decoded: Image.Image = image
        resampling = Image.Resampling.HAMMING
    else:
        decoded = image.reduce(max(1, int(1 / scale)))
        resampling = Image.Resampling.LANCZOS
    medium = decoded.resize((MEDIUM_WIDTH, round(MEDIUM_WIDTH * image.height / image.width)), resampling)
    source = decoded
    if min(medium.size) >= THUMB_SIDE:
        source, resampling = medium, Image.Resampling.BICUBIC
    side = min(source.size)
    left, top = (source.width - side) / 2, (source.height - side) / 2
    thumb = source.resize((THUMB_SIDE, THUMB_SIDE), resampling, box=(left, top, left + side, top + side))
    return _encode(medium, kind), _encode(thumb, kind)


def _encode(image: Image.Image, kind: str) -> bytes:
    file = BytesIO()
    image.save(file, kind, quality=QUALITY, compress_level=PNG_LEVEL)
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
