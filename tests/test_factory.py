"""Flat settings, as ini files and configurations have them, make the component that its objects would make."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from inspect import signature
from zoneinfo import ZoneInfo

import pytest

from chevupload import ChevUpload, Config, Delivery, Limits, Originals, Pages, Policy, Principal, Renditions, Routes
from chevupload.db import Accounts, Database, SqlCatalog, SqlKeys, Tables, UserColumns, sqlite_engine
from chevupload.errors import ConfigError, StorageError
from chevupload.site.factory import AllParts, component_from
from chevupload.testing.memory import MemoryCatalog, MemoryStorage, StaticKeys

SECRETS = "the-first-of-the-secrets the-second-of-the-secrets"


@pytest.fixture
def make(tmp_path):
    """Return a function that makes components from settings and closes them."""
    made = []

    def make_component(settings=(), /, **parts):
        component = component_from({"folder": str(tmp_path / "data"), "renderer": "inline", **dict(settings)}, **parts)
        made.append(component)
        return component

    yield make_component
    for component in made:
        component.close()


def principal(component, key):
    return component.context.keys.authenticate(key, {})


def test_a_folder_is_enough(make, tmp_path):
    """Records, secret and files are in it, and nothing else has to be said."""
    component = make()
    there = {path.name for path in (tmp_path / "data").iterdir()}
    assert there >= {"chevupload.db", "images", "incoming", "secret"}
    assert component.routes == Routes(keys=None), "nobody knows who is signed in"
    assert isinstance(component.key_store, SqlKeys)


@pytest.mark.slow
def test_one_clock_is_everybodys(make):
    """Keys and records are made and end by the component's clock, not by their own."""
    now = datetime(2031, 2, 3, tzinfo=UTC)
    component = make(clock=lambda: now)
    made = component.key_store.add_key("1", expires_at=now + timedelta(hours=1))
    (kept,) = component.key_store.keys_of("1")
    assert (kept.created_at, kept.is_usable(now)) == (now, True)
    assert principal(component, made.key) is None, "nobody has this id"
    assert component.catalog._clock() == now


