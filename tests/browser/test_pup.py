"""The script for other sites, on pages with editors as npm has them: buttons, pop-ups, and what comes into the editor.

The editors are installed as the clients are, which see :mod:`tests.clients.installing`.
"""

from __future__ import annotations

import json
import mimetypes
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pytest
from playwright.sync_api import expect

from chevupload import Policy, Routes
from chevupload.testing import serve
from tests.browser.sites import site
from tests.browser.test_popup import upload
from tests.browser.uploading import tiles
from tests.clients.clients import Pin
from tests.clients.installing import install
from tests.support import PNG

TEXTAREA = '<form id="form"><textarea id="field" rows="4" cols="60">before\n\nafter</textarea></form>'
BUTTON = ".chevereto-pup-button"


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """An editor that forums have.

    Attributes:
        pin: the package that it is in; None is the browser's own.
        files: its scripts and style sheets, below the package's folder.
        body: where it stands.
        start: a script that makes it; ``window.ready`` is true when it is there.
        content: a script that returns what is in it.
        wish: of which kind the code shall be.
        expected: how that looks in the editor, with the picture's addresses.
    """

    pin: Pin | None = None
    files: tuple[str, ...] = ()
    body: str = TEXTAREA
    start: str = "window.ready = true"
    content: str = "field.value"
    wish: str
    expected: str


def npm(name: str, version: str) -> Pin:
    """Return a package of npm."""
    return Pin(name=name, version=version, why="an editor", is_node=True)


HTML = 'src="{direct}"'
EDITORS = {
    "textarea": Editor(wish="bbcode-embed", expected="[img]{direct}[/img]"),
    "editable": Editor(
        body='<div id="field" contenteditable>before</div>', content="field.innerHTML", wish="html-embed", expected=HTML
    ),
    "quill": Editor(
        pin=npm("quill", "2.0.3"),
        files=("dist/quill.js", "dist/quill.snow.css"),
        body='<div id="field"><p>before</p></div>',
        start="window.quill = new Quill('#field', {theme: 'snow'}); window.ready = true",
        content="quill.getSemanticHTML()",
        wish="html-embed",
        expected=HTML,
    ),
    "tinymce": Editor(
        pin=npm("tinymce", "6.8.5"),
        files=("tinymce.js",),
        start="tinymce.init({target: field, promotion: false, branding: false, relative_urls: false, "
        "remove_script_host: false, setup: (one) => one.on('init', () => { window.ready = true })})",
        content="tinymce.get('field').getContent()",
        wish="html-embed-medium",
        expected='<a href="{viewer}"><img src="{direct}"',
    ),
    "ckeditor4": Editor(
        pin=npm("ckeditor4", "4.22.1"),
        files=("ckeditor.js",),
        start="CKEDITOR.replace(field, {versionCheck: false, on: {instanceReady: () => { window.ready = true }}})",
        content="CKEDITOR.instances.field.getData()",
        wish="html-embed",
        expected=HTML,
    ),
    "ckeditor5": Editor(
        pin=npm("@ckeditor/ckeditor5-build-classic", "41.4.2"),
        files=("build/ckeditor.js",),
        start="ClassicEditor.create(field).then((one) => { window.editor = one; window.ready = true })",
        content="editor.getData()",
        wish="html-embed",
        expected=HTML,
    ),
    "sceditor": Editor(
        pin=npm("sceditor", "3.2.0"),
        files=("minified/sceditor.min.js", "minified/formats/bbcode.js", "minified/themes/default.min.css"),
        start="sceditor.create(field, {format: 'bbcode', style: '', emoticonsEnabled: false, icons: '',"
        " toolbar: 'bold'}); window.ready = true",
        content="sceditor.instance(field).val()",
        wish="bbcode-embed",
        expected="[img]{direct}[/img]",
    ),
    "easymde": Editor(
        pin=npm("easymde", "2.20.0"),
        files=("dist/easymde.min.js", "dist/easymde.min.css"),
        start="window.mde = new EasyMDE({element: field, autoDownloadFontAwesome: false, spellChecker: false,"
        " toolbar: false}); window.ready = true",
        content="mde.value()",
        wish="markdown-embed",
        expected="![a]({direct})",
    ),
}


class Forum:
    """A site of somebody else's, whose pages load the script."""

    def __init__(self):
        self.html = ""
        self.modules = Path("/none")

    def __call__(self, environ, start_response):
        """Answer with the page, or with a file of the editor's."""
        path = self.modules / environ["PATH_INFO"].removeprefix("/modules/")
        if environ["PATH_INFO"].startswith("/modules/") and path.is_file():
            kind, body = mimetypes.guess_type(path.name)[0] or "text/plain", path.read_bytes()
        elif environ["PATH_INFO"] == "/":
            kind, body = "text/html; charset=utf-8", self.html.encode()
        else:
            kind, body = "text/plain", b""
        start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]


