"""The upload page in a real browser: chosen, dropped and pasted files, progress, cancelling, and what is copied."""

from __future__ import annotations

import base64
import threading
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from chevupload import Limits, Policy, Principal
from chevupload.testing import serve
from chevupload.testing.memory import StaticKeys
from tests.browser.chromium import REFUSED
from tests.browser.keyboard import focused, tab_to
from tests.browser.sites import GUEST, site
from tests.media.films import film
from tests.support import PNG, noise, picture

BIG = noise((900, 700))

_SEND = """([kind, files, text]) => {
    const transfer = new DataTransfer();
    for (const [name, type, content] of files) {
        const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name, {type}));
    }
    if (text) transfer.setData("text/plain", text);
    const init = {bubbles: true, cancelable: true};
    const event = kind === "paste" ? new ClipboardEvent(kind, {...init, clipboardData: transfer})
        : new DragEvent(kind, {...init, dataTransfer: transfer});
    return document.body.dispatchEvent(event);
}"""


@pytest.fixture
def ann(tmp_path):
    """Serve a site where Ann is signed in."""
    with site(tmp_path / "site") as running:
        yield running


def chosen(name="photo.png", content=PNG, mime="image/png"):
    return {"name": name, "mimeType": mime, "buffer": content}


def send(page, kind, *files, text=""):
    """Let something drop onto the page, or paste it; return whether the browser would act on it itself."""
    encoded = [[name, "image/png", base64.b64encode(content).decode()] for name, content in files]
    return page.evaluate(_SEND, [kind, encoded, text])


def rows(page):
    return page.locator(".uploads li")


def owned(running):
    return [upload.name for upload in running.component.uploads.list(running.user_id)]


class Gate:
    """Lets uploads wait before they are answered, so that a test sees them under way."""

    def __init__(self, component, *, is_open=False):
        self._component = component
        self._open = threading.Event()
        self._lock = threading.Lock()
        self.under_way = self.most = 0
        if is_open:
            self.open()

    def open(self):
        self._open.set()

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] != "POST":
            return self._component(environ, start_response)
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        self._open.wait(20)
        try:
            return self._component(environ, start_response)
        finally:
            with self._lock:
                self.under_way -= 1


@pytest.fixture
def gated(ann):
    """Serve Ann's site behind a gate."""
    gate = Gate(ann.component)
    with serve(gate) as address:
        yield address, gate, ann
        gate.open()


def test_many_files_are_chosen_and_uploaded(page, ann):
    """Each with its picture, its size and its links, and all links together."""
    page.goto(f"{ann.address}/upload")
    page.set_input_files("#source", [chosen(f"photo{number}.png") for number in range(5)])
    expect(rows(page)).to_have_count(5)
    expect(page.get_by_role("status").first).to_have_text("0 of 5 uploaded, 5 ready.")
    expect(rows(page).first.locator("img")).to_be_visible()
    page.get_by_role("button", name="Upload 5 files").click()
    expect(page.get_by_role("status").first).to_have_text("5 of 5 uploaded.")
    assert sorted(owned(ann)) == [f"photo{number}" for number in range(5)]

    page.select_option("#all-kind", "direct")
    links = page.input_value("#all").split("\n")
    assert len(links) == 5
    assert page.request.get(links[0]).body() == PNG
    rows(page).first.locator("summary").click()
    field = rows(page).first.get_by_label("Markdown", exact=True)
    viewer = rows(page).first.get_by_label("Viewer", exact=True).input_value()
    assert field.input_value() == f"[![photo0]({links[0]})]({viewer})"


