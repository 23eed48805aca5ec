from __future__ import annotations

import pytest
from werkzeug.test import create_environ

from chevupload.errors import MalformedRequest
from chevupload.wsgi.routing import client_network, request_base_url, trust_proxies

FORWARDED = {
    "HTTP_X_FORWARDED_FOR": "6.6.6.6, 1.1.1.1, 2.2.2.2",
    "HTTP_X_FORWARDED_PROTO": "gopher, https, http",
    "HTTP_X_FORWARDED_HOST": "evil, outer.example, inner.example",
    "HTTP_X_FORWARDED_PREFIX": "/evil, /outer, /inner",
}


def base_url(**environ):
    return request_base_url({**create_environ("/a"), **environ})


@pytest.mark.parametrize(
    ("count", "expected", "address"),
    [
        (1, "http://inner.example/inner", "2.2.2.2"),
        (2, "https://outer.example/outer", "1.1.1.1"),
    ],
)
def test_proxies_are_believed_as_far_as_they_are_known(count, expected, address):
    """What stands before the trusted values, anyone may have written."""
    environ = {**create_environ("/a"), **FORWARDED}
    seen = trust_proxies(environ, count)
    assert request_base_url(seen) == expected
    assert seen["REMOTE_ADDR"] == address
    assert request_base_url(environ) == "http://localhost"


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ("", "/outer"),
        ("/up", "/outer/up"),
        ("/outer", "/outer"),
        ("/outer/up", "/outer/up"),
        ("/outermost", "/outer/outermost"),
    ],
)
def test_a_prefix_that_was_taken_off_comes_before_the_mount_point(mount, expected):
    """Once, wherever the server or a host in between has put it already."""
    environ = {**create_environ("/a"), "SCRIPT_NAME": mount, "HTTP_X_FORWARDED_PREFIX": "/outer/"}
    once = trust_proxies(environ, 1)
    assert request_base_url(once) == f"http://localhost{expected}"
    assert request_base_url(trust_proxies(once, 1)) == f"http://localhost{expected}"


def test_each_header_has_a_list_of_its_own():
    """One proxy appends to X-Forwarded-For and passes the others on: what is there, trusted proxies wrote."""
    seen = trust_proxies(
        {
            **create_environ("/a"),
            "HTTP_X_FORWARDED_FOR": "6.6.6.6, 1.1.1.1, 2.2.2.2",
            "HTTP_X_FORWARDED_PROTO": "https",
            "HTTP_X_FORWARDED_HOST": "outer.example",
            "HTTP_X_FORWARDED_PREFIX": "/outer",
        },
        2,
    )
    assert request_base_url(seen) == "https://outer.example/outer"
    assert seen["REMOTE_ADDR"] == "1.1.1.1"


@pytest.mark.parametrize("text", ["", " ", ",", " , ,"])
def test_empty_values_are_absent(text):
    """An empty header, and the empty elements of a list, say nothing."""
    names = ("FOR", "PROTO", "HOST", "PORT", "PREFIX")
    environ = {**create_environ("/a"), "REMOTE_ADDR": "9.9.9.9"}
    assert trust_proxies({**environ, **{f"HTTP_X_FORWARDED_{name}": text for name in names}}, 2) == {
        **environ,
        **{f"HTTP_X_FORWARDED_{name}": text for name in names},
    }
    assert trust_proxies({**environ, "HTTP_X_FORWARDED_FOR": f"1.1.1.1,{text}"}, 1)["REMOTE_ADDR"] == "1.1.1.1"


@pytest.mark.parametrize(
    ("host", "forwarded", "scheme", "port", "expected"),
    [
        ("img.example", None, "https", "80", "https://img.example"),
        ("img.example", None, "http", "443", "http://img.example"),
        ("img.example", None, "https", "443", "https://img.example"),
        ("img.example", None, "https", "8443", "https://img.example:8443"),
        ("img.example", None, "http", "8080", "http://img.example:8080"),
        ("img.example", None, "https", "80, 8443", "https://img.example:8443"),
        ("img.example:8443", None, "https", "443", "https://img.example:8443"),
        ("img.example:8443", None, "https", "9000", "https://img.example:8443"),
        ("img.example:443", None, "https", "9000", "https://img.example"),
        ("inner:8000", "img.example:8443", "https", "443", "https://img.example:8443"),
        ("inner:8000", "img.example", "https", "443", "https://img.example"),
        ("inner:8000", "img.example", "https", "8443", "https://img.example:8443"),
        ("inner:8000", "img.example", "https", None, "https://img.example"),
        ("inner:8000", "evil.example:1, img.example:8443", "https", "443", "https://img.example:8443"),
        ("[::1]", None, "https", "8443", "https://[::1]:8443"),
        ("[::1]", None, "https", "80", "https://[::1]"),
        ("[::1]:8443", None, "https", "443", "https://[::1]:8443"),
        ("inner", "[2001:db8::1]:8443", "https", "443", "https://[2001:db8::1]:8443"),
        ("", None, "https", "443", "https://localhost"),
    ],
)
def test_the_port_that_the_client_used(host, forwarded, scheme, port, expected):
    """It stands behind the host's name. X-Forwarded-Port counts without one, unless it is the other scheme's own."""
    given = {"HTTP_HOST": host, "HTTP_X_FORWARDED_PROTO": scheme}
    if forwarded is not None:
        given["HTTP_X_FORWARDED_HOST"] = forwarded
    if port is not None:
        given["HTTP_X_FORWARDED_PORT"] = port
    assert request_base_url(trust_proxies({**create_environ("/a"), **given}, 1)) == expected


