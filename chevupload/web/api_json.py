"""The JSON documents of the API.

Source: both examples of the API's specification, for members and their order; Chevereto V4 for types and values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, tzinfo
from html import escape
from typing import Literal, TypeAlias
from urllib.parse import quote, urlsplit

from chevupload.config import Config, Renditions
from chevupload.formats import MIME_TYPES
from chevupload.model import Upload
from chevupload.scaling import to_side
from chevupload.spool import format_bytes
from chevupload.web.urls import FileUrl, Links
from chevupload.wsgi.responses import Document

Dialect: TypeAlias = Literal["chevereto", "chevereto image", "imgbb"]
"""How a client is answered: as Chevereto does; as it does whose source came as ``image``, the name that ImgBB's clients
have for it; or as ImgBB does."""

_THUMB_SIZE_THRESHOLD = 200_000
"""Bytes from which a picture without medium is displayed by its thumbnail. Source: Chevereto V4."""
_LOADER_THRESHOLD = 5_000_000
"""Bytes from which Chevereto's pages show a loader."""
_TITLE_LENGTH = 28
"""Longest title that is not truncated, in characters."""


def upload_document(upload: Upload, links: Links, config: Config, dialect: Dialect) -> Document:
    """Answer an upload."""
    if dialect == "imgbb":
        return imgbb_document(upload, links)
    has_imgbb_members = dialect == "chevereto image"
    timezone, renditions = config.policy.timezone, config.renditions
    document = image_document(upload, links, timezone=timezone, renditions=renditions, imgbb=has_imgbb_members)
    return success_document(document, imgbb=has_imgbb_members)


def success_document(image: Document, *, imgbb: bool) -> Document:
    """Wrap an image document in Chevereto's answer, or in the one its ``image`` parameter asks for."""
    success = {"message": "file uploaded", "code": 200}
    if imgbb:
        return {"status_code": 200, "status": 200, "success": success, "data": image, "status_txt": "OK"}
    return {"status_code": 200, "success": success, "image": image, "status_txt": "OK"}


def deleted_document(what: str = "file") -> Document:
    """Say that something is deleted."""
    return {"status_code": 200, "success": {"message": f"{what} deleted", "code": 200}, "status_txt": "OK"}


def image_document(
    upload: Upload, links: Links, *, timezone: tzinfo, renditions: Renditions, imgbb: bool = False
) -> Document:
    """Describe an upload, with every member of the specification's examples and in their order."""
    urls = links.files(upload)
    files = _files(upload, urls)
    viewer, short, delete_url = links.viewer(upload), links.short(upload), links.delete(upload)
    record = _record_members(upload, links, timezone)
    return {
        **record,
        "file": {"resource": {"type": "url" if urls[upload.path].is_elsewhere else "path"}},
        "id_encoded": upload.id,
        **(_imgbb_members(upload) if imgbb else {}),
        "filename": f"{upload.name}.{upload.extension}",
        "mime": upload.mime,
        "url": files[upload.path]["url"],
        "ratio": ratio(upload.width, upload.height),
        "size_formatted": format_bytes(upload.size),
        **({"frame": files[upload.frame_path]} if upload.frame_path else {}),
        "image": files[upload.path],
        "thumb": files[upload.thumb_path],
        "url_frame": files[upload.frame_path]["url"] if upload.frame_path else "",
        "medium": files[upload.medium_path],
        **(_extra_members(upload, files) if upload.extras else {}),
        "duration_time": duration_time(upload),
        "url_viewer": viewer,
        "path_viewer": urlsplit(viewer).path,
        "url_short": short,
        **_display_members(upload, files, renditions),
        "views_label": "views",
        "likes_label": "likes",
        "how_long_ago": "moments ago",
        "date_fixed_peer": record["date_gmt"],
        **_title_members(upload.title),
        "is_use_loader": upload.size > _LOADER_THRESHOLD,
        "display_title": upload.display_title,
        "delete_url": delete_url,
    }


def imgbb_document(upload: Upload, links: Links) -> Document:
    """Describe an upload as ImgBB does, whose clients check every type. Source: docs/api.md, Answers.

    What there is no file for is the next best one: no member is null that a client might read.
    """
    files = _files(upload, links.files(upload))
    shown = upload.frame_path or upload.path
    display = upload.medium_path or shown
    data = {
        "id": upload.id,
        "title": upload.title or upload.name,
        "url_viewer": links.viewer(upload),
        "url": files[upload.path]["url"],
        "display_url": files[display]["url"],
        "width": upload.width,
        "height": upload.height,
        "size": upload.size,
        **_imgbb_members(upload),
        "image": _without_size(files[upload.path]),
        "thumb": _without_size(files[upload.thumb_path or shown]),
        "medium": _without_size(files[display]),
        "delete_url": links.delete(upload) or "",
    }
    return {"data": data, "success": True, "status": 200}


