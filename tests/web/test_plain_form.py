"""The upload page's form as browsers without scripts send it, with several files at a time."""

from __future__ import annotations

import html
import re

import pytest

from chevupload import Flood, Limits, Policy, Routes
from chevupload.errors import CatalogError
from chevupload.model import Principal
from tests.support import EMPTY, PNG, Failing, file, noise

PAGE = "/upload"
ANN = Principal(user_id="user")
TEXT = b"no picture"
BIG = noise((100, 80))


class Form:
    """The form of a site's upload page, which Ann has open."""

    def __init__(self, make, **settings):
        self.stand = make(**{"routes": Routes(upload_page="upload"), "current_user": lambda environ: ANN} | settings)

    def send(self, *files, headers=None, **fields):
        page = self.stand.open(PAGE).text
        token = html.unescape(re.search(r'name="token" value="([^"]*)"', page)[1])
        data = {"token": token, "source": list(files), **fields}
        return self.stand.open(PAGE, "POST", data=data, headers=headers or {})

    def names(self):
        return sorted(upload.original_filename for upload in self.stand.catalog.uploads())


@pytest.fixture
def form(make):
    return Form(make)


def refused(answer):
    """Return what a page lists as not uploaded."""
    return [html.unescape(text) for text in re.findall("<li>(“.*?)</li>", answer.text)]


def delete_links(answer):
    return [html.unescape(url) for url in re.findall(r'id="delete[-0-9]*" [^>]*value="([^"]*)"', answer.text)]


def test_each_file_is_stored_or_refused_on_its_own(form):
    """The page that follows has the links of those that are stored, and names the others with the reason."""
    answer = form.send(file(name="a.png"), file(TEXT, "b.txt"), file(b"", "c.png"), file(name="d.png"), title="Same")
    assert answer.status_code == 200
    assert "<h1>2 of 4 uploaded</h1>" in answer.text
    assert refused(answer) == [
        "“b.txt”: This file is not a picture, or it is damaged. Choose another file.",
        "“c.png”: This file is empty. Choose another file.",
    ]
    first, last = sorted(form.stand.catalog.uploads(), key=lambda upload: upload.original_filename)
    assert (first.original_filename, last.original_filename) == ("a.png", "d.png")
    assert [upload.title for upload in (first, last)] == ["Same", "Same"]
    links = re.search('<textarea id="all"[^>]*>([^<]*)<', answer.text)[1].split("\n")
    assert [form.stand.open(url).status_code for url in links] == [200, 200]
    assert len(set(links)) == 2
    assert [form.stand.open(url, "POST").status_code for url in delete_links(answer)] == [200, 200]
    assert form.names() == []


def test_a_file_that_is_too_large_stops_no_other(make):
    """Nothing of it is kept while the others are read."""
    form = Form(make, limits=Limits(max_bytes=1_000))
    answer = form.send(file(name="a.png"), file(BIG, "big.png"), file(name="b.png"))
    assert (answer.status_code, form.names()) == (200, ["a.png", "b.png"])
    assert refused(answer) == ["“big.png”: This file is too large. Make it smaller, or choose another file."]


def test_where_all_are_refused_the_status_says_so(make):
    """And nothing is left."""
    form = Form(make)
    answer = form.send(file(TEXT, "a.txt"), file(TEXT, "b.txt"))
    assert (answer.status_code, len(refused(answer))) == (400, 2)
    assert form.stand.left() == EMPTY


def test_too_many_files_are_refused_together(make):
    """Nothing is stored of them: people choose again."""
    form = Form(make, limits=Limits(max_files=2))
    assert "up to 2 at a time" in form.stand.open(PAGE).text
    answer = form.send(*(file(name=f"{number}.png") for number in range(3)))
    assert (answer.status_code, form.stand.left()) == (413, EMPTY)
    assert "These are too many files at a time. Nothing was uploaded." in html.unescape(answer.text)
    assert form.send(file(name="a.png"), file(name="b.png")).status_code == 200


