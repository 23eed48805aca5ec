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

from chevupload import Policy
from chevupload.cli.example import write_example
from chevupload.model import Upload
from chevupload.web.urls import Links
from tests.browser.sites import Running, site

POLICY = Policy(login_url="/login", guest_page=True)


class Stage:
    """A site with pictures, and a browser's page to see it in."""

    def __init__(self, ann: Running, nobody: str, page: Any, folder: Path) -> None:
        self.ann = ann
        self.nobody = nobody
        self.page = page
        self._folder = folder

    @property
    def links(self) -> Links:
        """What builds links."""
        host = self.ann.address.removeprefix("http://")
        return self.ann.component.links({"HTTP_HOST": host, "wsgi.url_scheme": "http", "SCRIPT_NAME": ""})

    def save(self, **more: Any) -> Upload:
        """Upload the picture."""
        values = {"title": "Hills at dusk", "description": "Seen from the last bend.", "tags": ["hills", "evening"]}
        return self.ann.component.uploads.save(
            io.BytesIO(more.pop("content", example(self._folder))), owner=self.ann.user_id, **{**values, **more}
        )

    def see(self, url: str) -> None:
        """Open a page."""
        self.page.goto(url if url.startswith("http") else self.ann.address + url)

    def choose(self, *names: str) -> None:
        """Choose files on the upload page; what is called a text is none that is taken."""
        picture = example(self._folder)
        self.page.set_input_files(
            "#source",
            [
                {"name": name, "mimeType": "image/jpeg", "buffer": b"no picture" if "text" in name else picture}
                for name in names
            ],
        )


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
    """The start page."""
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

    frame = Image.open(io.BytesIO(example(stage._folder)), formats=["JPEG"]).resize((960, 640))
    stage.see(stage.links.viewer(stage.save(content=repeated(frame, 8, "mp4"), filename="hills.mp4", title="A film")))


def delete(stage: Stage) -> None:
    """The question before a picture is deleted."""
    stage.see(stage.links.delete(stage.save(filename="delete.jpg")) or "")


def deleted(stage: Stage) -> None:
    """What follows."""
    delete(stage)
    stage.page.get_by_role("button", name="Delete").click()
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
    stage.page.get_by_role("button", name="Make the key").click()
    stage.page.get_by_label("Your new key", exact=True).wait_for()


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
    form.evaluate("form => form.submit()")
    stage.page.get_by_role("heading", name="Uploaded").wait_for()


def uploaded_several(stage: Stage) -> None:
    """The same, of several files, of which one is refused."""
    stage.see("/upload")
    form = stage.page.locator("#upload")
    form.evaluate("form => form.replaceWith(form.cloneNode(true))")
    stage.choose("hills.jpg", "text.jpg", "dusk.jpg")
    form.evaluate("form => form.submit()")
    stage.page.get_by_role("heading", name="2 of 3 uploaded").wait_for()


def api(stage: Stage) -> None:
    """The page that describes the API, as the page of keys hands a new key on to it."""
    keys(stage)
    stage.page.get_by_role("button", name="Set up a program with this key").click()
    stage.page.get_by_role("heading", name="Set up a program").wait_for()


SCENES: dict[str, Callable[[Stage], None]] = {
    scene.__name__: scene
    for scene in (
        *(home, viewer, viewer_tall, viewer_clear, viewer_hidden, viewer_shown, viewer_video, delete, deleted, refusal),
        *(
            keys,
            upload,
            upload_ready,
            upload_refused,
            upload_key,
            upload_done,
            upload_chosen,
            uploaded,
            uploaded_several,
            api,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Sites:
    """A site where Ann is signed in, and the address of the same where nobody is."""

    ann: Running
    nobody: str
    folder: Path

    def stage(self, page: Any) -> Stage:
        """Return them with a page to see them in."""
        return Stage(self.ann, self.nobody, page, self.folder)


@contextlib.contextmanager
def sites(folder: Path) -> Iterator[Sites]:
    """Serve what the scenes need."""
    with (
        site(folder / "ann", policy=POLICY) as ann,
        site(folder / "nobody", policy=POLICY, signed_in=False) as nobody,
    ):
        yield Sites(ann, nobody.address, folder)
