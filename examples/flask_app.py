"""A Flask application whose users upload: with Flask-Login, Flask-SQLAlchemy and Flask-WTF.

Make an environment and start it; then register at http://127.0.0.1:8000 and make a key for your programs::

    python3 -m venv flask-env && . flask-env/bin/activate
    pip install 'chevupload[serve,flask]' flask-login flask-sqlalchemy flask-wtf    # in a checkout: -e '.[serve,flask]'
    python examples/flask_app.py [port]

    curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:8000/api/1/upload

It keeps everything in ``./flask-app-data``. Any server runs it: ``PYTHONPATH=examples waitress-serve flask_app:app``.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from flask import Flask, flash, redirect, render_template_string, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from chevupload import Refusal
from chevupload.contrib.flask import ChevUpload, uploads

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{ title }}</title>
<style>
body { max-width: 42rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif; color: #222 }
nav, ul { display: flex; flex-wrap: wrap; gap: 1.2rem; padding: 0; list-style: none }
li { width: 9rem; overflow-wrap: anywhere } li img { display: block; width: 100%; border-radius: .4rem }
label, button { display: block; margin-top: .8rem } input, button { font: inherit; padding: .4rem .6rem }
[role=alert] { border-left: .3rem solid #b3261e; padding-left: .8rem } form { margin-bottom: 2.5rem }
</style>
<nav>{% if pictures is defined %}<a href="{{ url_for('home') }}">Pictures</a>
<a href="{{ url_for('chevupload.keys') }}">API keys</a>{% else %}<a href="{{ url_for('login') }}">Sign in</a>
<a href="{{ url_for('register') }}">Register</a>{% endif %}</nav>
<main><h1>{{ title }}</h1>
{% for message in get_flashed_messages() %}<p role="alert">{{ message }}</p>{% endfor %}
{% macro token() %}<input type="hidden" name="csrf_token" value="{{ csrf_token() }}">{% endmacro %}
{% if pictures is defined %}<ul>{% for picture in pictures %}<li><a href="{{ links.viewer(picture) }}">
<img src="{{ links.file(picture.thumb_path) }}" alt="">{{ picture.title or "Untitled" }}</a></li>
{% else %}<li>No picture yet.</li>{% endfor %}</ul>
<form method="post" enctype="multipart/form-data">{{ token() }}
<label for="picture">Picture</label><input id="picture" name="picture" type="file" accept="image/*" required>
<label for="title">Title</label><input id="title" name="title" maxlength="100"><button>Upload</button></form>
<form method="post" action="{{ url_for('delete_account') }}">{{ token() }}
<button>Delete my account, with pictures and keys</button></form>
{% else %}<form method="post">{{ token() }}
<label for="name">Name</label><input id="name" name="name" maxlength="40" autocomplete="username" required>
<label for="password">Password, ten characters or more</label>
<input id="password" name="password" type="password" minlength="10" required><button>{{ title }}</button></form>
{% endif %}</main></html>"""

app = Flask(__name__, instance_path=str(Path("flask-app-data").absolute()))
secret = Path(app.instance_path, "secret-key")
if not secret.exists():
    secret.parent.mkdir(mode=0o700, exist_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_urlsafe(32))
app.config.update(
    SECRET_KEY=secret.read_text(),
    SESSION_COOKIE_SAMESITE="Lax",
    SQLALCHEMY_DATABASE_URI="sqlite:///site.db",
    # What comes after signing in is not in a URL, which anybody may have written.
    USE_SESSION_FOR_NEXT=True,
)

db = SQLAlchemy(app)
CSRFProtect(app)
login_manager = LoginManager(app)
login_manager.login_view = "login"


class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]  # made by Flask-SQLAlchemy at run time
    """Whoever has registered."""

    # SQLite would give the id of a deleted user to the next one, and with it whatever still names the first.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]


ChevUpload(app, db=db, users=User, login=True)
with app.app_context():
    db.create_all()


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    """Return who is signed in."""
    return db.session.get(User, int(user_id))


@app.route("/register", methods=["GET", "POST"], endpoint="register")
@app.route("/login", methods=["GET", "POST"], endpoint="login")
def sign_in() -> ResponseReturnValue:
    """Sign a user in, who is taken in first if the name is nobody's."""
    is_new, form = request.endpoint == "register", request.form
    if request.method == "POST":
        user = db.session.scalar(select(User).where(User.name == form["name"]))
        if is_new and user is None and len(form["password"]) >= 10:
            user = User(name=form["name"], password=generate_password_hash(form["password"]))
            db.session.add(user)
            db.session.commit()
        if user is not None and check_password_hash(user.password, form["password"]) and login_user(user):
            return redirect(session.pop("next", url_for("home")))
        flash("Name and password do not go together.")
    return render_template_string(PAGE, title="Register" if is_new else "Sign in")


@app.route("/", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
def home() -> ResponseReturnValue:
    """Show the user's pictures, and take another one."""
    if request.method == "POST":
        try:
            uploads.save(request.files["picture"], owner=current_user.id, title=request.form["title"])
        except Refusal as refusal:
            flash(refusal.message)
        return redirect(url_for("home"))
    pictures = uploads.list(current_user.id)
    return render_template_string(PAGE, title=f"{current_user.name}’s pictures", pictures=pictures, links=uploads.links)


@app.post("/delete-account")
@login_required  # type: ignore[untyped-decorator]
def delete_account() -> ResponseReturnValue:
    """End a user, with keys and pictures."""
    uploads.forget(current_user.id)
    db.session.delete(db.session.get(User, current_user.id))
    db.session.commit()
    logout_user()
    return redirect(url_for("login"))


if __name__ == "__main__":
    from waitress import serve

    serve(app, host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
