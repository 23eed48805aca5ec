"""Which addresses are public, and that a URL has one reading or none."""

from __future__ import annotations

import string
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chevupload.errors import InvalidUrl
from chevupload.fetch.url_safety import is_host_name, parse_url, public_address
from tests.fetch.hostile import PRIVATE_V4, PRIVATE_V6, carriers

V4_NETWORKS = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
)
V6_NETWORKS = (
    "::/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "4000::/2",
    "8000::/1",
)
PUBLIC_ADDRESSES = (
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "93.184.215.14",
    "100.63.255.255",
    "100.128.0.0",
    "168.63.129.15",
    "172.32.0.0",
    "192.0.1.0",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:82a::200e",
    "2a00:1450:4001:82a:5efe::1",
    "3ffe:ffff::1",
)


@pytest.mark.parametrize("text", PUBLIC_ADDRESSES)
def test_public_addresses_are_public(text):
    """The networks around what is special stay reachable, up to their last address."""
    assert public_address(text) == ip_address(text)


@pytest.mark.parametrize("text", [*V4_NETWORKS, *V6_NETWORKS])
def test_no_address_of_a_special_network_is_public(text):
    """First, last and some in between, whatever this Python's ipaddress says of them."""
    network = ip_network(text)
    size = network.num_addresses
    for offset in {0, 1 % size, size // 3, size // 2, size - 1}:
        assert public_address(str(network[offset])) is None


@pytest.mark.parametrize("v4", PRIVATE_V4)
def test_an_address_inside_another_is_not_public(v4):
    """However IPv6 carries an IPv4 address, nothing private gets through."""
    assert public_address(v4) is None
    assert [carrier for carrier in carriers(v4) if public_address(carrier) is not None] == []


@pytest.mark.parametrize("v6", PRIVATE_V6)
def test_private_ipv6_addresses_are_not_public(v6):
    """Local, documentation, discard and benchmark addresses are for nobody outside."""
    assert public_address(v6) is None


def test_a_mapped_address_is_the_one_that_it_maps():
    """A public IPv4 address in IPv6's clothes is dialled as itself; every other carrier is refused."""
    assert public_address("::ffff:8.8.8.8") == IPv4Address("8.8.8.8")
    assert [public_address(carrier) for carrier in carriers("8.8.8.8")].count(IPv4Address("8.8.8.8")) == 3
    assert {public_address(carrier) for carrier in carriers("8.8.8.8")} == {None, IPv4Address("8.8.8.8")}


@pytest.mark.parametrize("text", ["", "good.example", "8.8.8", "08.8.8.8", "8.8.8.8 ", "2a00::1%eth0", "[2a00::1]"])
def test_what_is_no_address_is_not_public(text):
    """A resolver's odd answer is not dialled, and no scope leads to a link of this machine."""
    assert public_address(text) is None


def test_a_site_denies_networks_of_its_own():
    """Denied networks come on top; a mapped address is judged as what it maps."""
    denied = (ip_network("8.8.8.0/24"), ip_network("2a00::/16"))
    assert public_address("8.8.8.8", denied=denied) is None
    assert public_address("::ffff:8.8.8.8", denied=denied) is None
    assert public_address("2a00::1", denied=denied) is None
    assert public_address("8.8.9.8", denied=denied) == IPv4Address("8.8.9.8")


@given(st.integers(0, 2**32 - 1))
@example(0xA83F8110)
def test_every_ipv4_address_is_public_or_in_a_listed_network(number):
    """The code's lists and the test's own say the same, whichever address one takes."""
    address = IPv4Address(number)
    special = any(address in ip_network(network) for network in V4_NETWORKS)
    assert (public_address(str(address)) is None) == special


@given(st.integers(0, 2**128 - 1) | st.integers(2**125, 2**126 - 1))
def test_every_public_ipv6_address_is_global_unicast(number):
    """Nothing but 2000::/3 is ever public, a mapped address aside."""
    found = public_address(str(IPv6Address(number)))
    assert found is None or isinstance(found, IPv4Address) or number >> 125 == 1


@pytest.mark.parametrize(
    ("url", "authority", "path", "filename"),
    [
        ("http://good.example", "good.example", "/", None),
        ("HTTP://Good.Example./", "good.example", "/", None),
        ("http://good.example:80/a.png", "good.example", "/a.png", "a.png"),
        ("https://good.example:443/a.png", "good.example", "/a.png", "a.png"),
        ("https://good.example:80/a.png", "good.example:80", "/a.png", "a.png"),
        ("http://good.example:8080/a.png", "good.example:8080", "/a.png", "a.png"),
        ("http://good.example?a/b.png", "good.example", "/?a/b.png", None),
        ("http://good.example/a.png?x=/y#z", "good.example", "/a.png?x=/y", "a.png"),
        ("http://good.example/a.png#?x", "good.example", "/a.png", "a.png"),
        ("http://good.example//a/%62%20c.png", "good.example", "//a/%62%20c.png", "b c.png"),
        ("http://good.example/100%.png", "good.example", "/100%.png", "100%.png"),
        ("http://good.example/bäume.png?ö", "good.example", "/b%C3%A4ume.png?%C3%B6", "bäume.png"),
        ("http://good.example/%ff.png", "good.example", "/%ff.png", "\ufffd.png"),
        ('http://good.example/<"|>.png', "good.example", "/%3C%22%7C%3E.png", '<"|>.png'),
        ("http://a_b.xn--bcher-kva.example/", "a_b.xn--bcher-kva.example", "/", None),
        ("http://8.8.8.8/x", "8.8.8.8", "/x", "x"),
        ("http://[2A00::0:1]:8080/x", "[2a00::1]:8080", "/x", "x"),
    ],
)
def test_a_url_has_one_reading(url, authority, path, filename):
    """What is requested, of whom, and the file's name, which is the last segment of the path without its query."""
    target = parse_url(url)
    assert (target.authority, target.path, target.filename) == (authority, path, filename)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "good.example/a.png",
        "//good.example/a.png",
        "http:good.example",
        "http:/good.example",
        "http:///a.png",
        "http://:80/",
        "http://user@good.example/",
        "http://user:word@good.example/",
        "http://@good.example/",
        "http://good.example\\@evil.example/",
        "http:\\\\good.example/",
        "http://good.example/a b.png",
        "http://good.example/a.png ",
        " http://good.example/a.png",
        "http://good.example/a\u00a0b.png",
        "http://good.example/a\u2028b.png",
        "http://good.example/\x00",
        "http://good.example/\x7f",
        "http://good.example/\x85",
        "http://good.example/\r\nX-Injected: yes",
        "http://good.example/\ud800",
        "ht\ttp://good.example/",
        "http://good.example:/",
        "http://good.example:80:80/",
        "http://good.example:-1/",
        "http://good.example:+80/",
        "http://good.example:８０/",
        "http://good.example:123456/",
        "http://good..example/",
        "http://.good.example/",
        "http://-good.example/",
        "http://good-.example/",
        "http://good!.example/",
        "http://good%2eexample/",
        "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 127 + "example/",
        "http://[good.example]/",
        "http://[::1/",
        "http://::1]/",
        "http://[2a00::1]x/",
        "http://[2a00::1%25eth0]/",
        "http://[v1.2a00]/",
        "http://2a00::1/",
        "http://bücher.example/",
        "httpſ://good.example/",
        "http://good.example/" + "a" * 8192,
    ],
)
def test_a_url_with_two_readings_is_refused(url):
    """User names, back slashes, blanks, odd hosts and ports: no program has to agree with another about them."""
    with pytest.raises(InvalidUrl):
        parse_url(url)


