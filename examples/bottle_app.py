"""A Bottle application with users of its own, who upload by API keys and by its own form.

In the checkout, this makes an environment and starts it at http://127.0.0.1:8000::

    python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[bottle,serve]'
    .venv/bin/python examples/bottle_app.py 8000

Register there, make a key at ``/settings/api``, and upload with it::

    curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:8000/api/1/upload

Everything stays in the folder ``bottle-app-data`` below the current one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
from typing import Any

import bottle
from bottle import request, response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import Column, MetaData, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from chevupload import Principal, Refusal
from chevupload.contrib.bottle import ChevUploadPlugin
from chevupload.mounting import RequestUploads
from chevupload.site import DataFolder
from chevupload.store.sql import Database, UserColumns, sqlite_engine

MONTH = 30 * 24 * 3600
SITE = DataFolder("bottle-app-data")
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

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}}</title>
<style>body { font: 1.1rem/1.5 sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
label, input, button, img { display: block; font: inherit } input, button { margin-bottom: 1rem }</style>
<main><h1>{{title}}</h1>
% if error:
<p role="alert">{{error}}</p>
% end
% if not user:
<form method="post"><input type="hidden" name="token" value="{{token}}">
<label for="name">Name</label><input id="name" name="name" maxlength="40" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" minlength="8" required
autocomplete="{{'new' if title == 'Register' else 'current'}}-password">
<button>{{title}}</button></form>
<p><a href="/login">Sign in</a> or <a href="/register">register</a>.</p>
% else:
<p>You are {{user.data}}. <a href="/settings/api">Your API keys</a> let programs upload for you.</p>
<form method="post" enctype="multipart/form-data"><input type="hidden" name="token" value="{{token}}">
<label for="title">Title</label><input id="title" name="title" maxlength="100">
<label for="picture">Picture</label><input id="picture" name="picture" type="file" accept="image/*" required>
<button>Upload</button></form>
<ul>
% for upload in uploads.list(user.user_id):
<li><a href="{{uploads.links.viewer(upload)}}"><img src="{{uploads.links.file(upload.thumb_path or upload.path)}}"
alt="">{{upload.title or upload.name}}</a></li>
% end
</ul>
<form method="post" action="/delete-account"><input type="hidden" name="token" value="{{token}}">
<button>Delete my account and everything in it</button></form>
% end
</main></html>"""


def hashed(password: str, salt: str) -> str:
    """Return what is stored of a password, by a hash that is slow on purpose."""
    return f"{salt}${hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**14, r=8, p=1).hex()}"


def session() -> dict[str, Any]:
    """Return what the signed cookie says, or nothing."""
    try:
        return dict(cookies.loads(request.get_cookie("session", ""), max_age=MONTH))
    except BadSignature:
        return {}


def start_session(user_id: str | None = None) -> str:
    """Start a session and return the token that its forms carry, which no other site can know."""
    token = secrets.token_urlsafe()
    signed = cookies.dumps({"user": user_id, "token": token})
    response.set_cookie("session", signed, path="/", max_age=MONTH, httponly=True, samesite="lax")
    return token


def enter(user_id: str | None) -> None:
    """Go on as this user, or as nobody."""
    start_session(user_id)
    bottle.redirect("/" if user_id else "/login")


def found(condition: Any) -> Any:
    """Return the row of one user, or None."""
    with database.connect() as connection:
        return connection.execute(select(users).where(condition)).first()


def current_user(environ: dict[str, Any]) -> Principal | None:
    """Say who is signed in; chevupload asks, too."""
    row = found(users.c.id == (session().get("user") or ""))
    return None if row is None else Principal(user_id=row.id, data=row.name)


def checked() -> Principal | None:
    """Return the user, if any, of a form that this site gave to this browser."""
    token = session().get("token") or secrets.token_urlsafe()
    if not hmac.compare_digest(token.encode(), request.forms.token.encode()):
        bottle.abort(403, "This form is too old, or was not sent from here. Go back, reload and try again.")
    return current_user(request.environ)


def page(title: str, error: str = "", status: int = 200, **values: Any) -> Any:
    """Show a page."""
    response.status = status
    values |= {"title": title, "error": error, "token": session().get("token") or start_session()}
    return bottle.template(PAGE, {"user": None} | values)


def ask() -> Any:
    """Ask for a name and a password."""
    return page("Register" if request.path == "/register" else "Sign in")


def register() -> Any:
    """Make a user."""
    checked()
    # Ids are random: nobody inherits the pictures of a user who is gone.
    row = {"id": secrets.token_hex(16), "name": request.forms.name.strip()[:40]}
    if not row["name"] or len(request.forms.password) < 8:
        return page("Register", "A name is needed, and a password of eight characters or more.", 400)
    row["password"] = hashed(request.forms.password, secrets.token_hex(16))
    try:
        with database.begin() as connection:
            connection.execute(insert(users), row)
    except IntegrityError:
        return page("Register", "This name is taken.", 409)
    enter(row["id"])


def login() -> Any:
    """Sign a user in; it takes as long for names that nobody has."""
    checked()
    row = found(users.c.name == request.forms.name.strip())
    stored = row.password if row else "nobody$"
    if hmac.compare_digest(stored, hashed(request.forms.password, stored.partition("$")[0])):
        enter(row.id)
    return page("Sign in", "Name or password is wrong.", 400)


def home(chevupload: RequestUploads) -> Any:
    """List a user's pictures."""
    user = current_user(request.environ) or bottle.redirect("/login")
    return page("Your pictures", user=user, uploads=chevupload)


def upload(chevupload: RequestUploads) -> Any:
    """Take a picture from the site's own form."""
    user = checked() or bottle.redirect("/login")
    file = request.files.picture
    try:
        if not file:
            raise Refusal("Choose a picture first")
        chevupload.save(file.file, owner=user, filename=file.raw_filename, title=request.forms.title)
    except Refusal as refusal:
        return page("Your pictures", refusal.message, refusal.status, user=user, uploads=chevupload)
    bottle.redirect("/")


def delete_account(chevupload: RequestUploads) -> None:
    """End a user, with keys and pictures."""
    user = checked() or bottle.redirect("/login")
    with database.begin() as connection:
        connection.execute(delete(users).where(users.c.id == user.user_id))
    chevupload.forget(user.user_id)
    enter(None)


app = bottle.Bottle()
app.config.update("chevupload", folder=str(SITE.folder), login_url="/login")
app.install(ChevUploadPlugin(database=database, users=UserColumns(id=users.c.id), current_user=current_user))
app.get("/", callback=home)
app.post("/", callback=upload)
app.get(["/register", "/login"], callback=ask)
app.post("/register", callback=register)
app.post("/login", callback=login)
app.post("/delete-account", callback=delete_account)

if __name__ == "__main__":
    app.run(server="waitress", host="127.0.0.1", port=int((sys.argv[1:] or ["8000"])[0]))
