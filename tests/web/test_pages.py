"""Viewer, delete question and refusals: pages that show hostile text as text, and delete only when meant to."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from chevupload import Hooks
from chevupload.config import Policy, Routes
from chevupload.errors import CatalogError
from chevupload.model import Upload
from chevupload.storage.registry import Storages
from chevupload.testing.memory import MemoryStorage
from chevupload.web.page import Page
from chevupload.web.pages import Pages
from chevupload.web.qr_code import qr_code
from chevupload.web.site_links import SiteLinks
from chevupload.web.urls import Links
from tests.media.films import film
from tests.support import EMPTY, NOW, SECRET, Failing, noise, picture

pytestmark = pytest.mark.mounts

VEILED = (
    r"(?s)<div class=\"stage[^>]*><details><summary>.*Its uploader marked it.*</summary>\s*"
    r"<(a|img) .*</details></div>"
)
HOSTILE = "<script>alert('x')</script>\"&\u202e<!--{0}%s{title}"


def policy_of(answer):
    """Read the content security policy."""
    directives = answer.headers["Content-Security-Policy"].split("; ")
    return {name: values for name, _, values in (directive.partition(" ") for directive in directives)}


def attributes(page, pattern):
    return [html.unescape(found) for found in re.findall(pattern, page)]


def viewer(stand, **fields):
    image = stand.upload(**fields)
    return image, stand.open(image["url_viewer"])


def test_hostile_texts_are_shown_as_texts(stand):
    """Title, description, tags and file name hold markup, quotes and overrides; none gets out of its place."""
    image, answer = viewer(stand, title=HOSTILE, description=HOSTILE, tags="<i>t,\"'&", filename='"><script>.png')
    asking = stand.open(image["delete_url"])
    for page in (answer, asking):
        assert page.content_type == "text/html; charset=utf-8"
        assert "<script>" not in page.text
        assert "<i>" not in page.text
        assert "<!--" not in page.text
        assert re.search(r"""="[^"<>]*'[^"<>]*<""", page.text) is None
    assert attributes(answer.text, "<h1>(.*?)</h1>") == [HOSTILE]
    assert attributes(answer.text, '<p class="pre">(.*?)</p>') == [HOSTILE]
    assert attributes(answer.text, '<li><span class="badge">(.*?)</span></li>') == ["<i>t", "\"'&"]


def test_without_title_the_file_name_is_shown(stand):
    """There is always something to read."""
    links = Links(
        {},
        config=replace(stand.component.config, base_url=stand.base),
        storages=Storages(MemoryStorage()),
        sign=str,
        signed_url=lambda upload, path: None,
    )
    site = SiteLinks({}, mount="", routes=Routes(), assets=None, login_url=None, signed_in=None)
    page = Page(name="viewer", title="a.mp4", site=site)
    body = Pages().render("viewer.html", page=page, upload=video(), links=links, exif={}, now=NOW)
    assert "<h1>a.mp4</h1>" in body
    assert f'<video src="{stand.base}/images/a.mp4" poster="{stand.base}/images/a.fr.jpeg"' in body


def video():
    return Upload(
        id="v",
        owner_id=None,
        created_at=NOW,
        received_at=NOW,
        folder="",
        name="a",
        extension="mp4",
        size=1,
        width=2,
        height=1,
        md5="0" * 32,
        original_filename="a.mp4",
        storage_mode="direct",
        frame_size=1,
    )


def codes(answer):
    """Return what is to be copied: in the choice, and for browsers without scripts."""
    chosen = dict(re.findall(r'<option data-format="(\w+)" value="([^"]*)">', answer.text))
    shown = dict(re.findall(r'<input id="(\w+)" dir="ltr" readonly value="([^"]*)">', answer.text))
    first = re.search(r'<textarea id="code"[^>]*>(.*?)</textarea>', answer.text)[1]
    assert chosen == {"viewer": first} | shown
    return {name: html.unescape(value) for name, value in chosen.items()}


