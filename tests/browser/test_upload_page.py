"""The upload page in a real browser: what is chosen, sent, refused, retried and copied, and what a browser keeps."""

from __future__ import annotations

import base64
import re
import struct
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from chevupload import Flood, Limits, Pages, Policy, Principal
from chevupload.testing import serve
from chevupload.testing.memory import StaticKeys
from tests.browser.chromium import REFUSED
from tests.browser.keyboard import focused, tab_to
from tests.browser.sites import GUEST, site
from tests.browser.uploading import Gate, choose, chosen, copied, rows, submit, tiles, wait_for_pictures
from tests.media.films import film
from tests.ports import free_port
from tests.support import NOW, PNG, Clock, noise, picture

BIG = noise((900, 700))
TEXT = b"no picture"


class Fetcher:
    """Stands for the web: every address is that of a picture."""

    def fetch(self, url, into):
        """See Fetcher."""
        into.write(PNG)
        return "far.png"


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


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Serve a site where Ann is signed in, behind a gate; the site is this module's."""
    limits = Limits(max_bytes=5_000_000)
    with site(tmp_path_factory.mktemp("site"), limits=limits, fetcher=Fetcher()) as ann:
        gate = Gate(ann.component)
        with serve(gate) as address:
            yield address, gate, ann


@pytest.fixture
def ann(served):
    """Return Ann's site, with nothing in it."""
    _, gate, ann = served
    gate.finish()
    for upload in ann.component.uploads.list(ann.user_id):
        ann.component.uploads.delete(upload)
    return ann


@pytest.fixture
def gate(served, ann):
    """Return the gate before Ann's site."""
    yield served[1]
    served[1].open()


@pytest.fixture
def address(served, ann):
    """Return the address of Ann's upload page."""
    return f"{served[0]}/upload"


def send(page, kind, *files, text=""):
    """Let something drop onto the page, or paste it; return whether the browser would act on it itself."""
    encoded = [[name, "image/png", base64.b64encode(content).decode()] for name, content in files]
    return page.evaluate(_SEND, [kind, encoded, text])


def owned(running):
    return [upload.name for upload in running.component.uploads.list(running.user_id)]


def said(page):
    """Return how many files are uploaded, as the page says it."""
    return page.locator("#counted")


def test_twelve_files_with_one_broken_and_one_too_large(open_page, address, ann):
    """What is too large is not sent, what is no picture is said to be none, and all links are copied in their order."""
    page = open_page(forgiven=REFUSED, permissions=["clipboard-read", "clipboard-write"])
    page.goto(address)
    files = [chosen(f"photo{number:02}.png") for number in range(10)]
    choose(page, *files, chosen("text.png", TEXT), chosen("big.png", b"x" * 5_000_001))
    expect(rows(page)).to_have_count(12)
    expect(rows(page).locator(".bad")).to_have_text("This file is larger than 5 MB.")
    expect(page.locator("#list-title")).to_have_text("11 files, ready")
    page.get_by_role("button", name="Upload 11 files").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Uploaded")
    expect(page).to_have_title("10 of 12 uploaded – Pictures of Ann")
    notice = page.locator("#failed")
    expect(notice).to_contain_text("2 files were not uploaded.")
    expect(notice).to_contain_text("“text.png”: This file is not a picture, or it is damaged.")
    expect(page.locator("#retry-failed")).to_be_hidden()
    page.select_option("#format", "markdown")
    lines = copied(page, page.locator("#copy-all")).split("\n")
    assert [line.split("]")[0] for line in lines] == [f"[![photo{number:02}" for number in range(10)]
    page.get_by_role("button", name="Select").click()
    page.get_by_label("Choose photo03").check()
    assert copied(page, page.get_by_role("button", name="Copy 1")) == lines[3]
    page.get_by_role("button", name="Dismiss").click()
    expect(notice).to_be_hidden()
    assert sorted(owned(ann)) == [f"photo{number:02}" for number in range(10)]
    page.get_by_role("button", name="Upload more").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Upload")
    assert focused(page) == "Choose files"
    expect(tiles(page)).to_have_count(10)