@pytest.mark.parametrize("port", ["x", "-1", "99999", "8443x", "80 80", "1" * 5000, "\xb2", "a@b"])
def test_a_forwarded_port_that_is_none_is_refused(port):
    """It would end up in every link."""
    seen = trust_proxies({**create_environ("/a"), "HTTP_X_FORWARDED_PORT": port}, 1)
    with pytest.raises(MalformedRequest, match="Host"):
        request_base_url(seen)


@pytest.mark.parametrize(("text", "expected"), [("HTTPS", "https"), ("gopher", "http"), ("https://", "http")])
def test_a_forwarded_scheme_is_http_or_https(text, expected):
    """In any case; anything else says nothing."""
    seen = trust_proxies({**create_environ("/a"), "HTTP_X_FORWARDED_PROTO": text}, 1)
    assert seen["wsgi.url_scheme"] == expected


def test_without_trust_the_headers_are_ignored():
    """Anyone can write X-Forwarded headers: where no proxy is trusted they change no link."""
    assert base_url(**FORWARDED) == "http://localhost"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HTTP_HOST": "a.example"}, "http://a.example"),
        ({"HTTP_HOST": "A-b_c.example:8080"}, "http://A-b_c.example:8080"),
        ({"HTTP_HOST": "a.example:80"}, "http://a.example"),
        ({"HTTP_HOST": "a.example:443"}, "http://a.example:443"),
        ({"HTTP_HOST": "a.example:443", "wsgi.url_scheme": "https"}, "https://a.example"),
        ({"HTTP_HOST": "a.example:80", "wsgi.url_scheme": "https"}, "https://a.example:80"),
        ({"HTTP_HOST": "a.example", "wsgi.url_scheme": "javascript"}, "http://a.example"),
        ({"HTTP_HOST": "[::1]:8080"}, "http://[::1]:8080"),
        ({"HTTP_HOST": "[2001:db8::80]"}, "http://[2001:db8::80]"),
        ({"HTTP_HOST": "", "SERVER_NAME": "s.example", "SERVER_PORT": "80"}, "http://s.example"),
        ({"HTTP_HOST": "", "SERVER_NAME": "10.0.0.1", "SERVER_PORT": "81"}, "http://10.0.0.1:81"),
        ({"HTTP_HOST": "a", "SCRIPT_NAME": "/sub"}, "http://a/sub"),
        ({"HTTP_HOST": "a", "SCRIPT_NAME": "/sub/"}, "http://a/sub"),
        ({"HTTP_HOST": "a", "SCRIPT_NAME": "//sub//"}, "http://a/sub"),
        ({"HTTP_HOST": "a", "SCRIPT_NAME": "sub"}, "http://a/sub"),
        ({"HTTP_HOST": "a", "SCRIPT_NAME": "//"}, "http://a"),
        ({"HTTP_HOST": "a", "SCRIPT_NAME": "/my app/\xc3\xa9"}, "http://a/my%20app/%C3%A9"),
        ({"HTTP_HOST": "a", "SCRIPT_NAME": '/"<>?#\xff'}, "http://a/%22%3C%3E%3F%23%EF%BF%BD"),
    ],
)
def test_the_mount_points_url(environ, expected):
    """Default ports are left out, and odd prefixes are encoded."""
    assert base_url(**environ) == expected


@pytest.mark.parametrize("prefix", ["//evil.com", "///evil.com/", "evil.com", "/evil.com"])
def test_a_forwarded_prefix_is_a_path(prefix):
    """Two slashes at the start of a redirect's path would name another host."""
    seen = trust_proxies({**create_environ("/a"), "HTTP_X_FORWARDED_PREFIX": prefix}, 1)
    assert request_base_url(seen) == "http://localhost/evil.com"


@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "a/b",
        "a@b",
        "a?b",
        "a#b",
        'a"><script>',
        "a\\b",
        "a,b",
        "a:",
        "a:x",
        "a:1234567",
        "a:65536",
        "a\n",
        "a\r\nX: y",
        "\xe9",
        "::1",
        "[::1",
        "[x]",
        "[::1]x",
        " a",
        "%61",
    ],
)
def test_a_host_header_that_is_no_host_is_refused(host):
    """It would end up in every link of the answer."""
    with pytest.raises(MalformedRequest, match="Host"):
        base_url(HTTP_HOST=host)


@pytest.mark.parametrize(
    ("remote", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_a_client_is_an_address_or_a_network(remote, network):
    """Who has IPv6 has a network of it."""
    assert client_network(remote) == network


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.5:4431", "203.0.113.5"),
        ("6.6.6.6:1, 203.0.113.5:4432", "203.0.113.5"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("unknown", "unknown"),
    ],
)
def test_a_client_is_one_whatever_its_port(forwarded, address):
    """Some proxies add the port of the connection to the address."""
    seen = trust_proxies({**create_environ("/a"), "HTTP_X_FORWARDED_FOR": forwarded}, 1)
    assert seen["REMOTE_ADDR"] == address
