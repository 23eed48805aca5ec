"""What a host adds to the way of an upload: a question before it is stored, news after the fact, names of users."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, TypeAlias

from chevupload.errors import ConfigError
from chevupload.model import Principal, Upload
from chevupload.records.event import OnEvent
from chevupload.validation import function_of, optional

logger = logging.getLogger("chevupload")

BeforeStore: TypeAlias = Callable[[Upload, Principal, BinaryIO], None]
"""Sees the record that is about to be stored, whose name becomes another one if it is taken, and the file itself;
refuses by raising :class:`~chevupload.errors.RequestDenied` with a reason, or any other refusal."""

OnUpload: TypeAlias = Callable[[Upload, Principal], None]
"""Told once of each upload that readers can see from now on; not if the process dies at that moment."""

OnDelete: TypeAlias = Callable[[Upload], None]
"""Told once of each upload that is gone: deleted by its link or by the host, or expired and swept; not if the process
dies at that moment."""

DisplayName: TypeAlias = Callable[[str], str | None]
"""Returns the name of the user with this id, which pages show to everybody; None where there is no name to show."""

_KINDS = {
    "before_store": optional(function_of("upload", "principal", "file")),
    "on_upload": optional(function_of("upload", "principal")),
    "on_delete": optional(function_of("upload")),
    "display_name": optional(function_of("user_id")),
}
_HANDLER = function_of("event")
_HANDLER_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The host's functions. Each may be called from many threads at once.

    Raises:
        ConfigError: one takes other arguments, or is async, or an event handler's name has other characters than
            letters, digits, ``_``, ``.`` and ``-``, or more than 64 of them.
    """

    before_store: BeforeStore | None = None
    """Asked before an upload is stored."""
    on_upload: OnUpload | None = None
    """Told of each upload once it is there."""
    on_delete: OnDelete | None = None
    """Told of each upload once it is gone."""
    display_name: DisplayName | None = None
    """Names users on pages: who is signed in, and on viewers who has uploaded. Without it, nobody is named."""
    on_event: Mapping[str, OnEvent] = field(default_factory=dict)
    """Handlers of events, by names that stay the same: functions of one :class:`~chevupload.records.event.Event`, which
    ``chevupload events deliver`` calls. With any, events are kept in the catalog until each handler had them."""

    def __post_init__(self) -> None:
        """Check what each function takes."""
        for name, kind in _KINDS.items():
            kind.checked(name, getattr(self, name))
        for name, handler in self.on_event.items():
            if not _HANDLER_NAME.match(name):
                raise ConfigError(f"Hooks.on_event: a handler's name has letters, digits, _, . and - alone: {name!r}")
            _HANDLER.checked(f"Hooks.on_event[{name!r}]", handler)

    def uploaded(self, upload: Upload, principal: Principal) -> None:
        """Tell of an upload. An error of the hook is logged: the upload is there."""
        if self.on_upload is not None:
            try:
                self.on_upload(upload, principal)
            except Exception:
                logger.exception("on_upload failed for %s", upload.id)

    def deleted(self, upload: Upload) -> None:
        """Tell of a deletion. An error of the hook is logged: the upload is gone."""
        if self.on_delete is not None:
            try:
                self.on_delete(upload)
            except Exception:
                logger.exception("on_delete failed for %s", upload.id)
