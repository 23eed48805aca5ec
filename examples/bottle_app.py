"""A Bottle application with users of its own, each with a quota, who upload by API keys and by its own form.

In the checkout, this makes an environment and starts it at http://127.0.0.1:8000::

    python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[serve,bottle]'
    .venv/bin/python examples/bottle_app.py 8000

Register at http://127.0.0.1:8000/register, make a key at "API keys", and upload with it::

    curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:8000/api/1/upload

Everything stays in the folder ``bottle-app-data`` below the current one.
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

import bottle
from bottle import request, response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import BigInteger, Column, MetaData, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from chevupload import Database, DataFolder, Principal, Refusal, UserColumns, sqlite_engine
from chevupload.contrib.bottle import ChevUploadPlugin
from chevupload.integration import RequestUploads

MONTH = 30 * 24 * 3600
# One slash, for two are another site's address; so is a backslash, to browsers.
OWN_PATH = re.compile(r"/(?!/)[!-\[\]-~]*")
SITE = DataFolder("bottle-app-data")
database = Database(sqlite_engine(SITE.folder / "site.db"))
users = Table(
    "users",
    MetaData(),
    Column("id", String(32), primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("password", String(200), nullable=False),
    Column("quota_bytes", BigInteger, nullable=False, default=100_000_000),
)
database.create_tables()
database.create_tables([users])
cookies = URLSafeTimedSerializer(SITE.secret_keys(), salt="session")

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}}</title>
<link rel="stylesheet" href="/static/site.css">
% if user:
<nav class="site"><a href="/">Pictures</a> <a href="/settings/api">API keys</a>
<form method="post" action="/logout"><input type="hidden" name="token" value="{{token}}">
<button>Sign out</button></form></nav>
% end
<main><h1>{{title}}</h1>
% if error:
<p role="alert">{{error}}</p>
% end
% if user:
<form method="post" enctype="multipart/form-data"><input type="hidden" name="token" value="{{token}}">
<label for="title">Title</label><input id="title" name="title" value="{{typed.title}}" maxlength="100">
<label for="picture">Picture</label><input id="picture" name="picture" type="file" accept="image/*" required>
<button>Upload</button></form>
<ul>
% for upload in found[:size]:
<li><a href="{{links.viewer(upload)}}">
<img src="{{links.thumb(upload)}}" alt="">{{upload.title or upload.name}}</a>
<details><summary>Change…</summary><form method="post" action="/change">
<input type="hidden" name="token" value="{{token}}"><input type="hidden" name="id" value="{{upload.id}}">
<label>Title <input name="title" value="{{upload.title or ""}}" maxlength="100"></label>
<button name="action" value="save">Save</button>
<button name="action" value="delete">Delete</button></form></details></li>
% end
% if not found:
<li>No pictures yet.</li>
% end
</ul>
% if found[size:]:
<p><a href="/?before={{found[size - 1].cursor}}">Older pictures</a></p>
% end
<p>{{f"{used.bytes / 1e6:.1f} of {user.quota_bytes / 1e6:.0f}"}} MB are used.</p>
<details><summary>Delete my account…</summary>
<form method="post" action="/delete-account"><input type="hidden" name="token" value="{{token}}">
<p>Nothing of it can be brought back.</p>
<button>Delete my account, with all pictures and keys</button></form></details>
% else:
<form method="post"><input type="hidden" name="token" value="{{token}}"><label for="name">Name</label>
<input id="name" name="name" value="{{typed.name}}" maxlength="40" autocomplete="username" required>
% if title == "Register":
<label for="password">Password, ten characters or more</label>
<input id="password" name="password" type="password" minlength="10" autocomplete="new-password" required>
<button>Register</button></form>
<p>Already registered? <a href="/login?{{query}}">Sign in</a></p>
% else:
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button></form>
<p>No account yet? <a href="/register?{{query}}">Register</a></p>
% end
% end
</main></html>"""
PAGE_SIZE = 24


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


def enter(user_id: str) -> None:
    """Go on as this user, to the page that was asked for."""
    start_session(user_id)
    wanted = request.query.next
    bottle.redirect(wanted if OWN_PATH.fullmatch(wanted) else "/")


def leave() -> None:
    """Go on as nobody."""
    start_session()
    bottle.redirect("/login")


def found(condition: Any) -> Any:
    """Return the row of one user, or None."""
    with database.connect() as connection:
        return connection.execute(select(users).where(condition)).first()


