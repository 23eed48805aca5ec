"""A component that is put together wrongly says so before its first request."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from wsgiref.validate import validator

import pytest
from werkzeug.test import Client

from chevupload import Limits, Pages, Policy, Routes, app
from chevupload.errors import ConfigError
from chevupload.media import optional as extras
from chevupload.testing.memory import MemoryCatalog, MemoryStorage, StaticKeys
from tests.support import NOW, PRINCIPALS, SECRET, UPLOAD, assert_refusal, file, gathered


async def later(*arguments):
    """Answer when somebody waits for it, which nobody does here."""


class AsyncKeys:
    async def authenticate(self, key, environ):
        """Answer later."""


class ShortKeys:
    def authenticate(self, key):
        """Look at the key alone."""


def make(**settings):
    """Put a component together with these settings."""
    values = {
        "keys": StaticKeys(PRINCIPALS),
        "catalog": MemoryCatalog(),
        "storage": MemoryStorage(),
        "secret_keys": [SECRET],
        "renderer": "inline",
    }
    return app.ChevUpload(**gathered(values | settings))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"base_url": "example.org"},
            "base_url must be an address such as 'https://example.org/uploads'.*'example.org'",
        ),
        ({"base_url": "ftp://example.org"}, "base_url must be an address"),
        ({"base_url": "https://"}, "base_url must be an address"),
        ({"base_url": "https://example.org/up?x=1"}, r"base_url must be .* neither query nor fragment.*: .*\?x=1"),
        ({"base_url": "https://example.org/#up"}, "base_url must be an address"),
        ({"base_url": "https://ann:secret@example.org"}, "base_url must be an address"),
        ({"base_url": "https://example.org:99999"}, "base_url must be an address"),
        ({"base_url": "https://exa mple.org"}, "base_url must be an address"),
        ({"base_url": 5}, "base_url must be an address"),
        ({"trusted_proxies": -1}, "trusted_proxies must be a whole number, 0 or more: -1"),
        ({"trusted_proxies": "1"}, "trusted_proxies must be a whole number, 0 or more: '1'"),
        ({"trusted_proxies": True}, "trusted_proxies must be a whole number, 0 or more: True"),
        (
            {"renderer": "thread"},
            "renderer must be such as 'worker', 'inline' or a renderer, and .* has no process, .*: 'thread'",
        ),
        ({"renderer": None}, "renderer must be such as"),
        ({"secret_keys": []}, "secret_keys needs at least one key"),
        ({"secret_keys": ["short"]}, "secret_keys needs .* 16 characters or more"),
        ({"secret_keys": "one text of sixteen characters or more"}, "secret_keys must be a list of texts"),
        ({"secret_keys": [5]}, "secret_keys must be a list of texts"),
        ({"keys": "user-key"}, "keys must be a function of"),
        ({"keys": lambda key: None}, r"keys must be a function of \(key, environ\), and this one takes \(key\)"),
        ({"keys": lambda: None}, "keys must be a function of"),
        ({"keys": later}, "keys must be a function .* that is not async"),
        ({"keys": ShortKeys()}, r"keys.authenticate must be a function of \(key, environ\)"),
        ({"keys": AsyncKeys()}, r"keys.authenticate must be .* not async"),
        ({"keys": {"a-key": "ann"}}, "keys must be a function of"),
        ({"limits": {"max_bytes": 5}}, r"limits must be such as Limits\(max_bytes=5_000_000\): {'max_bytes': 5}"),
        ({"limits": Limits}, "limits must be such as"),
        ({"renditions": 320}, "renditions must be such as Renditions"),
        ({"originals": {"convert": {}}}, "originals must be such as Originals"),
        ({"policy": "strict"}, "policy must be such as Policy"),
        ({"routes": {"upload": "up"}}, "routes must be such as Routes"),
        ({"pages": object()}, r"pages must be such as Pages\(site_name='Pictures'\): <object"),
        ({"pages": Pages}, "pages must be such as"),
        (
            {"catalog": "sqlite:///x"},
            r"catalog must be such as SqlCatalog\(.*, and this one has no reserve, publish.*: 'sqlite:///x'",
        ),
        ({"storage": "/srv/pictures"}, r"storage must be such as LocalStorage\(.*: '/srv/pictures'"),
        ({"storage": None}, "storage must be such as LocalStorage"),
        ({"fetcher": "https"}, "fetcher must be such as .* has no fetch"),
        ({"key_store": {}}, "key_store must be such as SqlKeys"),
        (
            {"before_store": lambda upload, principal: None},
            r"before_store must be a function of \(upload, principal, file",
        ),
        ({"before_store": later}, "before_store must be .* not async"),
        ({"on_upload": lambda upload: None}, r"on_upload must be a function of \(upload, principal\), .* \(upload\)"),
        ({"on_upload": "mail"}, "on_upload must be a function"),
        ({"on_delete": lambda upload, principal: None}, r"on_delete must be a function of \(upload\)"),
        ({"current_user": lambda: None}, r"current_user must be a function of \(environ\)"),
        ({"clock": lambda zone: NOW}, r"clock must be a function of \(\), and this one takes \(zone\)"),
        ({"clock": NOW}, "clock must be a function of"),
        (
            {"spool_folder": "/nowhere/at/all"},
            "spool_folder must be a folder that can be written to, or None: '/nowhere/at/all'",
        ),
        ({"delivery": {"": "component"}}, "delivery must be such as Delivery"),
        ({"delivery": "x_accel"}, "delivery must be such as Delivery"),
    ],
)
def test_mistakes_are_found_at_construction(settings, told):
    """Before the first request, by the setting's name, its value, and what would be right."""
    with pytest.raises(ConfigError, match=told):
        make(**settings)


