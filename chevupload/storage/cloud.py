"""What is special about a few file systems: how they are told of headers, of time limits, and to write new files only.

Sources: the documentation of s3fs, gcsfs and adlfs, and the three services' rules for conditional writes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

from fsspec.asyn import sync

from chevupload.model import FileHeaders
from chevupload.storage.fsspec_io import Access, ObjectAccess, answer_of

_CONNECT_SECONDS = 5
_READ_SECONDS = 20
"""How long a store may be silent before its library tries again; the storage's own limit ends all of it."""

_MOST_KEYS = 1_000
"""How many files one request to S3 removes at most."""
_REFUSALS = (400, 405, 501)
"""By which status a store says that it does not understand such a request."""

SaveOptions: TypeAlias = Callable[[FileHeaders], Mapping[str, Any]]
"""Makes a file system's own arguments of a write from what fetching clients should be told."""


_CHECKSUMS = ("request_checksum_calculation", "response_checksum_validation")
"""What Amazon's libraries do with every file since 2025, and look-alikes of S3 may refuse: checksums of its own kind,
some of them behind the body. In capitals and behind ``AWS_``, these are also variables that choose it."""
_ENDPOINT_NAMES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def _no_options(theirs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add nothing to what the host says."""
    return {}


def _nothing(headers: FileHeaders) -> Mapping[str, Any]:
    """Keep no headers, where there are none: somebody else serves these files."""
    return {}


def _plain(filesystem: Any, seconds: float) -> Access:
    """Work with a file system that has no time limits of ours."""
    return Access(filesystem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One kind of file system.

    Attributes:
        options: makes what it is built with from the options that the host gives, which are added to it.
        arguments: makes the arguments of a write.
        access: makes what works with it, given how many seconds a call may take.
        exclusive: whether it can be told to write new files only.
        endpoints: whether its servers have many addresses, named by the option ``endpoint_url``.
    """

    options: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _no_options
    arguments: SaveOptions = _nothing
    access: Callable[[Any, float], Access] = _plain
    exclusive: bool = False
    endpoints: bool = False


def _s3_options(theirs: Mapping[str, Any]) -> Mapping[str, Any]:
    config: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        # Without it URLs are signed in a way that S3 stopped taking for new buckets.
        "signature_version": "s3v4",
    }
    if _names_endpoint(theirs):
        config |= {name: "when_required" for name in _CHECKSUMS if f"AWS_{name.upper()}" not in os.environ}
    return {"config_kwargs": config, "use_listings_cache": False}


def _names_endpoint(theirs: Mapping[str, Any]) -> bool:
    """Whether the S3 is another than Amazon's."""
    client = theirs.get("client_kwargs") or {}
    return bool(theirs.get("endpoint_url") or client.get("endpoint_url")) or any(map(os.environ.get, _ENDPOINT_NAMES))


def _s3_arguments(headers: FileHeaders) -> Mapping[str, Any]:
    return {
        "ContentType": headers.content_type,
        "CacheControl": headers.cache_control,
        "ContentDisposition": headers.content_disposition,
        "max_concurrency": 2,
    }


def _gcs_options(theirs: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"use_listings_cache": False}


def _gcs_arguments(headers: FileHeaders) -> Mapping[str, Any]:
    fixed = {"cache_control": headers.cache_control, "content_disposition": headers.content_disposition}
    return {"content_type": headers.content_type, "fixed_key_metadata": fixed}


def _azure_options(theirs: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "connection_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "use_listings_cache": False,
        # It would look for the container on its first use, which an account for the container alone may not.
        "assume_container_exists": True,
    }


def _azure_arguments(headers: FileHeaders) -> Mapping[str, Any]:
    from azure.storage.blob import ContentSettings  # noqa: PLC0415  # only there with adlfs

    settings = ContentSettings(
        content_type=headers.content_type,
        cache_control=headers.cache_control,
        content_disposition=headers.content_disposition,
    )
    return {"content_settings": settings}


