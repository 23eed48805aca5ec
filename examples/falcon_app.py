"""A Falcon application behind chevupload, with users of its own, who upload by API keys and by its own form.

In the checkout, this makes an environment and starts it at http://127.0.0.1:8000::

    python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[serve]' 'falcon>=4'
    .venv/bin/python examples/falcon_app.py 8000

Register at http://127.0.0.1:8000/register, make a key at "API keys", and upload with it::

    curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:8000/api/1/upload

Everything stays in the folder ``falcon-app-data`` below the current one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import falcon
import waitress
from falcon.media.multipart import MultipartForm
from itsdangerous import BadSignature, URLSafeTimedSerializer
from markupsafe import Markup
from sqlalchemy import Column, MetaData, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from chevupload import Database, DataFolder, Principal, Refusal, UserColumns, component_from, sqlite_engine

MONTH = 30 * 24 * 3600
# One slash, for two are another site's address; so is a backslash, to browsers.
OWN_PATH = re.compile(r"/(?!/)[!-\[\]-~]*")
SITE = DataFolder("falcon-app-data")
database = Database(sqlite_engine(SITE.folder / "site.db"))
users = Table(
    "users",
    MetaData(),
    Column("id", String(32), primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("password", String(200), nullable=False),
)
database.create_tables()
database.create_tables([users])
cookies = URLSafeTimedSerializer(SITE.secret_keys(), salt="session")

PAGE = Markup("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/static/site.css">
{body}</main></html>""")
REGISTER = Markup("""<main><h1>{title}</h1>{alert}
<form method="post">{token}<label for="name">Name</label>
<input id="name" name="name" value="{typed}" maxlength="40" autocomplete="username" required>
<label for="password">Password, ten characters or more</label>
<input id="password" name="password" type="password" minlength="10" autocomplete="new-password" required>
<button>Register</button></form>
<p>Already registered? <a href="/login?{query}">Sign in</a></p>""")
SIGN_IN = Markup("""<main><h1>{title}</h1>{alert}
<form method="post">{token}<label for="name">Name</label>
<input id="name" name="name" value="{typed}" maxlength="40" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button></form>
<p>No account yet? <a href="/register?{query}">Register</a></p>""")
HOME = Markup("""<nav class="site"><a href="/">Pictures</a> <a href="/settings/api">API keys</a>
<form method="post" action="/logout">{token}<button>Sign out</button></form></nav>
<main><h1>{title}</h1>{alert}
<form method="post" enctype="multipart/form-data">{token}
<label for="title">Title</label><input id="title" name="title" value="{typed}" maxlength="100">
<label for="picture">Picture</label><input id="picture" name="picture" type="file" accept="image/*" required>
<button>Upload</button></form>
<ul>{pictures}</ul>{older}
<details><summary>Delete my account…</summary>
<form method="post" action="/delete-account">{token}<p>Nothing of it can be brought back.</p>
<button>Delete my account, with all pictures and keys</button></form></details>""")
TOKEN = Markup('<input type="hidden" name="token" value="{}">')
ALERT = Markup('<p role="alert">{}</p>')
PICTURE = Markup("""<li><a href="{viewer}">
<img src="{thumb}" alt="">{title}</a>
<details><summary>Change…</summary><form method="post" action="/change">{token}
<input type="hidden" name="id" value="{id}">
<label>Title <input name="title" value="{own_title}" maxlength="100"></label>
<button name="action" value="save">Save</button>
<button name="action" value="delete">Delete</button></form></details></li>
""")
NO_PICTURE = Markup("<li>No pictures yet.</li>")
OLDER = Markup('<p><a href="/?before={}">Older pictures</a></p>')
PAGE_SIZE = 24


def hashed(password: str, salt: str) -> str:
    """Return what is stored of a password, by a hash that is slow on purpose."""
    return f"{salt}${hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**14, r=8, p=1).hex()}"


def found(condition: Any) -> Any:
    """Return the row of one user, or None."""
    with database.connect() as connection:
        return connection.execute(select(users).where(condition)).first()