def test_the_codes_are_those_of_the_viewer(page, ann):
    """A title with signs that mean something is escaped alike by the script and by the page."""
    page.goto(f"{ann.address}/upload")
    page.set_input_files("#source", [chosen("""a"b'<i>&[c](d).png""", BIG)])
    page.get_by_role("button", name="Upload one file").click()
    copied = {
        label: rows(page).get_by_label(label, exact=True).input_value() for label in ("HTML", "Markdown", "BBCode")
    }
    page.goto(rows(page).get_by_label("Viewer", exact=True).input_value())
    html = page.get_by_label("HTML", exact=True).input_value()
    parsed = [
        page.evaluate("text => new DOMParser().parseFromString(text, 'text/html').body.innerHTML", text)
        for text in (html, copied["HTML"])
    ]
    assert parsed[0] == parsed[1]
    for label in ("Markdown", "BBCode"):
        assert page.get_by_label(label, exact=True).input_value() == copied[label]


def test_files_are_dropped(page, ann):
    """Anywhere on the page, which is not left for it; text that is dropped into a field stays the browser's."""
    page.goto(f"{ann.address}/upload")
    assert not send(page, "dragover", ("a.png", PNG))
    expect(page.locator(".drop.over")).to_be_visible()
    assert not send(page, "drop", ("a.png", PNG), ("b.png", PNG))
    expect(page.locator(".drop.over")).to_have_count(0)
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="Upload 2 files").click()
    expect(page.locator(".state.done")).to_have_count(2)
    assert sorted(owned(ann)) == ["a", "b"]


def drop_paths(page, *paths):
    """Let files and folders of this machine drop onto the page, as from a file manager."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 200, "data": data})


def test_a_folder_is_dropped(page, ann, tmp_path):
    """With all that is in it and can be taken, however deep, beside files; the rest of it is left."""
    folder = tmp_path / "photos"
    deep = folder / "2024" / "may"
    deep.mkdir(parents=True)
    for number in range(120):
        (deep / f"{number:03}.png").write_bytes(PNG)
    (folder / "first.png").write_bytes(PNG)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".DS_Store").write_bytes(b"x")
    alone = tmp_path / "alone.png"
    alone.write_bytes(PNG)
    page.goto(f"{ann.address}/upload")
    drop_paths(page, folder, alone)
    expect(rows(page)).to_have_count(122)
    names = rows(page).locator(".name").all_text_contents()
    assert sorted(names) == sorted([f"{number:03}.png" for number in range(120)] + ["first.png", "alone.png"])
    expect(page.locator(".problem:visible")).to_have_count(0)


def test_a_folder_without_pictures_says_so(page, ann, tmp_path):
    """Until something else comes."""
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    page.goto(f"{ann.address}/upload")
    drop_paths(page, tmp_path / "empty")
    expect(page.locator(".drop .problem")).to_have_text("There is nothing in it that can be uploaded.")
    expect(rows(page)).to_have_count(0)
    assert not send(page, "drop", ("a.png", PNG))
    expect(rows(page)).to_have_count(1)
    expect(page.locator(".drop .problem")).to_be_hidden()


def test_a_telephone_is_not_asked_for_heic(open_page, ann):
    """It sends JPEG then; a desktop has no such way, and shows its HEIC files to be chosen."""
    for settings, expected in (({}, True), ({"has_touch": True, "is_mobile": True}, False)):
        page = open_page(**settings)
        page.goto(f"{ann.address}/upload")
        accepted = page.locator("#source").get_attribute("accept").split(",")
        assert [{"image/heic", ".heic"} <= set(accepted), "image/jpeg" in accepted] == [expected, True]


def test_a_guest_with_a_key_has_its_limits_and_rights(open_page, tmp_path):
    """What is too large for a guest waits again once a key is there, and an address may be given; not without."""
    page = open_page(forgiven=REFUSED)

    class Fetcher:
        def fetch(self, url, into):
            into.write(PNG)
            return "far.png"

    limits = Limits(max_bytes=5_000_000, max_guest_bytes=100_000)
    policy = Policy(guest_page=True)
    with site(tmp_path / "guests", signed_in=False, policy=policy, limits=limits, fetcher=Fetcher()) as running:
        page.goto(f"{running.address}/upload")
        address = page.get_by_label("Or the address of one on the web")
        expect(address).to_be_hidden()
        send(page, "paste", text="https://pictures.test/far.png")
        expect(rows(page)).to_have_count(0)
        page.set_input_files("#source", [chosen("big.png", BIG)])
        expect(rows(page).locator(".problem")).to_have_text("This file is larger than 100 KB.")
        key = page.get_by_label("API key, if you have one")
        key.fill(running.key)
        expect(rows(page).locator(".problem")).to_be_hidden()
        key.fill("")
        expect(rows(page).locator(".problem")).to_be_visible()
        expect(address).to_be_hidden()
        key.fill(running.key)
        address.fill("https://pictures.test/far.png")
        page.locator("button[type=submit]").click()
        expect(page.locator(".state.done")).to_have_count(2)
        assert sorted(owned(running)) == ["big", "far"]


def test_a_user_with_a_larger_limit_than_the_site_s_uses_it(page, tmp_path):
    """With a key on the page, which is known before the file then."""
    keys = StaticKeys({"large-key": Principal(user_id="large", max_bytes=5_000_000)})
    limits = Limits(max_bytes=100_000)
    with site(tmp_path / "large", signed_in=False, keys=keys, limits=limits) as running:
        page.goto(f"{running.address}/upload")
        page.get_by_label("API key").fill("large-key")
        page.set_input_files("#source", [chosen("big.png", BIG)])
        page.locator("button[type=submit]").click()
        expect(rows(page).locator(".state")).to_have_text("Uploaded")


def test_the_codes_of_a_film_are_those_of_its_viewer(page, ann):
    """They play it."""
    page.goto(f"{ann.address}/upload")
    page.set_input_files("#source", [chosen("""a"b'<i>.mp4""", film(size=(64, 48)), "video/mp4")])
    page.get_by_role("button", name="Upload one file").click()
    copied = {
        label: rows(page).get_by_label(label, exact=True).input_value() for label in ("HTML", "Markdown", "BBCode")
    }
    page.goto(rows(page).get_by_label("Viewer", exact=True).input_value())
    shown = {label: page.get_by_label(label, exact=True).input_value() for label in copied}
    parse = "text => new DOMParser().parseFromString(text, 'text/html').body.innerHTML"
    assert page.evaluate(parse, shown.pop("HTML")) == (html := page.evaluate(parse, copied.pop("HTML")))
    assert html.startswith("<video ")
    assert copied == shown


