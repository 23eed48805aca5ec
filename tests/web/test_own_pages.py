"""A host's own pages: its name, its style, its layout, its policy."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from chevupload import Page, Pages, Routes
from chevupload.errors import ConfigError
from tests.support import LEAKS

pytestmark = pytest.mark.mounts


class Own(Pages):
    """Pages in another layout, with no policy."""

    def layout(self, page: Page, environ) -> str:
        """Put the page between two lines."""
        return f"<title>{page.title}</title>{page.head}<!-- {environ['wsgi.url_scheme']} -->{page.body}"

    def policy(self, page: Page) -> str | None:
        """Leave it to the host."""
        return None


@pytest.fixture
def templates(tmp_path):
    """Return a function that writes templates of a host, and returns their folder."""

    def write(**contents):
        folder = tmp_path / "templates"
        folder.mkdir()
        for name, content in contents.items():
            (folder / f"{name}.html").write_text(content)
        return str(folder)

    return write


def test_a_host_replaces_layout_policy_and_a_page(make, templates):
    """By overriding methods, and by templates; what it does not override stays."""
    folder = templates(viewer="just this", api="<p>Send to {{ account.upload_url }}</p>")
    stand = make(pages=Own(templates=folder), routes=Routes(api_page="api-v1"))
    image = stand.upload()
    answer = stand.open(image["url_viewer"])
    assert "<!-- http -->" in answer.text
    assert '<div class="chevupload chevupload-viewer">\njust this</div>' in answer.text
    assert 'style.css">' in answer.text.partition("<!-- http -->")[0]
    assert "Content-Security-Policy" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "<h1>Delete" in stand.open(image["delete_url"]).text
    assert f"<p>Send to {stand.base}/api/1/upload</p>" in stand.open("/api-v1").text


def test_a_template_of_the_hosts_escapes_and_adds_to_ours(make, templates):
    """Whatever the title spells; ours is still there below its folder's name."""
    folder = templates(
        viewer='{% include "chevupload/viewer.html" %}<p class="more">{{ upload.title }}</p>',
        layout="<title>{{ page.title }} - {{ site_name }}</title>{{ page.head }}<main>{{ page.body }}</main>",
    )
    stand = make(pages=Pages(templates=folder, site_name="A & B"))
    page = stand.open(stand.upload(title="<b>&")["url_viewer"]).text
    assert page.startswith("<title>&lt;b&gt;&amp; - A &amp; B</title>")
    assert '<h2 id="share">Share</h2>' in page
    assert '<p class="more">&lt;b&gt;&amp;</p></div>' in page


def test_a_template_of_the_hosts_has_our_icons(make, templates):
    """By their names; none where our files are not served."""
    folder = templates(refusal='({{ icon("copy") }}{{ icon("next") }}{{ icon("key", "soft") }})')
    found = make(pages=Pages(templates=folder)).open("/nothing").text
    copy, directed, soft = re.findall(r"<svg(.*?)><use href=\"[^\"]*/(.*?)\"/></svg>", found)
    size = ' width="20" height="20" aria-hidden="true"'
    assert copy == (size, "icons.svg#copy")
    assert directed == (f' class="flip"{size}', "icons.svg#next")
    assert soft == (f' class="soft"{size}', "icons.svg#key")
    assert "()" in make(pages=Pages(templates=folder), routes=Routes(assets=None)).open("/nothing").text


def test_an_edited_template_is_used_at_once(make, templates):
    """Nobody has to start a server again for a word."""
    folder = templates(refusal="one")
    stand = make(pages=Pages(templates=folder))
    assert "one" in stand.open("/nothing").text
    (Path(folder) / "refusal.html").write_text("another")
    os.utime(Path(folder) / "refusal.html", (1, 1))
    assert "another" in stand.open("/nothing").text


def test_a_misspelt_variable_is_our_own_fault(make, templates, caplog):
    """500 instead of a gap in the page; the log names the variable."""
    stand = make(pages=Pages(templates=templates(viewer="{{ uplaod.title }}")))
    answer = stand.open(stand.upload()["url_viewer"])
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "'uplaod' is undefined" in caplog.text


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path):
    """It is told at construction."""
    with pytest.raises(ConfigError, match=r"Pages\.templates must be a folder that is there"):
        Pages(templates=str(tmp_path / "none"))


def test_the_name_of_the_site_leads_home(make):
    """On every page; a name alone leads nowhere, and without either there is no line at all."""
    for pages, expected in (
        (Pages(site_name="A & B", home_url="/?a=1&b"), '<a href="/?a=1&amp;b">A &amp; B</a>'),
        (Pages(site_name="A & B"), "<b>A &amp; B</b>"),
        (Pages(home_url="https://host.test/"), '<a href="https://host.test/">Start page</a>'),
        (Pages(), None),
    ):
        text = re.sub("<svg.*?</svg>", "", make(pages=pages).open("/nothing").text)
        assert (f"<header>\n{expected}\n" in text) if expected else ("<header>" not in text)


def test_style_sheets_are_added_or_replace_ours(make):
    """In their order; the policy lets their origins in, and no others."""
    added = make(pages=Pages(stylesheets=("style.css", "/own.css", "https://cdn.test/x/y.css"))).open("/nothing")
    assert added.text.index("style.css") < added.text.index("/own.css") < added.text.index("https://cdn.test/x/y.css")
    assert "style-src 'self' https://cdn.test;" in added.headers["Content-Security-Policy"]
    replaced = make(pages=Pages(stylesheets=("/own.css",))).open("/nothing")
    assert "style.css" not in replaced.text
    assert "style-src 'self';" in replaced.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "wrong", [{"home_url": "javascript:alert(1)"}, {"home_url": ""}, {"stylesheets": ("own.css",)}]
)
def test_what_is_no_address_is_a_mistake(wrong):
    """It is told at construction."""
    with pytest.raises(ConfigError, match=r"must be .*a path from the root of the host"):
        Pages(**wrong)


def test_a_layout_that_fails_is_our_own_fault(make, caplog):
    """500 in plain text, and the cause is in the log only."""

    class Broken(Pages):
        def layout(self, page, environ):
            raise RuntimeError("secret detail")

    answer = make(pages=Broken()).open("/nothing")
    assert (answer.status_code, answer.mimetype) == (500, "text/plain")
    assert [leak for leak in LEAKS if leak in answer.text] == []
    assert "secret detail" in caplog.text
