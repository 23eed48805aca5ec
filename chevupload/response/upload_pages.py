"""The page that takes uploads, and the one that follows it where no script runs.

May know: markupsafe, the model and links. Without a script the form takes one file and is answered with a page; with
it, many, whose rows are made of the page's template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chevupload.model import MIME_TYPES, Upload
from chevupload.response.copies import SCRIPT, copies, link_rows, shown_title
from chevupload.response.links import Links
from chevupload.response.page import NOTHING, Page
from chevupload.spool import format_bytes

LIFETIMES = {
    "": "For ever",
    "PT1H": "For an hour",
    "P1D": "For a day",
    "P7D": "For a week",
    "P1M": "For a month",
    "P1Y": "For a year",
}
"""What may be chosen as an upload's lifetime, as durations."""

_SPELLINGS = {"WEBP": "WebP", "WEBM": "WebM"}
_PAGE = Markup("""<h1>Upload</h1>
{problem}<form method="post" enctype="multipart/form-data" id="upload"
data-max-bytes="{max_bytes}" data-origins="{origins}">
<input type="hidden" name="token" value="{token}">
<div class="drop">
<label for="source">Pictures{videos}</label>
<input type="file" id="source" name="source" accept="{accept}">
<p class="only-script" hidden>Choose as many as you like, drop them here, or paste them.</p>
<p class="facts">{formats}, up to {size}{each}.</p>
</div>
{url}{key}<div class="choices">
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
_URL = Markup("""<p class="field"><label for="url">Or the address of one on the web</label>
<input type="url" id="url" name="source" placeholder="https://" autocomplete="off"></p>
""")
_KEY = Markup("""<p class="field"><label for="key">API key{optional}</label>
<input type="password" id="key" name="key" maxlength="512" autocomplete="off" spellcheck="false"{required}>{sign_in}</p>
<p class="check only-script" hidden><input type="checkbox" id="remember">
<label for="remember">Remember the key on this device</label></p>
""")
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
        takes_urls: whether an address on the web may be given instead of a file.
        max_bytes: of one file.
        formats: accepted formats, by the names of :data:`chevupload.config.FORMATS`.
        origins: of pages that may have opened this one as a pop-up, and are told the links.
        login_url: where to sign in.
        problem: why the last upload was refused.
    """

    token: str
    is_user: bool
    takes_urls: bool
    max_bytes: int
    formats: Sequence[str]
    origins: Sequence[str]
    login_url: str | None
    problem: str | None = None


def upload_page(form: UploadForm) -> Page:
    """Take uploads."""
    body = _PAGE.format(
        problem=_PROBLEM.format(form.problem) if form.problem else NOTHING,
        token=form.token,
        max_bytes=form.max_bytes,
        origins=" ".join(form.origins),
        videos=" and videos" if any(_mime(name).startswith("video/") for name in form.formats) else "",
        # A phone that is not asked for HEIC sends its photos as JPEG, which every browser shows.
        accept=",".join(_mime(name) for name in form.formats if name != "HEIC"),
        formats=", ".join(_SPELLINGS.get(name, name) for name in form.formats),
        size=format_bytes(form.max_bytes),
        each=Markup('<span class="only-script" hidden> each</span>'),
        url=_URL if form.takes_urls else NOTHING,
        key=NOTHING if form.is_user else _key(form),
        lifetimes=NOTHING.join(_OPTION.format(value=value, text=text) for value, text in LIFETIMES.items()),
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


def _mime(name: str) -> str:
    return MIME_TYPES.get(name.lower(), f"image/{name.lower()}")