def test_details_are_for_all_files_or_for_one(page, address, ann):
    """A file's own win."""
    page.goto(address)
    choose(page, chosen("one.png"), chosen("two.png"))
    page.get_by_text("Options for all 2 files").click()
    page.get_by_label("Title", exact=True).fill("Both")
    page.get_by_label("Tags, with commas between").fill("sea")
    page.get_by_label("Description").fill("By the water")
    page.get_by_label("Delete after").select_option("1 week")
    page.get_by_label("Album").select_option("Norway")
    expect(page.locator("#options-facts")).to_have_text("Deleted after 1 week, in Norway")
    page.get_by_role("button", name="Details: two.png").click()
    own = rows(page).nth(1)
    own.get_by_label("Title").fill("Second")
    own.get_by_label("Album").select_option("Work")
    own.get_by_label("Sensitive").check()
    expect(own.locator("p").first).to_contain_text("own title, album and mark")
    submit(page)
    expect(tiles(page)).to_have_count(2)
    expect(tiles(page).nth(1).locator("img")).to_have_count(0)
    uploads = {upload.title: upload for upload in ann.component.uploads.list(ann.user_id)}
    assert {title: upload.nsfw for title, upload in uploads.items()} == {"Both": False, "Second": True}
    assert {(upload.description, upload.tags) for upload in uploads.values()} == {("By the water", ("sea",))}
    assert all(upload.expires_at for upload in uploads.values())
    albums = {title: ann.component.catalog.album(upload.album_id).title for title, upload in uploads.items()}
    assert albums == {"Both": "Norway", "Second": "Work"}


def test_a_new_album_is_typed(open_page, tmp_path):
    """Or one that there is; a file's own wins."""
    with site(tmp_path, policy=Policy(album_names=True)) as ann:
        page = open_page()
        page.goto(f"{ann.address}/upload")
        choose(page, chosen("one.png"), chosen("two.png"))
        page.get_by_text("Options for all 2 files").click()
        page.get_by_label("Album").fill("Greece")
        page.keyboard.press("Tab")
        expect(page.locator("#options-facts")).to_have_text("Kept until you delete them, in Greece")
        page.get_by_role("button", name="Details: two.png").click()
        rows(page).nth(1).get_by_label("Album").fill("Work")
        expect(rows(page).nth(1).locator("p").first).to_contain_text("own album")
        submit(page)
        expect(tiles(page)).to_have_count(2)
        wait_for_pictures(page)
        albums = {album.id: album.title for album in ann.component.albums.list(ann.user_id)}
        uploads = ann.component.uploads.list(ann.user_id)
        assert {upload.name: albums[upload.album_id] for upload in uploads} == {"one": "Greece", "two": "Work"}


def test_the_codes_are_those_of_the_viewer(open_page, address):
    """A title with signs that mean something is escaped alike by the script and by the page; a film plays."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(address)
    files = [chosen("""a"b'<i>&[c](d).png""", BIG), chosen("""a"b'<i>.mp4""", film(size=(64, 48)), "video/mp4")]
    submit(page, *files)
    expect(tiles(page)).to_have_count(2)
    codes = {}
    for kind in ("viewer", "direct", "markdown", "html", "bbcode"):
        page.select_option("#format", kind)
        codes[kind] = copied(page, page.locator("#copy-all")).split("\n")
    expect(page.locator("#copy-all")).to_have_text("Copy all")
    parse = "text => new DOMParser().parseFromString(text, 'text/html').body.innerHTML"
    for index, viewer in enumerate(codes["viewer"]):
        page.goto(viewer)
        shown = page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('[data-codes] option')]"
            ".map((option) => [option.dataset.format, option.value]))"
        )
        for kind in ("viewer", "direct", "markdown", "bbcode"):
            assert shown[kind] == codes[kind][index]
        assert page.evaluate(parse, shown["html"]) == page.evaluate(parse, codes["html"][index])


def test_files_are_dropped(page, address, ann):
    """Anywhere on the page, which is not left for it; text that is dropped into a field stays the browser's."""
    page.goto(address)
    assert not send(page, "dragover", ("a.png", PNG))
    expect(page.locator(".drop.over")).to_be_visible()
    assert not send(page, "drop", ("a.png", PNG), ("b.png", PNG))
    expect(page.locator(".drop.over")).to_have_count(0)
    expect(rows(page)).to_have_count(2)
    submit(page)
    expect(tiles(page)).to_have_count(2)
    assert sorted(owned(ann)) == ["a", "b"]
    send(page, "drop", ("c.png", PNG))
    expect(rows(page)).to_have_count(1)


def drop_paths(page, *paths):
    """Let files and folders of this machine drop onto the page, as from a file manager."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 200, "data": data})


def test_a_folder_is_dropped(page, address, tmp_path):
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
    page.goto(address)
    drop_paths(page, folder, alone)
    expect(rows(page)).to_have_count(122)
    names = rows(page).locator("b").all_text_contents()
    assert sorted(names) == sorted([f"{number:03}.png" for number in range(120)] + ["first.png", "alone.png"])
    expect(page.locator("#problem")).to_be_hidden()


def test_a_folder_is_chosen(page, address, tmp_path):
    """With what can be taken of it."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.png").write_bytes(PNG)
    (tmp_path / "notes.txt").write_text("no picture")
    page.goto(address)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(tmp_path)
    expect(rows(page).locator("b")).to_have_text(["a.png"])


