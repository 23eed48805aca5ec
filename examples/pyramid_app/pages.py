"""What the pages look like. Whatever is put into them is escaped by :class:`markupsafe.Markup`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from pyramid.csrf import get_csrf_token
from pyramid.response import Response

from chevupload import Page, Pages, Upload

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PAGE_SIZE = 24
STATIC = str(Path(__file__).parent.parent / "static")
_LAYOUT = Markup("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{style}">
{head}<nav class="site" aria-label="Site"><a href="{home}">Pictures</a> {own}</nav>
<main>{main}</main></html>""")
_OWN = Markup("""<a href="{upload}">Upload many</a> <a href="{keys}">API keys</a>
<form method="post" action="{logout}">{token}<button>Sign out</button></form>""")
_PAGE = Markup("<h1>{title}</h1>\n{alert}{content}")
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
_HOME = Markup("""<form method="post" enctype="multipart/form-data">{token}
<label for="title">Title</label><input id="title" name="title" value="{typed}" maxlength="100">
<label for="picture">Picture</label><input id="picture" name="picture" type="file" accept="image/*" required>
<button>Upload</button></form>
<ul>{pictures}</ul>{older}
<details><summary>Delete my account…</summary>
<form method="post" action="{delete}">{token}<p>Nothing of it can be brought back.</p>
<button>Delete my account, with all pictures and keys</button></form></details>""")
_PICTURE = Markup("""<li><a href="{url}">
<img src="{thumbnail}" alt="">{title}</a>
<details><summary>Change…</summary><form method="post" action="{change}">{token}
<input type="hidden" name="id" value="{id}">
<label>Title <input name="title" value="{own_title}" maxlength="100"></label>
<button name="action" value="save">Save</button>
<button name="action" value="delete">Delete</button></form></details></li>
""")
_NO_PICTURE = Markup("<li>No pictures yet.</li>")
_OLDER = Markup('\n<p><a href="{}">Older pictures</a></p>')


class SitePages(Pages):
    """The pages of chevupload, in this site's own layout."""

    def layout(self, page: Page, environ: WSGIEnvironment) -> str:
        """Set a page into it."""
        return _layout(environ["chevupload.request"], page.title, page.body, page.head)


def register_page(request: Any, alert: str) -> Response:
    """Show the form of a new user."""
    other = request.route_path("login", _query=request.GET)
    values = {"typed": request.POST.get("name", ""), "other": other, "token": _token(request)}
    return _page(request, "Register", alert, _REGISTER.format(**values))


def sign_in_page(request: Any, alert: str) -> Response:
    """Show a form for name and password."""
    other = request.route_path("register", _query=request.GET)
    values = {"typed": request.POST.get("name", ""), "other": other, "token": _token(request)}
    return _page(request, "Sign in", alert, _SIGN_IN.format(**values))


def home_page(request: Any, found: Sequence[Upload], alert: str) -> Response:
    """Show the user's pictures, and forms for another one and for the account."""
    urls, paths, token = request.chevupload.links, request.route_path, _token(request)
    pictures = [
        _PICTURE.format(
            url=urls.viewer(upload),
            thumbnail=urls.thumb(upload),
            title=upload.title or upload.name,
            own_title=upload.title or "",
            id=upload.id,
            change=paths("change"),
            token=token,
        )
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
    return _page(request, f"Pictures of {request.identity.name}", alert, content)


def _token(request: Any) -> Markup:
    return _TOKEN.format(get_csrf_token(request))


def _page(request: Any, title: str, alert: str, content: Markup) -> Response:
    shown = _ALERT.format(alert) if alert else ""
    main = _PAGE.format(title=title, alert=shown, content=content)
    return Response(_layout(request, title, main), status=400 if alert else 200)


def _layout(request: Any, title: str, main: Markup, head: Markup | str = "") -> str:
    """Return the whole document around ``main``."""
    paths, own = request.route_path, Markup()
    if request.identity is not None:
        urls = {"upload": paths("chevupload.upload_page"), "keys": paths("chevupload.keys"), "logout": paths("logout")}
        own = _OWN.format(token=_token(request), **urls)
    style = request.static_path(f"{STATIC}/site.css")
    return str(_LAYOUT.format(title=title, style=style, head=head, home=paths("home"), own=own, main=main))