def test_links_to_copy(stand):
    """Each of the choice is its link or its code, and stands in a field of its own without scripts."""
    image, answer = viewer(stand, content=noise((600, 400)), title="[a](b)")
    rows = codes(answer)
    medium, page = image["medium"]["url"], image["url_viewer"]
    assert rows == {
        "viewer": page,
        "direct": image["url"],
        "thumb": image["thumb"]["url"],
        "html": f'<a href="{page}"><img src="{medium}" alt="[a](b)"></a>',
        "markdown": f"[![ a  b ]({medium})]({page})",
        "bbcode": f"[url={page}][img]{medium}[/img][/url]",
    }


def test_a_film_has_codes_that_play_it(stand):
    """In HTML and BBCode; Markdown has no films, so a frame of it leads to its page. HEIC is a picture."""
    image, answer = viewer(stand, content=film(size=(64, 48)), filename="a.mp4", title='A "film"')
    rows = codes(answer)
    page, url, frame = image["url_viewer"], image["url"], image["url_frame"]
    assert rows["html"] == (
        f'<video src="{url}" poster="{frame}" width="64" height="48" controls preload="none">'
        f'<a href="{page}">A &#34;film&#34;</a></video>'
    )
    assert rows["bbcode"] == f"[video]{url}[/video]"
    assert rows["markdown"] == f'[![A "film"]({frame})]({page})'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "is_tall"), [((40, 121), True), ((40, 120), False), ((400, 30), False), ((1, 900), True)]
)
def test_what_is_tall_is_shown_by_its_width(stand, size, is_tall):
    """Fitted into a window by its height, a long screenshot could not be read; every picture has its full size."""
    image, answer = viewer(stand, content=picture(size))
    assert ('<div class="stage tall' in answer.text) == is_tall
    assert re.search(f'<a class="[^"]*" href="{image["url"]}">(<svg.*</svg>)?Full size</a>', answer.text)
    assert re.search(f'<a class="button" href="{image["url"]}" download="photo.png">', answer.text)


def test_the_tab_has_a_picture(stand):
    """An empty one is asked for again with every page."""
    icon = re.search(r'<link rel="icon" href="([^"]*)" type="image/svg\+xml">', stand.open("/nothing").text)[1]
    answer = stand.open(icon.removeprefix(stand.prefix))
    assert answer.mimetype == "image/svg+xml"
    assert ElementTree.fromstring(answer.data).tag == "{http://www.w3.org/2000/svg}svg"


def test_every_icon_of_a_page_is_there(stand):
    """By its name, in the file that it names."""
    text = stand.open("/nothing").text
    uses = re.findall(r'<use href="([^"]*)#([^"]*)"', text)
    for file, name in uses:
        assert f'<symbol id="{name}"' in stand.open(file.removeprefix(stand.prefix)).text


def test_what_there_is_nothing_of_is_left_out(stand):
    """No description, no tags, nothing that ends, no name of an uploader where the site tells none."""
    _, answer = viewer(stand)
    for absent in ('class="pre"', 'aria-label="Tags"', 'class="badge', "By ", "<dt>Camera"):
        assert absent not in answer.text


def test_uploaders_are_named_where_the_site_tells_names(make):
    """By the host's function; a guest is one, and who has no name, or none that can be told, is left out."""

    def display_name(user_id):
        if user_id == "admin":
            raise RuntimeError("the users are away")
        return {"user": "Ann <Berg>"}.get(user_id)

    stand = make(hooks=Hooks(display_name=display_name))
    for key, expected in (
        ("user-key", "By Ann &lt;Berg&gt; · 4 March"),
        ("guest-key", "By a guest · "),
        ("admin-key", None),
    ):
        page = stand.open(stand.upload(key=key)["url_viewer"]).text
        assert (expected in page) if expected else (">4 March 2026 · " in page)


