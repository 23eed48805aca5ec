"""The page on which users see, make and revoke their own keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from chevupload.model import ApiKey, NewKey
from chevupload.web.copies import SCRIPT
from chevupload.web.page import NOTHING, Page

LIFETIMES = {"": "Until it is revoked", "P7D": "A week", "P1M": "A month", "P3M": "Three months", "P1Y": "A year"}
"""What may be chosen as a new key's lifetime, as durations."""

_PAGE = Markup("""<h1>API keys</h1>
<p class="facts">Programs upload in your name with a key, to <code>{upload_url}</code>.</p>
{made}{keys}
<h2>Make a key</h2>
<form method="post" class="make">
<input type="hidden" name="token" value="{token}">
<label for="label">Name, so that you know it again</label>
<input id="label" name="label" maxlength="{max_label}" autocomplete="off" required>
<label for="style">Format</label>
<select id="style" name="style">
<option value="chevereto">Chevereto's, for most programs</option>
<option value="imgbb">ImgBB's, 32 letters and digits</option>
</select>
<label for="lifetime">Valid</label>
<select id="lifetime" name="lifetime">
{lifetimes}</select>
<button name="action" value="make">Make the key</button>
</form>""")
_MADE = Markup("""<section class="new" role="status">
<h2><label for="key">Your new key</label></h2>
<div class="copies"><input id="key" readonly autofocus value="{key}"></div>
<p>Copy it now: it is shown this once, and cannot be shown again.</p>
{clients}</section>
""")
_CLIENTS = Markup("""<form method="post" action="{url}"><input type="hidden" name="key" value="{key}">
<button>Settings for ShareX and others with this key</button></form>
""")
_KEY = Markup("""<li{over}><span><strong>{label}</strong><small>{facts}</small></span>{revoke}</li>
""")
_REVOKE = Markup("""<details><summary>Revoke…</summary><form method="post">
<input type="hidden" name="token" value="{token}"><input type="hidden" name="key" value="{id}">
<button class="danger" name="action" value="revoke" aria-label="Revoke {label} for good">Revoke for good</button>
</form></details>""")
_OPTION = Markup('<option value="{value}">{text}</option>\n')


def keys_page(
    keys: Sequence[ApiKey],
    *,
    upload_url: str,
    clients_url: str | None,
    token: str,
    now: datetime,
    max_label: int,
    made: NewKey | None = None,
) -> Page:
    """Show a user's keys, and the one just made; ``token`` goes with every form.

    ``clients_url`` is the page that makes settings for clients with a key, if there is one.
    """
    rows = [_row(key, token, now) for key in sorted(keys, key=lambda key: (not key.is_usable(now), key.created_at))]
    body = _PAGE.format(
        upload_url=upload_url,
        made=_made(made, clients_url) if made else NOTHING,
        keys=Markup('<ul class="keys">\n{}</ul>').format(NOTHING.join(rows)) if rows else Markup("<p>No key yet.</p>"),
        token=token,
        max_label=max_label,
        lifetimes=NOTHING.join(_OPTION.format(value=value, text=text) for value, text in LIFETIMES.items()),
    )
    headers = (("X-Robots-Tag", "noindex"),)
    return Page(name="keys", title="API keys", body=body, scripts=(SCRIPT,), headers=headers)


def sign_in_page() -> Page:
    """Say that this page is for users."""
    body = Markup("<h1>API keys</h1>\n<p>Sign in first: every key is somebody's.</p>")
    return Page(name="sign-in", title="API keys", body=body, status=401)


def _made(made: NewKey, clients_url: str | None) -> Markup:
    clients = _CLIENTS.format(url=clients_url, key=made.key) if clients_url else NOTHING
    return _MADE.format(key=made.key, clients=clients)


def _row(key: ApiKey, token: str, now: datetime) -> Markup:
    name = key.label or key.id
    is_usable = key.is_usable(now)
    return _KEY.format(
        over=NOTHING if is_usable else Markup(' class="over"'),
        label=name,
        facts=" · ".join(_facts(key, now)),
        revoke=_REVOKE.format(token=token, id=key.id, label=name) if is_usable else NOTHING,
    )


def _facts(key: ApiKey, now: datetime) -> list[str]:
    start = f"chv_{key.id}_…" if key.style == "chevereto" else "ImgBB’s format"
    facts = [start, f"made {_day(key.created_at)}"]
    if key.revoked_at is not None:
        facts.append(f"revoked {_day(key.revoked_at)}")
    elif key.expires_at is not None:
        facts.append(f"{'valid until' if key.is_usable(now) else 'expired'} {_day(key.expires_at)}")
    return facts


def _day(moment: datetime) -> str:
    return f"{moment:%d %B %Y}".lstrip("0")
