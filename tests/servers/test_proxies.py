"""The server behind two real proxies: an outer one that ends TLS, and an inner one that passes on what it was told."""

from __future__ import annotations

import pytest
import requests

from tests.nginx import needs_nginx, running_nginx
from tests.ports import free_port
from tests.support import PNG, Server

_NGINX = """
server {{
    listen 127.0.0.1:{outer};
    location / {{
        proxy_pass http://127.0.0.1:{inner};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto https;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Port "{port}";
        proxy_set_header X-Forwarded-Prefix "";
    }}
}}
server {{
    listen 127.0.0.1:{inner};
    location / {{
        proxy_pass {server};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto {proto};
        proxy_set_header X-Forwarded-Host $http_x_forwarded_host;
    }}
}}
"""
"""The inner one appends to X-Forwarded-For, as every guide has it, and hands the others on. TLS itself is left out."""
_FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/evil",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Run a server that trusts two proxies."""
    folder = tmp_path_factory.mktemp("proxies") / "site"
    with Server(folder, "--trusted-proxies", "2", "--guest-key", "guests") as server:
        yield server


@needs_nginx
@pytest.mark.parametrize(
    ("host", "proto", "port", "expected"),
    [
        ("img.example", "$http_x_forwarded_proto", "", "https://img.example/"),
        ("img.example", '"$http_x_forwarded_proto, $scheme"', "", "https://img.example/"),
        ("img.example", "$http_x_forwarded_proto", "80", "https://img.example/"),
        ("img.example:8443", "$http_x_forwarded_proto", "443", "https://img.example:8443/"),
    ],
    ids=["passed on", "appended", "the proxy's own port", "a mapped port"],
)
def test_links_name_the_address_that_the_client_used(server, host, proto, port, expected):
    """Whatever of the headers is a list, and whatever a client writes into them."""
    outer, inner = free_port(), free_port()
    text = _NGINX.format(outer=outer, inner=inner, server=server.address, proto=proto, port=port)
    with running_nginx(text, outer):
        for forged in ({}, _FORGED):
            answer = requests.post(
                f"http://127.0.0.1:{outer}/api/1/upload?format=txt",
                headers={"Host": host, "X-API-Key": "guests", **forged},
                files={"source": ("a.png", PNG)},
                timeout=120,
            )
            assert (answer.status_code, answer.text[: len(expected)]) == (200, expected), answer.text
