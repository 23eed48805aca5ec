"""What the pages look like. Whatever is put into them is escaped by :class:`markupsafe.Markup`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from pyramid.csrf import get_csrf_token
from pyramid.response import Response

from chevupload import Upload

PAGE_SIZE = 24
_STYLE = Markup("""<style>
:root { color-scheme: light dark }
* { box-sizing: border-box }
body { max-width: 44rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; font: 1rem/1.5 system-ui, sans-serif }
main, nav { overflow-wrap: anywhere }
nav { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center }
nav form { margin-left: auto }
h1 { font-size: 1.6rem; line-height: 1.25 }
label { display: block }
input, button { max-width: 100%; padding: .4rem .8rem; font: inherit }
main input { display: block; width: 24rem; margin: .25rem 0 1rem }
input[type=file] { padding-left: 0 }
[role=alert] { padding: .6rem .9rem; border-left: .3rem solid #d3302f; background: #d3302f26 }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 1rem }
ul { padding: 0; list-style: none }
li img { display: block; width: 100%; margin-bottom: .25rem; border-radius: .4rem }
form + ul, details { margin-top: 2.5rem }
</style>""")
_PAGE = Markup("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{style}
{nav}<main><h1>{title}</h1>
{alert}{content}</main></html>""")
_ALERT = Markup('<p role="alert">{}</p>\n')
_TOKEN = Markup('<input type="hidden" name="csrf_token" value="{}">')
_REGISTER = Markup("""<form method="post">{token}<label for="name">Name</label>
<input id="name" name="name" value="{typed}" maxlength="40" autocomplete="username" required>
<label for="password">Password, ten characters or more</label>
<input id="password" name="password" type="password" minlength="10" autocomplete="new-password" required>
<button>Register</button></form>
<p>Already registered? <a href="{other}">Sign in</a></p>""")
_SIGN_IN = Markup("""<form method="post">{token}<label for="name">Name</label>
<input id="name" name="name" value="{typed}" maxlength="40" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button></form>
<p>No account yet? <a href="{other}">Register</a></p>""")
_NAV = Markup("""<nav><a href="{home}">Pictures</a> <a href="{keys}">API keys</a>
<form method="post" action="{logout}">{token}<button>Sign out</button></form></nav>
""")
_HOME = Markup("""<form method="post" enctype="multipart/form-data">{token}
<label for="title">Title</label><input id="title" name="title" value="{typed}" maxlength="100">
<label for="picture">Picture</label><input id="picture" name="picture" type="file" accept="image/*" required>
<button>Upload</button></form>
<ul>{pictures}</ul>{older}
<details><summary>Delete my account…</summary>
<form method="post" action="{delete}">{token}<p>Nothing of it can be brought back.</p>
<button>Delete my account, with all pictures and keys</button></form></details>""")
_PICTURE = Markup('<li><a href="{url}">\n<img src="{thumbnail}" alt="">{title}</a></li>\n')
_NO_PICTURE = Markup("<li>No pictures yet.</li>")
_OLDER = Markup('\n<p><a href="{}">Older pictures</a></p>')


def register_page(request: Any, alert: str) -> Response:
    """Show the form of a new user."""
    other = request.route_path("login", _query=request.GET)
    values = {"typed": request.POST.get("name", ""), "other": other, "token": _token(request)}
    return _page("Register", alert, _REGISTER.format(**values))


def sign_in_page(request: Any, alert: str) -> Response:
    """Show a form for name and password."""
    other = request.route_path("register", _query=request.GET)
    values = {"typed": request.POST.get("name", ""), "other": other, "token": _token(request)}
    return _page("Sign in", alert, _SIGN_IN.format(**values))


def home_page(request: Any, found: Sequence[Upload], alert: str) -> Response:
    """Show the user's pictures, and forms for another one and for the account."""
    urls, paths, token = request.chevupload.links, request.route_path, _token(request)
    pictures = [
        _PICTURE.format(url=urls.viewer(upload), thumbnail=urls.thumb(upload), title=upload.title or upload.name)
        for upload in found[:PAGE_SIZE]
    ]
    older = paths("home", _query={"before": found[PAGE_SIZE - 1].cursor}) if found[PAGE_SIZE:] else None
    content = _HOME.format(
        pictures=Markup().join(pictures) or _NO_PICTURE,
        older=_OLDER.format(older) if older else "",
        typed=request.POST.get("title", ""),
        token=token,
        delete=paths("delete_account"),
    )
    nav = _NAV.format(home=paths("home"), keys=paths("chevupload.keys"), logout=paths("logout"), token=token)
    return _page(f"Pictures of {request.identity.name}", alert, content, nav)


def _token(request: Any) -> Markup:
    return _TOKEN.format(get_csrf_token(request))


def _page(title: str, alert: str, content: Markup, nav: str = "") -> Response:
    shown = _ALERT.format(alert) if alert else ""
    text = _PAGE.format(title=title, style=_STYLE, nav=nav, alert=shown, content=content)
    return Response(text, status=400 if alert else 200)