def test_pictures_and_addresses_are_pasted(page, tmp_path):
    """An address is fetched by the server; other text is nothing."""

    class Fetcher:
        def fetch(self, url, into):
            into.write(PNG)
            return "far.png"

    with site(tmp_path / "fetching", fetcher=Fetcher()) as running:
        page.goto(f"{running.address}/upload")
        send(page, "paste", ("image.png", PNG))
        send(page, "paste", text="just words")
        send(page, "paste", text="https://pictures.test/far.png")
        expect(rows(page)).to_have_count(2)
        page.get_by_label("Or the address of one on the web").fill("https://pictures.test/typed.png")
        page.locator("button[type=submit]").click()
        expect(page.locator(".state.done")).to_have_count(3)
        assert len(owned(running)) == 3


def test_progress_is_shown_and_two_go_at_a_time(page, gated):
    """On a slow connection, with a bar for each; what waits says so."""
    address, gate, _ = gated
    page.goto(f"{address}/upload")
    session = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_500_000}
    session.send("Network.emulateNetworkConditions", slow)
    page.set_input_files("#source", [chosen(f"{number}.png", BIG) for number in range(3)])
    page.locator("button[type=submit]").click()
    expect(rows(page).nth(2).locator(".state")).to_contain_text("waits")
    expect(rows(page).first.locator(".state")).to_contain_text(" % sent")
    bar = rows(page).first.get_by_role("progressbar", name="Progress of 0.png")
    seen = set()
    while rows(page).first.locator(".state").text_content() != "Is being stored":
        seen.add(round(float(bar.evaluate("bar => bar.value"))))
    assert len(seen - {0, 100}) > 0
    expect(rows(page).nth(1).locator(".state")).to_have_text("Is being stored")
    gate.open()
    expect(page.locator(".state.done")).to_have_count(3)
    expect(page.locator("progress:visible")).to_have_count(0)
    assert gate.most == 2


