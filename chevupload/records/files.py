"""Which upload has a file."""

from __future__ import annotations

import re

from chevupload.model import Upload
from chevupload.naming import DERIVED_SUFFIX
from chevupload.protocols import UploadRecords

_FILE = re.compile(rf"([A-Za-z0-9_./-]{{1,400}}?)(?:{DERIVED_SUFFIX})?\.[a-z0-9]{{3,4}}\Z")


def upload_with_file(records: UploadRecords, path: str) -> Upload | None:
    """Return the ready upload, expired or not, that has a file at the storage's ``path``, derived ones included.

    Raises:
        BackendError: the records are away.
    """
    found = _FILE.match(path)
    upload = records.find(found[1]) if found else None
    return upload if upload is not None and path in upload.paths else None
