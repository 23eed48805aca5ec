"""Whom the fetcher connects to, and whom never: names, addresses, ports, and every hop of a redirect."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chevupload.errors import FetchFailed, FetchTimeout, InvalidUrl, Refusal, UrlRefused
from chevupload.fetch.url_safety import public_address
from tests.fetch.hostile import OTHER, PUBLIC, URL, Everywhere, answer, inside, redirect

INSIDE = inside()

SIGNS = tuple(":/\\@#?%[].-_\t \0é。①\ud800\u202e")
HOSTS = ("good.example", "in.example", "mixed.example", "localhost", "127.0.0.1", "0x7f", "017700000001", "::1", "xn--")
PIECES = (*SIGNS, *HOSTS, "http", "https", "ftp", "://", "80", "22", "//", "\r\n", "%00", "%2f", "a" * 64, "1" * 30)
URLS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join)


def refused(world, url, refusal=UrlRefused):
    """Assert that a URL is refused, and return the refusal."""
    with pytest.raises(refusal) as caught:
        world.fetch(url)
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize("hosts", list(INSIDE.values()), ids=list(INSIDE))
def test_no_spelling_of_a_private_address_is_dialled(world, hosts):
    """However it is spelled, and even where a resolver takes every text for a public name."""
    world.names = Everywhere()
    for host in hosts:
        refused(world, f"http://{host}/a.png", (InvalidUrl, UrlRefused))
        refused(world, f"https://{host}", (InvalidUrl, UrlRefused))
    assert (world.asked, world.dialled) == ([], [])


def test_there_are_many_spellings():
    """The list of spellings has not withered."""
    assert sum(map(len, INSIDE.values())) > 1500


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "::ffff:127.0.0.1", "fe80::1%lo", "odd", ""])
def test_a_name_of_a_private_address_is_refused(world, address):
    """Nothing is dialled, and the refusal does not tell the address."""
    world.names["in.example"] = [address]
    refusal = refused(world, "http://in.example/")
    assert (refusal.status, refusal.message) == (403, UrlRefused.text)
    assert world.dialled == []


@pytest.mark.parametrize("answers", [[PUBLIC, "10.0.0.1"], ["::1", PUBLIC], [PUBLIC, OTHER, "0.0.0.0"]])
def test_one_private_address_among_several_refuses_all(world, answers):
    """A name that leads inside now and then is not followed by luck."""
    world.names["mixed.example"] = answers
    refused(world, "http://mixed.example/")
    assert world.dialled == []


def test_an_unknown_name_reads_like_a_private_one(world):
    """Otherwise the refusals would list the names of the inside network."""
    world.names.update({"in.example": ["10.0.0.1"], "none.example": []})
    refusals = [refused(world, f"http://{name}.example/") for name in ("in", "none", "unknown")]
    assert len({(refusal.status, refusal.code, refusal.message) for refusal in refusals}) == 1


def test_a_name_is_resolved_once(world):
    """What was checked is what is dialled: a second answer is not asked for."""
    world.names["rebind.example"] = [[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]]
    assert world.fetch("http://rebind.example/a.png")[0] == b"file"
    assert (world.asked, world.dialled) == (["rebind.example"], [(PUBLIC, 80)])


def test_a_name_that_changes_between_redirects_is_refused(world):
    """Each hop is resolved and checked anew."""
    world.names["rebind.example"] = [[PUBLIC], ["127.0.0.1"]]
    world.pages[None] = redirect("/b.png")
    refused(world, "http://rebind.example/a.png")
    assert world.dialled == [(PUBLIC, 80)]


def test_a_mapped_address_is_dialled_as_what_it_maps(world):
    """A public IPv4 address stays one in IPv6's clothes."""
    assert world.fetch(f"http://[::ffff:{PUBLIC}]/")[0] == b"file"
    assert world.dialled == [(PUBLIC, 80)]


def test_addresses_in_place_of_names(world):
    """Public ones are dialled without asking anybody."""
    world.fetch(f"http://{PUBLIC}/")
    world.fetch(f"http://[{OTHER}]/")
    assert (world.asked, world.dialled) == ([], [(PUBLIC, 80), (OTHER, 80)])
    assert f"Host: [{OTHER}]".encode() in world.requests[1]