def test_uploads_are_cancelled_and_tried_again(page, gated):
    """One that waits, and one that is under way; nothing of them is there until they are tried again."""
    address, gate, ann = gated
    page.goto(f"{address}/upload")
    page.set_input_files("#source", [chosen(f"{number}.png") for number in range(3)])
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Cancel: 2.png").click()
    page.get_by_role("button", name="Cancel: 0.png").click()
    expect(page.locator(".state", has_text="Cancelled")).to_have_count(2)
    gate.open()
    expect(page.get_by_role("status").first).to_have_text("1 of 3 uploaded, 2 not.")
    page.get_by_role("button", name="Retry: 2.png").click()
    expect(page.get_by_role("status").first).to_have_text("2 of 3 uploaded, 1 not.")
    # What had reached the server whole before it was cancelled is not there twice.
    page.get_by_role("button", name="Retry: 0.png").click()
    expect(page.get_by_role("status").first).to_have_text("3 of 3 uploaded.")
    assert sorted(owned(ann)) == ["0", "1", "2"]


def test_what_is_refused_says_why_and_may_be_retried(open_page, tmp_path):
    """Before it is sent where the page can tell, else in the server's words; the others are uploaded."""
    page = open_page(forgiven=REFUSED)
    with site(tmp_path / "small", limits=Limits(max_bytes=100_000)) as running:
        page.goto(f"{running.address}/upload")
        expect(page.locator(".drop")).to_contain_text("up to 100 KB each")
        files = [chosen("big.png", BIG), chosen("empty.png", b""), chosen("text.png", b"text"), chosen("good.png")]
        page.set_input_files("#source", files)
        expect(rows(page).nth(0).locator(".problem")).to_have_text("This file is larger than 100 KB.")
        expect(rows(page).nth(1).locator(".problem")).to_have_text("This file is empty.")
        page.get_by_role("button", name="Upload 2 files").click()
        expect(rows(page).nth(2).locator(".problem")).to_have_text("Can't get target upload source info")
        expect(rows(page).nth(3).locator(".state")).to_have_text("Uploaded")
        page.get_by_role("button", name="Retry: text.png").click()
        expect(rows(page).nth(2).locator(".problem")).to_be_visible()
        page.get_by_role("button", name="Remove: big.png").click()
        expect(rows(page)).to_have_count(3)
        assert owned(running) == ["good"]


def test_a_connection_that_breaks_can_be_retried(open_page, ann):
    """The page says so, and has the file still."""
    page = open_page(forgiven=REFUSED)
    page.goto(f"{ann.address}/upload")
    page.set_input_files("#source", [chosen()])
    page.context.set_offline(True)
    page.locator("button[type=submit]").click()
    expect(rows(page).locator(".problem")).to_have_text("The connection broke off. Try again.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Retry: photo.png").click()
    expect(rows(page).locator(".state")).to_have_text("Uploaded")


