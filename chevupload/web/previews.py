"""Which of an upload's pictures are shown: where somebody pastes its link, and by pages that can show several."""

from __future__ import annotations

from dataclasses import dataclass

from chevupload.config import Renditions
from chevupload.formats import MIME_TYPES
from chevupload.model import Upload
from chevupload.scaling import Size, shrunk_to_side, to_height, to_width


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPicture:
    """One of an upload's files.

    Attributes:
        path: storage path.
        mime: content type.
        width: in pixels, as ``height``.
    """

    path: str
    mime: str
    width: int
    height: int


def preview_picture(upload: Upload, renditions: Renditions) -> PreviewPicture | None:
    """Return the picture to show; ``renditions`` says how large it is. None: a video has no picture."""
    path = upload.frame_path or upload.medium_path or (upload.thumb_path if upload.type == "video" else upload.path)
    if path is None:
        return None
    width, height = upload.width, upload.height
    if path == upload.medium_path:
        width, height = medium_box(upload, renditions)
    elif path == upload.thumb_path:
        width = height = renditions.thumb_side
    return PreviewPicture(path=path, mime=MIME_TYPES[path.rpartition(".")[2]], width=width, height=height)


def medium_box(upload: Upload, renditions: Renditions) -> Size:
    """Return width and height of the medium picture, as a renderer with these settings makes it."""
    return shrunk_to_side((upload.width, upload.height), renditions.medium_side, renditions.medium_fixed)


def whole_pictures(upload: Upload, renditions: Renditions) -> dict[str, Size]:
    """Return the sizes of all pictures that show the whole upload, by their paths, the narrowest first.

    The last one is as large as the original. A rendition that is cropped is none of them.
    """
    full = (upload.width, upload.height)
    found = {upload.medium_path: medium_box(upload, renditions)} if upload.medium_path else {}
    for one in upload.extras:
        size = (one.width, one.height)
        if size in (to_width(full, one.width), to_height(full, one.height)):
            found[upload.extra_paths[one.name]] = size
    ordered = dict(sorted(found.items(), key=lambda item: item[1]))
    return {**ordered, (upload.frame_path or upload.path): full}
