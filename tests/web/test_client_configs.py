"""Settings of clients: every value arrives as it was given, however it is spelled."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from chevupload.errors import InvalidParameter
from chevupload.web.api_docs.client_configs import CLIENTS, Account, curl_line
from tests.sharex import expand

HOSTILE = """a'b"c`$(id)${HOME}\\ {json:x}|%y %mo <script>&;#!*"""
URL = "https://pictures.example/up%20here/api/1/upload"


@pytest.fixture
def account():
    """Return an account whose key is hard to quote."""
    return Account(upload_url=URL, key=HOSTILE, site='Ann\'s "site"\n</script>')


def built(name, account):
    return CLIENTS[name].build(account)


def test_sharex_reads_key_and_address_as_they_are(account):
    """Neither its own syntax nor the date changes them."""
    item = json.loads(built("sharex", account))
    assert expand(item["Headers"]["X-API-Key"], None, dates=True) == HOSTILE
    assert expand(item["RequestURL"], None) == URL
    assert item["Name"] == 'Ann\'s "site" </script>'


@pytest.mark.parametrize(
    ("name", "headers"), [("picgo", "customHeader"), ("piclist", "headers")], ids=["picgo", "piclist"]
)
def test_picgo_and_piclist_read_json_in_a_text(account, name, headers):
    """The uploader that is chosen is the one that is set up."""
    beds = json.loads(built(name, account))["picBed"]
    settings = beds[beds["uploader"]]
    assert json.loads(settings[headers]) == {"X-API-Key": HOSTILE}
    assert URL in settings.values()


def test_a_shell_reads_what_was_meant(account):
    """In the one line, a path with quotes, commas and semicolons, too."""
    words = shlex.split(curl_line(account, 'it\'s; a, "b".jpg'))
    source = 'source=@"it\'s; a, \\"b\\".jpg"'
    assert words == ["curl", "--fail-with-body", "-H", f"X-API-Key: {HOSTILE}", "-F", source, URL]
    assert shlex.split(built("curl", account))[3] == f"X-API-Key: {HOSTILE}"
    assert shlex.quote(f"X-API-Key: {HOSTILE}") in built("flameshot", account)


def test_python_and_javascript_read_what_was_meant(account):
    """Python as Python, JavaScript as Node does."""
    python = "\n".join(line for line in built("python", account).splitlines() if line.startswith(("URL", "KEY")))
    values: dict[str, str] = {}
    exec(python, values)
    assert (values["URL"], values["KEY"]) == (URL, HOSTILE)
    script = [line for line in built("javascript", account).splitlines() if line.startswith("const ")][:2]
    assert json.loads(script[1].removeprefix("const KEY = ").removesuffix(";")) == HOSTILE


@pytest.mark.parametrize("key", ["", " ", "a\nX-Other: b", "schlüssel", "x" * 513])
def test_what_no_header_can_hold_is_no_key(key):
    """It would break the settings, or the request."""
    with pytest.raises(InvalidParameter):
        Account(upload_url=URL, key=key)


@pytest.mark.parametrize(
    "url", ["", "pictures.example", "ftp://x/y", "http://", "http://[/x", "http://x/\n", "http:///x"]
)
def test_what_is_no_address_is_refused(url):
    """Before anybody imports it."""
    with pytest.raises(InvalidParameter):
        Account(upload_url=url)


@pytest.mark.parametrize(
    ("site", "filename"),
    [("", "pictures.example.sxcu"), ("../../etc/x", "etc-x.sxcu"), ('a"\r\nb', "a-b.sxcu"), ("日本", "site.sxcu")],
)
def test_a_file_name_is_safe(site, filename):
    """Whatever the site is called."""
    assert CLIENTS["sharex"].filename_for(Account(upload_url=URL, site=site)) == filename


@pytest.mark.parametrize("name", ["flameshot", "curl"])
def test_scripts_are_shell(account, name):
    """A shell reads them to their end."""
    checked = subprocess.run(["sh", "-n"], input=built(name, account), text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_module_is_light():
    """The command line has it without a library."""
    code = "import sys, chevupload.web.api_docs.client_configs; print('webob' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
