"""A handler of events that sends them to a URL, signed as Standard Webhooks has it.

Source: the specification "Standard Webhooks", version 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chevupload.clock import Clock, utc_now
from chevupload.errors import ConfigError, FetchFailed, HandlerEnded, InvalidUrl, UrlRefused
from chevupload.fetch.connector import Connector, Deadline, Dial, Resolve
from chevupload.fetch.fetcher import FetchRules
from chevupload.fetch.url_safety import parse_url
from chevupload.records.event import Event
from chevupload.validation import mask_query

if TYPE_CHECKING:
    from standardwebhooks import Webhook as Signer

_RULES = FetchRules(seconds=15.0)
_GONE = 410
_MOST_SECRETS = 4
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,86}={0,2}\Z")
_TOLD = (
    *("title", "type", "mime", "size", "width", "height", "duration", "md5", "nsfw", "tags", "album_id", "category_id"),
    *("created_at", "expires_at"),
)
"""What is told of an upload besides its id, owner and name."""


class Webhook:
    """Sends each event in a POST request to one URL on the public network, which is never a redirect's.

    Each status from 200 to 299 is success; 410 ends everything that is sent there; others are repeated later.
    """

    def __init__(
        self,
        url: str,
        secrets: str | Sequence[str],
        *,
        rules: FetchRules = _RULES,
        resolve: Resolve | None = None,
        dial: Dial | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Send to ``url``, an http or https address.

        Args:
            url: of the receiver.
            secrets: ``whsec_`` and base64 of 24 to 64 random bytes; several while they are exchanged, each signs.
            rules: where to connect to, and how long that may take. Redirects are never followed.
            resolve: as of :class:`~chevupload.fetch.fetcher.HttpFetcher`.
            dial: as of the same.
            clock: returns an aware UTC time.

        Raises:
            ConfigError: no URL or no secret, or one that ``rules`` do not let us reach; or the extra is not installed.
        """
        try:
            self._url = parse_url(url)
            rules.check(self._url)
        except InvalidUrl as error:
            raise ConfigError(f"a webhook's URL must be an http or https address: {mask_query(url)!r}") from error
        except UrlRefused as error:
            raise ConfigError(f"a webhook's URL must be one that its rules allow: {error}") from error
        self._signers = [_signer(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
        if not 1 <= len(self._signers) <= _MOST_SECRETS:
            raise ConfigError(f"a webhook has one secret, or up to {_MOST_SECRETS} while they are exchanged")
        self._rules, self._clock = rules, clock
        self._connector = Connector(denied=rules.networks(), max_look_ups=1, resolve=resolve, dial=dial)

    def __call__(self, event: Event) -> None:
        """Send an event.

        Raises:
            HandlerEnded: the receiver wants no more of them.
            Refusal: it cannot be reached, must not be, or did not take it.
        """
        from chevupload.fetch.client import Exchange  # noqa: PLC0415 - h11 comes with the first event

        content, now = payload(event), self._clock()
        headers = {
            "Content-Type": "application/json",
            "Webhook-Id": event.id,
            "Webhook-Timestamp": str(int(now.timestamp())),
            "Webhook-Signature": " ".join(signer.sign(event.id, now, content) for signer in self._signers),
        }
        deadline = Deadline(self._rules.seconds)
        with closing(self._connector.connect(self._url, deadline)) as connection:
            status = Exchange(
                connection,
                self._url,
                user_agent=self._rules.user_agent,
                deadline=deadline,
                headers=headers.items(),
                content=content.encode(),
            ).status
        if status == _GONE:
            raise HandlerEnded("the receiver of a webhook answered with status 410")
        if not 200 <= status < 300:
            raise FetchFailed(f"the receiver of a webhook answered with status {status}")


def payload(event: Event) -> str:
    """Return what is sent of an event."""
    upload = event.upload
    data: dict[str, Any] = {"id": upload.id, "owner": upload.owner_id, "filename": f"{upload.name}.{upload.extension}"}
    data |= {name: getattr(upload, name) for name in _TOLD} | {"urls": dict(event.urls)}
    if (before := event.before) is not None:
        data["before"] = {name: value for name in _TOLD if (value := getattr(before, name)) != data[name]}
    return json.dumps({"type": f"upload.{event.kind}", "timestamp": event.at, "data": data}, default=datetime.isoformat)


def _signer(secret: str) -> Signer:
    try:
        from standardwebhooks import Webhook as Signer  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise ConfigError("webhooks need the extra webhooks: pip install 'chevupload[webhooks]'") from error
    if not _SECRET.match(secret):
        raise ConfigError("a webhook's secret is whsec_ and base64 of 24 to 64 random bytes")
    return Signer(secret)
