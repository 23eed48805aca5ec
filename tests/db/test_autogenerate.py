"""A host's own migrations have our tables in them: made, run and made again by Flask-Migrate and by Alembic alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import environment

pytestmark = pytest.mark.slow

IMPORTS = [
    "from flask_migrate import Migrate, init, migrate, upgrade",
    "from chevupload.contrib.flask import ChevUpload",
]
FLASK = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__, instance_path={folder!r})
app.config.update(SECRET_KEY="dev", SQLALCHEMY_DATABASE_URI="sqlite:///site.db")
db = SQLAlchemy(app)


class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)


ChevUpload(app, db=db, users=User)
Migrate(app, db, directory={folder!r} + "/migrations")
with app.app_context():
    init()
    migrate(message="one")
    upgrade()
    migrate(message="two")
    component = app.extensions["chevupload"]
    print(len(list(component.catalog.uploads())))
"""
ALEMBIC = """
import io

from alembic import command
from alembic.config import Config

config = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
config.set_main_option("script_location", "migrations")
config.set_main_option("path_separator", "os")
command.revision(config, "one", autogenerate=True)
command.upgrade(config, "heads")
command.check(config)
"""
MODELS = """
from sqlalchemy import Column, Integer
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from chevupload.db import Tables, UploadMixin


class Even(TypeDecorator):
    impl = Integer
    cache_ok = True


class Base(DeclarativeBase):
    pass


class Post(Base):
    __tablename__ = "posts"
    id = Column(Even, primary_key=True)


class Picture(UploadMixin, Base):
    __tablename__ = "pictures"


if {with_ready_tables}:
    Tables.default().in_metadata(Base.metadata)
"""
ENV = """
from alembic import context
from sqlalchemy import create_engine

from host_models import Base


def render_item(kind, item, autogen_context):
    return "Integer()" if type(item).__name__ == "Even" else False


engine = create_engine("sqlite:///site.db")
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_item=render_item)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
TEMPLATE = '''"""${message}"""
from alembic import op
import sqlalchemy as sa
from sqlalchemy import Integer
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''


def run(code, folder):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("imports", [IMPORTS, IMPORTS[::-1]], ids=["before", "after"])
def test_flask_migrate_makes_runs_and_makes_again(tmp_path, imports):
    """Whichever of the two is imported first; the second time there is nothing to do."""
    output = run("\n".join(imports) + FLASK.format(folder=str(tmp_path)), tmp_path)

    assert output.splitlines()[-1] == "0"
    (revision,) = (tmp_path / "migrations" / "versions").glob("*.py")
    assert revision.read_text().count("import chevupload.db.columns\n") == 1


@pytest.mark.parametrize("with_ready_tables", [True, False])
def test_alembic_makes_and_runs_them(tmp_path, with_ready_tables):
    """With tables of ours or only with mixins, and beside types that the host renders itself."""
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions.parent / "env.py").write_text(ENV)
    (versions.parent / "script.py.mako").write_text(TEMPLATE)
    (tmp_path / "host_models.py").write_text(MODELS.format(with_ready_tables=with_ready_tables))

    run("import sys; sys.path.insert(0, '.')\n" + ALEMBIC, tmp_path)

    (revision,) = versions.glob("*.py")
    text = revision.read_text()
    assert ("chevupload_keys" in text) is with_ready_tables
    assert "sa.Column('id', Integer(), nullable=False)" in text