def ratio(width: int, height: int) -> int | float:
    """Divide, to an integer where it divides exactly, as PHP does."""
    return width // height if width % height == 0 else width / height


def duration_time(upload: Upload) -> str:
    """Spell a video's duration in minutes, however many, and seconds."""
    return f"{upload.duration // 60:02}:{upload.duration % 60:02}" if upload.duration else ""


def _record_members(upload: Upload, links: Links, timezone: tzinfo) -> Document:
    return {
        "name": upload.name,
        "extension": upload.extension,
        "size": upload.size,
        "width": upload.width,
        "height": upload.height,
        "date": _spell(upload.created_at.astimezone(timezone)),
        "date_gmt": _spell(upload.created_at),
        "title": upload.title,
        "tags": [_tag(name, links) for name in upload.tags],
        "description": upload.description,
        "nsfw": int(upload.nsfw),
        "storage_mode": upload.storage_mode,
        "md5": upload.md5,
        "source_md5": upload.source_md5,
        "original_filename": upload.original_filename,
        "original_exifdata": upload.original_exifdata,
        "views": upload.views,
        "category_id": upload.category_id,
        "chain": _chain(upload),
        "thumb_size": upload.thumb_size,
        "medium_size": upload.medium_size,
        "frame_size": upload.frame_size,
        "expiration_date_gmt": _spell(upload.expires_at) if upload.expires_at else None,
        "likes": 0,
        "is_animated": int(upload.is_animated),
        "is_approved": 1,
        "is_360": int(upload.is_360),
        "duration": upload.duration,
        "type": upload.type,
        "tags_string": ", ".join(upload.tags),
    }


def _imgbb_members(upload: Upload) -> Document:
    expires = upload.expires_at
    return {
        "id": upload.id,
        "time": int(upload.created_at.timestamp()),
        "expiration": math.ceil((expires - upload.received_at).total_seconds()) if expires else 0,
    }


def _spell(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _tag(name: str, links: Links) -> Document:
    key = quote(name, safe="")
    # Where the host has no page of tags, it is Chevereto's text, which leads to nothing here.
    url = links.tag(name) or f"/tag/{key}"
    return {"name": name, "name_safe_html": escape_html(name), "url_key": key, "url": url}


def _chain(upload: Upload) -> int:
    """Return the bit mask of the files there are."""
    return 4 + 16 * bool(upload.frame_size) + 2 * bool(upload.medium_size) + bool(upload.thumb_size)


def _files(upload: Upload, urls: Mapping[str, FileUrl]) -> dict[str | None, Document]:
    """Describe each file by its path, and what there is no file for by None."""
    files: dict[str | None, Document] = {None: dict.fromkeys(("filename", "name", "mime", "extension", "url"))}
    for path, size in upload.sizes.items():
        filename = path.rsplit("/", 1)[-1]
        name, _, extension = filename.rpartition(".")
        files[path] = {
            "filename": filename,
            "name": name,
            "mime": MIME_TYPES[extension],
            "extension": extension,
            "url": urls[path].url,
            "size": size,
        }
    return files


def _extra_members(upload: Upload, files: dict[str | None, Document]) -> Document:
    """Describe additional renditions under their names, as thumb and medium are; Chevereto has no such members."""
    sides = {one.name: {"width": one.width, "height": one.height} for one in upload.extras}
    return {name: files[path] | sides[name] for name, path in upload.extra_paths.items()}


def _without_size(file: Document) -> Document:
    return {name: value for name, value in file.items() if name != "size"}


def _display_members(upload: Upload, files: dict[str | None, Document], renditions: Renditions) -> Document:
    """Choose what a page shows. A side that a setting gave is a string, as the specification's example has it."""
    width: int | str = upload.width
    height: int | str = upload.height
    path = upload.frame_path or upload.path
    if upload.medium_path:
        path = upload.medium_path
        width, height = to_side((upload.width, upload.height), renditions.medium_side, renditions.medium_fixed)
        if renditions.medium_fixed == "width":
            width = str(width)
        else:
            height = str(height)
    elif upload.thumb_path and upload.size > _THUMB_SIZE_THRESHOLD and upload.type == "image":
        path = upload.thumb_path
        width = height = str(renditions.thumb_side)
    if upload.frame_path and upload.frame_size < upload.medium_size:
        path, width, height = upload.frame_path, upload.width, upload.height
    return {"display_url": files[path]["url"], "display_width": width, "display_height": height}


def _title_members(title: str | None) -> Document:
    short = title or ""
    if len(short) > _TITLE_LENGTH:
        short = short[: _TITLE_LENGTH - 3].strip() + "..."
    return {"title_truncated": short, "title_truncated_html": escape_html(short)}


def escape_html(text: str) -> str:
    """Escape ``& < > " '`` as the named entities that Chevereto sends."""
    return escape(text).replace("&#x27;", "&apos;")
