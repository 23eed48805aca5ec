"""Writes all that is known of an owner into a ZIP archive: every original, and a manifest in JSON.

Nothing is held in memory but the list of names that an archive ends with, half a kilobyte for each upload. Records are
written into a temporary file while the originals are, because an archive takes one file at a time.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import IO, Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from chevupload.errors import ConfigError, FileMissing
from chevupload.model import Album, Upload
from chevupload.protocols import AuditRecords, KeyStore, OwnedAlbumRecords, SearchableRecords
from chevupload.records.json_text import json_text
from chevupload.records.selection import Selection
from chevupload.uploads.context import UploadContext
from chevupload.uploads.service import Uploads

MANIFEST = "manifest.json"
VERSION = 1
"""Of the manifest: a higher one when what is there already changes its meaning."""

_ALBUMS_AT_ONCE = 200
_COPY_BYTES = 262_144
_FIRST_YEAR, _LAST_YEAR = 1980, 2107
"""Which a ZIP archive can spell."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])\Z", re.IGNORECASE)
"""Source: Microsoft, Naming Files, Paths, and Namespaces."""
_SAFE = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9_.-]{0,218}[A-Za-z0-9_-])?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One upload in an archive.

    Attributes:
        upload: its record.
        file: name of its original in the archive; None where the storage has lost it.
    """

    upload: Upload
    file: str | None


class Export:
    """Exports owners."""

    def __init__(
        self,
        context: UploadContext,
        uploads: Uploads,
        key_store: KeyStore | None,
        urls: Callable[[Upload], Mapping[str, str]],
    ) -> None:
        """Read from these parts; ``urls`` names the URLs of an upload.

        Raises:
            ConfigError: the catalog cannot find an owner's uploads.
        """
        if not isinstance(context.catalog, SearchableRecords):
            raise ConfigError("this catalog cannot search: it has none of the methods of SearchableRecords")
        self._catalog, self._context, self._uploads = context.catalog, context, uploads
        self._key_store, self._urls = key_store, urls

    def write(self, owner_id: str, file: BinaryIO, *, account: Mapping[str, Any]) -> Iterator[Exported]:
        """Write an archive into ``file``, which is seekable, and yield each upload that is in it.

        It is whole once the iterator has ended. ``account`` is what the site knows of the user besides.

        Raises:
            BackendError: a part is away; what is written is of no use.
        """
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as records,
            ZipFile(file, "w", ZIP_STORED) as archive,
        ):
            for upload in self._catalog.search(Selection(owner_id=owner_id)):
                exported = Exported(upload=upload, file=self._write_original(archive, upload))
                records.write(f"{json_text(self._record(exported))}\n")
                yield exported
            records.seek(0)
            info = _info(MANIFEST, self._context.clock())
            info.compress_type = ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as manifest:
                for text in self._manifest(owner_id, account, records):
                    manifest.write(text.encode())

    def _write_original(self, archive: ZipFile, upload: Upload) -> str | None:
        """Copy an original, and return its name in the archive; None if it is missing."""
        info = _info(archive_name(upload), upload.created_at)
        # It decides how large a size the archive has room for.
        info.file_size = upload.size
        try:
            source = self._context.storages.of(upload).open(upload.path)
        except FileMissing:
            return None
        with source, archive.open(info, "w") as target:
            shutil.copyfileobj(source, target, _COPY_BYTES)
        return info.filename

    def _record(self, exported: Exported) -> dict[str, Any]:
        return asdict(exported.upload) | {"file": exported.file, "urls": self._urls(exported.upload)}

    def _manifest(self, owner_id: str, account: Mapping[str, Any], records: IO[str]) -> Iterator[str]:
        """Yield the parts of the JSON document."""
        policy, catalog = self._context.config.policy, self._context.catalog
        facts = {
            "version": VERSION,
            "exported_at": self._context.clock(),
            "user": {"id": owner_id, **account},
            "usage": None if policy.usage is None else asdict(self._uploads.usage(owner_id)),
        }
        keys = () if self._key_store is None else self._key_store.keys_of(owner_id)
        audit = catalog.audit_of(owner_id) if isinstance(catalog, AuditRecords) else ()
        lists: dict[str, Iterable[Any]] = {
            "keys": map(asdict, keys),
            "albums": map(asdict, self._albums(owner_id)),
            "audit": map(asdict, audit),
            "uploads": map(json.loads, records),
        }
        yield "{" + ",".join(f"\n{json.dumps(name)}: {json_text(value)}" for name, value in facts.items())
        for name, values in lists.items():
            yield f",\n{json.dumps(name)}: ["
            for number, value in enumerate(values):
                yield f"{',' if number else ''}\n {json_text(value)}"
            yield "]"
        yield "\n}\n"

    def _albums(self, owner_id: str) -> Iterator[Album]:
        if not isinstance(self._catalog, OwnedAlbumRecords):
            return
        after = None
        while page := self._catalog.owned_albums(owner_id, limit=_ALBUMS_AT_ONCE, after=after):
            yield from page
            after = page[-1].title


def archive_name(upload: Upload) -> str:
    """Return the name of an original in an archive: its storage path, where every system can have such a file.

    Storage paths differ by more than the case of letters. One with a name that Windows keeps for devices, or anything
    else that a catalog of a host's own may have, is replaced by the id, spelled so that case makes no difference.
    """
    parts = upload.path.split("/")
    if all(_SAFE.match(part) and not _RESERVED.match(part.partition(".")[0]) for part in parts):
        return f"uploads/{upload.path}"
    return f"renamed/{upload.id.encode().hex()}.{upload.extension}"


def _info(name: str, moment: datetime) -> ZipInfo:
    year = min(max(moment.year, _FIRST_YEAR), _LAST_YEAR)
    info = ZipInfo(name, (year, moment.month, moment.day, moment.hour, moment.minute, moment.second))
    info.external_attr = 0o644 << 16
    return info
