"""A Flask application whose users upload: with Flask-Login, Flask-SQLAlchemy and Flask-WTF.

In the checkout, this makes an environment and starts it at http://127.0.0.1:8000::

    python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[serve,flask]' flask-login flask-sqlalchemy flask-wtf
    .venv/bin/python examples/flask_app.py 8000

Register at http://127.0.0.1:8000/register, upload at "Upload many", or make a key at "API keys" and upload with it::

    curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:8000/api/1/upload

Everything stays in the folder ``flask-app-data`` below the current one. Any server runs it::

    PYTHONPATH=examples .venv/bin/waitress-serve --listen 127.0.0.1:8000 flask_app:app
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from jinja2 import DictLoader
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from chevupload import Hooks, Page, Pages, Refusal
from chevupload.contrib.flask import ChevUpload, uploads

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LAYOUT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}{{ title }}{% endblock %}</title>
<link rel="stylesheet" href="{{ url_for('static', filename='site.css') }}">
{% block head %}{% endblock %}
<nav class="site" aria-label="Site"><a href="{{ url_for('home') }}">Pictures</a>
{% if current_user.is_authenticated %}
<a href="{{ url_for('chevupload.upload_page') }}">Upload many</a>
<a href="{{ url_for('chevupload.keys') }}">API keys</a>
<form method="post" action="{{ url_for('logout') }}">{% include 'token.html' %}<button>Sign out</button></form>
{% endif %}</nav>
<main>{% block main %}{% endblock %}</main></html>"""

UPLOADS = """{% extends "layout.html" %}
{% block title %}{{ page.title }}{% endblock %}
{% block head %}{{ page.head }}{% endblock %}
{% block main %}{{ page.body }}{% endblock %}"""

CREDENTIALS = """{% extends "layout.html" %}
{% block main %}<h1>{{ title }}</h1>
{% if error %}<p role="alert">{{ error }}</p>{% endif %}
<form method="post">{% include 'token.html' %}<label for="name">Name</label>
<input id="name" name="name" value="{{ request.form.name }}" maxlength="40" autocomplete="username" required>
{% if title == "Register" %}<label for="password">Password, ten characters or more</label>
<input id="password" name="password" type="password" minlength="10" autocomplete="new-password" required>
{% else %}<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>{% endif %}
<button>{{ title }}</button></form>
{% if title == "Register" %}<p>Already registered? <a href="{{ url_for('login') }}">Sign in</a></p>
{% else %}<p>No account yet? <a href="{{ url_for('register') }}">Register</a></p>{% endif %}
{% endblock %}"""

HOME = """{% extends "layout.html" %}
{% block main %}<h1>{{ title }}</h1>
{% if error %}<p role="alert">{{ error }}</p>{% endif %}
<form method="post" enctype="multipart/form-data">{% include 'token.html' %}
<label for="title">Title</label><input id="title" name="title" value="{{ request.form.title }}" maxlength="100">
<label for="picture">Picture</label><input id="picture" name="picture" type="file" accept="image/*" required>
<button>Upload</button></form>
<ul>{% for picture in found[:size] %}<li><a href="{{ links.viewer(picture) }}">
<img src="{{ links.thumb(picture) }}"
{%- if picture.extra_paths.s640 %} srcset="{{ links.file(picture, picture.extra_paths.s640) }} 2x"{% endif %} alt="">
{{ picture.title or picture.name }}</a>
<details><summary>Change…</summary><form method="post" action="{{ url_for('change') }}">{% include 'token.html' %}
<input type="hidden" name="id" value="{{ picture.id }}">
<label>Title <input name="title" value="{{ picture.title or "" }}" maxlength="100"></label>
<button name="action" value="save">Save</button>
<button name="action" value="delete">Delete</button></form></details></li>
{% else %}<li>No pictures yet.</li>{% endfor %}</ul>
{% if found[size:] %}<p><a href="{{ url_for('home', before=found[size - 1].cursor) }}">Older pictures</a></p>{% endif %}
<details><summary>Delete my account…</summary>
<form method="post" action="{{ url_for('delete_account') }}">{% include 'token.html' %}
<p>Nothing of it can be brought back.</p>
<button>Delete my account, with all pictures and keys</button></form></details>
{% endblock %}"""
TEMPLATES = {
    "layout.html": LAYOUT,
    "token.html": '<input type="hidden" name="csrf_token" value="{{ csrf_token() }}">',
    "uploads.html": UPLOADS,
    "credentials.html": CREDENTIALS,
    "home.html": HOME,
}
PAGE_SIZE = 24

app = Flask(__name__, instance_path=str(Path("flask-app-data").absolute()))
app.jinja_loader = DictLoader(TEMPLATES)
secret = Path(app.instance_path, "secret-key")
if not secret.exists():
    secret.parent.mkdir(mode=0o700, exist_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_urlsafe(32))