def test_a_folder_without_pictures_says_so(page, address, tmp_path):
    """Until something else comes."""
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    page.goto(address)
    drop_paths(page, tmp_path / "empty")
    expect(page.locator("#problem")).to_have_text("There is nothing in it that can be uploaded.")
    expect(rows(page)).to_have_count(0)
    assert not send(page, "drop", ("a.png", PNG))
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#problem")).to_be_hidden()


def test_a_telephone_is_not_asked_for_heic(open_page, address):
    """It sends JPEG then; a desktop has no such way, and shows its HEIC files to be chosen."""
    for settings, expected in (({}, True), ({"has_touch": True, "is_mobile": True}, False)):
        page = open_page(**settings)
        page.goto(address)
        expect(page.get_by_role("button", name="Take a photo")).to_be_visible(visible=not expected)
        accepted = page.locator("#source").get_attribute("accept").split(",")
        assert [{"image/heic", ".heic"} <= set(accepted), "image/jpeg" in accepted] == [expected, True]


def test_pictures_and_addresses_are_pasted(page, address, ann):
    """An address is fetched by the server; other text is nothing."""
    page.goto(address)
    send(page, "paste", ("image.png", PNG))
    send(page, "paste", text="just words")
    send(page, "paste", text="https://pictures.test/far.png")
    expect(rows(page)).to_have_count(2)
    page.get_by_text("Upload from a web address").click()
    field = page.get_by_label("Address of a picture")
    field.fill("https://pictures.test/typed.png")
    field.press("Enter")
    field.fill("https://pictures.test/added.png")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(rows(page)).to_have_count(4)
    submit(page)
    expect(tiles(page)).to_have_count(4)
    assert len(owned(ann)) == 4


def test_progress_is_shown_and_three_go_at_a_time(page, address, gate):
    """Each with a bar while it is sent; what waits says so, and one bar counts all of them."""
    gate.close()
    page.goto(address)
    choose(page, *(chosen(f"{number}.png", BIG) for number in range(5)))
    session = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
    session.send("Network.emulateNetworkConditions", slow)
    submit(page)
    facts = rows(page).locator("p")
    expect(facts.nth(4)).to_contain_text("Waiting")
    expect(facts.nth(0)).to_contain_text(" % of 1.8 MB")
    expect(page.get_by_role("progressbar", name="Progress: 0.png")).to_be_visible()
    expect(page.locator("#measured")).to_contain_text(re.compile(r"^\d+ % of 9(\.\d)? MB · .+ per second · .*left$"))
    session.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": 1_500_000})
    expect(facts.nth(2)).to_have_text("Sent. Making the thumbnails …")
    # The server may still be reading what the browser has sent.
    gate.wait_for(3)
    gate.open()
    expect(tiles(page)).to_have_count(5)
    assert gate.most == 3


def test_a_film_of_ninety_megabytes(page, tmp_path):
    """It goes up whole, with a bar that says how far it is."""
    path = tmp_path / "long.mp4"
    with path.open("wb") as file:
        file.write(film(size=(64, 48)))
        file.write(struct.pack(">I4s", 90_000_000, b"free"))
        file.truncate(file.tell() + 90_000_000 - 8)
    with site(tmp_path / "site") as running:
        page.goto(f"{running.address}/upload")
        session = page.context.new_cdp_session(page)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 3_000_000}
        session.send("Network.emulateNetworkConditions", slow)
        page.set_input_files("#source", path)
        submit(page)
        expect(rows(page).locator("p")).to_contain_text(" % of 90 MB")
        session.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
        expect(tiles(page)).to_have_count(1)
        wait_for_pictures(page)
        assert [upload.size for upload in running.component.uploads.list(running.user_id)] == [path.stat().st_size]


def test_all_are_cancelled_and_retried(page, address, gate, ann):
    """Or one alone. What had reached the server whole before it was cancelled is not there twice."""
    gate.close()
    page.goto(address)
    submit(page, *(chosen(f"{number}.png") for number in range(5)))
    page.get_by_role("button", name="Cancel: 4.png").click()
    expect(rows(page).nth(4)).to_contain_text("Cancelled")
    page.get_by_role("button", name="Cancel all").click()
    expect(rows(page).locator("p", has_text="Cancelled")).to_have_count(5)
    expect(said(page)).to_have_text("0 of 5 uploaded")
    gate.open()
    rows(page).nth(4).get_by_role("button", name="Retry").click()
    expect(tiles(page)).to_have_count(1)
    page.locator("#retry-failed").click()
    expect(tiles(page)).to_have_count(5)
    assert len(owned(ann)) == 5


