"""Settings that clients of the API import or run: each a template for the upload URL, a key and the site's name.

Sources: ShareX's guide to custom uploaders, PicGo's plugin ``web-uploader`` and PicList's own custom uploader for the
names of their settings.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from string import Template
from types import MappingProxyType
from urllib.parse import urlsplit

from chevupload.errors import InvalidParameter
from chevupload.model import MAX_KEY_LENGTH

PLACEHOLDER = "YOUR-API-KEY"
"""Stands where no key was given."""

_SHAREX_SPECIAL = re.compile(r"[\\{}|%]")
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9.-]+")
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where to upload, and as whom.

    Attributes:
        upload_url: the URL of the upload route.
        key: goes into a header, so it is printable ASCII.
        site: what people call the site; by default the URL's host.

    Raises:
        InvalidParameter: URL or key cannot be one.
    """

    upload_url: str
    key: str = PLACEHOLDER
    site: str = ""

    def __post_init__(self) -> None:
        """Check URL and key, and name the site."""
        try:
            parts = urlsplit(self.upload_url)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            is_url = False
        if not is_url or not self.upload_url.isprintable():
            raise InvalidParameter(f"Not the address of a server: {self.upload_url!a}")
        if not (self.key.isascii() and self.key.isprintable() and 0 < len(self.key.strip()) <= MAX_KEY_LENGTH):
            raise InvalidParameter("A key has only printable ASCII characters")
        object.__setattr__(self, "site", _NOT_PRINTABLE.sub(" ", self.site).strip() or parts.netloc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client, and how its settings are made.

    Attributes:
        name: on the command line, and of the template of its settings in the folder ``clients`` beside this module.
        title: what people call it.
        use: what to do with the settings, in a sentence.
        filename: of the settings as a file; ``{site}`` is the site's name, made safe.
    """

    name: str
    title: str
    use: str
    filename: str

    def build(self, account: Account) -> str:
        """Make the settings."""
        text = resources.files(__package__).joinpath("clients", f"{self.name}.template").read_text(encoding="utf-8")
        return Template(text).substitute(_values(account))

    def filename_for(self, account: Account) -> str:
        """Return the name of the file with these settings: ASCII letters, digits, ``-`` and dots."""
        return self.filename.format(site=_UNSAFE_NAME.sub("-", account.site).strip("-.") or "site")


def curl_line(account: Account, file: str) -> str:
    """Return a shell command that uploads ``file``, a path, and prints the answer."""
    # Quoted, curl takes no comma or semicolon of the path for a separator.
    path = file.replace("\\", "\\\\").replace('"', '\\"')
    header, source = shlex.quote(f"X-API-Key: {account.key}"), shlex.quote(f'source=@"{path}"')
    return f"curl --fail-with-body -H {header} -F {source} {shlex.quote(account.upload_url)}"


def _sharex_text(text: str) -> str:
    """Escape what ShareX, from its version 14 on, would take for its own syntax, or for a part of the date."""
    return _SHAREX_SPECIAL.sub(r"\\\g<0>", text)


def _values(account: Account) -> Mapping[str, str]:
    """Return what templates are filled with, each value spelled as the language wants it in which it stands."""
    url, key = account.upload_url, account.key
    return {
        "site_json": json.dumps(account.site),
        "url_json": json.dumps(url),
        "key_json": json.dumps(key),
        # The plugins of PicGo and PicList read it as JSON in a text.
        "headers_json": json.dumps(json.dumps({"X-API-Key": key})),
        "url_sharex": json.dumps(_sharex_text(url)),
        "key_sharex": json.dumps(_sharex_text(key)),
        "url_python": ascii(url),
        "key_python": ascii(key),
        "url_shell": shlex.quote(url),
        "header_shell": shlex.quote(f"X-API-Key: {key}"),
        "curl_line": curl_line(account, "picture.jpg"),
    }


CLIENTS: Mapping[str, Client] = MappingProxyType(
    {
        client.name: client
        for client in (
            Client(
                name="sharex",
                title="ShareX",
                use="Download the file and open it. ShareX asks whether to use it: say yes.",
                filename="{site}.sxcu",
            ),
            Client(
                name="picgo",
                title="PicGo",
                use="Install the plugin web-uploader, then merge this into PicGo’s settings.",
                filename="picgo.json",
            ),
            Client(
                name="piclist",
                title="PicList",
                use="Merge this into PicList’s settings. It is the advanced custom uploader.",
                filename="piclist.json",
            ),
            Client(
                name="flameshot",
                title="Flameshot",
                use="Save the script and bind it to a key of your desktop.",
                filename="flameshot-upload.sh",
            ),
            Client(name="curl", title="curl", use="Run this in a terminal.", filename="upload.sh"),
            Client(name="python", title="Python", use="Needs Python 3 and the package requests.", filename="upload.py"),
            Client(name="javascript", title="JavaScript", use="Needs Node 20 or later.", filename="upload.mjs"),
        )
    }
)
"""Every client, by its name."""