app.config.update(
    SECRET_KEY=secret.read_text(),
    SESSION_COOKIE_SAMESITE="Lax",
    SQLALCHEMY_DATABASE_URI="sqlite:///site.db",
    CHEVUPLOAD_UPLOAD_PAGE_ROUTE="upload",
    # Thumbnails with twice the pixels, for screens that have them.
    CHEVUPLOAD_EXTRA="s640=640x640^",
    # What comes after signing in is not in a URL, which anybody may have written.
    USE_SESSION_FOR_NEXT=True,
)

db = SQLAlchemy(app)
CSRFProtect(app)
login_manager = LoginManager(app)
login_manager.login_view = "login"
login_manager.login_message = None


class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]  # made by Flask-SQLAlchemy at run time
    """Whoever has registered."""

    # SQLite would give the id of a deleted user to the next one, and with it whatever still names the first.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]


def user_name(user_id: str) -> str | None:
    """Name a user on pages."""
    user = db.session.get(User, int(user_id))
    return None if user is None else user.name


class SitePages(Pages):
    """The pages of chevupload, in this site's own layout."""

    def layout(self, page: Page, environ: WSGIEnvironment) -> str:
        """Set a page into it."""
        return render_template("uploads.html", page=page)


ChevUpload(app, db=db, users=User, login=True, hooks=Hooks(display_name=user_name), pages=SitePages())
with app.app_context():
    db.create_all()


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    """Return who is signed in."""
    return db.session.get(User, int(user_id))


@app.route("/register", methods=["GET", "POST"])
def register() -> ResponseReturnValue:
    """Take a new user in."""
    error, name, password = "", request.form.get("name", "").strip(), request.form.get("password", "")
    if request.method == "POST":
        if not 0 < len(name) <= 40:
            error = "A name has 1 to 40 characters."
        elif len(password) < 10:
            error = "A password has ten characters or more."
        else:
            user = User(name=name, password=generate_password_hash(password))
            try:
                db.session.add(user)
                db.session.commit()
            except IntegrityError:
                db.session.rollback()
                error = "This name is taken."
            else:
                return enter(user)
    return show("credentials.html", "Register", error)


@app.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Sign a user in."""
    error = ""
    if request.method == "POST":
        user = db.session.scalar(select(User).where(User.name == request.form["name"].strip()))
        if user is not None and check_password_hash(user.password, request.form["password"]):
            return enter(user)
        error = "Name or password is wrong."
    return show("credentials.html", "Sign in", error)


def enter(user: User) -> ResponseReturnValue:
    """Go on as this user, to the page that was asked for."""
    login_user(user)
    return redirect(session.pop("next", url_for("home")))


def show(template: str, title: str, error: str, **values: Any) -> ResponseReturnValue:
    """Show a page."""
    return render_template(template, title=title, error=error, **values), 400 if error else 200


@app.post("/logout")
def logout() -> ResponseReturnValue:
    """Sign a user out."""
    logout_user()
    return redirect(url_for("login"))


@app.errorhandler(Refusal)
def refused(refusal: Refusal) -> ResponseReturnValue:
    """Say what is wrong with an address that somebody made up."""
    return refusal.message, refusal.status


@app.route("/", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
def home() -> ResponseReturnValue:
    """Show the user's pictures, and take another one."""
    error = ""
    if request.method == "POST":
        try:
            if not (picture := request.files["picture"]):
                raise Refusal("Choose a picture first.")
            uploads.save(picture, owner=current_user.id, title=request.form["title"])
            return redirect(url_for("home"))
        except Refusal as refusal:
            error = refusal.message
    # One more than is shown tells whether there are older ones.
    found = uploads.list(current_user.id, limit=PAGE_SIZE + 1, before=request.args.get("before"))
    values = {"found": found, "size": PAGE_SIZE, "links": uploads.links}
    return show("home.html", f"Pictures of {current_user.name}", error, **values)


@app.post("/change")
@login_required  # type: ignore[untyped-decorator]
def change() -> ResponseReturnValue:
    """Give one of the user's pictures another title, or delete it."""
    upload = uploads.get(request.form["id"])
    if upload is None or upload.owner_id != str(current_user.id):
        abort(404)
    if request.form["action"] == "delete":
        uploads.delete(upload)
    else:
        uploads.update(upload, title=request.form["title"])
    return redirect(url_for("home"))


@app.post("/delete-account")
@login_required  # type: ignore[untyped-decorator]
def delete_account() -> ResponseReturnValue:
    """End a user, with keys and pictures."""
    uploads.forget(current_user.id)
    db.session.delete(db.session.get(User, current_user.id))
    db.session.commit()
    return logout()


if __name__ == "__main__":
    from waitress import serve

    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Serving http://127.0.0.1:{port} - begin at http://127.0.0.1:{port}/register", flush=True)
    serve(app, host="127.0.0.1", port=port)