def test_what_is_refused_can_be_removed(open_page, address):
    """It stays in its place until then, with the reason; what a retry mends has one."""
    page = open_page(forgiven=REFUSED)
    page.goto(address)
    choose(page, chosen("empty.png", b""), chosen("text.png", TEXT))
    expect(rows(page).nth(0)).to_contain_text("This file is empty.")
    submit(page)
    expect(rows(page).nth(1)).to_contain_text("This file is not a picture, or it is damaged.")
    expect(page.locator("#refused")).to_contain_text("text.png: This file is not a picture, or it is damaged.")
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    page.get_by_role("button", name="Remove: empty.png").click()
    page.get_by_role("button", name="Remove: text.png").click()
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    assert focused(page) == "Choose files"


def test_a_busy_server_is_asked_again_when_it_says(open_page, address, gate):
    """Nothing is to be done, nor does anything fail."""
    page = open_page(forgiven=REFUSED)
    page.goto(address)
    gate.is_busy = True
    submit(page, chosen("a.png"), chosen("b.png"))
    expect(page.locator("#measured")).to_contain_text("Too many people at once. Nothing is lost")
    gate.open()
    expect(tiles(page)).to_have_count(2)


def test_who_has_no_room_left_is_told_how_much_is_used(open_page, tmp_path):
    """And may retry when something was deleted."""
    page = open_page(forgiven=REFUSED)
    with site(tmp_path / "site", policy=Policy(usage="originals", quota_files=1)) as running:
        page.goto(f"{running.address}/upload")
        submit(page, chosen("a.png"), chosen("b.png"))
        told = "There is no room left for this: 1 of 1 files are used. Delete something that you do not need"
        expect(page.locator("#refused")).to_contain_text(told)
        expect(tiles(page)).to_have_count(1)
        running.component.uploads.delete_all(running.user_id)
        page.get_by_role("button", name="Retry").first.click()
        expect(tiles(page)).to_have_count(2)


def test_who_tries_many_keys_is_told_to_wait(open_page, tmp_path):
    """And that it is not this key that is wrong."""
    page = open_page(forgiven=REFUSED)
    with site(tmp_path / "site", signed_in=False, policy=Policy(wrong_keys=1), clock=Clock()) as running:
        page.goto(f"{running.address}/upload")
        problem = page.locator("#key-problem")
        for key, told in (
            ("wrong", "This key does not work. It may be mistyped, revoked or too old."),
            (GUEST, "Too many wrong keys came from your network. Please try again in 53 seconds."),
        ):
            page.fill("#key", key)
            page.locator("#use-key").click()
            expect(problem).to_have_text(told)


def test_many_files_wait_for_places_in_the_next_minute(open_page, tmp_path):
    """The page counts the seconds down, says once why it waits, sends nothing meanwhile, and goes on by itself."""
    page = open_page(forgiven=REFUSED)
    clock = Clock()
    with site(tmp_path / "site", policy=Policy(flood=Flood(minute=5)), clock=clock) as running:
        page.clock.install(time=NOW)
        page.goto(f"{running.address}/upload")
        page.clock.pause_at(NOW + timedelta(days=1))
        submit(page, *(chosen(f"{number}.png") for number in range(8)))
        waits = page.locator("#measured")
        words = "You have uploaded as much as you may for now. Nothing is lost; it goes on by itself in"
        expect(waits).to_have_text(f"{words} 53 seconds.")
        expect(page.locator("#said")).to_have_text(f"{words} 53 seconds.")
        expect(rows(page).locator("p", has_text="Waiting")).to_have_count(3)
        expect(rows(page).locator("p", has_text="Uploaded")).to_have_count(5)
        page.clock.run_for(30_000)
        expect(waits).to_have_text(f"{words} 23 seconds.")
        expect(page.locator("#said")).to_have_text(f"{words} 53 seconds.")
        assert len(owned(running)) == 5
        clock.move(seconds=53)
        page.clock.run_for(24_000)
        expect(tiles(page)).to_have_count(8)
        expect(page.locator("#said")).to_have_text("The upload goes on.")


def test_an_upload_goes_on_when_the_network_is_back(open_page, address, gate, ann):
    """Also what was sent, and not answered yet: it is the same request, and there once."""
    page = open_page(forgiven=REFUSED)
    gate.close()
    page.goto(address)
    submit(page, chosen("a.png"), chosen("b.png"))
    expect(rows(page).locator("p", has_text="Sent.")).to_have_count(2)
    page.context.set_offline(True)
    expect(page.locator("#measured")).to_have_text("You are offline. The upload goes on when you are back.")
    gate.open()
    page.context.set_offline(False)
    # Where the server still works on the first request, it says when to ask again.
    expect(tiles(page)).to_have_count(2)
    assert len(owned(ann)) == 2