def register(name: str, password: str) -> str:
    """Make a user and return the id, a random one: nobody inherits the pictures of a user who is gone."""
    if not 0 < len(name) <= 40:
        raise ValueError("A name has 1 to 40 characters.")
    if len(password) < 10:
        raise ValueError("A password has ten characters or more.")
    row = {"id": secrets.token_hex(16), "name": name, "password": hashed(password, secrets.token_hex(16))}
    try:
        with database.begin() as connection:
            connection.execute(insert(users), row)
    except IntegrityError as error:
        raise ValueError("This name is taken.") from error
    return row["id"]


def login(name: str, password: str) -> str:
    """Return the id of a user with this password; it takes as long for names that nobody has."""
    row = found(users.c.name == name)
    stored = row.password if row else "nobody$"
    if not hmac.compare_digest(stored, hashed(password, stored.partition("$")[0])):
        raise ValueError("Name or password is wrong.")
    return str(row.id)


def session(req: falcon.Request) -> dict[str, Any]:
    """Return what the signed cookie says, or nothing."""
    try:
        return dict(cookies.loads(req.cookies.get("session", ""), max_age=MONTH))
    except BadSignature:
        return {}


def start_session(resp: falcon.Response, user_id: str | None = None) -> str:
    """Start a session and return the token that its forms carry, which no other site can know."""
    token = secrets.token_urlsafe()
    signed = cookies.dumps({"user": user_id, "token": token})
    # Not for HTTPS alone, as this example has none.
    resp.set_cookie("session", signed, path="/", max_age=MONTH, secure=False, same_site="Lax")
    return token


def current_user(environ: dict[str, Any]) -> Principal | None:
    """Say who is signed in; chevupload asks, too."""
    row = found(users.c.id == (session(falcon.Request(environ)).get("user") or ""))
    return None if row is None else Principal(user_id=row.id, data=row.name)


def signed_in(req: falcon.Request) -> Principal:
    """Return who is signed in, or send a visitor to the page where one does."""
    user = current_user(req.env)
    if user is None:
        wanted = req.relative_uri if req.method == "GET" else "/"
        raise falcon.HTTPSeeOther(f"/login?{urlencode({'next': wanted})}")
    return user


def check(req: falcon.Request, form: dict[str, str]) -> None:
    """Refuse a form that this site did not give to this browser."""
    token = session(req).get("token") or secrets.token_urlsafe()
    if not hmac.compare_digest(token.encode(), form.get("token", "").encode()):
        raise falcon.HTTPForbidden(description="This form is too old, or was not sent from here: reload its page.")


def fields(req: falcon.Request) -> dict[str, str]:
    """Return the fields of a form without files, once it is checked."""
    media = req.get_media()
    form = {name: text for name, text in media.items() if isinstance(text, str)} if isinstance(media, dict) else {}
    check(req, form)
    return form


def show(req: falcon.Request, resp: falcon.Response, title: str, body: Markup, error: str, **values: Any) -> None:
    """Answer with a page."""
    token = TOKEN.format(session(req).get("token") or start_session(resp))
    alert = ALERT.format(error) if error else ""
    resp.content_type = falcon.MEDIA_HTML
    resp.text = PAGE.format(title=title, body=body.format(title=title, alert=alert, token=token, **values))


