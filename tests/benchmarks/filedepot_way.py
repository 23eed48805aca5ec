"""The same upload with filedepot: Flask, SQLAlchemy and its field for files with two thumbnails, as its manual shows.

It checks nothing of what it is sent, makes PNG of every picture, and knows no key but the one in the table.

Run as ``filedepot_way.py FOLDER PORT THREADS``; the API key is ``bench``.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import waitress
from depot.fields.filters.thumbnails import WithThumbnailFilter
from depot.fields.sqlalchemy import UploadedFileField
from depot.manager import DepotManager
from flask import Flask, Response, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from pi_heif import register_heif_opener
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

KEY = "bench"
_MEDIUM, _THUMB = (500, 500), (320, 320)


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
    file: Mapped[Any] = mapped_column(
        UploadedFileField(filters=[WithThumbnailFilter(size, "PNG") for size in (_MEDIUM, _THUMB)])
    )
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


def create_app(folder: Path) -> Flask:
    """Make the application, with its files and its database in ``folder``."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'filedepot.sqlite3'}"
    db.init_app(app)
    DepotManager.configure("default", {"depot.storage_path": str(folder / "files")})
    DepotManager.make_middleware(app.wsgi_app)
    with app.app_context():
        db.create_all()
        db.session.add(User(api_key=KEY))
        db.session.commit()
    app.add_url_rule("/api/1/upload", view_func=upload, methods=["POST"])
    return app


def upload() -> tuple[Response, int]:
    """Store the part ``source`` and its thumbnails."""
    key = request.headers.get("X-API-Key")
    user = db.session.execute(db.select(User).filter_by(api_key=key)).scalar_one_or_none()
    if user is None:
        return jsonify(status_code=400, error={"message": "Invalid API key"}), 400
    picture = Picture(user_id=user.id, file=request.files["source"])
    db.session.add(picture)
    db.session.commit()
    urls = {name: {"url": picture.file[f"thumb_{w}x{h}_url"]} for name, (w, h) in _SIZES.items()}
    return jsonify(status_code=200, image={"url": picture.file.url, "filename": picture.file.filename, **urls}), 200


_SIZES = {"medium": _MEDIUM, "thumb": _THUMB}


if __name__ == "__main__":
    register_heif_opener()
    waitress.serve(create_app(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), threads=int(sys.argv[3]))