def test_an_upload_that_begins_offline_is_begun_again(open_page, address, ann):
    """What sends files comes with the first upload: without a connection the page says so, and nothing is lost."""
    page = open_page(forgiven=REFUSED)
    page.goto(address)
    choose(page, chosen("begun.png"))
    page.context.set_offline(True)
    page.locator("#start").click()
    expect(page.locator("#problem")).to_have_text("The connection was lost. Check it, then press Upload again.")
    page.context.set_offline(False)
    page.locator("#start").click()
    expect(tiles(page)).to_have_count(1)
    assert owned(ann) == ["begun"]


def test_an_upload_goes_on_when_the_server_is_back(open_page, ann):
    """The page asks by itself whether it is."""
    page = open_page(forgiven=REFUSED)
    port = free_port()
    with serve(ann.component, port=port) as address:
        page.goto(f"{address}/upload")
        choose(page, chosen("a.png"))
        submit(page)
        expect(tiles(page)).to_have_count(1)
        page.get_by_role("button", name="Upload more").click()
        choose(page, chosen("b.png"))
    page.locator("#start").click()
    expect(page.locator("#measured")).to_have_text("The connection was lost. We retry by ourselves.")
    with serve(ann.component, port=port):
        expect(tiles(page)).to_have_count(1)
    assert len(owned(ann)) == 2


def test_a_refresh_loses_no_link(page, address, gate):
    """What was uploaded is there again as it was, with what deletes it, until somebody clears it."""
    page.goto(address)
    # The first of them is through last.
    submit(page, chosen("a.png", BIG), chosen("b.png"))
    expect(tiles(page).locator(".name")).to_have_text(["a", "b"])
    gate.close()
    page.get_by_role("button", name="Upload more").click()
    submit(page, chosen("c.png"))
    gate.wait_for(1)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    gate.open()
    expect(page.get_by_role("heading", name="Uploaded from this browser")).to_be_visible()
    expect(tiles(page).locator(".name")).to_have_text(["a", "b"])
    expect(page.locator("#kept")).to_contain_text("This list, with its delete links, stays on this device for a day.")
    tiles(page).first.get_by_title("More").click()
    page.get_by_text("Delete …").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tiles(page)).to_have_count(1)
    page.reload()
    expect(tiles(page)).to_have_count(1)
    page.get_by_role("button", name="Clear it now").click()
    expect(page.locator("#uploaded")).to_be_hidden()
    page.reload()
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('chevupload.uploads'))") == []


@pytest.mark.parametrize(("kept", "count"), [("links", 1), ("nothing", 0)])
def test_a_site_sets_what_is_kept(page, tmp_path, kept, count):
    """The links without those that delete, or nothing; the page says which."""
    with site(tmp_path / "site", pages=Pages(upload_history=kept)) as running:
        page.goto(f"{running.address}/upload")
        submit(page, chosen())
        expect(tiles(page)).to_have_count(1)
        expect(page.locator("#kept" if count else "#not-kept")).to_be_visible()
        assert "delete" not in page.locator("#kept").inner_text()
        page.reload(wait_until="networkidle")
        expect(tiles(page)).to_have_count(count)
        expect(tiles(page).get_by_title("More")).to_have_count(0)


def test_leaving_with_uploads_under_way_is_warned_of(page, address, gate):
    """And only then."""
    gate.close()
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(address)
    choose(page, chosen())
    page.reload()
    submit(page, chosen())
    expect(page.get_by_role("button", name="Cancel all")).to_be_visible()
    gate.wait_for(1)
    assert asked == []
    page.reload()
    assert asked == ["beforeunload"]


def test_an_old_form_gets_a_new_token(open_page, address, ann):
    """A page that was open over night loses no file."""
    page = open_page(forgiven=REFUSED)
    page.goto(address)
    page.evaluate("document.querySelector('[name=token]').value = 'old'")
    submit(page, chosen("a.png"), chosen("b.png"))
    expect(tiles(page)).to_have_count(2)


