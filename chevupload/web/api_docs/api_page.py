"""The page that describes the API as this server answers it, and makes settings for clients with the reader's key.

It is a function of its values, works without JavaScript, and is sent a key by a form only: no key gets into an
address, and none is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from chevupload.model import MAX_KEY_LENGTH
from chevupload.uploads.parameters import PARAMETERS
from chevupload.web.api_docs.client_configs import CLIENTS, PLACEHOLDER, Account, curl_line
from chevupload.web.api_docs.reference import EXPIRATIONS, Service, limits_of, refusals
from chevupload.web.api_docs.schemas import Schema, component_schemas
from chevupload.web.copies import SCRIPT
from chevupload.web.page import NOTHING, Page

_PAGE = Markup("""<h1>Upload API</h1>
<p class="facts">Chevereto’s API V1.1{imgbb}, for programs that upload to {site}</p>
<nav aria-label="On this page"><a href="#clients">Set up a client</a> <a href="#request">Request</a>
<a href="#parameters">Parameters</a> <a href="#answers">Answers</a> <a href="#refusals">Refusals</a>
<a href="#limits">Limits</a></nav>
{clients}
<h2 id="request">Request</h2>
<p>Send <code>POST</code> to <code>{upload_url}</code> with your key in the header <code>X-API-Key</code> and the file
as <code>source</code>:</p>
<pre tabindex="0" role="region" aria-label="Example with curl"><code>{example}</code></pre>
<p>The body is a form (<code>multipart/form-data</code> or urlencoded) or one JSON object. <code>source</code> is a
file, its base64 text, a data
URI{or_url}. {get}A name that is not listed is ignored, and an empty value is an absent one.
Pages of other sites may call the API, unless this site limits that. With a header <code>Idempotency-Key</code>, a text
of your own, a request that is sent once more makes one upload and gets the first answer.</p>
{imgbb_section}{openapi}<h2 id="parameters">Parameters</h2>
{parameters}
<p>Usual lifetimes: {expirations}.</p>
<h2 id="answers">Answers</h2>
{formats}
<details class="rows"><summary>Every member of <code>image</code></summary>
{members}
</details>
<h2 id="refusals">Refusals</h2>
<p>The HTTP status is never 200, and the document says the same:
<code>{{"status_code": 401, "error": {{"message": "Invalid API key.", "code": 100}}, "status_txt": …}}</code>.
With <code>format=txt</code> or <code>redirect</code>, the message comes as plain text with the same status.</p>
{refusals}
<h2 id="limits">Limits</h2>
<p>Accepted: {accepted}. The content decides what a file is, not its name.</p>
{limits}""")
_CLIENTS = Markup("""<section aria-labelledby="clients">
<h2 id="clients">Set up a client</h2>
{said}
<form method="post" class="make" id="settings">
<label for="key">Your API key</label>
<input id="key" name="key" maxlength="{max_key}" value="{key}" autocomplete="off" autocapitalize="none"
spellcheck="false" required{invalid} aria-describedby="said">
<button>Show settings with this key</button>
</form>
{downloads}{clients}</section>""")
_DOWNLOADS = Markup("""<form method="post" id="downloads"><input type="hidden" name="key" value="{key}"></form>
""")
_CLIENT = Markup("""<details class="rows"{open}><summary>{title}</summary>
<p>{use}</p>
<pre tabindex="0" role="region" aria-label="Settings for {title}"><code>{text}</code></pre>
<button class="quiet" form="downloads" name="download" value="{name}">Download {filename}</button>
</details>
""")
_TABLE = Markup("""<div class="wide" tabindex="0" role="region" aria-label="{label}"><table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}</tbody>
</table></div>""")
_IMGBB = Markup("""<p>ImgBB’s clients work with <code>{url}</code>, which takes <code>image</code> and <code>key</code>,
and answers with ImgBB’s members and types. On the other route, a source named <code>image</code> is answered below
<code>data</code> instead of <code>image</code>.</p>
""")
_OPENAPI = Markup("""<p>Programs read all of this as <a href="{url}">OpenAPI 3.1</a>.</p>
""")
_ASKED = Markup('<p id="said">{}</p>')
_KEPT = Markup('<p id="said" role="status"><strong>{}</strong></p>')
_PROBLEM = Markup('<p id="said" class="problem" role="alert">{}.</p>')
_NO_KEY = "Enter your key to see it in the settings. It is sent to this page only, and not kept."
_WITH_KEY = "These settings hold your key: keep them as secret as the key itself. Nothing was kept here."


def api_page(service: Service, account: Account, *, problem: str | None = None) -> Page:
    """Describe the API, with settings for ``account``; ``problem`` is what is wrong with the key that was sent."""
    routes = service.routes
    get = Markup("<code>GET</code> works for URLs. ") if service.policy.url_sources != "nobody" else NOTHING
    body = _PAGE.format(
        imgbb=" and ImgBB’s" if routes.imgbb else "",
        site=account.site,
        clients=_clients(account, problem),
        upload_url=account.upload_url,
        example=curl_line(account, "picture.jpg"),
        or_url=", or a URL that is fetched" if get else "",
        get=get,
        imgbb_section=_IMGBB.format(url=service.url(routes.imgbb)) if routes.imgbb else NOTHING,
        openapi=_OPENAPI.format(url=urlsplit(service.url(routes.openapi)).path) if routes.openapi else NOTHING,
        parameters=_parameters(),
        expirations=_list(EXPIRATIONS),
        formats=_formats(),
        members=_members(),
        refusals=_refusals(),
        accepted=", ".join(service.formats),
        limits=_table("Limits", ("What", "Limit"), limits_of(service)),
    )
    return Page(
        name="api",
        title="Upload API",
        body=body,
        scripts=(SCRIPT,),
        status=400 if problem else 200,
        headers=(("X-Robots-Tag", "noindex"),),
    )


def _clients(account: Account, problem: str | None) -> Markup:
    has_key = account.key != PLACEHOLDER
    return _CLIENTS.format(
        said=_said(has_key, problem),
        max_key=MAX_KEY_LENGTH,
        key=account.key if has_key else "",
        invalid=Markup(' aria-invalid="true"') if problem else NOTHING,
        downloads=_DOWNLOADS.format(key=account.key),
        clients=NOTHING.join(
            _CLIENT.format(
                open=Markup(" open") if has_key and name == "sharex" else NOTHING,
                title=client.title,
                use=client.use,
                text=client.build(account),
                name=name,
                filename=client.filename_for(account),
            )
            for name, client in CLIENTS.items()
        ),
    )


def _said(has_key: bool, problem: str | None) -> Markup:
    if problem:
        return _PROBLEM.format(problem)
    return _KEPT.format(_WITH_KEY) if has_key else _ASKED.format(_NO_KEY)


def _parameters() -> Markup:
    rows = [
        (Markup("<code>source</code>"), "The file. A file part wins over text; image is another name for it."),
        *((Markup("<code>{}</code>").format(one.name), one.about) for one in PARAMETERS),
    ]
    return _table("Parameters", ("Name", "Meaning"), rows)


def _formats() -> Markup:
    rows = (
        (
            Markup("<code>json</code>"),
            Markup(
                "200 with <code>status_code</code>, <code>success</code>, <code>image</code> and"
                " <code>status_txt</code>. Read <code>image.url</code>, <code>image.url_viewer</code>,"
                " <code>image.thumb.url</code> and <code>image.delete_url</code>."
            ),
        ),
        (Markup("<code>txt</code>"), "200 with the file’s URL as plain text."),
        (Markup("<code>redirect</code>"), "302 to the upload’s page."),
    )
    return _table("Answers", ("Format", "Answer"), rows)


def _members() -> Markup:
    properties = component_schemas()["Image"]["properties"]
    rows = [
        (Markup("<code>{}</code>").format(name), _kind(schema), schema.get("description", ""))
        for name, schema in properties.items()
    ]
    return _table("Members of image", ("Member", "Type", "Meaning"), rows)


def _kind(schema: Schema) -> str:
    """Spell a schema's type in a word or two."""
    if "const" in schema:
        return f"always {schema['const']}"
    if "$ref" in schema:
        return "object"
    if "oneOf" in schema:
        return "object, its members null without such a file"
    if schema.get("enum") == [0, 1]:
        return "0 or 1"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(kinds)


def _refusals() -> Markup:
    rows = [(str(kind.status), str(kind.code), kind.text, _code(kind.when)) for kind in refusals()]
    return _table("Refusals", ("Status", "Code", "Message", "When"), rows)


def _code(text: str) -> Markup:
    """Set what stands between doubled backquotes as code."""
    parts = text.split("``")
    return NOTHING.join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


def _list(values: Iterable[str]) -> Markup:
    return Markup(", ").join(Markup("<code>{}</code>").format(value) for value in values)


def _table(label: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    cells = (NOTHING.join(Markup("<td>{}</td>").format(cell) for cell in row) for row in rows)
    return _TABLE.format(
        label=label,
        head=NOTHING.join(Markup('<th scope="col">{}</th>').format(name) for name in head),
        rows=NOTHING.join(Markup("<tr>{}</tr>\n").format(row) for row in cells),
    )
