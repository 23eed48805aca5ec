"""What viewers are told of a picture's Exif, from the record alone."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from chevupload import Originals
from chevupload.web.exif_details import exif_details
from tests.support import picture

FJORD = {
    "Make": "FUJIFILM ",
    "Model": "X-T5",
    "LensModel": "XF23mmF1.4",
    "DateTimeOriginal": "2026:06:14 04:52:10",
    "ExposureTime": "1/250",
    "FNumber": "56/10",
    "ISOSpeedRatings": "160",
    "GPSLatitudeRef": "N",
    "GPSLatitude": ["60/1", "23/1", "2880/100"],
    "GPSLongitudeRef": "W",
    "GPSLongitude": ["5/1", "19/1", "0/1"],
}
TOLD = {
    "Taken": "14 June 2026, 04:52",
    "Camera": "FUJIFILM X-T5",
    "Lens": "XF23mmF1.4",
    "Exposure": "1/250 s, f/5.6, ISO 160",
    "Place": "60.3913° N, 5.3167° W",
}


class Recorded:
    """An upload, as far as it is asked."""

    def __init__(self, tags):
        self.original_exifdata = None if tags is None else json.dumps(tags)


def test_everything_that_is_known():
    """As people read it."""
    assert exif_details(Recorded(FJORD)) == TOLD
    assert exif_details(Recorded(None)) == {}
    assert exif_details(Recorded({})) == {}


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"Make": "Canon", "Model": "Canon EOS R5"}, {"Camera": "Canon EOS R5"}),
        ({"Make": "Canon"}, {"Camera": "Canon"}),
        ({"ExposureTime": "5/2", "FNumber": "2/1"}, {"Exposure": "2.5 s, f/2"}),
        ({"ExposureTime": "1/0", "FNumber": "x", "ISOSpeedRatings": ["1", "2"]}, {}),
        ({"ExposureTime": "1/" + "9" * 400, "FNumber": "-1/2", "ISOSpeedRatings": "nan"}, {}),
        ({"DateTimeOriginal": "0000:00:00 00:00:00", "Model": "\0\n", "LensModel": None}, {}),
        ({"LensModel": "x" * 5000}, {"Lens": "x" * 100}),
        ({**FJORD, "GPSLatitude": ["91/1", "0/1", "0/1"]}, {**TOLD, "Place": None}),
        ({**FJORD, "GPSLatitude": "60/1"}, {**TOLD, "Place": None}),
        ({**FJORD, "GPSLongitudeRef": "<b>"}, {**TOLD, "Place": None}),
    ],
)
def test_what_is_broken_is_left_out(tags, told):
    """Whatever a camera, or somebody else, has written."""
    assert exif_details(Recorded(tags)) == {name: text for name, text in told.items() if text}


def test_the_viewer_tells_it_where_the_file_keeps_it(make):
    """And nothing of it where it is removed."""
    exif = Image.Exif()
    exif[0x0110] = "X-T5 <b>"
    file = io.BytesIO()
    Image.open(io.BytesIO(picture()), formats=["PNG"]).convert("RGB").save(file, "JPEG", exif=exif)
    for keep_exif in (True, False):
        stand = make(originals=Originals(keep_exif=keep_exif))
        page = stand.open(stand.upload(file.getvalue(), filename="a.jpg")["url_viewer"]).text
        assert ("<dt>Camera</dt><dd>X-T5 &lt;b&gt;</dd>" in page) == keep_exif
