"""What is special about a few file systems: how they are told of headers, of time limits, and to write new files only.

Sources: the documentation of s3fs, gcsfs and adlfs, and the three services' rules for conditional writes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

from chevupload.model import FileHeaders
from chevupload.storage.fsspec_io import Access, ObjectAccess

_CONNECT_SECONDS = 5
_READ_SECONDS = 20
"""How long a store may be silent before its library tries again; the storage's own limit ends all of it."""

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


class _Unmeasured(io.RawIOBase):
    """A file without a length: of a file with one, Azure's library holds up to 64 MiB in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


_S3 = Backend(options=_s3_options, arguments=_s3_arguments, access=ObjectAccess, exclusive=True, endpoints=True)
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
