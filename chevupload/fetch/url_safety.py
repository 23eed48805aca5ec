"""Reads URLs strictly, and tells public addresses from all others.

It looks at text only: nothing here resolves or connects. A URL has one reading or none, for every part that two
programs could read differently is refused; what is checked is then what is connected to. Addresses: the
special-purpose registries of IANA for IPv4 and IPv6, and RFC 5214, 6052 and 6890.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import quote, unquote, urljoin

from chevupload.errors import InvalidUrl

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

DEFAULT_PORTS = {"http": 80, "https": 443}

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that is assigned to the public IPv6 network. Compatible, NAT64, local and multicast addresses are outside."""
# ipaddress knows part of these, and which part depends on Python's patch level.
_SPECIAL: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' inside; metadata of one cloud
        "127.0.0.0/8",
        "168.63.129.16/32",  # public by number, the inside of one cloud by use
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # Teredo, which carries IPv4, and benchmarks among them
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries IPv4
        "3fff::/20",
    )
)

_MAX_URL = 8192
_FORBIDDEN = re.compile("[\\s\x00-\x20\x7f-\x9f\\\\\ud800-\udfff]")
_URL = re.compile(r"([a-z][a-z0-9+.-]{0,19})://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE | re.ASCII)
_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_KEPT_IN_PATH = "/?%:@!$&'()*+,;="


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedUrl:
    """A URL in its one reading.

    Attributes:
        scheme: ``http`` or ``https``.
        host: a name in lower case without a last dot, or an address as :mod:`ipaddress` spells it.
        address: the address, if the host is one.
        port: from the URL, or the scheme's.
        path: path and query as they are requested, in ASCII.
        filename: the path's last segment, decoded; None when it is empty.
    """

    scheme: str
    host: str
    address: Address | None
    port: int
    path: str
    filename: str | None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def join(self, reference: str) -> ParsedUrl:
        """Read a reference, such as a redirect's, as this URL's server means it.

        Raises:
            InvalidUrl: it leads to no usable URL.
        """
        # urljoin drops some of these characters, and then it is another URL.
        _check_characters(reference)
        try:
            return parse_url(urljoin(f"{self.scheme}://{self.authority}{self.path}", reference))
        except ValueError:
            raise InvalidUrl from None


def parse_url(url: str) -> ParsedUrl:
    """Read an http or https URL.

    Raises:
        InvalidUrl: it is not a URL, or holds user names, back slashes, blanks or control characters.
    """
    _check_characters(url)
    match = _URL.fullmatch(url)
    if match is None:
        raise InvalidUrl
    scheme, authority, path, query = match[1].lower(), match[2], match[3], match[4] or ""
    if scheme not in DEFAULT_PORTS:
        raise InvalidUrl(f"Unsupported URL scheme `{scheme}`")
    host, address, port = _parse_authority(authority)
    return ParsedUrl(
        scheme=scheme,
        host=host,
        address=address,
        port=DEFAULT_PORTS[scheme] if port is None else port,
        path=quote((path or "/") + query, safe=_KEPT_IN_PATH),
        filename=unquote(path.rpartition("/")[2]) or None,
    )


def is_host_name(text: str) -> bool:
    """Whether ``text`` is a host name in lower case, of letters, digits, ``-`` and ``_``, that no program reads as an
    address: those take ``127.1``, ``0x7f.1`` and more for one."""
    labels = text.split(".")
    return len(text) <= 253 and all(map(_LABEL.fullmatch, labels)) and not _NUMBER.fullmatch(labels[-1])


def public_address(text: str, *, denied: Iterable[Network] = ()) -> Address | None:
    """Return the address that ``text`` spells, or None unless it is a public one, for one host, outside of ``denied``.

    An IPv4 address inside an IPv6 one is judged, and returned, as itself.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        address = address.ipv4_mapped or address
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_UNICAST or _is_isatap(address)):
        return None
    if not address.is_global or address.is_multicast or address.is_reserved:
        return None
    return None if any(address in network for network in (*_SPECIAL, *denied)) else address


def _is_isatap(address: IPv6Address) -> bool:
    # RFC 5214: such an interface id carries an IPv4 address; two of its bits say whether that is public.
    return (int(address) >> 32) & 0xFCFFFFFF == 0x00005EFE


def _check_characters(url: str) -> None:
    if len(url) > _MAX_URL or _FORBIDDEN.search(url):
        raise InvalidUrl


def _parse_authority(authority: str) -> tuple[str, Address | None, int | None]:
    if not authority.isascii():
        # Programs differ in what they make of such names, full-width digits and dots included.
        raise InvalidUrl("Host names in URLs must be spelled in ASCII (xn--)")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise InvalidUrl
    bracketed, name = match[1], (match[2] or "").lower().removesuffix(".")
    port = int(match[3]) if match[3] else None
    try:
        address: Address = IPv6Address(bracketed) if bracketed else IPv4Address(name)
    except ValueError:
        if not is_host_name(name):
            raise InvalidUrl from None
        return name, None, port
    return str(address), address, port
