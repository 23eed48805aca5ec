"""The route by which a program learns what its key is for, and what the key's user may keep.

Source: docs/programs.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chevupload.errors import RequestDenied
from chevupload.media.optional import usable
from chevupload.model import Principal
from chevupload.policy.restrictions import SCOPES
from chevupload.web.api_feature import PATTERNS, ApiFeature
from chevupload.web.feature import route
from chevupload.wsgi.responses import Document, json_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class AccountApi(ApiFeature):
    """Answers the route for the account of a key's user."""

    @route("account", "GET, OPTIONS", patterns=PATTERNS, refusals="json", is_shared=True)
    def account(self, environ: WSGIEnvironment) -> Response:
        """Answer with scopes, limits, quota and usage, for every key but a ticket."""
        sender, _ = self._read(environ, scope=None)
        if sender.ticket is not None:
            # Who holds it is somebody else.
            raise RequestDenied
        account = {
            "user_id": sender.user_id,
            "is_admin": sender.is_admin,
            "scopes": [scope for scope in SCOPES if sender.may(scope)],
            "album_id": sender.album_id,
            "origins": None if sender.origins is None else sorted(sender.origins),
            "limits": self._limits(sender),
            "flood": self._flood(sender),
            "quota": self._quota(sender),
            "usage": self._usage(sender),
        }
        return json_answer({"status_code": 200, "account": account, "status_txt": "OK"})

    def _limits(self, sender: Principal) -> Document:
        formats = usable(self._config.policy.formats)
        return {
            "max_bytes": sender.largest_file(self._context.config.limits),
            "max_pixels": sender.max_pixels or self._config.limits.max_pixels,
            "formats": [name for name in formats if sender.formats is None or name in sender.formats],
        }

    def _flood(self, sender: Principal) -> Document | None:
        """Return how many uploads there may be in each time that has a limit; None where none has one."""
        windows = self._context.rate_limits.windows(sender)
        return {window.name: window.most for window in windows} if windows else None

    def _quota(self, sender: Principal) -> Document:
        quota = self._context.creation.quota(sender)
        return {"files": quota.files, "bytes": quota.bytes}

    def _usage(self, sender: Principal) -> Document | None:
        """Return what the user keeps; None where that is not kept, and for guests, who are many."""
        if self._config.policy.usage is None or sender.is_guest:
            return None
        usage = self._context.uploads.usage(sender)
        return {"files": usage.files, "bytes": usage.bytes}
