"""The same upload the way tutorials write it: Flask, Flask-SQLAlchemy's ORM and Pillow, each used as first shown.

The file is saved, read again for its hash and opened once for each derivative; the database keeps its defaults. Nothing
is slow on purpose: this is what one gets from following the libraries' introductions.

Run as ``tutorial.py FOLDER PORT THREADS``; the API key is ``bench``.
"""

from __future__ import annotations

import hashlib
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import waitress
from flask import Flask, Response, jsonify, request, url_for
from flask_sqlalchemy import SQLAlchemy
from pi_heif import register_heif_opener
from PIL import Image, ImageOps
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

KEY = "bench"
_LANCZOS = Image.Resampling.LANCZOS


class Base(DeclarativeBase):
    """Declares the tables."""


db = SQLAlchemy(model_class=Base)


class User(Base):
    """Somebody with an API key."""

    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    api_key: Mapped[str] = mapped_column(unique=True)


class Picture(Base):
    """An uploaded picture."""

    __tablename__ = "picture"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    name: Mapped[str] = mapped_column(unique=True)
    extension: Mapped[str]
    original_filename: Mapped[str]
    md5: Mapped[str]
    size: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))

    def file(self, kind: str = "") -> str:
        """Return the name of the original or of a derivative."""
        return f"{self.name}{kind}.{self.extension}"


def create_app(folder: Path) -> Flask:
    """Make the application, with its files and its database in ``folder``."""
    app = Flask(__name__, static_folder=str(folder), static_url_path="/images")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'tutorial.sqlite3'}"
    app.config["UPLOAD_FOLDER"] = folder
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.session.add(User(api_key=KEY))
        db.session.commit()
    app.add_url_rule("/api/1/upload", view_func=lambda: upload(folder), methods=["POST"])
    return app


def upload(folder: Path) -> tuple[Response, int]:
    """Store the part ``source`` and its derivatives."""
    key = request.headers.get("X-API-Key")
    user = db.session.execute(db.select(User).filter_by(api_key=key)).scalar_one_or_none()
    if user is None:
        return jsonify(status_code=400, error={"message": "Invalid API key"}), 400
    file = request.files["source"]
    filename = file.filename or "photo"
    name, extension = uuid.uuid4().hex, filename.rpartition(".")[2].lower()
    derived = "jpg" if extension == "heic" else extension
    path = folder / f"{name}.{extension}"
    file.save(path)
    content = path.read_bytes()
    width, height = make_medium(path, folder / f"{name}.md.{derived}")
    make_thumb(path, folder / f"{name}.th.{derived}")
    picture = Picture(
        user_id=user.id,
        name=name,
        extension=extension,
        original_filename=filename,
        md5=hashlib.md5(content).hexdigest(),
        size=len(content),
        width=width,
        height=height,
    )
    db.session.add(picture)
    db.session.commit()
    return jsonify(document(picture)), 200


def make_medium(path: Path, target: Path) -> tuple[int, int]:
    """Write the picture 500 pixels wide, and return the size it came in."""
    with Image.open(path) as image:
        image.resize((500, round(500 * image.height / image.width)), _LANCZOS).save(target, quality=90)
        return image.size


def make_thumb(path: Path, target: Path) -> None:
    """Write the square thumbnail."""
    with Image.open(path) as image:
        ImageOps.fit(image, (320, 320), _LANCZOS).save(target, quality=90)


def document(picture: Picture) -> dict[str, object]:
    """Return the answer: about what Chevereto says of a picture."""
    return {
        "status_code": 200,
        "success": {"message": "image uploaded", "code": 200},
        "image": {
            "name": picture.name,
            "extension": picture.extension,
            "size": picture.size,
            "width": picture.width,
            "height": picture.height,
            "date": picture.created_at.strftime("%Y-%m-%d %H:%M:%S"),
            "md5": picture.md5,
            "original_filename": picture.original_filename,
            "url": _url(picture.file()),
            "medium": {"filename": picture.file(".md"), "url": _url(picture.file(".md"))},
            "thumb": {"filename": picture.file(".th"), "url": _url(picture.file(".th"))},
        },
        "status_txt": "OK",
    }


def _url(file: str) -> str:
    return url_for("static", filename=file, _external=True)


if __name__ == "__main__":
    register_heif_opener()
    waitress.serve(create_app(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), threads=int(sys.argv[3]))