class Pages:
    """The pages of this site."""

    def on_get_enter(self, req: falcon.Request, resp: falcon.Response, error: str = "", typed: str = "") -> None:
        """Ask for a name and a password."""
        title, body = ("Register", REGISTER) if req.path == "/register" else ("Sign in", SIGN_IN)
        show(req, resp, title, body, error, typed=typed, query=req.query_string)

    def on_post_enter(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a user, or sign one in, and go to the page that was asked for."""
        form = fields(req)
        name, password = form.get("name", "").strip(), form.get("password", "")
        try:
            user_id = register(name, password) if req.path == "/register" else login(name, password)
        except ValueError as error:
            resp.status = falcon.HTTP_400
            return self.on_get_enter(req, resp, str(error), name)
        start_session(resp, user_id)
        wanted = req.get_param("next", default="/")
        raise falcon.HTTPSeeOther(wanted if OWN_PATH.fullmatch(wanted) else "/")

    def on_get(self, req: falcon.Request, resp: falcon.Response, error: str = "", typed: str = "") -> None:
        """List a user's pictures."""
        user, links = signed_in(req), component.links(req.env)
        # One more than is shown tells whether there are older ones.
        found = component.uploads.list(user, limit=PAGE_SIZE + 1, before=req.get_param("before"))
        pictures = Markup().join(
            PICTURE.format(
                viewer=links.viewer(upload),
                thumb=links.thumb(upload),
                title=upload.title or upload.name,
                own_title=upload.title or "",
                id=upload.id,
                token=TOKEN.format(session(req)["token"]),
            )
            for upload in found[:PAGE_SIZE]
        )
        older = OLDER.format(found[PAGE_SIZE - 1].cursor) if found[PAGE_SIZE:] else ""
        values = {"pictures": pictures or NO_PICTURE, "older": older, "typed": typed}
        show(req, resp, f"Pictures of {user.data}", HOME, error, **values)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take a picture from the site's own form, as it arrives: what comes before it is known by then."""
        user, form, parts = signed_in(req), dict[str, str](), req.get_media()
        try:
            for part in parts if isinstance(parts, MultipartForm) else ():
                if part.name != "picture":
                    form[part.name or ""] = part.text or ""
                    continue
                check(req, form)
                if not part.filename:
                    break
                component.uploads.save(part.stream, owner=user, filename=part.filename, title=form.get("title"))
                raise falcon.HTTPSeeOther("/")
            check(req, form)
            raise Refusal("Choose a picture first.")
        except Refusal as refusal:
            resp.status = refusal.status
            self.on_get(req, resp, refusal.message, form.get("title", ""))

    def on_post_change(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Give one of the user's pictures another title, or delete it."""
        user, form = signed_in(req), fields(req)
        upload = component.uploads.get(form.get("id", ""))
        if upload is None or upload.owner_id != user.user_id:
            raise falcon.HTTPNotFound
        if form.get("action") == "delete":
            component.uploads.delete(upload)
        else:
            component.uploads.update(upload, title=form.get("title"))
        raise falcon.HTTPSeeOther("/")

    def on_post_leave(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Sign a user out."""
        fields(req)
        start_session(resp)
        raise falcon.HTTPSeeOther("/login")

    def on_post_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """End a user, with keys and pictures."""
        user = signed_in(req)
        fields(req)
        with database.begin() as connection:
            connection.execute(delete(users).where(users.c.id == user.user_id))
        component.forget(user.user_id)
        start_session(resp)
        raise falcon.HTTPSeeOther("/login")


def refused(req: falcon.Request, resp: falcon.Response, refusal: Refusal, params: Any) -> None:
    """Say what is wrong with an address that somebody made up."""
    resp.status, resp.text = refusal.status, refusal.message


component = component_from(
    {"folder": SITE.folder, "login_url": "/login"},
    database=database,
    users=UserColumns(id=users.c.id),
    current_user=current_user,
)
site: falcon.App[falcon.Request, falcon.Response] = falcon.App()
pages = Pages()
site.add_route("/", pages)
site.add_route("/register", pages, suffix="enter")
site.add_route("/login", pages, suffix="enter")
site.add_route("/logout", pages, suffix="leave")
site.add_route("/change", pages, suffix="change")
site.add_route("/delete-account", pages, suffix="delete")
site.add_error_handler(Refusal, refused)
site.add_static_route("/static", Path(__file__).with_name("static"))
application = component.wrap(site)

if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Serving http://127.0.0.1:{port} - begin at http://127.0.0.1:{port}/register", flush=True)
    waitress.serve(application, host="127.0.0.1", port=port)
