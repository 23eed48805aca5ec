"""Every page in every state that looks different, for tests and for the pictures in the documentation."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from playwright.sync_api import expect

from chevupload import KeyRestrictions, Limits, Policy
from chevupload.cli.example import write_example
from chevupload.clock import utc_now
from chevupload.model import Upload
from chevupload.testing import serve
from chevupload.web.urls import Links
from tests.browser.sites import Running, site
from tests.browser.uploading import Gate
from tests.support import Clock

POLICY = Policy(login_url="/login", guest_page=True)
LIMITS = Limits(max_bytes=10_000_000, max_guest_bytes=5_000_000)


class Stage:
    """A site with pictures, and a browser's page to see it in.

    Attributes:
        ann: the site where Ann is signed in.
        nobody: the address of one where nobody is.
        without_login: the same without a page to sign in on.
        page: the browser's.
        gate: lets what is sent to the site of Ann wait, where a scene sees it at :attr:`gated`.
        clock: the site's of Ann.
    """

    def __init__(self, served: Sites, page: Any) -> None:
        self.ann = served.ann
        self.nobody = served.nobody
        self.without_login = served.without_login
        self.page = page
        self.gate = served.gate
        self.gated = served.gated
        self.clock = served.clock
        self._folder = served.folder
        self.gate.open()

    @property
    def links(self) -> Links:
        """What builds links."""
        host = self.ann.address.removeprefix("http://")
        return self.ann.component.links({"HTTP_HOST": host, "wsgi.url_scheme": "http", "SCRIPT_NAME": ""})

    @property
    def picture(self) -> bytes:
        """What is uploaded."""
        return example(self._folder)

    def save(self, **more: Any) -> Upload:
        """Upload the picture."""
        values = {"title": "Hills at dusk", "description": "Seen from the last bend.", "tags": ["hills", "evening"]}
        return self.ann.component.uploads.save(
            io.BytesIO(more.pop("content", self.picture)), owner=self.ann.user_id, **{**values, **more}
        )

    def see(self, url: str) -> None:
        """Open a page."""
        self.page.goto(url if url.startswith("http") else self.ann.address + url)

    def leave(self, act: Callable[[], object]) -> None:
        """Do what leads to another page, and wait until that is there, its style and its scripts among it."""
        with self.page.expect_navigation():
            act()

    def choose(self, *names: str) -> None:
        """Choose files on the upload page; what is called a text is no picture, and what is called large too large."""
        contents = {"text": b"no picture", "large": b"x" * (LIMITS.max_bytes + 1)}
        paths = [self._folder / name for name in names]
        for path in paths:
            if not path.exists():
                path.write_bytes(next((contents[word] for word in contents if word in path.name), self.picture))
        self.page.set_input_files("#source", paths)


@cache
def example(folder: Path) -> bytes:
    """Return a picture that one likes to look at."""
    return write_example(folder / "example.jpg").read_bytes()


def viewer(stage: Stage) -> None:
    """A picture."""
    stage.see(stage.links.viewer(stage.save(filename="hills.jpg")))


def viewer_tall(stage: Stage) -> None:
    """A screenshot of a whole page, which is longer than any window."""
    page = Image.new("RGB", (900, 2800), "white")
    draw = ImageDraw.Draw(page)
    for line in range(12):
        draw.text((40, 40 + 220 * line), f"Chapter {line + 1}", (30, 30, 30), font_size=44)
        for row in range(4):
            draw.rectangle((40, 110 + 220 * line + 30 * row, 860 - 90 * (row % 3), 124 + 220 * line + 30 * row), "#bbb")
    stage.see(stage.links.viewer(stage.save(content=_png(page), filename="page.png", title="A page as it is")))


def viewer_clear(stage: Stage) -> None:
    """A black drawing on nothing."""
    drawing = Image.new("RGBA", (480, 320), (0, 0, 0, 0))
    draw = ImageDraw.Draw(drawing)
    draw.ellipse((90, 60, 290, 260), outline=(0, 0, 0, 255), width=14)
    draw.line((200, 160, 420, 60), fill=(0, 0, 0, 255), width=14)
    stage.see(
        stage.links.viewer(stage.save(content=_png(drawing), filename="drawing.png", title="A drawing on nothing"))
    )


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def home(stage: Stage) -> None:
    """The start page, with what was uploaded last."""
    for number in range(6):
        stage.save(filename=f"{number}.jpg", nsfw=number == 2)
    stage.see("/")


def viewer_shown(stage: Stage) -> None:
    """What may not be safe for work, once somebody has asked for it."""
    viewer_hidden(stage)
    stage.page.locator(".stage summary").click()


def viewer_hidden(stage: Stage) -> None:
    """One that may not be safe for work."""
    stage.see(stage.links.viewer(stage.save(nsfw=True, expiration="P7D", filename="hidden.jpg")))


def viewer_video(stage: Stage) -> None:
    """A video."""
    from tests.media.films import repeated  # which needs the extra

    frame = Image.open(io.BytesIO(stage.picture), formats=["JPEG"]).resize((960, 640))
    stage.see(stage.links.viewer(stage.save(content=repeated(frame, 8, "mp4"), filename="hills.mp4", title="A film")))


def viewer_opened(stage: Stage) -> None:
    """With everything open that can be."""
    viewer(stage)
    for summary in stage.page.locator("aside summary").all():
        if summary.is_visible():
            summary.click()


def expired(stage: Stage) -> None:
    """What follows once its time is over."""
    upload = stage.save(filename="expired.jpg", expiration="PT5M")
    stage.clock.move(minutes=6)
    stage.see(stage.links.viewer(upload))
    stage.clock.move(minutes=-6)


def delete(stage: Stage) -> None:
    """The question before a picture is deleted."""
    stage.see(stage.links.delete(stage.save(filename="delete.jpg")) or "")


def deleted(stage: Stage) -> None:
    """What follows."""
    delete(stage)
    stage.leave(stage.page.get_by_role("button", name="Delete").click)
    stage.page.get_by_role("heading", name="Deleted").wait_for()


def refusal(stage: Stage) -> None:
    """A link that leads nowhere."""
    stage.see("/image/none")


def keys(stage: Stage) -> None:
    """The page of keys, with one just made and one revoked."""
    store, user_id = stage.ann.component.key_store, stage.ann.user_id
    assert store is not None
    store.forget_keys(user_id)
    store.add_key(user_id, label="Phone")
    store.revoke_key(store.add_key(user_id, label="Old laptop", style="imgbb").id, user_id=user_id)
    stage.see("/settings/api")
    stage.page.get_by_label("Name", exact=True).fill("ShareX")
    stage.leave(stage.page.get_by_role("button", name="Make the key").click)
    stage.page.get_by_label("Your new key", exact=True).wait_for()


def keys_narrowed(stage: Stage) -> None:
    """A key that is for little, and the form for another one."""
    store, user_id = stage.ann.component.key_store, stage.ann.user_id
    assert store is not None
    store.forget_keys(user_id)
    narrow = KeyRestrictions(
        scopes=frozenset({"upload", "list"}),
        max_bytes=5_000_000,
        formats=frozenset({"PNG", "JPEG"}),
        origins=frozenset({"https://forum.example"}),
    )
    store.add_key(user_id, label="Forum", restrictions=narrow)
    stage.see("/settings/api")
    stage.page.get_by_text("What it is for").click()
    stage.page.get_by_label("Only on web pages of").wait_for()


def keys_none(stage: Stage) -> None:
    """Without a key."""
    stage.ann.component.key_store.forget_keys(stage.ann.user_id)
    stage.see("/settings/api")


def sign_in(stage: Stage) -> None:
    """For nobody in particular."""
    stage.see(f"{stage.without_login}/settings/api")


def upload(stage: Stage) -> None:
    """The upload page as it is opened by nobody in particular."""
    stage.see(f"{stage.nobody}/upload")


def upload_ready(stage: Stage) -> None:
    """With files that are chosen, of which one has details of its own."""
    stage.see("/upload")
    stage.choose("hills at dusk.jpg", "a file with quite a long name, as cameras and phones do not give them.jpg")
    stage.page.locator("[data-act=details]").first.click()
    stage.page.locator("#rows canvas").last.wait_for()


def upload_refused(stage: Stage) -> None:
    """Where nothing came through: what is refused, and why."""
    stage.see("/upload")
    stage.choose("text.jpg")
    stage.page.locator("#start").click()
    stage.page.locator("#rows .bad").wait_for()


def upload_key(stage: Stage) -> None:
    """With a key that does not work."""
    stage.see(f"{stage.nobody}/upload")
    stage.page.get_by_role("link", name="use a key").click()
    stage.page.get_by_label("API key").fill("wrong")
    stage.page.get_by_role("button", name="Use this key").click()
    stage.page.get_by_text("This key does not work.").wait_for()


def upload_hundred(stage: Stage) -> None:
    """With a hundred files."""
    stage.see("/upload")
    stage.choose(*(f"{number:03}.jpg" for number in range(100)))
    stage.page.get_by_text("100 files, ready").wait_for()


def upload_dragged(stage: Stage) -> None:
    """While files are over the page."""
    stage.see("/upload")
    stage.page.evaluate("document.body.dispatchEvent(new DragEvent('dragover', {bubbles: true, cancelable: true}))")
    stage.page.locator(".drop.over").wait_for()


def upload_options(stage: Stage) -> None:
    """With all options open."""
    stage.see("/upload")
    for summary in stage.page.locator("#options summary").all():
        summary.click()


def upload_sending(stage: Stage) -> None:
    """While files are sent: three at once, others wait, one was cancelled and one is too large."""
    stage.gate.close()
    stage.see(f"{stage.gated}/upload")
    stage.choose("hills.jpg", "dusk.jpg", "sea.jpg", "snow.jpg", "large.jpg", "moon.jpg")
    stage.page.locator("#start").click()
    stage.page.get_by_role("button", name="Cancel: snow.jpg").click()
    expect(stage.page.get_by_text("Sent. Making the thumbnails")).to_have_count(3)
    expect(stage.page.locator("#rows canvas")).to_have_count(5)


def upload_offline(stage: Stage) -> None:
    """While the network is away."""
    upload_sending(stage)
    stage.page.context.set_offline(True)
    stage.page.get_by_text("You are offline.").wait_for()


def upload_busy(stage: Stage) -> None:
    """While the server has too much to do."""
    stage.gate.is_busy = True
    stage.see(f"{stage.gated}/upload")
    stage.choose("hills.jpg", "dusk.jpg")
    stage.page.locator("#start").click()
    stage.page.get_by_text("Too many people at once.").wait_for()


def upload_flooded(stage: Stage) -> None:
    """While somebody has uploaded as much as is allowed in an hour."""
    stage.gate.is_flooded = True
    stage.see(f"{stage.gated}/upload")
    stage.choose("hills.jpg", "dusk.jpg")
    stage.page.locator("#start").click()
    stage.page.get_by_text("goes on by itself in 50 minutes.").first.wait_for()


def upload_cancelled(stage: Stage) -> None:
    """After all were cancelled."""
    upload_sending(stage)
    stage.page.get_by_role("button", name="Cancel all").click()
    expect(stage.page.locator("#rows p", has_text="Cancelled")).to_have_count(5)
    stage.gate.open()


def upload_twelve(stage: Stage) -> None:
    """With twelve files, of which one is broken and one too large."""
    stage.see("/upload")
    stage.choose(*(f"{number:02}.jpg" for number in range(10)), "text.jpg", "large.jpg")
    stage.page.locator("#start").click()
    stage.page.get_by_text("2 files were not uploaded.").wait_for()


def upload_earlier(stage: Stage) -> None:
    """After a refresh: what this browser has uploaded before."""
    upload_done(stage)
    stage.page.reload()
    stage.page.get_by_role("heading", name="Uploaded from this browser").wait_for()


def upload_menu(stage: Stage) -> None:
    """With the menu of a card open."""
    upload_done(stage)
    stage.page.get_by_title("More").first.click()
    stage.page.get_by_text("Copy delete link").first.wait_for()


def upload_asked(stage: Stage) -> None:
    """When one is to be deleted."""
    upload_menu(stage)
    stage.page.get_by_text("Delete …").first.click()
    stage.page.get_by_role("dialog").wait_for()


def upload_done(stage: Stage) -> None:
    """With files that are uploaded, and one that is refused."""
    stage.see("/upload")
    stage.choose("hills.jpg", "dusk.jpg", "text.jpg")
    stage.page.locator("#start").click()
    stage.page.get_by_text("1 file was not uploaded.").wait_for()


def upload_chosen(stage: Stage) -> None:
    """With one of them chosen, and what is kept of a guest's."""
    stage.see(f"{stage.nobody}/upload")
    stage.choose("hills.jpg", "dusk.jpg")
    stage.page.locator("#start").click()
    stage.page.get_by_role("button", name="Select").click()
    stage.page.locator("#tiles input").first.check()