def test_functions_may_have_more_than_they_are_given():
    """Defaults, further arguments and bound methods are a host's own."""
    make(
        keys=lambda key, environ, users=(): None,
        on_upload=lambda *told: None,
        on_delete=[].append,
        before_store=lambda upload, principal, file, **more: None,
    ).close()


def test_a_host_may_hand_a_part_through_a_proxy():
    """What counts are the methods."""

    class Proxy:
        def __init__(self, part):
            self._part = part

        def __getattr__(self, name):
            return getattr(self._part, name)

    make(catalog=Proxy(MemoryCatalog()), storage=Proxy(MemoryStorage())).close()


def test_a_key_function_with_the_wrong_answer_is_told_in_the_log(caplog):
    """Only a call shows it; the client learns nothing of it."""
    component = make(keys=lambda key, environ: "ann")
    with Client(validator(component)).post(UPLOAD, data={"key": "a", "source": file()}) as answer:
        assert_refusal(answer, 500, 500)
    assert "keys must answer a Principal or None: str" in caplog.text
    component.close()


@pytest.mark.parametrize(
    ("format_", "module", "extra"), [("HEIC", "pi_heif", "heic"), ("MP4", "av", "video"), ("WEBM", "av", "video")]
)
def test_a_format_that_is_named_needs_its_decoder(monkeypatch, format_, module, extra):
    """At the start, and not at the first upload; the default is whatever can be decoded."""
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == module else object())
    with pytest.raises(ConfigError, match=rf"Policy.formats names {format_}, which needs {module}: .*\[{extra}\]"):
        make(policy=Policy(formats=("JPEG", format_)))
    make(policy=Policy(formats=("JPEG",))).close()
    make().close()


def test_the_clock_is_in_utc():
    """The default clock is aware."""
    assert app.utc_now().tzinfo is UTC
    assert abs(app.utc_now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_storage_in_memory_spools_in_the_systems_folder(tmp_path, monkeypatch):
    """Without an incoming folder the system's is taken."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    component = app.ChevUpload(
        keys=StaticKeys(PRINCIPALS),
        catalog=MemoryCatalog(),
        storage=MemoryStorage(),
        secret_keys=[SECRET],
        renderer="inline",
    )
    (tmp_path / "chevupload-spool-left").touch()
    assert component.maintenance.sweep(grace=timedelta(0)).temporary_files == 1


@pytest.mark.parametrize("answer", [7, True, object()])
def test_who_is_signed_in_is_an_id_or_a_principal(answer, caplog):
    """A host's own user is neither; the log says so, and the reader nothing."""
    component = make(current_user=lambda environ: answer, routes=Routes(upload_page="upload"))
    with Client(validator(component)).get("/upload") as told:
        assert told.status_code == 500
        assert "current_user" not in told.text
    assert f"current_user must answer a user's id, a Principal or None: {type(answer).__name__}\n" in caplog.text
    component.close()