class AzureAccess(ObjectAccess):
    """Works with Azure, whose library splits a file itself, by its length."""

    def _write_blocks(self, place: str, path: str, size: int, arguments: Mapping[str, Any]) -> None:
        with open(path, "rb") as file:
            self._call("_pipe_file", place, _Unmeasured(file), size=size, max_concurrency=1, **arguments)


class S3Access(ObjectAccess):
    """Works with S3, which lists and removes up to a thousand files by one request."""

    def files(self, root: str) -> Iterator[tuple[str, int]]:
        """Yield place and bytes of every file below ``root``, in memory one page at a time."""
        bucket, _, folder = root.strip("/").partition("/")
        asked = {"Bucket": bucket, "Prefix": f"{folder}/" if folder else "", **self._filesystem.req_kw}
        while True:
            page = self._call("_call_s3", "list_objects_v2", **asked)
            for entry in page.get("Contents", ()):
                # What ends in a slash is a folder that some program shows.
                if not entry["Key"].endswith("/"):
                    yield f"{bucket}/{entry['Key']}", entry["Size"]
            if not page["IsTruncated"]:
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def remove_many(self, places: Sequence[str]) -> Mapping[str, BaseException] | None:
        """Remove files at once; a store that refuses such a request is asked for each of them."""
        failed: dict[str, BaseException] = {}
        try:
            for start in range(0, len(places), _MOST_KEYS):
                page = places[start : start + _MOST_KEYS]
                failed |= sync(self._filesystem.loop, self._delete_objects, page, timeout=self._seconds)
        except OSError as error:
            if answer_of(error).get("ResponseMetadata", {}).get("HTTPStatusCode") not in _REFUSALS:
                raise
            return super().remove_many(places)
        return failed

    async def _delete_objects(self, places: Sequence[str]) -> Mapping[str, BaseException]:
        """Remove files, and return what the store says of those that it did not remove."""
        by_key = {self._filesystem.split_path(place)[1]: place for place in places}
        bucket = self._filesystem.split_path(places[0])[0]
        await self._filesystem.set_session()
        client = await self._filesystem.get_s3(bucket)
        client.meta.events.register("before-call.s3.DeleteObjects", _add_md5, unique_id="chevupload-md5")
        wanted = {"Objects": [{"Key": key} for key in by_key], "Quiet": True}
        answer = await self._filesystem._call_s3("delete_objects", Bucket=bucket, Delete=wanted)
        return {
            by_key[error["Key"]]: OSError(f"{error.get('Code')}: {error.get('Message')}")
            for error in answer.get("Errors", ())
            if error.get("Code") != "NoSuchKey"
        }


def _add_md5(params: Mapping[str, Any], **event: Any) -> None:
    """Add the checksum that S3 once asked for, and many of its look-alikes still do; the library sends another one."""
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()


class _Unmeasured(io.RawIOBase):
    """A file without a length: of a file with one, Azure's library holds up to 64 MiB in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


_S3 = Backend(options=_s3_options, arguments=_s3_arguments, access=S3Access, exclusive=True, endpoints=True)
_GCS = Backend(options=_gcs_options, arguments=_gcs_arguments, access=ObjectAccess, exclusive=True)
_AZURE = Backend(options=_azure_options, arguments=_azure_arguments, access=AzureAccess, exclusive=True)
_HERE = Backend(exclusive=True)
_OTHER = Backend()

_BACKENDS: Mapping[str, Backend] = {
    **dict.fromkeys(("s3", "s3a"), _S3),
    **dict.fromkeys(("gs", "gcs"), _GCS),
    **dict.fromkeys(("az", "abfs", "abfss"), _AZURE),
    **dict.fromkeys(("file", "local", "memory"), _HERE),
}


def backend_of(protocol: str) -> Backend:
    """Return what is special about the file systems of ``protocol``; of most, nothing."""
    return _BACKENDS.get(protocol, _OTHER)
