"""The page that takes uploads, and the one that follows it where no script runs.

Without a script the form takes one file and is answered with a page; with it, many, whose rows are made of the page's
template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from markupsafe import Markup

from chevupload.formats import FORMATS
from chevupload.model import Upload
from chevupload.spool import format_bytes
from chevupload.web.copies import SCRIPT, copies, link_rows, shown_title
from chevupload.web.page import NOTHING, Page
from chevupload.web.urls import Links

LIFETIMES = {
    "": "For ever",
    "PT1H": "For an hour",
    "P1D": "For a day",
    "P7D": "For a week",
    "P1M": "For a month",
    "P1Y": "For a year",
}
"""What may be chosen as an upload's lifetime, as durations."""

_UNITS = ((1440, "day"), (60, "hour"), (1, "minute"))
_PAGE = Markup("""<h1>Upload</h1>
{problem}<form method="post" enctype="multipart/form-data" id="upload"
data-max-bytes="{max_bytes}" data-origins="{origins}">
<input type="hidden" name="token" value="{token}">
<div class="drop">
<label for="source">Pictures{videos}</label>
<input type="file" id="source" name="source" accept="{accept}">
<p class="only-script" hidden>Choose as many as you like, drop them here, or paste them.</p>
<p class="facts">{formats}, up to {size}{each}{with_key}.{guests}</p>
<p class="problem" role="alert" hidden></p>
</div>
{url}{key}{url_with_key}<div class="choices">
<p><label for="expiration">Keep</label>
<select id="expiration" name="expiration">
{lifetimes}</select></p>
<p class="check"><input type="checkbox" id="nsfw" name="nsfw" value="1">
<label for="nsfw">May not be safe for work</label></p>
</div>
<button type="submit">Upload</button>
</form>
<section id="queue" aria-labelledby="queue-title" hidden>
<h2 id="queue-title">Your uploads</h2>
<p id="progress" role="status"></p>
<ul class="uploads"></ul>
<div class="all" hidden>
<label for="all-kind">All of them, as</label>
<select id="all-kind"></select>
<textarea id="all" aria-label="Links of all uploads" rows="3" readonly></textarea>
</div>
</section>
<template id="upload-row"><li>
<span class="thumb"><img alt="" hidden></span>
<div class="about"><strong class="name"></strong>
<small class="state"></small>
<progress max="100" value="0"></progress>
<p class="problem" hidden></p></div>
<button type="button" class="quiet action"></button>
<details class="links" hidden><summary>Links</summary><dl class="copies"></dl></details>
</li></template>""")
_URL = Markup("""<p class="field"{hidden}><label for="url">Or the address of one on the web</label>
<input type="url" id="url" name="source" placeholder="https://" autocomplete="off"{disabled}></p>
""")
_KEY = Markup("""<p class="field"><label for="key">API key{optional}</label>
<input type="password" id="key" name="key" maxlength="512" autocomplete="off" spellcheck="false"{required}>{sign_in}</p>
<p class="check only-script" hidden><input type="checkbox" id="remember">
<label for="remember">Remember the key on this device</label></p>
""")
_ONLY_WITH_KEY = Markup(' id="url-with-key" hidden')
_DISABLED = Markup(" disabled")
_GUESTS = Markup(" Without a key, they are deleted after {}.")
_SIGN_IN = Markup('\n<small>Or <a href="{}">sign in</a>.</small>')
_PROBLEM = Markup('<p class="problem" role="alert">{}</p>\n')
_OPTION = Markup('<option value="{value}">{text}</option>\n')
_STILL = Markup('<figure><img src="{shown}" alt="{title}"></figure>\n')
_UPLOADED = Markup("""<h1>Uploaded</h1>
{picture}<h2>Links to copy</h2>
{links}
<p>Keep the delete link to yourself: whoever has it can take the upload away. It is shown this once.</p>
<p><a href="">Upload another</a></p>""")


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadForm:
    """What the page's form offers, to whom it is shown.

    Attributes:
        token: shows that the form is ours; empty where only a key counts.
        is_user: somebody is signed in, in whose name uploads are made.
        takes_urls: whether an address on the web may be given instead of a file: always, with a key only, or never.
        max_bytes: of one file, of who sends no key.
        key_max_bytes: of one file with the key of a user whose limit is the site's; None where it is the same.
        lifetime: after which uploads are deleted that ask for nothing else; None keeps them.
        guest_lifetime: after which uploads without a key are deleted, whatever they ask for.
        formats: formats that are accepted and can be decoded, by the names of :data:`chevupload.formats.FORMATS`.
        origins: of pages that may have opened this one as a pop-up, and are told the links.
        login_url: where to sign in.
        problem: why the last upload was refused.
    """

    token: str
    is_user: bool
    takes_urls: Literal["always", "with a key", "never"]
    max_bytes: int
    key_max_bytes: int | None = None
    lifetime: timedelta | None = None
    guest_lifetime: timedelta | None = None
    formats: Sequence[str]
    origins: Sequence[str]
    login_url: str | None
    problem: str | None = None