class Scene:
    """A page of the forum, with the script on it, and the site where uploads go."""

    def __init__(self, forum, address, running, page):
        self.forum = forum
        self.page = page
        self._address = address
        self._site = running

    def open(self, body, *, head="", start="window.ready = true", **attributes):
        """Open a page with this body, and attributes of the script's beside its address."""
        given = {"url": f"{self._site.address}/upload", **attributes}
        named = " ".join(f'data-{name.replace("_", "-")}="{escape(value)}"' for name, value in given.items())
        self.forum.html = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Forum</title>{head}'
            f'<script async src="{self._site.address}/sdk/pup.js" {named}></script></head>'
            f"<body>{body}<script>{start}</script></body></html>"
        )
        self.page.goto(self._address)
        self.page.wait_for_function("window.ready")

    def upload(self, button=None, *names):
        """Press a button, upload in what opens, and return that once it is over."""
        with self.page.expect_popup() as opened:
            (button or self.page.locator(BUTTON)).first.click()
        popup = opened.value
        popup.wait_for_load_state()
        upload(popup, *((name, PNG) for name in names or ("a.png",)))
        return popup

    def links(self):
        """Return the links of what is there."""
        found = self._site.component.uploads.list(self._site.user_id)
        links = self._site.component.links({"HTTP_HOST": self._site.address[7:], "wsgi.url_scheme": "http"})
        direct = [links.file(one, one.path) for one in found]
        return {"direct": direct[0], "viewer": links.viewer(found[0]), "all": direct}


@pytest.fixture
def served(tmp_path):
    """Serve a forum, and a site for which its origin may open pop-ups; they are there until their pages are closed."""
    forum = Forum()
    routes = Routes(upload_page="upload", pup="sdk/pup.js")
    with (
        serve(forum) as address,
        site(tmp_path / "site", routes=routes, policy=Policy(popup_origins=(address,))) as ann,
    ):
        yield forum, address, ann


@pytest.fixture
def scene(served, open_page):
    """Return a page of the forum."""
    return Scene(*served, open_page())


@pytest.mark.parametrize("name", EDITORS)
def test_the_code_comes_into_the_editor(scene, request, name):
    """Where the editor's own commands put it, beside what is there; and the button does not send the form."""
    editor = EDITORS[name]
    head = ""
    if editor.pin is not None:
        environment = install(request.config.cache.mkdir("clients"), [editor.pin])
        scene.forum.modules = environment / "node_modules" / editor.pin.name
        for file in editor.files:
            head += (
                f'<link rel="stylesheet" href="/modules/{file}">'
                if file.endswith(".css")
                else f'<script src="/modules/{file}"></script>'
            )
    scene.open(editor.body, head=head, start=editor.start, auto_insert=editor.wish)
    expect(scene.page.locator(BUTTON)).to_have_count(1)
    popup = scene.upload()
    scene.page.wait_for_function(f"({editor.content}).includes('/images/')")
    content = scene.page.evaluate(editor.content)
    assert "before" in content
    assert editor.expected.format(**scene.links()) in content
    assert popup.is_closed() or popup.wait_for_event("close")
    assert scene.page.url.endswith("/")


def test_the_caret_is_where_it_goes(scene):
    """On a line of its own, and as if it were typed, for scripts that listen; once for each picture."""
    scene.open(TEXTAREA, auto_insert="direct-links")
    scene.page.evaluate("field.addEventListener('input', () => { window.heard = (window.heard || 0) + 1 })")
    scene.page.evaluate("field.focus(); field.setSelectionRange(6, 6)")
    scene.upload(None, "a.png", "b.png")
    scene.page.wait_for_function("field.value.includes('/images/')")
    first, *links, nothing, last = scene.page.input_value("#field").split("\n")
    assert (first, nothing, last) == ("before", "", "after")
    assert sorted(links) == sorted(scene.links()["all"])
    assert scene.page.evaluate("window.heard") == 1


@pytest.mark.parametrize(("position", "expected"), [(None, ["I", "DIV"]), ("before", ["DIV", "I"])])
def test_the_button_stands_beside_a_sibling(scene, position, expected):
    """Instead of beside the editor, behind the sibling or before it; once it is there."""
    more = {} if position is None else {"sibling_pos": position}
    scene.open(TEXTAREA + '<p id="bar"></p>', sibling="#late", auto_insert="direct-link", **more)
    expect(scene.page.locator(BUTTON)).to_have_count(0)
    scene.page.evaluate("bar.innerHTML = '<i id=late></i>'")
    expect(scene.page.locator(BUTTON)).to_have_count(1)
    assert scene.page.evaluate("[...bar.children].map((one) => one.tagName)") == expected
    scene.upload()
    scene.page.wait_for_function("field.value.includes('/images/')")


