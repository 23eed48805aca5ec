"""JSON Schemas of every document that the API sends, for its OpenAPI document.

Source: :mod:`chevupload.web.api_json`, which makes the documents, member by member. A member that is listed is always
there, unless the schema names it as optional.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chevupload.formats import MIME_TYPES

Schema = dict[str, Any]

_EXTENSIONS = [*MIME_TYPES]
_MIMES = sorted(set(MIME_TYPES.values()))


def component_schemas() -> dict[str, Schema]:
    """Return the schemas by their names."""
    success = _object({"message": _text(), "code": {"const": 200}})
    image, data = {**_image_members()}, {**_image_members(), **_imgbb_members()}
    frame = ("frame",)
    return {
        "File": _object(_file_members()),
        "NoFile": {
            **_object({name: {"type": "null"} for name in ("filename", "name", "mime", "extension", "url")}),
            "description": "There is no such file.",
        },
        "Tag": _object({"name": _text(), "name_safe_html": _text(), "url_key": _text(), "url": _text()}),
        "Image": _object(image, optional=frame),
        "ImageAsData": {
            **_object(data, optional=frame),
            "description": "The same, with what ImgBB's clients read besides.",
        },
        "Uploaded": {
            **_object(
                {
                    "status_code": {"const": 200},
                    "success": success,
                    "image": _ref("Image"),
                    "status_txt": {"const": "OK"},
                }
            ),
            "description": "Chevereto's answer.",
        },
        "UploadedAsData": {
            **_object(
                {
                    "status_code": {"const": 200},
                    "status": {"const": 200},
                    "success": success,
                    "data": _ref("ImageAsData"),
                    "status_txt": {"const": "OK"},
                }
            ),
            "description": "The answer to a request that calls its source `image`.",
        },
        "ImgbbUploaded": {
            **_object({"data": _imgbb_data(), "success": {"const": True}, "status": {"const": 200}}),
            "description": "ImgBB's answer.",
        },
        "Deleted": _object({"status_code": {"const": 200}, "success": success, "status_txt": {"const": "OK"}}),
        "Refusal": _object(
            {
                "status_code": {"type": "integer", "description": "The HTTP status."},
                "error": _object(
                    {
                        "message": _text(),
                        "code": {"type": "integer", "description": "Chevereto's code of the refusal."},
                        "context": {"type": "string", "description": "The kind of refusal, for ImgBB's clients."},
                    },
                    optional=("context",),
                ),
                "status_txt": {"type": "string", "description": "The reason phrase of the status."},
            }
        ),
        "Embed": _embed(),
        # A site with several storages has members of their names instead of ``storage``, for admins.
        "Health": _object(dict.fromkeys(("status", "database", "storage"), _STATE), optional=("storage",))
        | {"additionalProperties": _STATE},
        "Liveness": _object({"status": _text(enum=["ok"])}),
    }


_STATE = {"type": "string", "enum": ["ok", "away"]}


def _object(properties: dict[str, Schema], *, optional: Iterable[str] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _text(*, nullable: bool = False, **more: Any) -> Schema:
    return {"type": ["string", "null"] if nullable else "string", **more}


def _url(*, nullable: bool = False) -> Schema:
    return _text(nullable=nullable, format="uri")


def _whole(minimum: int = 0) -> Schema:
    return {"type": "integer", "minimum": minimum}


def _flag() -> Schema:
    return {"type": "integer", "enum": [0, 1]}


def _moment(*, nullable: bool = False) -> Schema:
    return _text(nullable=nullable, pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$")


def _md5(*, nullable: bool = False) -> Schema:
    return _text(nullable=nullable, pattern="^[0-9a-f]{32}$")


def _side() -> Schema:
    return {"type": ["integer", "string"], "description": "In pixels; a text where a setting gave it."}


def _file_members() -> dict[str, Schema]:
    return {
        "filename": _text(),
        "name": _text(),
        "mime": _text(enum=_MIMES),
        "extension": _text(enum=_EXTENSIONS),
        "url": _url(),
        "size": {**_whole(1), "description": "In bytes."},
    }


def _image_members() -> dict[str, Schema]:
    maybe_file: Schema = {"oneOf": [_ref("File"), _ref("NoFile")]}
    resource = _object({"resource": _object({"type": {"const": "path"}})})
    return {
        "name": _text(description="Stored name without extension."),
        "extension": _text(enum=_EXTENSIONS),
        "size": {**_whole(1), "description": "In bytes."},
        "width": _whole(1),
        "height": _whole(1),
        "date": {**_moment(), "description": "In the site's time zone."},
        "date_gmt": {**_moment(), "description": "In UTC."},
        "title": _text(nullable=True, maxLength=100),
        "tags": {"type": "array", "items": _ref("Tag")},
        "description": _text(nullable=True),
        "nsfw": _flag(),
        "storage_mode": _text(enum=["datefolder", "direct"]),
        "md5": {**_md5(), "description": "Of the stored file."},
        "source_md5": {**_md5(nullable=True), "description": "Of the file before `width` changed it."},
        "original_filename": _text(),
        "original_exifdata": _text(nullable=True, description="JSON in a text."),
        "views": _whole(),
        "category_id": {"type": ["integer", "null"]},
        "chain": {"type": "integer", "description": "Files there are: frame 16, image 4, medium 2, thumb 1, added up."},
        "thumb_size": _whole(),
        "medium_size": _whole(),
        "frame_size": _whole(),
        "expiration_date_gmt": _moment(nullable=True),
        "likes": {"const": 0},
        "is_animated": _flag(),
        "is_approved": {"const": 1},
        "is_360": _flag(),
        "duration": {**_whole(), "description": "Of a video, in seconds."},
        "type": _text(enum=["image", "video"]),
        "tags_string": _text(),
        "file": resource,
        "id_encoded": _text(),
        "filename": _text(),
        "mime": _text(enum=_MIMES),
        "url": {**_url(), "description": "The file itself."},
        "ratio": {"type": "number", "description": "Width through height."},
        "size_formatted": _text(),
        "frame": {**_ref("File"), "description": "Of videos and HEIC: a picture that every page can show."},
        "image": _ref("File"),
        "thumb": maybe_file,
        "url_frame": _text(description="Empty when there is no frame."),
        "medium": maybe_file,
        "duration_time": _text(description="Minutes and seconds; empty for pictures."),
        "url_viewer": {**_url(), "description": "The page of the upload."},
        "path_viewer": _text(),
        "url_short": _url(),
        "display_url": _url(),
        "display_width": _side(),
        "display_height": _side(),
        "views_label": _text(),
        "likes_label": _text(),
        "how_long_ago": _text(),
        "date_fixed_peer": _moment(),
        "title_truncated": _text(),
        "title_truncated_html": _text(),
        "is_use_loader": {"type": "boolean"},
        "display_title": _text(),
        "delete_url": {**_url(nullable=True), "description": "Deletes the upload; shown this once."},
    }


def _imgbb_members() -> dict[str, Schema]:
    return {
        "id": _text(),
        "time": _whole(),
        "expiration": {**_whole(), "description": "In seconds; 0 is never."},
    }


def _imgbb_data() -> Schema:
    file = _object({name: schema for name, schema in _file_members().items() if name != "size"})
    return _object(
        {
            **_imgbb_members(),
            "title": _text(),
            "url_viewer": _url(),
            "url": _url(),
            "display_url": _url(),
            "width": _whole(1),
            "height": _whole(1),
            "size": _whole(1),
            "image": file,
            "thumb": file,
            "medium": file,
            "delete_url": _text(description="Empty where there are no delete links."),
        }
    )


def _embed() -> Schema:
    members = {
        "version": {"const": "1.0"},
        "type": _text(enum=["photo", "video", "link"]),
        "title": _text(),
        "provider_name": _text(),
        "provider_url": _url(),
        "cache_age": {**_whole(), "description": "Seconds until the upload expires."},
        "url": {**_url(), "description": "Of the type photo: the picture."},
        "html": _text(description="Of the type video: markup that plays it."),
        "width": _whole(1),
        "height": _whole(1),
        "thumbnail_url": _url(),
        "thumbnail_width": _whole(1),
        "thumbnail_height": _whole(1),
    }
    optional = [*members][5:]
    return {**_object(members, optional=optional), "description": "oEmbed 1.0."}