def test_the_longest_url():
    """8,192 characters are read, and one more is refused."""
    start = "http://good.example/"
    path = "/" + "a" * (8_192 - len(start))
    assert parse_url(f"http://good.example{path}").path == path
    with pytest.raises(InvalidUrl):
        parse_url(f"http://good.example{path}a")


@pytest.mark.parametrize("host", ["bücher.example", "①②⑦.0.0.1", "127。0。0。1", "good.exam\u200bple"])
def test_a_host_beyond_ascii_is_refused_with_advice(host):
    """Programs disagree about such names; their ASCII form means the same to all."""
    with pytest.raises(InvalidUrl) as told:
        parse_url(f"http://{host}/")
    assert str(told.value) == "Host names in URLs must be spelled in ASCII (xn--)"


@pytest.mark.parametrize("scheme", ["ftp", "file", "gopher", "dict", "data", "unix", "httpx", "http+unix"])
def test_no_other_scheme_is_read(scheme):
    """Only http and https, and the refusal says so."""
    with pytest.raises(InvalidUrl) as told:
        parse_url(f"{scheme.upper()}://good.example/a.png")
    assert str(told.value) == f"Unsupported URL scheme `{scheme}`"


@pytest.mark.parametrize(
    ("reference", "read"),
    [
        ("b.png", "http://good.example/x/b.png"),
        ("/b.png", "http://good.example/b.png"),
        ("../b.png?c", "http://good.example/b.png?c"),
        ("?c", "http://good.example/x/a.png?c"),
        ("", "http://good.example/x/a.png?q"),
        ("//other.example/b", "http://other.example/b"),
        ("https://other.example/b", "https://other.example/b"),
    ],
)
def test_a_reference_is_read_as_its_server_means_it(reference, read):
    """Relative and absolute ones, and the result is as strict as any URL."""
    assert parse_url("http://good.example/x/a.png?q").join(reference) == parse_url(read)


@pytest.mark.parametrize(
    "reference",
    ["http://[", "//user@good.example/", "/a b", "\thttp://good.example/", "http:\\\\x", "mailto:x", "//２.example/"],
)
def test_an_odd_reference_is_refused(reference):
    """A redirect cannot say what a URL may not."""
    with pytest.raises(InvalidUrl):
        parse_url("http://good.example/").join(reference)


@pytest.mark.parametrize("text", ["0", "1.2", "0x7f.1", "127.0.0.1", "a.0x", "a.00", "0X1", "a.1."])
def test_a_host_name_does_not_end_in_a_number(text):
    """Some resolver or other takes such names for addresses."""
    assert not is_host_name(text)


URL_TEXT = st.text(st.sampled_from(string.ascii_letters + string.digits + "/:?#[]@!%.-_\\ \t\n\r\0é。①"), max_size=40)


@given(st.text() | URL_TEXT.map("http://{}".format), URL_TEXT)
def test_any_text_is_a_url_or_refused(url, reference):
    """No text makes anything but an ASCII request line without blanks, or a refusal."""
    try:
        target = parse_url(url)
        targets = [target, target.join(reference)]
    except InvalidUrl:
        return
    for target in targets:
        head = (target.path + target.authority).encode("ascii")
        assert target.path[0] == "/"
        assert not set(head) & set(range(0x21)) | set(head) & {0x7F}