def test_editors_that_come_later_get_one(scene):
    """One each, and again when the page has made them anew; fields that nobody can fill in get none."""
    scene.open("<main id=main><textarea readonly></textarea><input></main>", observe="#reply")
    expect(scene.page.locator(BUTTON)).to_have_count(0)
    for _ in range(2):
        scene.page.evaluate("main.innerHTML = '<textarea></textarea><textarea></textarea>'")
        expect(scene.page.locator(BUTTON)).to_have_count(2)
    assert scene.page.evaluate("document.querySelectorAll('textarea + .chevereto-pup-container').length") == 2


def test_by_hand_only_what_is_named_gets_one(scene):
    """A target, or a button of the page's own, which needs no setting at all."""
    body = (
        '<textarea id="one"></textarea><textarea id="two"></textarea><button data-chevereto-pup-trigger {}>+</button>'
    )
    scene.open(body.format('data-target="#two"'), mode="manual", target="#one", auto_insert="direct-link")
    expect(scene.page.locator(BUTTON)).to_have_count(1)
    assert scene.page.evaluate("one.nextElementSibling.matches('.chevereto-pup-container')")
    scene.upload(scene.page.locator("[data-chevereto-pup-trigger]"))
    scene.page.wait_for_function("two.value.includes('/images/')")
    assert scene.page.input_value("#one") == ""
    scene.page.clock.install()
    scene.open(body, mode="manual")
    scene.page.clock.run_for(1_000)
    assert scene.page.locator(BUTTON).count() == 0


def test_how_a_button_looks_is_set(scene):
    """Colours, classes, language, and all of its HTML and CSS."""
    scene.open(TEXTAREA, palette="rgb(1, 2, 3), #fff", lang="de", button_class="mine", container_class="around")
    button = scene.page.locator(".around .mine")
    expect(button).to_have_text("Bilder hochladen")
    assert button.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(1, 2, 3)"
    html = '<div class="%cClass"><a href="#" %x title="%text" class="%bClass">%iconSvg</a></div>'
    scene.open(TEXTAREA, html=html, css=".%bClass{color:%2}", palette="red,rgb(4, 5, 6)", auto_insert="direct-link")
    link = scene.page.get_by_title("Upload images")
    assert link.evaluate("one => getComputedStyle(one).color") == "rgb(4, 5, 6)"
    assert link.locator("svg").count() == 1
    scene.upload(link)
    scene.page.wait_for_function("field.value.includes('/images/')")


@pytest.mark.parametrize(
    ("attributes", "is_inserted", "is_closed"),
    [({"auto_close": "0"}, True, False), ({"auto_insert": "0"}, False, False), ({"auto_close": "1"}, True, True)],
)
def test_what_follows_an_upload_is_set(scene, attributes, is_inserted, is_closed):
    """Whether its code is put in, and whether the window is closed then; it stays for who is to copy a code by hand."""
    scene.open(TEXTAREA, **attributes)
    popup = scene.upload()
    if is_closed:
        assert popup.is_closed() or popup.wait_for_event("close")
    else:
        expect(tiles(popup)).to_have_count(1)
    if is_inserted:
        scene.page.wait_for_function("field.value.includes('/images/')")
    assert ("/images/" in scene.page.input_value("#field")) == is_inserted
    assert popup.is_closed() == is_closed


def test_other_windows_are_not_listened_to(scene):
    """Neither of another origin nor another window of the same one, whatever they say."""
    scene.open(TEXTAREA)
    with scene.page.expect_popup() as opened:
        scene.page.locator(BUTTON).click()
    name = opened.value.evaluate("window.name")
    for message in ({"id": name, "message": "forged"}, {"id": "x", "message": "forged"}, None, "text", 7):
        scene.page.evaluate(f"postMessage({json.dumps(message)}, '*')")
    # Messages arrive in their order: those before it were heard.
    scene.page.evaluate(
        """new Promise((done) => {
            addEventListener("message", ({ data }) => { if (data === "last") done(); });
            postMessage("last", "*");
        })"""
    )
    assert scene.page.input_value("#field") == "before\n\nafter"


def test_it_stays_within_a_strict_policy(scene):
    """A page that allows no styles but its own has its buttons, in their colours."""
    policy = "default-src 'none'; script-src 'unsafe-inline' http://127.0.0.1:*; style-src 'none'"
    scene.open(TEXTAREA, head=f'<meta http-equiv="Content-Security-Policy" content="{policy}">', palette="red")
    button = scene.page.locator(BUTTON)
    assert button.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(179, 38, 30)"