def test_nothing_but_the_keyboard_is_needed(open_page, address):
    """Every control has a name and its place in the order, and the focus is never lost."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    # Listening from the start, the driver has the dialog in its hands when it opens.
    page.on("filechooser", lambda chooser: None)
    page.goto(address)
    tab_to(page, "Choose files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files([chosen("one.png"), chosen("two.png")])
    expect(rows(page)).to_have_count(2)
    for name in ("Options for all 2 files Kept until you delete them", "Upload from a web address", "Remove all"):
        tab_to(page, name)
    tab_to(page, "Details: one.png")
    page.keyboard.press("Enter")
    tab_to(page, "Title")
    page.keyboard.type("First")
    page.keyboard.press("Enter")
    tab_to(page, "Remove: two.png")
    page.keyboard.press("Enter")
    assert focused(page) == "Details: one.png"
    tab_to(page, "Upload 1 file")
    page.keyboard.press("Enter")
    expect(tiles(page)).to_have_count(1)
    assert focused(page) == "Uploaded"
    tab_to(page, "Copy: First")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Copied")
    viewer = page.evaluate("navigator.clipboard.readText()")
    assert page.request.get(viewer).status == 200
    tab_to(page, "More: First")
    page.keyboard.press("Enter")
    tab_to(page, "Copy delete link")
    page.keyboard.press("Escape")
    assert focused(page) == "More: First"
    tab_to(page, "Select")


def test_what_is_copied_is_said_for_two_seconds(open_page, address):
    """By each button that was pressed, which then says again what it does, though that may have changed meanwhile."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.clock.install(time=NOW)
    page.goto(address)
    submit(page, chosen("one.png"), chosen("two.png"))
    expect(tiles(page)).to_have_count(2)
    page.clock.pause_at(NOW + timedelta(days=1))
    button = page.locator("#copy-all")
    button.click()
    expect(button).to_have_text("Copied")
    page.clock.run_for(1_000)
    page.get_by_role("button", name="Select").click()
    page.get_by_label("Choose one").check()
    button.click()
    expect(button).to_have_text("Copied")
    page.clock.run_for(1_500)
    expect(button).to_have_text("Copied")
    page.clock.run_for(1_000)
    expect(button).to_have_text("Copy 1")


def test_what_cannot_be_copied_is_selected(page, address):
    """Without TLS a page has no clipboard: the text is shown and selected instead."""
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.goto(address)
    submit(page, chosen())
    expect(tiles(page)).to_have_count(1)
    page.get_by_role("button", name="Copy all").click()
    expect(page.locator("#said")).to_have_text("Selected")
    viewer = tiles(page).locator("a").first.get_attribute("href")
    assert page.evaluate("document.getSelection().toString()") == viewer == page.locator("#text").input_value()


def test_a_wrong_key_and_then_the_right_one(open_page, tmp_path):
    """It is tried before anything is sent, remembered when that is asked for, and never in an address."""
    page = open_page(forgiven=REFUSED)
    addresses = []
    page.on("request", lambda request: addresses.append(request.url))
    with site(tmp_path / "keys", signed_in=False) as running:
        page.goto(f"{running.address}/upload")
        choose(page, chosen())
        submit(page)
        expect(page.locator("#key-problem")).to_have_text("Please sign in, or paste an API key.")
        key = page.get_by_label("API key")
        key.fill("wrong")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#key-problem")).to_contain_text("This key does not work.")
        key.fill(running.key)
        key.press("Enter")
        expect(page.locator("#who-key")).to_be_visible()
        expect(page.locator("#who-key")).to_contain_text("With the key chv_")
        submit(page)
        expect(tiles(page)).to_have_count(1)
        page.reload(wait_until="networkidle")
        assert key.input_value() == ""
        key.fill(running.key)
        page.get_by_label("Remember it on this device").check()
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#who-key")).to_be_visible()
        page.reload()
        expect(page.locator("#who-key")).to_be_visible()
        page.get_by_role("link", name="change").click()
        page.get_by_label("Remember it on this device").uncheck()
        page.reload(wait_until="networkidle")
        assert key.input_value() == ""
        assert owned(running) == ["photo"]
    assert [url for url in addresses if running.key in url] == []


def test_a_key_that_stops_working_is_asked_for_again(open_page, tmp_path):
    """What was to be sent waits for the right one."""
    page = open_page(forgiven=REFUSED)
    with site(tmp_path / "keys", signed_in=False) as running:
        page.goto(f"{running.address}/upload")
        page.get_by_label("API key").fill(running.key)
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#who-key")).to_be_visible()
        choose(page, chosen("a.png"), chosen("b.png"))
        store = running.component.key_store
        for key in store.keys_of(running.user_id):
            store.revoke_key(key.id, user_id=running.user_id)
        submit(page)
        expect(page.locator("#key-problem")).to_contain_text("This key does not work.")
        expect(page.locator("#list-title")).to_have_text("2 files, ready")
        page.get_by_label("API key").fill(store.add_key(running.user_id, label="New").key)
        submit(page)
        expect(tiles(page)).to_have_count(2)


