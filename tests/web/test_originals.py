"""What the operator chose about originals holds the whole way, for a site and for one sender; texts stay text."""

from __future__ import annotations

import hashlib
import io

import pytest
from PIL import Image

from chevupload.config import Originals, Policy
from chevupload.model import Principal
from chevupload.testing.memory import StaticKeys
from tests.media.heics import heic
from tests.media.pictures import photo
from tests.support import EMPTY, animation, assert_refusal, exif_jpeg, picture

FREE = Originals(max_width=40, max_height=40, convert={"PNG": "WEBP"}, keep_exif=False)
PLANS = {
    "free-key": Principal(user_id="free", originals=FREE),
    "pro-key": Principal(user_id="pro"),
    "guest-key": Principal(originals=Originals(camera_tag=True)),
}
HOSTILE = '</title><script>alert(1)</script>"\r\nSet-Cookie: a=b\r\n\r\n<b>'


def stored(stand, image, member="url"):
    """Return a stored file as a picture, and its bytes."""
    served = stand.open(image[member])
    return Image.open(io.BytesIO(served.data)), served.data


def test_a_smaller_original_is_answered_as_it_is_stored(make):
    """Every member tells of the stored file, and ``source_md5`` of what was received."""
    stand = make(originals=Originals(max_width=600))
    content = picture((1_200, 800), "JPEG")
    image = stand.upload(content, "a.jpg")
    opened, data = stored(stand, image)
    assert (image["width"], image["height"], opened.size) == (600, 400, (600, 400))
    assert (image["size"], image["md5"]) == (len(data), hashlib.md5(data).hexdigest())
    assert image["source_md5"] == hashlib.md5(content).hexdigest()
    assert (image["extension"], image["mime"], image["medium"]["url"] is None) == ("jpg", "image/jpeg", False)
    assert stand.upload(picture((600, 400), "JPEG"), "b.jpg")["source_md5"] is None


def test_of_width_and_box_the_smaller_counts(make):
    """A request may ask for less than the site allows, not for more."""
    stand = make(originals=Originals(max_width=600))
    content = picture((1_200, 800), "JPEG")
    assert [stand.upload(content, width=width)["width"] for width in ("300", "900", "1200")] == [300, 600, 600]
    answer = stand.send({"source": (io.BytesIO(content), "a.jpg"), "width": "1201"})
    assert_refusal(answer, 400, 610)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "target", "extension", "mime"),
    [
        ("PNG", "WEBP", "webp", "image/webp"),
        ("BMP", "WEBP", "webp", "image/webp"),
        ("PNG", "JPEG", "jpeg", "image/jpeg"),
        ("GIF", "PNG", "png", "image/png"),
        ("HEIC", "JPEG", "jpeg", "image/jpeg"),
        ("HEIC", "WEBP", "webp", "image/webp"),
    ],
)
def test_a_converted_original_is_answered_as_it_is_stored(make, name, target, extension, mime):
    """Its names, type and size are the new ones, and those of its thumb and medium picture; it needs no frame."""
    stand = make(originals=Originals(convert={name: target}))
    content = heic(photo((640, 480))) if name == "HEIC" else picture((640, 480), name)
    image = stand.upload(content, f"a photo.{name.lower()}")
    opened, data = stored(stand, image)
    assert (opened.format, opened.size, image["size"], image["md5"]) == (
        *(target, (640, 480)),
        *(len(data), hashlib.md5(data).hexdigest()),
    )
    assert (image["filename"], image["extension"], image["mime"]) == (f"a-photo.{extension}", extension, mime)
    assert image["original_filename"] == f"a photo.{name.lower()}"
    assert (image["source_md5"], image["url_frame"]) == (hashlib.md5(content).hexdigest(), "")
    assert {stored(stand, image[member])[0].format for member in ("thumb", "medium")} == {target}
    assert stand.open(image["url"]).content_type == mime
    assert "a-photo.th." + extension in image["thumb"]["url"]
    assert stand.open(image["delete_url"], "DELETE").status_code == 200
    assert stand.left() == EMPTY


def test_clients_of_imgbb_read_the_same(make):
    """Their members tell of the stored file, too."""
    stand = make(originals=Originals(convert={"PNG": "WEBP"}, max_height=300))
    answer = stand.send({"image": (io.BytesIO(picture((640, 480))), "a.png")}, path="/1/upload")
    data = answer.json["data"]
    assert (data["width"], data["height"], data["image"]["mime"]) == (400, 300, "image/webp")
    assert (data["image"]["filename"], data["image"]["extension"]) == ("a.webp", "webp")


def test_animations_are_stored_as_they_came(make):
    """Byte for byte."""
    stand = make(originals=Originals(convert={"GIF": "PNG"}, max_width=5, max_height=5))
    content = animation()
    image = stand.upload(content, "a.gif")
    assert (stored(stand, image)[1], image["width"], image["source_md5"]) == (content, 20, None)


