"""A gallery on Flask, written by its page of the documentation."""

import os

from flask import Flask, abort, redirect, request
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped, mapped_column

from chevupload import Refusal, UserColumns
from chevupload.contrib.flask import ChevUpload, uploads

db, login_manager = SQLAlchemy(), LoginManager()


class User(UserMixin, db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    upload_bytes: Mapped[int | None] = mapped_column()


app = Flask(__name__, instance_path=os.path.abspath("live"))
app.config.from_mapping(
    SECRET_KEY="change-me-to-a-long-random-text",
    SQLALCHEMY_DATABASE_URI=os.environ.get("SITE_DATABASE", "sqlite:///site.db"),
    CHEVUPLOAD_UPLOAD_PAGE_ROUTE="upload",
    CHEVUPLOAD_RENDERER="inline",
)
db.init_app(app)
login_manager.init_app(app)
ChevUpload(app, db=db, users=UserColumns(id=User.id, max_bytes=User.upload_bytes), login=True)


@login_manager.user_loader
def load(user_id):
    return db.session.get(User, int(user_id))


@app.post("/login")
def login():
    login_user(db.get_or_404(User, request.form["id"]))
    return "welcome"


@app.post("/pictures")
@login_required
def take():
    try:
        upload = uploads.save(request.files["picture"], owner=current_user.id)
    except Refusal as refusal:
        abort(refusal.status, refusal.message)
    return redirect(uploads.links.viewer(upload))


@app.get("/pictures")
@login_required
def pictures():
    found = uploads.list(current_user.id, limit=2, before=request.args.get("before"))
    return {"names": [one.name for one in found], "more": str(found[-1].cursor) if found else ""}