def test_the_short_link_has_a_qr_code(stand):
    """As SVG, which nobody outside of the site is asked for; expired and deleted uploads have none."""
    image, answer = viewer(stand, expiration="600")
    address = f"{stand.prefix}{image['url_short'].removeprefix(stand.base)}/qr"
    assert f'src="{address}"' in answer.text
    code = stand.open(address.removeprefix(stand.prefix))
    assert (code.status_code, code.content_type) == (200, "image/svg+xml")
    assert ElementTree.fromstring(code.data).tag == "{http://www.w3.org/2000/svg}svg"
    assert code.data == qr_code(image["url_short"])
    assert stand.open(address.removeprefix(stand.prefix), "HEAD").data == b""
    stand.clock.move(seconds=600)
    assert stand.open(address.removeprefix(stand.prefix)).status_code == 410
    assert stand.open("/image/none/qr").status_code == 404


@pytest.mark.parametrize("slug", ["wrong.", "Wrong.slug.", "../", "A-Cat.", "."])
def test_other_slugs_are_redirected(stand, slug):
    """To the canonical path, with GET and HEAD, without counting a view."""
    image = stand.upload(title="A cat")
    path = f"/image/{slug}{image['id_encoded']}"
    for method in ("GET", "HEAD"):
        answer = stand.open(path, method)
        if slug == "../":
            assert answer.status_code == 404
            continue
        assert (answer.status_code, answer.headers["Location"]) == (302, image["path_viewer"])
    stand.component.views.flush()
    assert stand.catalog.get(image["id_encoded"]).views == 0


@pytest.mark.slow
@pytest.mark.parametrize("title", ["A cat", "日本 % # ; 100%", "a.b.c", "...", "<b>", "x" * 100, "é\u202e"])
def test_viewer_and_short_link_show_the_page(stand, title):
    """Whatever the title spells in the link."""
    image = stand.upload(title=title)
    for url in (image["url_viewer"], image["url_short"]):
        answer = stand.open(url)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"


def test_views_are_counted_for_people(stand):
    """GET counts, HEAD does not."""
    image = stand.upload()
    for method in ("GET", "HEAD", "GET", "OPTIONS", "HEAD"):
        stand.open(image["url_viewer"], method)
    stand.component.views.flush()
    assert stand.catalog.get(image["id_encoded"]).views == 2


def test_head_is_get_without_a_body(stand):
    """Same status and headers."""
    image = stand.upload()
    head, get = stand.open(image["url_viewer"], "HEAD"), stand.open(image["url_viewer"])
    assert (head.status_code, head.data) == (200, b"")
    assert dict(head.headers) == dict(get.headers)


def test_nsfw_is_hidden(stand):
    """Behind a question, and from search engines."""
    _, answer = viewer(stand, nsfw="1")
    assert re.search(VEILED, answer.text)
    assert answer.headers["X-Robots-Tag"] == "noindex"


def test_nsfw_is_hidden_before_it_is_deleted_too(stand):
    """The question shows nothing that the viewer would not; every other picture stands open."""
    asking = [stand.open(stand.upload(nsfw=nsfw)["delete_url"]).text for nsfw in "01"]
    assert ["<details>" in page for page in asking] == [False, True]
    assert re.search(VEILED, asking[1])


def test_the_page_says_when_it_ends(stand):
    """Expiring uploads say so."""
    _, answer = viewer(stand, expiration="600")
    assert "Deleted in 10 minutes" in answer.text
    assert "<dd>4 March 2026, 05:16 UTC</dd>" in answer.text


def test_pages_run_and_load_only_what_is_ours(stand):
    """Nothing is inline, and nothing comes from elsewhere."""
    image, shown = viewer(stand)
    for answer in (shown, stand.open(image["delete_url"]), stand.open("/image/none"), stand.open("/nothing")):
        policy = policy_of(answer)
        assert policy["default-src"] == "'self'"
        assert policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert re.search(r"<style| style=| on[a-z]+=|<script>", answer.text) is None
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for url in attributes(answer.text, '<(?:script type="module" src|link rel="stylesheet" href)="([^"]+)"'):
            assert url.startswith(f"{stand.prefix}/chevupload-assets/")
            assert stand.open(url.removeprefix(stand.prefix)).status_code == 200