def test_nothing_but_the_keyboard_is_needed(open_page, ann):
    """Every control has a name and its place in the order, and the focus is never lost."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    # Listening from the start, the driver has the dialog in its hands when it opens.
    page.on("filechooser", lambda chooser: None)
    page.goto(f"{ann.address}/upload")
    tab_to(page, "Pictures and videos")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files([chosen("one.png"), chosen("two.png")])
    expect(rows(page)).to_have_count(2)
    for name in ("Or the address of one on the web", "Keep", "May not be safe for work", "Upload 2 files"):
        tab_to(page, name)
    tab_to(page, "Remove: one.png")
    page.keyboard.press("Enter")
    assert focused(page) == "Remove: two.png"
    page.keyboard.press("Shift+Tab")
    assert focused(page) == "Upload one file"
    page.keyboard.press("Enter")
    expect(rows(page).locator(".state")).to_have_text("Uploaded")
    tab_to(page, "Copy: Viewer")
    page.keyboard.press("Enter")
    expect(page.locator("#copy-status")).to_have_text("Copied: Viewer")
    viewer = page.evaluate("navigator.clipboard.readText()")
    assert page.request.get(viewer).status == 200


def test_the_focus_goes_where_the_button_was(page, gated):
    """Who waits at "Cancel" comes to the links."""
    address, gate, _ = gated
    page.goto(f"{address}/upload")
    page.set_input_files("#source", [chosen()])
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Cancel: photo.png").focus()
    gate.open()
    expect(rows(page).locator(".state")).to_have_text("Uploaded")
    assert focused(page) == "Links of photo.png"


def test_leaving_with_uploads_under_way_is_warned_of(page, gated):
    """And only then."""
    address, gate, _ = gated
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(f"{address}/upload")
    page.set_input_files("#source", [chosen()])
    page.reload()
    page.set_input_files("#source", [chosen()])
    page.locator("button[type=submit]").click()
    assert asked == []
    page.reload()
    assert asked == ["beforeunload"]
    gate.open()


def test_pictures_of_files_are_given_back(open_page, ann):
    """Each object URL is revoked once its picture was shown, or could not be."""
    page = open_page()
    page.add_init_script(
        """const made = window.made = new Set();
        const {createObjectURL, revokeObjectURL} = URL;
        URL.createObjectURL = (file) => { const url = createObjectURL.call(URL, file); made.add(url); return url; };
        URL.revokeObjectURL = (url) => { made.delete(url); revokeObjectURL.call(URL, url); };"""
    )
    page.goto(f"{ann.address}/upload")
    files = [chosen(), chosen("broken.png", b"broken"), chosen("film.mp4", b"film", "video/mp4")]
    page.set_input_files("#source", files)
    expect(rows(page).nth(0).locator("img")).to_be_visible()
    expect(rows(page).nth(1).locator("img")).to_be_hidden()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert page.evaluate("window.made.size") == 0


def test_the_form_works_without_a_script(open_page, ann):
    """One file, and a page with its links; nothing on the page is without effect."""
    page = open_page(java_script_enabled=False, forgiven=REFUSED)
    page.goto(f"{ann.address}/upload")
    expect(page.locator(".only-script:visible")).to_have_count(0)
    page.locator("button[type=submit]").click()
    expect(page.get_by_role("alert")).to_have_text("Empty source")
    page.set_input_files("#source", chosen("plain.png", picture((64, 48))))
    page.select_option("#expiration", "P7D")
    page.locator("button[type=submit]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Uploaded")
    delete = page.get_by_label("Delete link").input_value()
    page.goto(page.get_by_label("Text to copy").input_value())
    expect(page.get_by_role("heading", level=1)).to_have_text("plain")
    page.goto(delete)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Deleted")
    assert owned(ann) == []


def test_a_key_is_remembered_when_it_is_asked_for(open_page, tmp_path):
    """On this device only, never in an address; and forgotten again."""
    page = open_page(forgiven=REFUSED)
    addresses = []
    page.on("request", lambda request: addresses.append(request.url))
    with site(tmp_path / "keys", signed_in=False) as running:
        page.goto(f"{running.address}/upload")

        def upload(key):
            page.get_by_label("API key").fill(key)
            page.set_input_files("#source", chosen())
            page.locator("button[type=submit]").click()

        upload("wrong")
        expect(rows(page).locator(".problem")).to_have_text("Invalid API key.")
        page.get_by_label("API key").fill(running.key)
        page.get_by_role("button", name="Retry: photo.png").click()
        expect(rows(page).locator(".state")).to_have_text("Uploaded")
        page.reload()
        assert page.get_by_label("API key").input_value() == ""
        page.get_by_label("Remember the key on this device").check()
        upload(running.key)
        expect(rows(page).locator(".state")).to_have_text("Uploaded")
        page.reload()
        assert page.get_by_label("API key").input_value() == running.key
        page.get_by_label("Remember the key on this device").uncheck()
        page.reload()
        assert page.get_by_label("API key").input_value() == ""
        assert len(owned(running)) == 2
    assert [url for url in addresses if running.key in url] == []


def test_guests_upload_where_they_may(page, tmp_path):
    """Without a key, or with one."""
    with site(tmp_path / "guests", signed_in=False, policy=Policy(guest_page=True)) as running:
        page.goto(f"{running.address}/upload")
        page.set_input_files("#source", chosen())
        page.locator("button[type=submit]").click()
        expect(rows(page).locator(".state")).to_have_text("Uploaded")
        page.get_by_label("API key, if you have one").fill(running.key)
        page.set_input_files("#source", chosen("own.png"))
        page.locator("button[type=submit]").click()
        expect(page.locator(".state.done")).to_have_count(2)
        assert owned(running) == ["own"]


def test_what_cannot_be_copied_is_selected(page, ann):
    """Without TLS a page has no clipboard: the text is selected instead, and copied as browsers used to."""
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.goto(f"{ann.address}/upload")
    page.set_input_files("#source", chosen())
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Copy: Direct link").click()
    field = rows(page).get_by_label("Direct link", exact=True)
    assert page.evaluate("document.getSelection().toString()") == field.input_value()


def test_a_page_of_another_origin_uploads_with_a_key(page, ann):
    """As documented: with X-API-Key, which a browser asks for first."""

    def elsewhere(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "15")])
        return [b"<!doctype html>"]

    with serve(elsewhere) as other:
        page.goto(other)
        answer = page.evaluate(
            """async ([url, key, content]) => {
                const form = new FormData();
                form.append("source", new Blob([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))]), "far.png");
                const answer = await fetch(url, {method: "POST", headers: {"X-API-Key": key}, body: form});
                return [answer.status, (await answer.json()).image.url_viewer];
            }""",
            [f"{ann.address}/api/1/upload", GUEST, base64.b64encode(PNG).decode()],
        )
    assert answer[0] == 200
    assert urlsplit(answer[1]).path.startswith("/image/far.")


def test_a_page_of_another_origin_cannot_use_the_form(open_page, ann):
    """It cannot read the token, so what it sends in the user's name is refused."""

    def elsewhere(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "15")])
        return [b"<!doctype html>"]

    context_page = open_page(forgiven=REFUSED)
    with serve(elsewhere) as other:
        context_page.goto(other)
        context_page.evaluate(
            """(url) => {
                const form = Object.assign(document.createElement("form"), {method: "post", action: url});
                form.enctype = "multipart/form-data";
                const field = Object.assign(document.createElement("input"), {name: "source"});
                field.value = "https://pictures.test/a.png";
                form.append(field);
                document.body.append(form);
                form.submit();
            }""",
            f"{ann.address}/upload",
        )
        expect(context_page.get_by_role("alert")).to_contain_text("was not sent from here")
    assert owned(ann) == []


@pytest.mark.parametrize("prefix", ["/deep/down"])
def test_it_works_below_a_prefix(page, ann, prefix):
    """Style, scripts and the form's own address."""

    def mounted(environ, start_response):
        if not environ["PATH_INFO"].startswith(prefix):
            start_response("404 Not Found", [("Content-Length", "0")])
            return []
        inner = {**environ, "SCRIPT_NAME": prefix, "PATH_INFO": environ["PATH_INFO"].removeprefix(prefix)}
        return ann.component(inner, start_response)

    with serve(mounted) as address:
        page.goto(f"{address}{prefix}/upload")
        page.set_input_files("#source", chosen())
        page.locator("button[type=submit]").click()
        expect(rows(page).locator(".state")).to_have_text("Uploaded")