def test_guests_upload_where_they_may(open_page, tmp_path):
    """Within their limits; a key has its own, and lets an address be given. Their delete links are all they have."""
    page = open_page(forgiven=REFUSED, permissions=["clipboard-read", "clipboard-write"])
    limits = Limits(max_bytes=5_000_000, max_guest_bytes=100_000)
    policy = Policy(guest_page=True)
    with site(tmp_path / "guests", signed_in=False, policy=policy, limits=limits, fetcher=Fetcher()) as running:
        page.goto(f"{running.address}/upload")
        expect(page.get_by_text("Upload from a web address")).to_be_hidden()
        send(page, "paste", text="https://pictures.test/far.png")
        choose(page, chosen("big.png", BIG), chosen("small.png"))
        limit = "This file is larger than 100 KB, the limit for guests. Use a key for files up to 5 MB."
        expect(rows(page).nth(0).locator(".bad")).to_have_text(limit)
        submit(page)
        expect(tiles(page)).to_have_count(1)
        expect(page.get_by_text("Keep your delete links.")).to_be_visible()
        assert "/delete/" in copied(page, page.get_by_role("button", name="Copy all delete links"))
        with page.expect_download() as download:
            page.get_by_role("button", name="Save them as a file").click()
        assert download.value.path().read_text().count("/delete/") == 1
        page.get_by_role("button", name="Upload more").click()
        page.get_by_role("link", name="use a key").click()
        key = page.get_by_label("API key")
        choose(page, chosen("big.png", BIG))
        key.fill(running.key)
        expect(rows(page).locator(".bad")).to_have_count(0)
        key.fill("")
        expect(rows(page).locator(".bad")).to_have_text(limit)
        key.fill(running.key)
        page.get_by_text("Upload from a web address").click()
        page.get_by_label("Address of a picture").fill("https://pictures.test/far.png")
        page.locator("#start").click()
        expect(tiles(page)).to_have_count(2)
        assert sorted(owned(running)) == ["big", "far"]


def test_a_user_with_a_larger_limit_than_the_site_s_uses_it(open_page, tmp_path):
    """With a key on the page, which is known before the file then."""
    page = open_page(forgiven=REFUSED)
    keys = StaticKeys({"large-key": Principal(user_id="large", max_bytes=5_000_000)})
    with site(tmp_path / "large", signed_in=False, keys=keys, limits=Limits(max_bytes=100_000)) as running:
        page.goto(f"{running.address}/upload")
        page.get_by_label("API key").fill("large-key")
        submit(page, chosen("big.png", BIG))
        expect(tiles(page)).to_have_count(1)


@pytest.mark.parametrize("signed_in", [True, False])
def test_the_first_visit_is_light(page, tmp_path, signed_in):
    """In ten requests with four modules at most, and 60 kB when compressed; also where a key is asked for."""
    import gzip

    seen = {}
    page.on("response", lambda response: seen.update({response.url: response}))
    with site(tmp_path, signed_in=signed_in) as running:
        page.goto(f"{running.address}/upload", wait_until="networkidle")
        assert len(seen) <= 10
        assert len([url for url in seen if url.endswith(".js")]) <= 4
        assert sum(len(gzip.compress(response.body())) for response in seen.values()) <= 60_000


def test_a_hundred_files_hold_nothing_up(page, address):
    """Rows are made a few at a time, those out of sight are not laid out, and their pictures not drawn."""
    page.goto(address)
    page.evaluate(
        """() => {
            window.batches = [];
            const count = (records) => records.reduce((sum, record) => sum + record.addedNodes.length, 0);
            new MutationObserver((records) => batches.push(count(records))).observe(rows, {childList: true});
        }"""
    )
    choose(page, *(chosen(f"photo{number:02}.png") for number in range(100)))
    expect(page.locator("#list-title")).to_have_text("100 files, ready")
    assert page.evaluate("batches") == [10] * 10
    expect(rows(page).first.locator("canvas")).to_have_count(1)
    assert rows(page).locator("canvas").count() < 40
    assert not page.evaluate("rows.lastElementChild.firstElementChild.checkVisibility({contentVisibilityAuto: true})")
    rows(page).last.scroll_into_view_if_needed()
    expect(rows(page).last.locator("canvas")).to_have_count(1)


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_moves_after_the_first_paint(open_page, served, ann, width):
    """Neither on the upload page, with a list of before, nor on the start page; the slower, the more could."""
    page = open_page(viewport={"width": width, "height": 800})
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 6})
    page.add_init_script(
        """window.shifts = [];
        new PerformanceObserver((list) => shifts.push(...list.getEntries().map((entry) => entry.value)))
            .observe({type: "layout-shift", buffered: true});"""
    )
    page.goto(f"{served[0]}/upload")
    submit(page, chosen())
    expect(tiles(page)).to_have_count(1)
    for path in ("/upload", "/"):
        page.goto(f"{served[0]}{path}", wait_until="networkidle")
        expect(page.locator("#uploaded")).to_be_visible()
        assert page.evaluate("shifts") == []