def upload_page(form: UploadForm) -> Page:
    """Take uploads."""
    formats = [FORMATS[name] for name in form.formats]
    body = _PAGE.format(
        problem=_PROBLEM.format(form.problem) if form.problem else NOTHING,
        token=form.token,
        max_bytes=form.max_bytes,
        origins=" ".join(form.origins),
        videos=" and videos" if any(row.kind == "video" for row in formats) else "",
        accept=",".join(part for row in formats for part in (row.mime, *row.chosen_by)),
        formats=", ".join(row.label for row in formats),
        size=format_bytes(form.max_bytes),
        each=Markup('<span class="only-script" hidden> each</span>'),
        with_key=f", or {format_bytes(form.key_max_bytes)} with a key" if form.key_max_bytes else "",
        guests=_GUESTS.format(spell_time(form.guest_lifetime)) if form.guest_lifetime else NOTHING,
        url=_URL.format(hidden=NOTHING, disabled=NOTHING) if form.takes_urls == "always" else NOTHING,
        url_with_key=_URL.format(hidden=_ONLY_WITH_KEY, disabled=_DISABLED)
        if form.takes_urls == "with a key"
        else NOTHING,
        key=NOTHING if form.is_user else _key(form),
        lifetimes=NOTHING.join(_OPTION.format(value=value, text=text) for value, text in _lifetimes(form).items()),
    )
    return Page(name="upload", title="Upload", body=body, scripts=("upload.js",))


def uploaded_page(upload: Upload, links: Links) -> Page:
    """Show the links of an upload, that which deletes it among them."""
    delete = links.delete(upload)
    rows = {**link_rows(upload, links), **({"delete": ("Delete link", delete)} if delete else {})}
    shown = links.file(upload, upload.medium_path or upload.frame_path or upload.path)
    picture = NOTHING if upload.nsfw else _STILL.format(shown=shown, title=shown_title(upload))
    body = _UPLOADED.format(picture=picture, links=copies(rows))
    images = links.source(upload, upload.path)
    return Page(name="uploaded", title="Uploaded", body=body, scripts=(SCRIPT,), images=images)


def _key(form: UploadForm) -> Markup:
    return _KEY.format(
        optional=", if you have one" if form.token else "",
        required=NOTHING if form.token else Markup(" required"),
        sign_in=_SIGN_IN.format(form.login_url) if form.login_url else NOTHING,
    )


def _lifetimes(form: UploadForm) -> Mapping[str, str]:
    """Return what may be chosen; nothing chosen is the user's own time where there is one."""
    return LIFETIMES if form.lifetime is None else {**LIFETIMES, "": f"As usual, {spell_time(form.lifetime)}"}


def spell_time(time: timedelta) -> str:
    """Spell a time in the largest unit of which it is a whole number, such as ``36 hours``; seconds are dropped."""
    minutes = max(1, int(time.total_seconds()) // 60)
    count, unit = next((minutes // size, unit) for size, unit in _UNITS if minutes % size == 0)
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