def test_the_other_addresses_of_a_name_are_tried(world):
    """One address that is down does not hide the next, and none is tried twice."""
    world.names["good.example"] = [OTHER, OTHER, PUBLIC]
    world.down[OTHER] = ConnectionRefusedError()
    assert world.fetch()[0] == b"file"
    assert world.dialled == [(OTHER, 80), (PUBLIC, 80)]


def test_few_addresses_are_tried(world):
    """A name with a thousand addresses does not make us call on all of them."""
    addresses = [f"93.184.{number // 250}.{number % 250}" for number in range(1000)]
    world.names["many.example"] = addresses
    world.down = dict.fromkeys(addresses, OSError())
    refused(world, "http://many.example/", FetchFailed)
    assert len(world.dialled) == 8


@pytest.mark.parametrize(
    ("error", "refusal"),
    [(ConnectionRefusedError, FetchFailed), (OSError, FetchFailed), (TimeoutError, FetchTimeout)],
)
def test_a_server_that_is_down(world, error, refusal):
    """502 or 504, and nothing of the reason."""
    world.down[PUBLIC] = error("secret")
    assert refused(world, URL, refusal).message == refusal.text


@pytest.mark.parametrize("peer", [("127.0.0.1", 80), ("::1", 80, 0, 0), (OTHER, 80), ("odd", 80)])
def test_a_connection_that_leads_elsewhere_is_closed(world, peer):
    """Whoever answers has the address that was checked, or hears nothing."""
    world.peer = peer
    refused(world, URL, (UrlRefused, FetchFailed))
    assert world.dialled == [(PUBLIC, 80)]
    world.close()
    assert world.requests == []


@pytest.mark.parametrize("port", [0, 22, 25, 79, 81, 8080, 6379, 65535, 65536, 99999])
def test_other_ports_are_refused(world, port):
    """Services on other ports do not hear from us, with whatever a URL may spell into a request."""
    assert refused(world, f"http://good.example:{port}/").message == "Unsupported port in URL"
    assert (world.asked, world.dialled) == ([], [])


def test_a_site_may_add_ports(worlds):
    """And then the port is in the Host header."""
    world = worlds(ports=(8080,))
    world.fetch("http://good.example:8080/")
    assert world.dialled == [(PUBLIC, 8080)]
    assert b"\r\nHost: good.example:8080\r\n" in world.requests[0]
    refused(world, URL)


def test_only_allowed_hosts(worlds):
    """With a list of hosts nobody else is asked for; addresses in place of names are not on it."""
    world = worlds(allow_hosts=("good.example", ".cdn.example"))
    world.names = Everywhere()
    for host in ("good.example", "GOOD.example.", "cdn.example", "a.b.cdn.example"):
        world.fetch(f"http://{host}/")
    asked = list(world.asked)
    for host in ("a.good.example", "xcdn.example", "cdn.example.org", PUBLIC, f"[{OTHER}]"):
        refused(world, f"http://{host}/")
    assert world.asked == asked


def test_denied_hosts(worlds):
    """A denied host is refused even where it is allowed too, and in a redirect."""
    world = worlds(allow_hosts=(".example",), deny_hosts=(".bad.example",))
    world.pages[None] = redirect("http://cdn.bad.example/")
    for url in ("http://bad.example/", "http://CDN.bad.example./", URL):
        refused(world, url)
    assert world.asked == ["good.example"]


def test_an_empty_list_allows_nothing(worlds):
    """Only a star means every host."""
    refused(worlds(allow_hosts=()), URL)


def test_denied_networks(worlds):
    """A site keeps us from its own public addresses, by whichever name."""
    world = worlds(deny_networks=("93.184.215.0/24", OTHER))
    world.names["own.example"] = [OTHER]
    for url in (URL, "http://own.example/", f"http://{PUBLIC}/", f"http://[::ffff:{PUBLIC}]/"):
        refused(world, url)
    assert world.dialled == []


