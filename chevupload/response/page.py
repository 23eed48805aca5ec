"""The frame and the style that all pages share, and the headers that make them safe.

May know: WebOb and markupsafe. Every value goes through :meth:`Markup.format`, which escapes it.
"""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import urlsplit

from markupsafe import Markup
from webob import Response

NOTHING = Markup("")

_STYLE = Markup("""
:root{color-scheme:light dark;--back:#f6f6f4;--card:#fff;--text:#1d1d1b;--soft:#62625e;--line:#deded9;--link:#0b57a4}
@media(prefers-color-scheme:dark){:root{--back:#161615;--card:#212120;--text:#ecece8;--soft:#a5a59f;--line:#3a3a37;--link:#8cc0ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem;overflow-wrap:anywhere}
a{color:var(--link)}
p.facts{color:var(--soft);margin:0 0 1rem}
p.description{white-space:pre-wrap;overflow-wrap:anywhere}
figure{margin:0 0 1rem;text-align:center;background:var(--card);border:1px solid var(--line);border-radius:.5rem;
padding:.5rem}
figure img,figure video{max-width:100%;max-height:80vh;height:auto;vertical-align:middle;border-radius:.25rem}
summary{cursor:pointer;padding:2rem}
ul.tags{display:flex;flex-wrap:wrap;gap:.5rem;list-style:none;padding:0}
ul.tags li{border:1px solid var(--line);border-radius:1rem;padding:0 .75rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2rem 0 .5rem}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.5rem 1rem;align-items:center;margin:0}
dt{color:var(--soft)}dd{margin:0}
input{width:100%;font:.9rem/1.4 ui-monospace,monospace;padding:.4rem .5rem;border:1px solid var(--line);
border-radius:.25rem;background:var(--card);color:var(--text)}
form a{margin-left:1rem}
button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.25rem;background:#b3261e;color:#fff;cursor:pointer}
button.make{background:#0b57a4}
form.make label{display:block;color:var(--soft);margin:1rem 0 .25rem}
select{font:inherit;padding:.4rem .5rem;border:1px solid var(--line);border-radius:.25rem;background:var(--card);
color:var(--text)}
form.make button{display:block;margin-top:1.25rem}
section.new{background:var(--card);border:2px solid var(--link);border-radius:.5rem;padding:1rem;margin:1rem 0}
section.new h2{margin:0 0 .5rem}section.new p{margin:.5rem 0 0}
ul.keys{list-style:none;padding:0;margin:0}
ul.keys li{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:center;justify-content:space-between;
background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.75rem 1rem;margin:0 0 .5rem}
ul.keys strong{overflow-wrap:anywhere}ul.keys small{display:block;color:var(--soft)}
ul.keys summary{padding:.25rem}ul.keys .over{color:var(--soft);background:none}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
""")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_PAGE = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
{head}<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
""")


def page(title: str, body: Markup, *, head: Markup = NOTHING, images: str | None = None, status: int = 200) -> Response:
    """Set ``body`` into the page that all share. ``images`` is an address from whose origin pictures may come."""
    text = _PAGE.format(title=title, head=head, style=_STYLE, body=body)
    response = Response(body=text.encode(), status=status, content_type="text/html", charset="utf-8")
    sources = " ".join(("'self'", "data:", *((_origin(images),) if images else ())))
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; img-src {sources}; media-src {sources}; style-src 'sha256-{_STYLE_HASH}'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