def test_a_tilde_is_the_home_folder(make, tmp_path, monkeypatch):
    """As in a shell, which reads no ini file: for folders, and for the file of a database."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    make({"folder": "~/data"}, config=Config(spool_folder="~"))
    make({"folder": "", "database_url": "sqlite:///~/site.db", "storage_url": "file://~/files", "secret_keys": SECRETS})
    component = make({"folder": "~/other", "database_url": "sqlite:///~/site.db"})
    component.catalog.database.create_tables()
    assert {"data", "other", "site.db"} <= set(os.listdir(tmp_path / "home"))
    assert os.listdir(tmp_path) == ["home"]
    with pytest.raises(ConfigError, match="no such home"):
        make({"folder": "~nobody-has-this-name/data"})


def test_every_frozen_setting_has_a_name(make):
    """As texts, the way an ini file has them."""
    component = make(
        {
            "max_bytes": "20_000_000",
            "body_seconds": "2.5",
            "medium_side": "640",
            "medium_fixed": "height",
            "max_tags": "70",
            "tag_url": "/tags/{tag}",
            "guest_lifetime": "86400",
            "home_route": "/",
            "pup_route": "sdk/pup.js",
            "formats": "JPEG, PNG",
            "keep_exif": "no",
            "max_width": "2_048",
            "max_height": "",
            "convert": "PNG:WEBP, HEIC:JPEG",
            "camera_tag": "on",
            "delete_on_get": "1",
            "cors_origins": "https://a.example https://b.example",
            "timezone": "Europe/Berlin",
            "pending_grace": "60",
            "login_url": "/login",
            "naming": "random",
            "viewer_route": "v",
            "upload_page_route": "upload",
            "guest_page": "yes",
            "popup_origins": "https://forum.example",
            "site_name": "Pictures",
            "home_url": "/",
            "stylesheets": "style.css /own.css",
            "video_route": "",
            "base_url": "https://site.example/up",
            "trusted_proxies": "2",
        }
    )
    assert component.config.limits == Limits(max_bytes=20_000_000, body_seconds=2.5, max_tags=70)
    assert component.config.renditions == Renditions(medium_side=640, medium_fixed="height")
    assert component.config.originals == Originals(
        max_width=2_048, convert={"PNG": "WEBP", "HEIC": "JPEG"}, keep_exif=False, camera_tag=True
    )
    assert component.config.policy == Policy(
        formats=("JPEG", "PNG"),
        delete_on_get=True,
        cors_origins=("https://a.example", "https://b.example"),
        timezone=ZoneInfo("Europe/Berlin"),
        pending_grace=timedelta(minutes=1),
        login_url="/login",
        naming="random",
        guest_page=True,
        popup_origins=("https://forum.example",),
        tag_url="/tags/{tag}",
        guest_lifetime=timedelta(days=1),
    )
    pages = Pages(site_name="Pictures", home_url="/", stylesheets=("style.css", "/own.css"))
    assert component.context.pages == pages
    assert component.routes == Routes(
        viewer="v", video=None, keys=None, upload_page="upload", home="/", pup="sdk/pup.js"
    )
    assert component.links().base_url == "https://site.example/up"
    assert component.config.trusted_proxies == 2


@pytest.mark.parametrize("kind", [Config, *(type(one.default) for one in fields(Config) if "named" in one.metadata)])
def test_no_field_is_forgotten(kind):
    """Each says what its values may be, and its default is one of them."""
    for field in fields(kind):
        assert field.metadata["kind"].checked(field.name, field.default) == field.default


def test_values_may_have_their_types_already(make):
    """A host's configuration is not always text."""
    policy = {
        "timezone": UTC,
        "pending_grace": timedelta(1),
        "formats": ["PNG"],
        "cors_origins": "*",
    }
    originals = {"keep_exif": False, "max_width": None, "max_height": 5, "convert": {"PNG": "WEBP"}}
    component = make({**policy, **originals, "max_bytes": 5, "trusted_proxies": None})
    assert component.config.originals == Originals(**originals)
    expected = Policy(pending_grace=timedelta(1), formats=("PNG",))
    assert (component.config.policy, component.config.limits) == (expected, Limits(max_bytes=5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"max_byte": "1", "zzz": "2"}, "unknown settings: max_byte, zzz"),
        ({"max_bytes": "many"}, "max_bytes must be a whole number"),
        ({"max_bytes": "0"}, "max_bytes must be a whole number of bytes above 0"),
        ({"keep_exif": "perhaps"}, "keep_exif must be True or False"),
        ({"max_width": "wide"}, "max_width must be a whole number"),
        ({"max_height": "0"}, "max_height must be a whole number of pixels above 0"),
        ({"convert": "PNG"}, "convert must be a mapping"),
        ({"convert": "PNG:TIFF"}, "convert must be a mapping"),
        ({"convert": "PNG:WEBP PNG:JPEG"}, "convert must be a mapping"),
        ({"body_seconds": "long"}, "body_seconds must be a number"),
        ({"pending_grace": "PT1H"}, "pending_grace must be a timedelta above 0, or its seconds"),
        ({"timezone": "Nowhere/Here"}, "timezone must be a time zone"),
        ({"timezone": "/etc/passwd"}, "timezone must be a time zone"),
        ({"timezone": 5}, "timezone must be a time zone"),
        ({"pending_grace": "nan"}, "pending_grace must be a timedelta above 0, or its seconds"),
        ({"secret_keys": b"bytes are no text, whatever"}, "secret_keys must be a list of texts"),
        ({"base_url": 5}, "base_url"),
        ({"naming": "pretty"}, "naming must be"),
        ({"viewer_route": "a b"}, "viewer_route must be a path"),
        ({"database_url": "nonsense"}, "database_url must be an SQLAlchemy URL"),
        ({"database_url": "oracle+nothing://x"}, "database_url must be an SQLAlchemy URL"),
        ({"database_url": "sqlite+pysqlite_none://"}, "database_url must be an SQLAlchemy URL"),
        (
            {"database_url": "postgresql+psycopg2://ann:secret@db/x"},
            r"needs the driver psycopg2, .* write postgresql\+psycopg://",
        ),
        ({"database_url": "mysql://ann:secret@db/x"}, r"needs the driver MySQLdb, .* write mysql\+pymysql://"),
        ({"storage_public_url": "cdn"}, "public_url must be an address such as"),
        ({"storage_public_url": "/files"}, "public_url must be an address such as"),
        ({"storage_public_url": "https://cdn.example/x?y"}, "public_url must be .* neither query"),
        ({"storage_exclusive": "perhaps", "storage_url": "memory://x"}, "storage_exclusive must be True or False"),
        ({"trusted_proxies": "two"}, "trusted_proxies must be a whole number, 0 or more: 'two'"),
        ({"trusted_proxies": "1.5"}, "trusted_proxies must be a whole number"),
        ({"formats": "JPEG TIFF"}, "formats must be a tuple of formats"),
        ({"delivery_by": "ftp"}, "delivery_by must be 'component'"),
        ({"stylesheets": "own.css"}, "stylesheets must be"),
        ({"storage_url": "nothing://bucket"}, "nothing"),
        ({"secret_keys": "short"}, "16 characters"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"renderer": "elsewhere"}, "renderer must be 'worker' or 'inline'"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_the_start(make, settings, told):
    """By its name, instead of being passed over."""
    with pytest.raises(ConfigError, match=told):
        make(settings)