@pytest.mark.parametrize("status", ["301 A", "302 B", "303 C", "307 D", "308 E"])
@pytest.mark.parametrize("location", ["/b.png", "b.png", "//good.example/b.png", "http://good.example:80/b.png#x"])
def test_redirects_are_followed(world, status, location):
    """Relative or absolute; the name stays that of the URL that was asked for."""
    world.pages.update({None: redirect(location, status), "/b.png": answer(b"moved")})
    assert world.fetch() == (b"moved", "a.png")
    assert world.dialled == [(PUBLIC, 80)] * 2


def test_a_redirect_in_utf_8(world):
    """Servers send what they should have encoded."""
    world.pages["/a.png"] = redirect("/ä".encode().decode("latin-1"))
    world.fetch()
    assert world.requests[1].startswith(b"GET /%C3%A4 ")
    world.pages["/a.png"] = redirect("/ä")
    world.fetch()
    assert world.requests[3].startswith(b"GET /%C3%A4 ")


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "//169.254.169.254/latest",
        "http://[::1]/",
        "http://localhost/",
        "http://in.example/",
        "http://good.example:22/",
    ],
)
def test_a_redirect_to_where_we_do_not_go(world, location):
    """It is refused as the URL itself would be, and not dialled."""
    world.names["in.example"] = ["192.168.0.1"]
    world.pages[None] = redirect(location)
    with pytest.raises(UrlRefused):
        world.fetch()
    assert world.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://good.example/",
        "gopher://good.example/_x",
        "data:image/png;base64,AAAA",
        "http://user@good.example/",
        "http://good.example\\@127.0.0.1/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[::1",
        "http://good.example/a b",
        "/a\tb",
        "/a\r\n b",
    ],
)
def test_a_redirect_to_what_is_no_url(world, location):
    """The client's URL was fine; its server is not."""
    world.pages[None] = redirect(location)
    with pytest.raises(FetchFailed):
        world.fetch()
    assert world.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "page",
    [answer(status="302 Found"), answer(b"", "Location: /b", "Location: /c", status="302 Found")],
    ids=["none", "two"],
)
def test_a_redirect_to_one_place(world, page):
    """One location, or it is no redirect."""
    world.pages["/a.png"] = page
    with pytest.raises(FetchFailed):
        world.fetch()
    assert len(world.dialled) == 1


@pytest.mark.parametrize("location", ["/a.png", "", "?x"])
def test_a_loop_ends(world, location):
    """Four redirects and no more."""
    world.pages[None] = redirect(location)
    with pytest.raises(FetchFailed):
        world.fetch()
    assert len(world.dialled) == 5


@pytest.mark.parametrize("most", [0, 1, 4])
def test_as_many_as_allowed(worlds, most):
    """The last of them may bring the file; a site may follow none."""
    world = worlds(max_redirects=most)
    world.pages.update({f"/{number}": redirect(f"/{number - 1}") for number in range(1, 6)})
    assert world.fetch(f"http://good.example/{most}")[0] == b"file"
    with pytest.raises(FetchFailed):
        world.fetch(f"http://good.example/{most + 1}")


def test_the_body_of_a_redirect_is_not_read(world):
    """However long it is."""

    def page(talk):
        talk.send(b"HTTP/1.1 302 Found\r\nLocation: /b.png\r\n\r\n")
        while True:
            talk.send(bytes(65536))

    world.pages["/a.png"] = page
    assert world.fetch(max_bytes=10)[0] == b"file"


@pytest.mark.slow
@settings(max_examples=4 * settings.default.max_examples, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | URLS | URLS.map("http://{}".format) | st.from_regex(r"https?://[^/]{1,12}/?\Z"))
@example("http://in.example/")
@example("https://mixed.example:443")
def test_any_text_is_refused_or_dialled_in_public(world, url):
    """A URL of any shape leads to a public address, or to a refusal."""
    world.names = Everywhere({"in.example": ["10.0.0.1"], "mixed.example": [PUBLIC, "::1"]})
    world.down[PUBLIC] = ConnectionRefusedError()
    with pytest.raises(Refusal):
        world.fetch(url)
    assert all(public_address(address) == ip_address(address) for address, port in world.dialled)
    assert {port for address, port in world.dialled} <= {80, 443}