def test_pictures_of_a_public_storage_may_be_shown(make):
    """The policy names the storage's origin."""
    stand = make(storage=MemoryStorage(public_url="https://cdn.test/files"))
    _, answer = viewer(stand)
    assert policy_of(answer)["img-src"] == "'self' data: blob: https://cdn.test"


@pytest.mark.parametrize(
    "path", ["/image/none", "/image/a.b.c.none", "/clip/none", "/image/a/b", "/image/\0", "/image/é"]
)
def test_unknown_viewers(stand, path):
    """404 for people as a page, for programs in JSON."""
    assert (stand.open(path).status_code, stand.open(path).mimetype) == (404, "text/html")
    answer = stand.open("/image/none", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]["code"]) == (404, 404)


def test_wrong_methods_of_pages(stand):
    """405 with what is allowed; OPTIONS says it, too."""
    image = stand.upload()
    for url, allowed in (
        (image["url_viewer"], "GET, HEAD, OPTIONS"),
        (image["url"], "GET, HEAD, OPTIONS"),
        (image["delete_url"], "GET, HEAD, POST, DELETE, OPTIONS"),
    ):
        answer = stand.open(url, "PUT")
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
        answer = stand.open(url, "OPTIONS")
        assert (answer.status_code, answer.headers["Allow"], answer.data) == (204, allowed, b"")


# Deleting


def test_get_asks_and_deletes_nothing(stand):
    """Nor do HEAD and OPTIONS; the address does not travel on."""
    image = stand.upload(title="A cat")
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        answer = stand.open(image["delete_url"], method)
        assert answer.status_code == (204 if method == "OPTIONS" else 200)
    assert "Delete “A cat”?" in answer.text
    assert re.search('<form class="[^"]*" method="post">', answer.text)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Cache-Control"] == "no-store"
    assert stand.open(image["url"]).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html,application/json"])
def test_post_and_delete_delete(stand, method, accept):
    """At once and for good, everything; JSON for programs; the second time there is nothing."""
    image = stand.upload(noise((600, 400)))
    headers = {"Accept": accept} if accept else {}
    answer = stand.open(image["delete_url"], method, headers=headers)
    assert answer.status_code == 200
    if accept == "application/json" or (method == "DELETE" and accept != "text/html,application/json"):
        success = {"message": "file deleted", "code": 200}
        assert answer.json == {"status_code": 200, "success": success, "status_txt": "OK"}
    else:
        assert answer.mimetype == "text/html"
    assert stand.left() == EMPTY
    names = ("url", "url_viewer", "url_short", "delete_url")
    for url in [*(image[name] for name in names), image["thumb"]["url"], image["medium"]["url"]]:
        assert stand.open(url).status_code == 404
    assert stand.open(image["delete_url"], method, headers=headers).status_code == 404


def test_a_deleted_name_is_not_used_again(stand):
    """Files are immutable in caches: a new picture never appears at an old one's address."""
    first = stand.upload(filename="shot.png")
    assert stand.open(first["delete_url"], "DELETE").status_code == 200
    assert stand.upload(filename="shot.png")["url"] != first["url"]


def test_other_origins_may_delete(stand):
    """A page elsewhere that has the link reads the answer, as it reads the upload's."""
    image = stand.upload()
    headers = {"Origin": "https://elsewhere.test", "Accept": "application/json"}
    for method in ("OPTIONS", "GET", "DELETE"):
        answer = stand.open(image["delete_url"], method, headers=headers)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_embed_codes_show_the_whole_picture(stand):
    """A small picture has no medium size; its thumbnail is a crop, and no stand-in."""
    image, answer = viewer(stand)
    assert image["medium"]["url"] is None
    assert f"[img]{image['url']}[/img]" in answer.text


