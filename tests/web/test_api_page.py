"""The page that describes the API: as this server answers it, with settings for clients that hold the reader's key."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys

import pytest

from chevupload import errors
from chevupload.config import Limits, Policy, Routes
from chevupload.db import Database, SqlKeys, sqlite_engine
from chevupload.errors import Refusal
from chevupload.model import Principal
from chevupload.uploads.parameters import taken_parameters
from chevupload.web.api_docs.client_configs import CLIENTS, PLACEHOLDER
from chevupload.web.api_docs.reference import refusals
from tests.support import file

pytestmark = pytest.mark.mounts

PAGE = "/api-v1"
KEY = "chv_abcdef_0123456789"


@pytest.fixture
def stand(make):
    """Return a component with the page."""
    return make(routes=Routes(api_page="api-v1"))


def texts(answer, pattern):
    return [html.unescape(found) for found in re.findall(pattern, answer.text, re.DOTALL)]


def rows(answer, label):
    (table,) = re.findall(rf'aria-label="{label}">(.*?)</table>', answer.text, re.DOTALL)
    found = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
    return [[html.unescape(re.sub(r"</?code>", "", cell)) for cell in row] for row in found if row]


def test_it_has_to_be_asked_for(make):
    """Around a host its path is the host's, unless the host wants the page."""
    assert make().open(PAGE).status_code == 404
    assert make(routes=Routes(api_page="about/api")).open("/about/api").status_code == 200
    assert make(routes=Routes(api_page="api-v1", upload=None, imgbb=None)).open(PAGE).status_code == 404


def test_what_programs_can_do_is_told_where_they_can(make, stand):
    """By method and path, from the description for programs."""
    assert "Your own uploads" not in stand.open(PAGE).text
    routes = Routes(api_page="api-v1", uploads="api/1/uploads", account="me")
    site = make(routes=routes)
    assert [row[:2] for row in rows(site.open(PAGE), "Your own uploads")] == [
        ["GET", f"{site.prefix}/api/1/uploads"],
        *([method, f"{site.prefix}/api/1/uploads/{{id}}"] for method in ("GET", "PATCH", "DELETE")),
        ["GET", f"{site.prefix}/me"],
    ]


def test_refusals_are_those_of_the_code(stand):
    """Each kind with its status, code and message, none of them typed twice."""
    found = rows(stand.open(PAGE), "Refusals")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refusal)]
    expected = {(str(kind.status), str(kind.code), kind.text) for kind in kinds} - {("400", "400", "Bad request")}
    assert {tuple(row[:3]) for row in found} == expected
    assert all(row[3] for row in found)
    assert "``" not in str(found)


@pytest.mark.parametrize("policy", [Policy(), Policy(album_names=True)])
def test_every_parameter_is_there(make, policy):
    """With what it does; and none that is switched off."""
    stand = make(routes=Routes(api_page="api-v1"), policy=policy)
    names = [row[0] for row in rows(stand.open(PAGE), "Parameters")]
    assert names == ["source", *(one.name for one in taken_parameters(policy))]
    assert ("album" in names) == policy.album_names


def test_limits_are_those_that_are_set(make):
    """Sizes, formats, and who may send URLs."""
    stand = make(
        routes=Routes(api_page="api-v1"),
        limits=Limits(max_bytes=12_300_000),
        policy=Policy(formats=("PNG", "GIF"), url_sources="nobody", guests=False),
    )
    page = stand.open(PAGE)
    found = dict(rows(page, "Limits"))
    assert found["File of a user"] == "12.3 MB"
    assert "File of a guest" not in found
    assert "Accepted: PNG, GIF." in page.text
    assert "a URL that is fetched" not in page.text


def test_every_member_of_the_answer_is_there(stand):
    """In the order in which they come."""
    image = stand.upload()
    found = [row[0] for row in rows(stand.open(PAGE), "Members of image")]
    assert [name for name in found if name in image] == list(image)


def test_without_a_key_settings_have_a_placeholder(stand):
    """And nothing is said to be secret."""
    page = stand.open(PAGE)
    assert texts(page, r'<input [^>]*id="key"[^>]* value="([^"]*)"') == [""]
    assert page.text.count(PLACEHOLDER) > len(CLIENTS)
    assert page.headers["Cache-Control"] == "no-store"


def test_a_key_comes_back_in_the_settings_and_nowhere_else(stand):
    """It is sent by a form, goes into no address, and is not kept."""
    page = stand.open(PAGE, "POST", data={"key": f" {KEY} "})
    assert page.status_code == 200
    blocks = texts(page, r"<pre[^>]*><code>(.*?)</code></pre>")
    assert len(blocks) == len(CLIENTS) + 2
    assert all(KEY in block for block in blocks)
    assert json.loads(blocks[0])["RequestURL"] == f"{stand.base}/api/1/upload"
    assert page.headers["Cache-Control"] == "no-store"
    assert PLACEHOLDER not in page.text
    assert KEY not in stand.open(PAGE).text
    assert KEY not in stand.open(f"{PAGE}?key={KEY}").text
    assert re.findall(r'(?:href|action|src)="[^"]*chv_', page.text) == []