def uploaded(stage: Stage) -> None:
    """What follows an upload in a browser without scripts; the script is kept from the form here."""
    stage.see("/upload")
    form = stage.page.locator("#upload")
    form.evaluate("form => form.replaceWith(form.cloneNode(true))")
    stage.choose("hills.jpg")
    stage.leave(lambda: form.evaluate("form => form.submit()"))
    stage.page.get_by_role("heading", name="Uploaded").wait_for()


def uploaded_several(stage: Stage) -> None:
    """The same, of several files, of which one is refused."""
    stage.see("/upload")
    form = stage.page.locator("#upload")
    form.evaluate("form => form.replaceWith(form.cloneNode(true))")
    stage.choose("hills.jpg", "text.jpg", "dusk.jpg")
    stage.leave(lambda: form.evaluate("form => form.submit()"))
    stage.page.get_by_role("heading", name="2 of 3 uploaded").wait_for()


def api(stage: Stage) -> None:
    """The page that describes the API, as the page of keys hands a new key on to it."""
    keys(stage)
    stage.leave(stage.page.get_by_role("button", name="Set up a program with this key").click)
    stage.page.get_by_role("heading", name="Set up a program").wait_for()


SCENES: dict[str, Callable[[Stage], None]] = {
    scene.__name__: scene
    for scene in (
        *(home, viewer, viewer_opened, viewer_tall, viewer_clear, viewer_hidden, viewer_shown, viewer_video, delete),
        *(deleted, refusal, expired, keys, keys_narrowed, keys_none, sign_in, upload, upload_dragged, upload_options),
        *(upload_ready, upload_hundred, upload_sending, upload_offline, upload_busy, upload_flooded, upload_cancelled),
        *(upload_refused, upload_key, upload_done, upload_twelve, upload_chosen, upload_menu, upload_asked),
        *(upload_earlier, uploaded, uploaded_several, api),
    )
}


@dataclass(frozen=True, slots=True)
class Sites:
    """What the scenes need: sites with and without somebody who is signed in, and a way to let uploads wait."""

    ann: Running
    nobody: str
    without_login: str
    gate: Gate
    gated: str
    clock: Clock
    folder: Path


@contextlib.contextmanager
def sites(folder: Path) -> Iterator[Sites]:
    """Serve what the scenes need."""
    clock = Clock(utc_now())
    with (
        site(folder / "ann", policy=POLICY, limits=LIMITS, clock=clock) as ann,
        site(folder / "nobody", policy=POLICY, limits=LIMITS, signed_in=False) as nobody,
        site(folder / "without-login", signed_in=False) as without_login,
        serve(gate := Gate(ann.component)) as gated,
    ):
        yield Sites(ann, nobody.address, without_login.address, gate, gated, clock, folder)
        gate.open()
