"""What is made of an upload looks in a browser as the browser shows the file itself."""

from __future__ import annotations

import pytest

from chevupload import Renditions
from tests.appearance.cases import CASES, EXPECTED
from tests.appearance.looks import distance, look, on_white, square_look
from tests.browser.chromium import MILLISECONDS
from tests.browser.drawing import draw
from tests.browser.sites import site


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Serve a site whose pictures are small."""
    folder = tmp_path_factory.mktemp("appearance")
    with site(folder / "site", renditions=Renditions(thumb_side=64, medium_side=100)) as running:
        yield running


@pytest.fixture(scope="module")
def page(browser):
    """Return one page for all: it keeps nothing of what it draws, and says itself what it cannot draw."""
    context = browser.new_context()
    context.set_default_timeout(MILLISECONDS)
    yield context.new_page()
    context.close()


def upload(page, running, case):
    source = {"name": case.name, "mimeType": "application/octet-stream", "buffer": case.content}
    answer = page.request.post(
        f"{running.address}/api/1/upload",
        headers={"X-API-Key": running.key},
        multipart={"source": source},
        timeout=MILLISECONDS,
    )
    assert answer.status == 200, answer.text()
    return answer.json()["image"]


def looks_of(page, case):
    """Return the size of the file in the browser, and how it and its middle look; of a HEIC what was recorded."""
    if case.code is not None:
        expected = EXPECTED[case.name]
        return expected["size"], expected["whole"], expected["square"]
    drawn = draw(page, case.name, case.content).image
    picture = on_white(drawn) if case.is_film else drawn
    return list(drawn.size), look(picture), square_look(picture)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_made_looks_like_the_file(page, running, case):
    """Thumb, medium picture and frame, and an original that is written anew; told is the size that is seen."""
    image = upload(page, running, case)
    size, whole, square = looks_of(page, case)
    assert [image["width"], image["height"]] == size
    for member, expected in (("thumb", square), ("medium", whole), ("frame", whole), ("image", whole)):
        url = image.get(member, {}).get("url")
        if url is None or (member == "image" and (case.is_film or case.code)):
            continue
        picture = draw(page, url, page.request.get(url).body()).image
        seen = square_look(picture) if member == "thumb" else look(picture)
        assert distance(seen, expected) < case.tolerance, member
