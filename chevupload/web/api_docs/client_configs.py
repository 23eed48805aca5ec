"""Settings that clients of the API import or run: each made from the upload URL, a key and the site's name.

Sources: ShareX's guide to custom uploaders, PicGo's plugin ``web-uploader`` and PicList's own custom uploader for the
names of their settings. Every value is spelled as the language it stands in wants it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from chevupload.errors import InvalidParameter
from chevupload.model import MAX_KEY_LENGTH

PLACEHOLDER = "YOUR-API-KEY"
"""Stands where no key was given."""

_SHAREX_VERSION = "17.0.0"
"""The syntax with braces; ShareX rewrites settings that claim to be older than 14."""
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
        title: what people call it.
        use: what to do with the settings, in a sentence.
        filename: of the settings as a file; ``{site}`` is the site's name, made safe.
        build: makes the settings.
    """

    title: str
    use: str
    filename: str
    build: Callable[[Account], str]

    def filename_for(self, account: Account) -> str:
        """Return the name of the file with these settings: ASCII letters, digits, ``-`` and dots."""
        return self.filename.format(site=_UNSAFE_NAME.sub("-", account.site).strip("-.") or "site")


def curl_line(account: Account, file: str) -> str:
    """Return a shell command that uploads ``file``, a path, and prints the answer."""
    # Quoted, curl takes no comma or semicolon of the path for a separator.
    path = file.replace("\\", "\\\\").replace('"', '\\"')
    header, source = shlex.quote(f"X-API-Key: {account.key}"), shlex.quote(f'source=@"{path}"')
    return f"curl --fail-with-body -H {header} -F {source} {shlex.quote(account.upload_url)}"


def _sharex(account: Account) -> str:
    return _json(
        {
            "Version": _SHAREX_VERSION,
            "Name": account.site,
            "DestinationType": "ImageUploader, FileUploader",
            "RequestMethod": "POST",
            "RequestURL": _sharex_text(account.upload_url),
            "Headers": {"X-API-Key": _sharex_text(account.key)},
            "Body": "MultipartFormData",
            "Arguments": {"format": "json"},
            "FileFormName": "source",
            "URL": "{json:image.url}",
            "ThumbnailURL": "{json:image.thumb.url}",
            "DeletionURL": "{json:image.delete_url}",
            "ErrorMessage": "{json:error.message}",
        }
    )


def _sharex_text(text: str) -> str:
    """Escape what ShareX would take for its own syntax, or for a part of the date."""
    return _SHAREX_SPECIAL.sub(r"\\\g<0>", text)


def _picgo(account: Account) -> str:
    uploader = {
        "url": account.upload_url,
        "paramName": "source",
        "jsonPath": "image.url",
        # The plugin reads both as JSON in a text.
        "customHeader": json.dumps({"X-API-Key": account.key}),
        "customBody": json.dumps({"format": "json"}),
    }
    return _json(
        {
            "picBed": {"current": "web-uploader", "uploader": "web-uploader", "web-uploader": uploader},
            "picgoPlugins": {"picgo-plugin-web-uploader": True},
        }
    )


def _piclist(account: Account) -> str:
    uploader = {
        "endpoint": account.upload_url,
        "method": "POST",
        "formDataKey": "source",
        "headers": json.dumps({"X-API-Key": account.key}),
        "body": json.dumps({"format": "json"}),
        "customPrefix": "",
        "resDataPath": "image.url",
    }
    return _json({"picBed": {"current": "advancedplist", "uploader": "advancedplist", "advancedplist": uploader}})


_FLAMESHOT = Template("""\
#!/bin/sh
# Takes a picture of a part of the screen, uploads it and copies its address.
# Needs flameshot and curl; xclip or wl-copy to copy.
set -eu
picture=$$(mktemp)
trap 'rm -f "$$picture"' EXIT
flameshot gui --raw >"$$picture"
[ -s "$$picture" ] || exit 1
address=$$(curl --fail-with-body --silent --show-error -H $header \\
  -F 'source=@-;filename=screenshot.png' -F format=txt $url <"$$picture") || { echo "$$address" >&2; exit 1; }
echo "$$address"
if command -v wl-copy >/dev/null && [ -n "$${WAYLAND_DISPLAY:-}" ]; then printf %s "$$address" | wl-copy
elif command -v xclip >/dev/null; then printf %s "$$address" | xclip -selection clipboard
fi
""")
_PYTHON = Template("""\
# python upload.py FILE...   (pip install requests)
import sys
from pathlib import Path

import requests

URL = $url
KEY = $key

for path in map(Path, sys.argv[1:]):
    with path.open("rb") as file:
        answer = requests.post(URL, headers={"X-API-Key": KEY}, files={"source": (path.name, file)}, timeout=300)
    document = answer.json()
    if answer.status_code != 200:
        sys.exit(f"{path}: {document['error']['message']}")
    print(document["image"]["url"], document["image"]["delete_url"])
""")
_JAVASCRIPT = Template("""\
// node upload.mjs FILE...   In a page, append a File instead: form.append("source", input.files[0])
import { openAsBlob } from "node:fs";
import { basename } from "node:path";

const URL = $url;
const KEY = $key;

for (const path of process.argv.slice(2)) {
  const form = new FormData();
  form.append("source", await openAsBlob(path), basename(path));
  const answer = await fetch(URL, { method: "POST", headers: { "X-API-Key": KEY }, body: form });
  const document = await answer.json();
  if (!answer.ok) throw new Error(`$${path}: $${document.error.message}`);
  console.log(document.image.url, document.image.delete_url);
}
""")


def _flameshot(account: Account) -> str:
    header = shlex.quote(f"X-API-Key: {account.key}")
    return _FLAMESHOT.substitute(header=header, url=shlex.quote(account.upload_url))


def _curl(account: Account) -> str:
    return curl_line(account, "picture.jpg") + "\n"


def _python(account: Account) -> str:
    return _PYTHON.substitute(url=ascii(account.upload_url), key=ascii(account.key))


def _javascript(account: Account) -> str:
    return _JAVASCRIPT.substitute(url=json.dumps(account.upload_url), key=json.dumps(account.key))


def _json(document: Any) -> str:
    return json.dumps(document, indent=2) + "\n"


CLIENTS: Mapping[str, Client] = MappingProxyType(
    {
        "sharex": Client(
            title="ShareX",
            use="Download the file and open it. ShareX asks whether to use it: say yes.",
            filename="{site}.sxcu",
            build=_sharex,
        ),
        "picgo": Client(
            title="PicGo",
            use="Install the plugin web-uploader, then merge this into PicGo’s settings.",
            filename="picgo.json",
            build=_picgo,
        ),
        "piclist": Client(
            title="PicList",
            use="Merge this into PicList’s settings. It is the advanced custom uploader.",
            filename="piclist.json",
            build=_piclist,
        ),
        "flameshot": Client(
            title="Flameshot",
            use="Save the script and bind it to a key of your desktop.",
            filename="flameshot-upload.sh",
            build=_flameshot,
        ),
        "curl": Client(title="curl", use="Run this in a terminal.", filename="upload.sh", build=_curl),
        "python": Client(
            title="Python", use="Needs Python 3 and the package requests.", filename="upload.py", build=_python
        ),
        "javascript": Client(
            title="JavaScript", use="Needs Node 20 or later.", filename="upload.mjs", build=_javascript
        ),
    }
)
"""Every client, by the name that the command line has for it."""