def test_a_site_may_take_one_file_only(make):
    """The page then asks for one."""
    form = Form(make, limits=Limits(max_files=1))
    assert " multiple accept" not in form.stand.open(PAGE).text
    assert form.send(file(name="a.png"), file(name="b.png")).status_code == 200
    assert form.names() == ["b.png"]


@pytest.mark.parametrize("asks", [{"headers": {"Accept": "application/json"}}, {"format": "json"}])
def test_programs_send_one_file(form, asks):
    """Of several, the last is the one, as in the API."""
    answer = form.send(file(name="a.png"), file(name="b.png"), **asks)
    assert answer.json["image"]["original_filename"] == "b.png"
    assert form.names() == ["b.png"]


def test_together_they_fit_into_the_temporary_folder(make):
    """A form that takes more than half of its space is refused by its length, before anything is read."""
    form = Form(make, limits=Limits(spool_bytes=2_000_000, max_bytes=900_000))
    answer = form.send(*(file(b"x" * 890_000, f"{number}.png") for number in range(4)))
    assert (answer.status_code, form.stand.left()) == (413, EMPTY)


def test_a_busy_site_is_not_asked_for_each(form):
    """The first file that meets it stands for those behind it."""
    tried = []
    records = Failing(form.stand.catalog, "reserve", CatalogError("away"))
    form.stand.component.context.writer._records = records
    process = form.stand.component.renderer.process
    form.stand.component.renderer.process = lambda job, **more: (tried.append(job), process(job, **more))[1]
    answer = form.send(*(file(name=f"{number}.png") for number in range(3)))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert (len(tried), len(refused(answer))) == (1, 3)
    assert form.stand.left() == EMPTY


def test_each_file_takes_a_place_of_its_own(make):
    """In the limits of how many uploads a sender may store: those behind the last place are refused by name."""
    form = Form(make, policy=Policy(flood=Flood(minute=2)))
    answer = form.send(file(TEXT, "a.txt"), *(file(name=f"{letter}.png") for letter in "bcd"))
    assert (answer.status_code, form.names()) == (200, ["b.png", "c.png"])
    assert refused(answer)[1] == (
        "“d.png”: You have uploaded as much as you may for now. Nothing is lost. It goes on in 53 seconds."
    )
    for files in (1, 2):
        answer = form.send(*(file() for _ in range(files)))
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "53")


def test_a_wrong_key_ends_the_reading(make):
    """Whoever has no right to upload fills no disk with twenty files."""
    form = Form(make, current_user=lambda environ: None)
    data = {"key": "wrong", "source": [file(BIG, f"{number}.png") for number in range(20)]}
    answer = form.stand.open(PAGE, "POST", data=data)
    assert (answer.status_code, form.stand.left()) == (401, EMPTY)


def test_a_form_that_is_sent_again_stores_nothing_twice(form):
    """Each file is known by its place in the form."""
    key = {"Idempotency-Key": "once"}
    for _ in range(2):
        answer = form.send(file(name="a.png"), file(noise((20, 20)), "b.png"), headers=key)
        assert (answer.status_code, form.names()) == (200, ["a.png", "b.png"])


def test_a_form_without_any_file_asks_for_one(form):
    """A browser sends the field all the same, as a file without name and content."""
    answer = form.send(file(b"", ""))
    assert answer.status_code == 400
    assert "Choose a file first." in answer.text


def test_guests_send_several(make):
    """By their own limits, and each gets the link that deletes it."""
    limits = Limits(max_guest_bytes=1_000)
    form = Form(make, policy=Policy(guest_page=True), limits=limits, current_user=lambda environ: None)
    answer = form.send(file(PNG, "a.png"), file(BIG, "b.png"), file(PNG, "c.png"))
    assert (form.names(), len(refused(answer)), len(delete_links(answer))) == (["a.png", "c.png"], 1, 2)