def test_the_start_page_uploads(page, served, ann):
    """As the upload page does, and with the same list of this browser."""
    page.goto(f"{served[0]}/")
    name = page.title()
    submit(page, chosen("from-home.png"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Uploaded")
    expect(page).to_have_title(f"1 of 1 uploaded – {name}")
    assert owned(ann) == ["from-home"]
    page.goto(f"{served[0]}/upload")
    expect(tiles(page)).to_have_count(1)
    page.goto(f"{served[0]}/")
    expect(page.get_by_role("region", name="Recent").get_by_role("link")).to_have_count(1)


def test_the_form_works_without_a_script(open_page, address, ann):
    """One file, or several, and a page with their links; nothing on the page is without effect."""
    page = open_page(java_script_enabled=False, forgiven=REFUSED)
    page.goto(address)
    expect(page.locator(".script:visible")).to_have_count(0)
    upload = page.locator(".no-script button")
    upload.click()
    expect(page.locator("#problem")).to_contain_text("Choose a file first.")
    page.set_input_files("#source", chosen("plain.png", picture((64, 48))))
    page.get_by_text("Options for all files").click()
    page.get_by_label("Delete after").select_option("1 week")
    upload.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Uploaded")
    assert owned(ann) == ["plain"]
    page.get_by_role("link", name="Upload another").click()
    choose(page, chosen("one.png"), chosen("text.png", TEXT), chosen("two.png"))
    upload.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 of 3 uploaded")
    expect(page.get_by_role("alert")).to_contain_text("“text.png”: This file is not a picture")
    expect(page.get_by_label("Delete link")).to_have_count(2)
    links = page.get_by_role("textbox", name="All links").input_value().split("\n")
    page.goto(links[0])
    expect(page.get_by_role("heading", level=1)).to_have_text("one")


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
        expect(context_page.locator("#problem")).to_contain_text("This page was open for too long.")
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
        submit(page, chosen())
        expect(tiles(page)).to_have_count(1)
        wait_for_pictures(page)


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_ticket_in_the_address_is_used_and_taken_out_of_it(open_page, tmp_path, signed_in):
    """In place of a key, and of who is signed in; no address and no storage of the browser's has it."""
    with site(tmp_path / "tickets", signed_in=signed_in) as running:
        ticket = running.component.tickets.mint(
            running.user_id, uses=1, base_url=running.address, parameters={"title": "Theirs"}
        )
        page, addresses = open_page(forgiven=REFUSED), []
        page.on("request", lambda request: addresses.append(request.url))
        page.goto(ticket.page_url)
        expect(page).to_have_url(f"{running.address}/upload")
        assert page.locator("[name=key]").input_value() == ticket.key
        submit(page, chosen("one.png", PNG))
        expect(tiles(page)).to_have_count(1)
        [upload] = running.component.uploads.list(running.user_id)
        assert upload.title == "Theirs"
        page.get_by_role("button", name="Upload more").click()
        submit(page, chosen("two.png", BIG))
        where = page.locator("#problem" if signed_in else "#key-problem")
        expect(where).to_contain_text("This ticket is used up.")
        assert ticket.key not in str(page.evaluate("[{...localStorage}, {...sessionStorage}]"))
        page.goto(f"{running.address}/upload")
        assert page.evaluate("document.querySelector('[name=key]')?.value || ''") == ""
    assert [url for url in addresses if ticket.key in url.partition("#")[0]] == []


def test_a_remembered_key_stays_when_a_ticket_comes(open_page, tmp_path):
    """It is there again when the ticket is not; the page may be open already."""
    with site(tmp_path / "tickets", signed_in=False) as running:
        page = open_page(forgiven=REFUSED)
        page.goto(f"{running.address}/upload")
        page.get_by_label("API key").fill(running.key)
        page.get_by_label("Remember it on this device").check()
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#who-key")).to_be_visible()
        ticket = running.component.tickets.mint(running.user_id, base_url=running.address)
        page.goto(ticket.page_url)
        expect(page.locator("#who-key")).to_contain_text("With the key chvt_")
        expect(page).to_have_url(f"{running.address}/upload")
        page.reload()
        expect(page.locator("#who-key")).to_contain_text("With the key chv_")


def test_a_key_typed_while_another_is_asked_for_is_asked_for_itself(open_page, tmp_path):
    with site(tmp_path / "keys", signed_in=False) as running:
        page = open_page(forgiven=REFUSED)
        page.goto(f"{running.address}/upload")
        held = []
        page.route("**/upload", lambda route: held.append(route), times=1)
        page.get_by_label("API key").fill(running.key)
        page.get_by_label("Remember it on this device").check()
        with page.expect_request("**/upload"):
            page.get_by_role("button", name="Use this key").click()
        page.get_by_label("API key").fill("chv_another")
        with page.expect_response("**/upload"):
            held.pop().continue_()
        expect(page.locator("#key-problem")).to_contain_text("This key does not work.")
        assert page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('chevupload.key'))") == []