@pytest.mark.slow
@pytest.mark.parametrize("decode", ["worker", "inline"])
def test_a_sender_may_have_a_way_of_its_own(make, decode):
    """It replaces the site's as a whole, in a worker as inline."""
    stand = make(keys=StaticKeys(PLANS), originals=Originals(convert={"PNG": "JPEG"}), renderer=decode)
    free, pro = (stand.upload(picture((80, 60)), "a.png", key=key) for key in ("free-key", "pro-key"))
    assert (free["filename"], free["width"], free["height"]) == ("a.webp", 40, 30)
    assert (pro["filename"][-5:], pro["width"], pro["height"]) == (".jpeg", 80, 60)
    photograph = exif_jpeg({0x010E: "words"})
    free, pro = (stand.upload(photograph, "b.jpg", key=key) for key in ("free-key", "pro-key"))
    assert (free["original_exifdata"], free["description"], pro["description"]) == (None, None, "words")


def test_a_hosts_own_code_follows_the_same_way(make):
    """``save`` asks the Principal that it is given, or the site."""
    stand = make(originals=Originals(max_width=20))
    save = stand.component.uploads.save
    widths = [save(io.BytesIO(picture((80, 60))), owner=owner).width for owner in ("42", PLANS["free-key"])]
    assert widths == [20, 40]


def test_a_duplicate_is_known_by_what_was_received(make):
    """However its original is stored."""
    stand = make(originals=Originals(convert={"PNG": "WEBP"}), policy=Policy(duplicates="reject"))
    stand.upload(picture(), "a.png")
    assert_refusal(stand.send({"source": (io.BytesIO(picture()), "b.png")}), 400, 101)


def names(image):
    """Return the names of an upload's tags."""
    return [tag["name"] for tag in image["tags"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("maker", "model", "expected"),
    [
        ("Canon", "EOS R5", ["cat", "Canon EOS R5"]),
        ("Canon", "", ["cat", "Canon"]),
        ("", "", ["cat"]),
        ("cat", "", ["cat"]),
        ("A" * 20, "B" * 11, ["cat", "A" * 20 + " " + "B" * 11]),
        ("A" * 20, "B" * 12, ["cat"]),
        ("a/b", "c", ["cat"]),
        ("a", "#1", ["cat"]),
        ("Co., Ltd.", "One", ["cat"]),
        ("two\r\nlines", "\x00", ["cat", "two lines"]),
        ("<b>", "&amp;", ["cat", "<b> &amp;"]),
    ],
)
def test_a_camera_becomes_a_tag(make, maker, model, expected):
    """By the rules of tags that are sent: what none of them could be called is none."""
    stand = make(originals=Originals(camera_tag=True))
    image = stand.upload(exif_jpeg({0x010F: maker, 0x0110: model}), "a.jpg", tags="cat")
    assert names(image) == expected
    page = stand.open(image["url_viewer"]).text
    assert "<b>" not in page


def test_a_camera_is_no_tag_unless_it_is_asked_for(make, stand):
    """Not by default, not for guests, and not where metadata is not kept."""
    content = exif_jpeg({0x010F: "Canon"})
    assert names(stand.upload(content, "a.jpg")) == []
    assert names(make(keys=StaticKeys(PLANS)).upload(content, "a.jpg", key="guest-key")) == []
    assert names(make(originals=Originals(camera_tag=True, keep_exif=False)).upload(content, "a.jpg")) == []


@pytest.mark.parametrize("source", ["exif", "xmp"])
def test_embedded_texts_stay_text(make, source):
    """No markup on a page, no header in an answer, whatever is written into a picture."""
    stand = make(originals=Originals(camera_tag=True))
    if source == "exif":
        windows = HOSTILE.encode("utf-16-le")
        content = exif_jpeg({0x9C9B: windows, 0x010E: HOSTILE, 0x010F: HOSTILE[8:16], 0x0110: "<i>"})
    else:
        text = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        packet = f"<r><dc:title>{text}</dc:title><dc:description>{text}</dc:description></r>"
        content = picture((60, 40), "WEBP", xmp=packet.encode())
    image = stand.upload(content, "a.jpg")
    assert "<script>alert(1)</script>" in image["title"], "it was read"
    assert not set("\r\n") & set(image["title"])
    answer = stand.open(image["url_viewer"])
    assert answer.status_code == 200
    assert [word for word in ("<script>", "<b>", "<i>") if word in answer.text] == []
    question = stand.open(image["delete_url"])
    assert "<script>" not in question.text
    form = {"source": (io.BytesIO(content), "a.jpg"), "format": "redirect"}
    moved = stand.send(form)
    assert moved.status_code == 302
    location = moved.headers["Location"]
    assert not set('\r\n <>"') & set(location)
    served = stand.open(image["url"])
    for response in (answer, question, moved, served):
        assert "Set-Cookie" not in response.headers
        assert not [value for value in response.headers.values() if set("\r\n<>") & set(value)]


def test_a_file_may_date_an_upload_whatever_its_format(make):
    """``use_file_date`` reads what a WebP says, too."""
    content = picture((60, 40), "WEBP", xmp=b"<r xmp:CreateDate='2019-03-04T05:06:07'/>")
    image = make().upload(content, "a.webp", key="admin-key", use_file_date="1")
    assert image["date_gmt"] == "2019-03-04 05:06:07"