@pytest.mark.parametrize("name", CLIENTS)
def test_settings_are_downloaded(stand, name):
    """As a file that is called what its client expects, and that nothing caches or runs."""
    answer = stand.open(PAGE, "POST", data={"key": KEY, "download": name})
    assert (answer.status_code, answer.content_type) == (200, "application/octet-stream")
    filename = CLIENTS[name].filename.format(site="site.test")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{filename}"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert KEY in answer.text


@pytest.mark.parametrize("key", ["schlüssel", "a\nb", "x" * 600])
def test_what_is_no_key_is_said_beside_the_form(stand, key):
    """And stands in no settings."""
    page = stand.open(PAGE, "POST", data={"key": key})
    assert page.status_code == 400
    assert texts(page, r'role="alert">(.*?)<') == ["A key has only printable ASCII characters."]
    assert re.search('<input [^>]*aria-describedby="said"[^>]*aria-invalid="true"', page.text)
    assert key not in page.text


def test_a_hostile_key_is_text(stand):
    """Whatever it spells."""
    page = stand.open(PAGE, "POST", data={"key": "\"><script>alert('x')</script>{0}"})
    assert page.status_code == 200
    assert "<script>" not in page.text


def test_another_sites_form_is_refused(stand):
    """Nobody is led to upload with somebody else's key."""
    answer = stand.open(PAGE, "POST", data={"key": KEY}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert KEY not in answer.text
    assert stand.open(PAGE, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_what_is_not_offered_is_refused(stand):
    """Unknown clients, large forms and other methods."""
    assert stand.open(PAGE, "POST", data={"key": KEY, "download": "x"}).status_code == 400
    assert stand.open(PAGE, "POST", data={"key": "x" * 3_000_000}).status_code == 413
    answer = stand.open(PAGE, "PUT")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert "Access-Control-Allow-Origin" not in stand.open(PAGE, headers={"Origin": "https://x.test"}).headers


def test_a_new_key_is_handed_on(make, tmp_path):
    """The page of keys leads to the settings with the key just made, if there is a page for them."""
    engine = sqlite_engine(tmp_path / "keys.db")
    database = Database(engine)
    database.create_tables()
    keys = SqlKeys(database)
    settings = {"keys": keys, "key_store": keys, "current_user": lambda environ: Principal(user_id="ann")}
    for routes, actions in ((Routes(api_page="api-v1"), 1), (Routes(), 0)):
        stand = make(**settings, routes=routes)
        token = texts(stand.open("/settings/api"), r'name="token" value="([^"]+)"')[0]
        made = stand.open("/settings/api", "POST", data={"token": token, "action": "make", "label": "x"})
        found = re.findall(
            r'<form method="post" action="([^"]+)"><input type="hidden" name="key" value="(\w+)">', made.text
        )
        assert len(found) == actions
        if actions:
            (action, key) = found[0]
            assert action == f"{stand.prefix}{PAGE}"
            page = stand.open(PAGE, "POST", data={"key": key})
            assert key in page.text
    engine.dispose()


def test_its_example_uploads(stand):
    """The address that it names is the one that answers."""
    (url,) = set(texts(stand.open(PAGE), r"Send <code>POST</code> to <code>(.*?)</code>"))
    assert stand.send({"source": file()}, path=url).status_code == 200


def test_with_imgbbs_route_alone(make):
    """The page still has an address to send to."""
    stand = make(routes=Routes(api_page="api-v1", upload=None))
    assert f"{stand.base}/1/upload</code> with your key" in stand.open(PAGE).text


@pytest.mark.slow
def test_without_docstrings_the_page_is_the_same(tmp_path):
    """Python drops them with -OO: what people read is none."""
    program = """
import sys
from werkzeug.test import Client
from chevupload import Config, Routes, embedded

component = embedded(
    sys.argv[1],
    config=Config(routes=Routes(api_page="api-v1"), base_url="http://localhost/"),
    renderer="inline",
)
print(Client(component).get("/api-v1").text, end="")
"""
    pages = [
        subprocess.run(
            [sys.executable, *options, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout
        for options in ((), ("-OO",))
    ]
    assert "No key in header, query or body." in pages[0]
    assert pages[0] == pages[1]


def test_every_refusal_says_when():
    """In a sentence of its own, since the page has a column of them."""
    told = [kind.when for kind in refusals()]
    assert all(text.endswith(".") for text in told)
    assert len(set(told)) == len(told)
