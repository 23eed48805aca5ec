"""A Falcon application behind chevupload, with users of its own, who upload by API keys and by its own form.

In the checkout, this makes an environment and starts it at http://127.0.0.1:8000::

    python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[serve]' 'falcon>=4'
    .venv/bin/python examples/falcon_app.py 8000

Register there, make a key at ``/settings/api``, and upload with it::

    curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:8000/api/1/upload

Everything stays in the folder ``falcon-app-data`` below the current one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
from typing import Any

import falcon
import waitress
from falcon.media.multipart import MultipartForm
from itsdangerous import BadSignature, URLSafeTimedSerializer
from markupsafe import Markup
from sqlalchemy import Column, MetaData, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from chevupload import Principal, Refusal
from chevupload.settings import component_from
from chevupload.site import DataFolder
from chevupload.store.sql import Database, UserColumns, sqlite_engine

MONTH = 30 * 24 * 3600
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
<style>body {{ font: 1.1rem/1.5 sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }}
label, input, button, img {{ display: block; font: inherit }} input, button {{ margin-bottom: 1rem }}</style>
<main><h1>{title}</h1>{alert}
{body}</main></html>""")
ENTER = Markup("""<form method="post"><input type="hidden" name="token" value="{token}">
<label for="name">Name</label><input id="name" name="name" maxlength="40" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" minlength="8" autocomplete="{kind}-password" required>
<button>{title}</button></form>
<p><a href="/login">Sign in</a> or <a href="/register">register</a>.</p>""")
HOME = Markup("""<p>You are {name}. <a href="/settings/api">Your API keys</a> let programs upload for you.</p>
<form method="post" enctype="multipart/form-data"><input type="hidden" name="token" value="{token}">
<label for="title">Title</label><input id="title" name="title" maxlength="100">
<label for="picture">Picture</label><input id="picture" name="picture" type="file" accept="image/*" required>
<button>Upload</button></form>
<ul>{pictures}</ul>
<form method="post" action="/delete-account"><input type="hidden" name="token" value="{token}">
<button>Delete my account and everything in it</button></form>""")
ALERT = Markup('<p role="alert">{}</p>')
PICTURE = Markup('<li><a href="{viewer}"><img src="{thumb}" alt="">{title}</a></li>\n')


def hashed(password: str, salt: str) -> str:
    """Return what is stored of a password, by a hash that is slow on purpose."""
    return f"{salt}${hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**14, r=8, p=1).hex()}"


def found(condition: Any) -> Any:
    """Return the row of one user, or None."""
    with database.connect() as connection:
        return connection.execute(select(users).where(condition)).first()


def register(name: str, password: str) -> str | None:
    """Make a user and return the id, a random one: nobody inherits the pictures of a user who is gone."""
    if not name or len(password) < 8:
        return None
    row = {"id": secrets.token_hex(16), "name": name, "password": hashed(password, secrets.token_hex(16))}
    try:
        with database.begin() as connection:
            connection.execute(insert(users), row)
    except IntegrityError:
        return None
    return row["id"]


def login(name: str, password: str) -> str | None:
    """Return the id of a user with this password; it takes as long for names that nobody has."""
    row = found(users.c.name == name)
    stored = row.password if row else "nobody$"
    return row.id if hmac.compare_digest(stored, hashed(password, stored.partition("$")[0])) else None


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


def enter(resp: falcon.Response, user_id: str | None) -> None:
    """Go on as this user, or as nobody."""
    start_session(resp, user_id)
    raise falcon.HTTPSeeOther("/" if user_id else "/login")


def current_user(environ: dict[str, Any]) -> Principal | None:
    """Say who is signed in; chevupload asks, too."""
    row = found(users.c.id == (session(falcon.Request(environ)).get("user") or ""))
    return None if row is None else Principal(user_id=row.id, data=row.name)


def signed_in(req: falcon.Request) -> Principal:
    """Return who is signed in, or send a visitor to the page where one does."""
    user = current_user(req.env)
    if user is None:
        raise falcon.HTTPSeeOther("/login")
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
    values |= {"title": title, "token": session(req).get("token") or start_session(resp)}
    resp.content_type = falcon.MEDIA_HTML
    resp.text = PAGE.format(title=title, alert=ALERT.format(error) if error else "", body=body.format(**values))


class Pages:
    """The pages of this site."""

    def on_get_enter(self, req: falcon.Request, resp: falcon.Response, error: str = "") -> None:
        """Ask for a name and a password."""
        title, kind = ("Register", "new") if req.path == "/register" else ("Sign in", "current")
        show(req, resp, title, ENTER, error, kind=kind)

    def on_post_enter(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a user, or sign one in."""
        form = fields(req)
        name, password = form.get("name", "").strip()[:40], form.get("password", "")
        if req.path == "/register":
            user_id, error = register(name, password), "The name is taken, or the password is too short."
        else:
            user_id, error = login(name, password), "Name or password is wrong."
        if user_id is not None:
            enter(resp, user_id)
        resp.status = falcon.HTTP_400
        self.on_get_enter(req, resp, error)

    def on_get(self, req: falcon.Request, resp: falcon.Response, error: str = "") -> None:
        """List a user's pictures."""
        user, links = signed_in(req), component.links(req.env)
        pictures = Markup().join(
            PICTURE.format(
                viewer=links.viewer(upload),
                thumb=links.file(upload.thumb_path or upload.path),
                title=upload.title or upload.name,
            )
            for upload in component.uploads.list(user.user_id)
        )
        show(req, resp, "Your pictures", HOME, error, name=user.data, pictures=pictures)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take a picture from the site's own form, as it arrives: what comes before it is known by then."""
        user, form, parts = signed_in(req), dict[str, str](), req.get_media()
        try:
            for part in parts if isinstance(parts, MultipartForm) else ():
                if part.name != "picture":
                    form[part.name or ""] = part.text or ""
                    continue
                check(req, form)
                component.uploads.save(part.stream, owner=user, filename=part.filename, title=form.get("title"))
                raise falcon.HTTPSeeOther("/")
            check(req, form)
            raise Refusal("Choose a picture first")
        except Refusal as refusal:
            resp.status = refusal.status
            self.on_get(req, resp, refusal.message)

    def on_post_leave(self, req: falcon.Request, resp: falcon.Response) -> None:
        """End a user, with keys and pictures."""
        user = signed_in(req)
        fields(req)
        with database.begin() as connection:
            connection.execute(delete(users).where(users.c.id == user.user_id))
        component.forget(user.user_id)
        enter(resp, None)


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
site.add_route("/delete-account", pages, suffix="leave")
application = component.wrap(site)

if __name__ == "__main__":
    waitress.serve(application, host="127.0.0.1", port=int((sys.argv[1:] or ["8000"])[0]))