def current_user(environ: dict[str, Any]) -> Principal | None:
    """Say who is signed in; chevupload asks, too."""
    row = found(users.c.id == (session().get("user") or ""))
    return None if row is None else Principal(user_id=row.id, data=row.name, quota_bytes=row.quota_bytes)


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
    return bottle.template(PAGE, {"user": None, "typed": request.forms, "query": request.query_string} | values)


def ask() -> Any:
    """Ask for a name and a password."""
    return page("Register" if request.path == "/register" else "Sign in")


def register() -> Any:
    """Make a user."""
    checked()
    # Ids are random: nobody inherits the pictures of a user who is gone.
    row = {"id": secrets.token_hex(16), "name": request.forms.name.strip()}
    if not 0 < len(row["name"]) <= 40:
        return page("Register", "A name has 1 to 40 characters.", 400)
    if len(request.forms.password) < 10:
        return page("Register", "A password has ten characters or more.", 400)
    row["password"] = hashed(request.forms.password, secrets.token_hex(16))
    try:
        with database.begin() as connection:
            connection.execute(insert(users), row)
    except IntegrityError:
        return page("Register", "This name is taken.", 400)
    enter(row["id"])


def login() -> Any:
    """Sign a user in; it takes as long for names that nobody has."""
    checked()
    row = found(users.c.name == request.forms.name.strip())
    stored = row.password if row else "nobody$"
    if hmac.compare_digest(stored, hashed(request.forms.password, stored.partition("$")[0])):
        enter(row.id)
    return page("Sign in", "Name or password is wrong.", 400)


def logout() -> None:
    """Sign a user out."""
    checked()
    leave()


def home(chevupload: RequestUploads, error: str = "", status: int = 200) -> Any:
    """List a user's pictures."""
    wanted = urlencode({"next": f"{request.path}?{request.query_string}"})
    user = current_user(request.environ) or bottle.redirect(f"/login?{wanted}")
    try:
        # One more than is shown tells whether there are older ones.
        found = chevupload.list(user, limit=PAGE_SIZE + 1, before=request.query.before)
    except Refusal as refusal:
        bottle.abort(refusal.status, refusal.message)
    values = {"user": user, "found": found, "size": PAGE_SIZE, "links": chevupload.links}
    return page(f"Pictures of {user.data}", error, status, used=chevupload.usage(user), **values)


def upload(chevupload: RequestUploads) -> Any:
    """Take a picture from the site's own form."""
    user = checked() or bottle.redirect("/login")
    file = request.files.picture
    try:
        if not file:
            raise Refusal("Choose a picture first.")
        chevupload.save(file.file, owner=user, filename=file.raw_filename, title=request.forms.title)
    except Refusal as refusal:
        return home(chevupload, refusal.message, refusal.status)
    bottle.redirect("/")


def change(chevupload: RequestUploads) -> None:
    """Give one of the user's pictures another title, or delete it."""
    user = checked() or bottle.redirect("/login")
    upload = chevupload.get(request.forms.id)
    if upload is None or upload.owner_id != user.user_id:
        raise bottle.HTTPError(404)
    if request.forms.action == "delete":
        chevupload.delete(upload)
    else:
        chevupload.update(upload, title=request.forms.title)
    bottle.redirect("/")


def delete_account(chevupload: RequestUploads) -> None:
    """End a user, with keys and pictures."""
    user = checked() or bottle.redirect("/login")
    with database.begin() as connection:
        connection.execute(delete(users).where(users.c.id == user.user_id))
    chevupload.forget(user.user_id)
    leave()


app = bottle.Bottle()
app.config.update("chevupload", folder=str(SITE.folder), login_url="/login", usage="originals")
columns = UserColumns(id=users.c.id, quota_bytes=users.c.quota_bytes)
app.install(ChevUploadPlugin(database=database, users=columns, current_user=current_user))
app.get("/", callback=home)
app.post("/", callback=upload)
app.get(["/register", "/login"], callback=ask)
app.post("/register", callback=register)
app.post("/login", callback=login)
app.post("/logout", callback=logout)
app.get("/static/<name>", callback=lambda name: bottle.static_file(name, Path(__file__).with_name("static")))
app.post("/change", callback=change)
app.post("/delete-account", callback=delete_account)

if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Serving http://127.0.0.1:{port} - begin at http://127.0.0.1:{port}/register", flush=True)
    app.run(server="waitress", host="127.0.0.1", port=port, quiet=True)
