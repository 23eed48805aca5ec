"""What the pages look like. Whatever is put into them is escaped by :class:`markupsafe.Markup`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from pyramid.csrf import get_csrf_token
from pyramid.response import Response

from chevupload import Upload

_PAGE = Markup("""<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>{title} – Pictures</title>
<style>
body {{ max-width: 42rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif; color: #222 }}
nav, ul {{ display: flex; flex-wrap: wrap; gap: 1.2rem; padding: 0; list-style: none }}
li, li img {{ display: block; width: 9rem }} li img {{ border-radius: .4rem }} li {{ overflow-wrap: anywhere }}
label {{ display: block; margin-top: .8rem }} input, button {{ font: inherit; padding: .4rem .6rem }}
form button {{ display: block; margin: 1rem 0 }}
[role=alert] {{ border-left: .3rem solid #b3261e; padding-left: .8rem }}
</style>
<nav>{links}</nav>
<main><h1>{title}</h1>
{alert}{content}</main></html>""")
_LINK = Markup('<a href="{url}">{text}</a>')
_ALERT = Markup('<p role="alert">{text}</p>\n')
_TOKEN = Markup('<input type="hidden" name="csrf_token" value="{token}">')
_SIGN_IN = Markup("""<form method="post">{token}
<label for="name">Name</label><input id="name" name="name" maxlength="40" autocomplete="username" required>
<label for="password">Password, ten characters or more</label>
<input id="password" name="password" type="password" minlength="10" autocomplete="{autocomplete}" required>
<button>{title}</button></form>""")
_HOME = Markup("""<ul>{pictures}</ul>
<h2>Add a picture</h2><form method="post" enctype="multipart/form-data">{token}
<label for="picture">File</label><input id="picture" name="picture" type="file" accept="image/*" required>
<label for="title">Title</label><input id="title" name="title" maxlength="100"><button>Upload</button></form>
<h2>Your account</h2><form method="post" action="{logout}">{token}<button>Sign out</button></form>
<form method="post" action="{delete}">{token}<button>Delete it, with everything in it</button></form>""")
_PICTURE = Markup('<li><a href="{url}"><img src="{thumbnail}" alt="">{title}</a></li>\n')


def sign_in_page(request: Any, title: str, alert: str, *, autocomplete: str) -> Response:
    """Show a form for name and password."""
    links = [("Sign in", request.route_path("login")), ("Register", request.route_path("register"))]
    content = _SIGN_IN.format(token=_token(request), title=title, autocomplete=autocomplete)
    return _page(title, links, alert, content)


def home_page(request: Any, pictures: Sequence[Upload], alert: str) -> Response:
    """Show the user's pictures, and forms for another one and for the account."""
    urls = request.chevupload.links
    shown = [
        _PICTURE.format(
            url=urls.viewer(picture), thumbnail=urls.file(picture.thumb_path), title=picture.title or "Untitled"
        )
        for picture in pictures
    ]
    content = _HOME.format(
        pictures=Markup().join(shown) or Markup("<li>No picture yet.</li>"),
        token=_token(request),
        logout=request.route_path("logout"),
        delete=request.route_path("delete_account"),
    )
    links = [("Pictures", request.route_path("home")), ("API keys", request.route_path("chevupload.keys"))]
    return _page(request.identity.name, links, alert, content)


def _token(request: Any) -> Markup:
    return _TOKEN.format(token=get_csrf_token(request))


def _page(title: str, links: Sequence[tuple[str, str]], alert: str, content: Markup) -> Response:
    shown = Markup(" ").join(_LINK.format(text=text, url=url) for text, url in links)
    text = _PAGE.format(title=title, links=shown, alert=_ALERT.format(text=alert) if alert else "", content=content)
    return Response(text, status=400 if alert else 200)