def test_a_page_is_shown_when_its_view_cannot_be_written(make, caplog):
    """Reading does not depend on writing, and the view is written later."""
    stand = make()
    image = stand.upload()
    add_views = stand.catalog.add_views
    stand.catalog.add_views = Failing(stand.catalog, "add_views", CatalogError("locked")).add_views
    assert stand.open(image["url_viewer"]).status_code == 200
    stand.component.views.flush()
    assert "could not be counted" in caplog.text
    stand.catalog.add_views = add_views
    stand.component.views.flush()
    assert stand.catalog.get(image["id_encoded"]).views == 1


def test_two_deletes_at_once(stand):
    """Of two that saw the record, one wins and the other finds nothing."""
    image = stand.upload()
    found = stand.catalog.get
    stand.catalog.get = lambda upload_id: (found(upload_id), stand.catalog.withdraw(upload_id))[0]
    assert stand.open(image["delete_url"], "POST").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("token", ["wrong", "x" * 200, "x" * 201, "", "é", "a.b", "\0"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_wrong_tokens(stand, token, method):
    """404, and nothing is deleted."""
    image = stand.upload()
    path = image["delete_url"].rpartition("/")[0]
    assert stand.open(f"{path}/{token}", method).status_code == 404
    assert stand.open(image["url"]).status_code == 200


def test_the_token_of_another_upload(stand):
    """Each deletes its own."""
    one, two = stand.upload(filename="1.png"), stand.upload(filename="2.png")
    swapped = one["url_short"] + "/delete/" + two["delete_url"].rpartition("/")[2]
    assert stand.open(swapped, "POST").status_code == 404
    assert len(stand.stored()) == 4


def test_secrets_rotate(make):
    """A token outlives a new secret, and ends with its own."""
    stand = make(secret_keys=["first secret of the site"])
    image = stand.upload()
    stand.start(secret_keys=["second secret of the site"])
    assert stand.open(image["delete_url"], "POST").status_code == 404
    stand.start(secret_keys=["first secret of the site", "second secret of the site"])
    assert stand.open(image["delete_url"], "POST").status_code == 200


def test_delete_on_get(make):
    """Chevereto's way, when asked for; HEAD deletes nothing even then."""
    stand = make(policy=Policy(delete_on_get=True), secret_keys=[SECRET])
    image = stand.upload()
    assert stand.open(image["delete_url"], "HEAD").status_code == 200
    assert stand.open(image["url"]).status_code == 200
    assert stand.open(image["delete_url"]).status_code == 200
    assert stand.left() == EMPTY


# Expiring


@pytest.mark.slow
def test_expired_is_gone_at_once(stand):
    """410 from that second, 404 after the sweep, for every link and every method."""
    from datetime import timedelta

    image = stand.upload(noise((600, 400)), expiration="600")
    urls = [image[name] for name in ("url_viewer", "url_short", "delete_url", "url")]
    urls += [image["thumb"]["url"], image["medium"]["url"]]
    stand.clock.move(seconds=599)
    assert [stand.open(url).status_code for url in urls] == [200] * 6
    stand.clock.move(seconds=1)
    for method in ("GET", "HEAD"):
        assert [stand.open(url, method).status_code for url in urls] == [410] * 6
    assert stand.open(image["delete_url"], "POST").status_code == 410
    assert stand.open(image["url_short"], headers={"Accept": "application/json"}).json["error"]["code"] == 410
    stand.component.maintenance.sweep(grace=timedelta(hours=1))
    assert [stand.open(url).status_code for url in urls] == [404] * 6
    assert stand.left() == EMPTY


def test_other_uploads_of_the_name_are_not_touched(stand):
    """An expired upload's name is its own until it is swept."""
    stand.upload(filename="same.png", expiration="600")
    stand.clock.move(seconds=600)
    image = stand.upload(picture(color=(9, 9, 9)), filename="same.png")
    assert image["name"] != "same"
    assert stand.open(image["url"]).status_code == 200