@pytest.mark.parametrize(
    ("settings", "parts", "told"),
    [
        ({}, {}, "nowhere to keep records"),
        ({"database_url": "sqlite://"}, {}, "secret_keys is not set"),
        ({"database_url": "sqlite://", "secret_keys": SECRETS}, {}, "nowhere to keep files"),
        ({"secret_keys": SECRETS}, {"catalog": MemoryCatalog(), "storage": MemoryStorage()}, "nobody has keys"),
        ({"folder": "/nowhere"}, {"users": UserColumns(id=None)}, "users need the database"),
    ],
)
def test_what_is_missing_is_told(settings, parts, told):
    """Without a folder, each part has to come from somewhere."""
    with pytest.raises(ConfigError, match=told):
        component_from(settings, **parts)


@pytest.mark.slow
def test_secrets_are_the_oldest_first(make):
    """Links signed with any of them delete, and the last one signs."""
    old, new = "the-first-of-the-secrets", "the-second-of-the-secrets"
    before = make({"secret_keys": old}).context.delete_tokens.sign("id")
    component = make({"secret_keys": f"{old}\n{new}"})
    assert component.context.delete_tokens.verify("id", before)
    assert make({"secret_keys": "one,with,commas,in,it"}).context.delete_tokens.sign("id") == make(
        {"secret_keys": ["one,with,commas,in,it"]}
    ).context.delete_tokens.sign("id")
    assert (
        component.context.delete_tokens.sign("id")
        == make({"secret_keys": [new]}).context.delete_tokens.sign("id")
        != before
    )


def test_a_database_and_a_storage_by_url(make, tmp_path):
    """The tables are made when they are asked for."""
    urls = {
        "database_url": f"sqlite:///{tmp_path}/own.db",
        "storage_url": "memory://x",
        "storage_public_url": "https://cdn.example",
    }
    component = make(urls)
    component.catalog.create_tables()
    component.catalog.create_tables()
    assert (tmp_path / "own.db").exists()
    assert not (tmp_path / "data" / "chevupload.db").exists()
    assert component.context.storages.by_name[""].url("a.png") == "https://cdn.example/a.png"


def test_how_a_storage_is_built_and_delivers_by_settings(make):
    """Its own options as JSON or as they are, whether it replaces files, and how they are delivered."""
    for options in ('{"skip_instance_cache": true}', {"skip_instance_cache": True}):
        component = make(
            {
                "storage_url": "memory://x",
                "storage_options": options,
                "storage_exclusive": "no",
                "delivery_by": "x_accel",
                "delivery_location": "/stored/",
                "delivery_signed_seconds": "120",
            }
        )
        storage = component.context.storages.by_name[""]
        assert (storage._files._options, storage._exclusive) == ({"skip_instance_cache": True}, False)
        delivery = component.context.deliverer._deliveries[""]
        assert delivery == Delivery(by="x_accel", location="/stored", signed_seconds=120)


