"""Certificates are checked against the name that was asked for."""

from __future__ import annotations

import pytest

from chevupload.errors import FetchFailed, FetchTimeout
from tests.fetch.hostile import OTHER, PUBLIC, QUICK, answer, certificate, redirect

BODY = bytes(range(256)) * 1000


@pytest.fixture(scope="session")
def good_certificate(tmp_path_factory):
    """Return the certificate of good.example, as a file and as a server's side of TLS."""
    return certificate(tmp_path_factory.mktemp("certificates"), "good.example")


def trusting(worlds, monkeypatch, good_certificate, *, trusted=True, **settings):
    """Make a world whose server has the certificate."""
    file, server = good_certificate
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return worlds(tls=server, **settings)


def test_a_file_over_tls(worlds, monkeypatch, good_certificate):
    """To the checked address, under the name: it is in the handshake and in the Host header."""
    names = []
    good_certificate[1].sni_callback = lambda connection, name, context: names.append(name)
    world = trusting(worlds, monkeypatch, good_certificate)
    world.pages[None] = answer(BODY)
    assert world.fetch("https://good.example/a.png") == (BODY, "a.png")
    assert (world.dialled, names) == ([(PUBLIC, 443)], ["good.example"])
    assert b"\r\nHost: good.example\r\n" in world.requests[0]


def test_a_file_that_ends_with_its_connection(worlds, monkeypatch, good_certificate):
    """Over TLS a proper end is told from a cut."""
    world = trusting(worlds, monkeypatch, good_certificate)
    world.pages[None] = answer(BODY, length=False)
    assert world.fetch("https://good.example/a.png")[0] == BODY
    world.pages[None] = lambda talk: (talk.send(answer(BODY, length=False)), talk.hang(0.1), talk.cut())
    with pytest.raises(FetchFailed):
        world.fetch("https://good.example/a.png")


@pytest.mark.parametrize("host", ["wrong.example", PUBLIC, f"[{OTHER}]"])
def test_a_certificate_of_another_name(worlds, monkeypatch, good_certificate, host):
    """It is not taken, even where everything else is right, and no request is sent."""
    world = trusting(worlds, monkeypatch, good_certificate)
    world.names["wrong.example"] = [PUBLIC]
    with pytest.raises(FetchFailed):
        world.fetch(f"https://{host}/a.png")
    assert world.requests == []


def test_a_certificate_that_nobody_trusts(worlds, monkeypatch, good_certificate):
    """Who signs for itself is not believed."""
    world = trusting(worlds, monkeypatch, good_certificate, trusted=False)
    with pytest.raises(FetchFailed):
        world.fetch("https://good.example/a.png")
    assert world.requests == []


def test_a_server_without_tls(world):
    """Plain bytes in place of a handshake are a failure."""
    world.greet = lambda talk: talk.send(answer(b"file"))
    with pytest.raises(FetchFailed):
        world.fetch("https://good.example/a.png")


@pytest.mark.slow
@pytest.mark.parametrize("drops", [b"", b"\x16\x03\x03\x40\x00" + bytes(9999)], ids=["silence", "drops"])
def test_a_handshake_without_end(worlds, drops):
    """It ends at the deadline, too."""
    world = worlds(seconds=QUICK)
    world.greet = lambda talk: (talk.drip(drops), talk.hang())
    with pytest.raises(FetchTimeout):
        world.fetch("https://good.example/")


def test_no_way_back_from_tls(worlds, monkeypatch, good_certificate):
    """A redirect from https to http is refused, the other way is fine."""
    world = trusting(worlds, monkeypatch, good_certificate)
    world.pages[None] = redirect("http://good.example/a.png")
    with pytest.raises(FetchFailed):
        world.fetch("https://good.example/a.png")
    assert world.dialled == [(PUBLIC, 443)]