@pytest.mark.slow
def test_an_s3_signs_for_the_address_that_readers_have(make):
    """While the server reaches it by another."""
    component = make(
        {
            "storage_url": "s3://pictures/site",
            "storage_options": {"endpoint_url": "http://minio:9000", "key": "key", "secret": "secret"},
            "storage_signing_endpoint": "https://files.example.org",
            "delivery_by": "signed_url",
        }
    )
    url = component.context.storages.by_name[""].signed_url("a.png", seconds=60)
    assert url.startswith("https://files.example.org/pictures/site/a.png?")


@pytest.mark.parametrize("options", ["{", "[]", "3", ["a"]])
def test_options_that_are_no_mapping_are_told_without_their_value(make, options):
    """A password may stand in them."""
    with pytest.raises(ConfigError, match="must be a mapping, or JSON of one"):
        make({"storage_url": "memory://x", "storage_options": options})


def test_keys_are_asked_for_in_their_order(make, tmp_path):
    """The host's first, then the guests', then the table's; a host with keys of its own only has no table asked."""
    host = StaticKeys({"host": Principal(user_id="h"), "guest": Principal(user_id="not a guest")})
    database = Database(sqlite_engine(tmp_path / "keys.db"))
    database.create_tables()
    accounts = Accounts(database)
    user_id = accounts.add_user("ann")
    key = accounts.add_key("ann").key
    component = make({"guest_key": "guest"}, database=database)
    assert principal(component, key) == Principal(user_id=user_id)
    assert principal(component, "guest") == Principal()
    component = make({"guest_key": "guest"}, database=database, keys=host)
    assert principal(component, "host") == Principal(user_id="h")
    assert principal(component, "guest") == Principal(user_id="not a guest")
    assert principal(component, key) is None
    with pytest.raises(ConfigError, match="keys elsewhere"):
        component.key_store.keys_of(user_id)


def test_parts_of_the_host_win(make):
    """Over what settings would make."""
    catalog, storage = MemoryCatalog(), MemoryStorage()
    component = make(
        {"storage_public_url": "https://cdn.example"}, catalog=catalog, storage=storage, keys=StaticKeys({})
    )
    assert (component.catalog, component.context.storages.by_name[""]) == (catalog, storage)


def test_settings_are_laid_over_a_config_of_the_host(make):
    """Field by field, so that whoever runs a site has the last word on what its code says; so for pages."""

    class Own(Pages):
        def deleted(self):
            return super().deleted()

    code = Config(limits=Limits(max_bytes=7, max_tags=3), delivery={"": Delivery()}, trusted_proxies=1)
    component = make({"max_bytes": "5", "site_name": "Own", "trusted_proxies": ""}, config=code, pages=Own())
    assert component.config == replace(code, limits=Limits(max_bytes=5, max_tags=3))
    assert component.context.pages == Own(site_name="Own")
    assert type(component.context.pages) is Own


def test_users_of_a_database_by_url_are_asked(make, tmp_path):
    """Also where the records are elsewhere."""
    url = {"database_url": f"sqlite:///{tmp_path}/own.db"}
    users = UserColumns(id=Tables.default().users.c.id)
    assert isinstance(make(url, catalog=MemoryCatalog(), users=users).key_store, SqlKeys)


def test_a_folder_that_cannot_be_made_is_told():
    """By an error of ours."""
    with pytest.raises(StorageError):
        component_from({"folder": "/dev/null/folder"})


def test_a_catalog_of_a_host_with_a_database_of_keys(make, tmp_path):
    """Both may be given: the one keeps records, the other keys."""
    database = Database(sqlite_engine(tmp_path / "keys.db"))
    catalog = MemoryCatalog()
    component = make(catalog=catalog, database=database)
    assert component.catalog is catalog
    assert isinstance(component.key_store, SqlKeys)


def test_records_in_sql_are_the_default(make):
    """In the folder's own database."""
    assert isinstance(make().catalog, SqlCatalog)


def test_every_keyword_of_the_component_is_typed_for_adapters():
    """Or a checker would take it for a misspelt one."""
    of_component, of_function = signature(ChevUpload).parameters, signature(component_from).parameters
    known = {*of_component, *of_function} - {"settings", "more"}
    assert AllParts.__optional_keys__ == known
