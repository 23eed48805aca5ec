from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from chevupload import Originals, Pages, RenditionSize
from chevupload.config import Delivery, Limits, Policy, Renditions, Routes
from chevupload.config_reader import read_settings
from chevupload.errors import ConfigError
from chevupload.formats import FORMATS


@pytest.mark.parametrize("settings", [Limits, Renditions, Routes, Policy])
def test_defaults_are_right_and_final(settings):
    """Settings need no argument to be valid, and nobody changes them behind a running component."""
    made = settings()
    assert made == settings()
    with pytest.raises(FrozenInstanceError):
        setattr(made, fields(made)[0].name, None)


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_is_positive(name, value):
    """Whether zero means nothing or no limit nobody can tell, so it is refused, and the message names the limit."""
    with pytest.raises(ConfigError, match=f"Limits.{name} must be a (whole )?number.* above 0.*: {value}"):
        Limits(**{name: value})
    assert getattr(Limits(**{name: 1}), name) == 1


@pytest.mark.parametrize("name", ["thumb_side", "medium_side", "quality"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_side_is_positive(name, value):
    """A picture without pixels or quality is found at construction, by name, not at the first upload."""
    with pytest.raises(ConfigError, match=f"Renditions.{name} must be a whole number.*: {value}"):
        Renditions(**{name: value})


def test_the_medium_picture_is_fixed_by_a_side():
    """By one of the two that it has."""
    assert (Renditions().medium_fixed, Renditions(medium_fixed="height").medium_fixed) == ("width", "height")
    with pytest.raises(ConfigError, match="medium_fixed"):
        Renditions(medium_fixed="depth")


def test_additional_sizes_are_kept_as_pairs():
    """From a mapping, or a text as files and the environment have it; sizes may be spelled as a text everywhere."""
    made = Renditions(extra={"w800": RenditionSize(width=800), "s400": "400x400^"})
    assert made == Renditions(extra=made.extra)
    assert made.extra == (("w800", RenditionSize(width=800)), ("s400", RenditionSize(width=400, height=400, crop=True)))
    text = {"extra": "w800=800x s400=400x400^,s60=x60"}
    assert read_settings(Renditions(), text).extra == (*made.extra, ("s60", RenditionSize(height=60)))
    assert read_settings(made, {"extra": ""}) == made
    hash(made)


@pytest.mark.parametrize(
    "extra",
    [
        {"th": "80x"},
        {"md": "80x"},
        {"w5": "80x"},
        {"w08": "80x"},
        {"w80000": "80x"},
        {"W80": "80x"},
        {"h80": "80x"},
        {"w80.th": "80x"},
        {"w80\n": "80x"},
        {"../w80": "80x"},
        {"w80": "x"},
        {"w80": "0x"},
        {"w80": "10001x"},
        {"w80": "80"},
        {"w80": "80x^"},
        {"w80": "-80x"},
        {"w80": "80x80>"},
        {"w80": 80},
        {80: "80x"},
        {f"w{number}": "80x" for number in range(10, 19)},
        (("w80", "80x"), ("w80", "90x")),
        "w80=80x",
    ],
    ids=str,
)
def test_additional_sizes_are_few_and_have_plain_names(extra):
    """No name is one of ours, an extension, or what another upload's name may end in."""
    with pytest.raises(ConfigError):
        Renditions(extra=extra)


@pytest.mark.parametrize("text", ["w80", "w80=", "w80=80x=", "=80x", "w80=80x w80=90x"])
def test_texts_of_additional_sizes_that_cannot_be_read(text):
    """Nothing is guessed."""
    with pytest.raises(ConfigError):
        read_settings(Renditions(), {"extra": text})


@pytest.mark.parametrize("sides", [{}, {"crop": True}, {"width": 80, "crop": True}, {"width": 0}, {"height": 1.5}])
def test_a_size_has_a_side(sides):
    """And both where it is cropped."""
    sided = "a RenditionSize needs a width or a height, and both to crop"
    pixels = ".* must be a whole number of pixels from 1 to 10,000.*"
    with pytest.raises(ConfigError) as told:
        RenditionSize(**sides)
    assert re.fullmatch(pixels if {0, 1.5} & {*sides.values()} else sided, str(told.value))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "tags/{tag}",
        "/tags/",
        "//cdn.test/{tag}",
        "javascript:{tag}",
        "/a b/{tag}",
        "/{tag}/{tag}",
        "/{tags}",
        "/{tag}\n",
    ],
)
def test_the_address_of_tags_has_a_place_for_one(value):
    """A path from the root of the host, or a URL, into which a name fits as it is."""
    for good in ("/tags/{tag}", "https://host.test/find?q={tag}&x=1", "http://host.test/{tag}"):
        assert Policy(tag_url=good).tag_url == good
    with pytest.raises(ConfigError, match="tag_url"):
        Policy(tag_url=value)


@pytest.mark.parametrize("seconds", [-1, 0, 299, 366 * 86_400 + 1])
def test_guests_uploads_live_five_minutes_to_a_year(seconds):
    """As whatever may be asked for."""
    assert Policy(guest_lifetime=timedelta(minutes=5)).guest_lifetime == timedelta(minutes=5)
    with pytest.raises(ConfigError, match="guest_lifetime"):
        Policy(guest_lifetime=timedelta(seconds=seconds))


def test_home_alone_may_be_the_mount_point():
    """Any other route there would be no route."""
    assert Routes(home="/").home == "/"
    assert Routes(home="start").home == "start"
    for name in ("upload_page", "pup", "oembed"):
        with pytest.raises(ConfigError, match=f"Routes.{name} must be a path"):
            Routes(**{name: "/"})


def test_quality_ends_at_100():
    """Encoders know qualities up to 100; whatever is above is a mistake."""
    assert Renditions(quality=100).quality == 100
    with pytest.raises(ConfigError, match=r"Renditions\.quality must be a whole number from 1 to 100: 101"):
        Renditions(quality=101)


@pytest.mark.parametrize("name", ["upload", "viewer", "video", "files"])
@pytest.mark.parametrize(
    "value", ["", "/", "/a", "a/", "a//b", "..", "a b", "a..b", ".a", "a.", "é", "a?", "a\n", "{id}", "a%2f"]
)
def test_a_route_is_plain(name, value):
    """A route is compared with request paths and written into links as it is, so it holds nothing to escape."""
    with pytest.raises(ConfigError, match=f"Routes.{name} must be a path such as"):
        Routes(**{name: value})


@pytest.mark.parametrize("value", [None, "a", "api/2/up-load", "A_b/1"])
def test_usable_routes(value):
    """A route may have several segments, and None switches it off."""
    assert Routes(upload=value).upload == value


def test_several_routes_may_be_off():
    """None is no address, so any number of routes may be off without being taken for the same."""
    assert Routes(upload=None, viewer=None, video=None, files=None) == Routes(
        upload=None, viewer=None, video=None, files=None
    )


def test_routes_differ():
    """Of two routes at one address one could never be reached."""
    with pytest.raises(ConfigError, match=r"Routes\.video and Routes\.viewer must differ: 'clip'"):
        Routes(viewer="clip")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"formats": ("JPEG", "TIFF", "EPS")}, "Policy.formats must be a tuple of formats, each 'JPEG'.*EPS"),
        ({"formats": ("jpeg",)}, "Policy.formats must be .*jpeg"),
        ({"formats": "JPEG"}, "Policy.formats must be a tuple of formats.*: 'JPEG'"),
        ({"naming": "uuid"}, "Policy.naming must be 'original', 'random', 'mixed' or 'id': 'uuid'"),
        ({"storage_mode": "flat"}, "Policy.storage_mode must be 'datefolder' or 'direct': 'flat'"),
        ({"duplicates": "no"}, "Policy.duplicates must be 'allow', 'reject' or 'return': 'no'"),
        ({"cors_origins": "https://example.org"}, "Policy.cors_origins must be a tuple of origins"),
    ],
)
def test_unknown_words_are_refused(settings, message):
    """A misspelled choice is named in a ConfigError instead of falling back to another one."""
    with pytest.raises(ConfigError, match=message):
        Policy(**settings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (lambda: Limits(max_bytes="5MB"), r"Limits.max_bytes must be .* such as 5_000_000: '5MB'"),
        (lambda: Limits(max_bytes=5e6), "Limits.max_bytes must be a whole number of bytes"),
        (lambda: Limits(max_bytes=None), "Limits.max_bytes must be"),
        (lambda: Limits(max_bytes=True), "Limits.max_bytes must be"),
        (lambda: Limits(body_seconds=timedelta(minutes=5)), "Limits.body_seconds must be a number of seconds above 0"),
        (lambda: Limits(queue_seconds=float("nan")), "Limits.queue_seconds must be a number"),
        (lambda: Limits(decode_seconds=float("inf")), "Limits.decode_seconds must be a number"),
        (lambda: Renditions(thumb_side=100.5), "Renditions.thumb_side must be a whole number of pixels.*: 100.5"),
        (lambda: Renditions(medium_side="500"), "Renditions.medium_side must be a whole number"),
        (lambda: Policy(timezone="Nowhere/Here"), "Policy.timezone must be a time zone, such as 'Europe/Berlin'"),
        (lambda: Policy(timezone="/etc/passwd"), "Policy.timezone must be"),
        (lambda: Policy(timezone="Europe"), "Policy.timezone must be"),
        (lambda: Policy(timezone=2), "Policy.timezone must be"),
        (lambda: Policy(guests="no"), "Policy.guests must be True or False: 'no'"),
        (lambda: Policy(guests=0), "Policy.guests must be True or False: 0"),
        (lambda: Policy(formats=()), "Policy.formats must be a tuple"),
        (lambda: Policy(formats=[b"PNG"]), "Policy.formats must be"),
        (lambda: Policy(pending_grace="1h"), "Policy.pending_grace must be a timedelta above 0, or its seconds"),
        (lambda: Policy(pending_grace=timedelta(0)), "Policy.pending_grace must be"),
        (lambda: Policy(login_url="login"), "Policy.login_url must be a path from the root"),
        (lambda: Policy(login_url="javascript:alert(1)"), "Policy.login_url must be"),
        (lambda: Policy(cors_origins=("example.org",)), "Policy.cors_origins must be .* an origin"),
        (lambda: Policy(cors_origins=("https://example.org/",)), "Policy.cors_origins must be .* nothing behind it"),
        (lambda: Policy(cors_origins=("https://Example.org",)), "Policy.cors_origins must be .* small letters"),
        (lambda: Policy(cors_origins=None), "Policy.cors_origins must be"),
        (lambda: Delivery(by="s3"), "Delivery.by must be 'component', 'signed_url', 'x_accel' or 'x_sendfile'"),
        (lambda: Delivery(by="signed_url", signed_seconds=5), "Delivery.signed_seconds must be .* 60 or more: 5"),
        (lambda: Delivery(by="x_accel", location="files"), "Delivery.location must be an absolute path.*'files'"),
        (lambda: Delivery(location="/files"), "Delivery.location is for x_accel and x_sendfile, not for component"),
        (lambda: Originals(keep_exif="no"), "Originals.keep_exif must be True or False"),
        (lambda: Originals(max_width=100.0), "Originals.max_width must be"),
        (lambda: Pages(site_name=b"Pictures"), "Pages.site_name must be a text"),
        (lambda: Pages(stylesheets="style.css"), "Pages.stylesheets must be a tuple of style sheets"),
        (lambda: Pages(stylesheets=("own.css",)), "Pages.stylesheets must be"),
        (lambda: Pages(home_url="home"), "Pages.home_url must be a path from the root"),
        (lambda: Limits(max_tags=0), "Limits.max_tags must be a whole number above 0"),
        (lambda: Renditions(medium_fixed="depth"), "Renditions.medium_fixed must be 'width' or 'height': 'depth'"),
        (lambda: Policy(tag_url="tags/{tag}"), "Policy.tag_url must be a path from the root .* with one {tag} in it"),
        (lambda: Policy(guest_lifetime=5), "Policy.guest_lifetime must be a timedelta of five minutes to a year.*: 5"),
        (lambda: Routes(home="//"), "Routes.home must be '/', or a path such as"),
        (lambda: Routes(upload=5), "Routes.upload must be a path such as"),
    ],
)
def test_what_cannot_be_meant_is_told(settings, told):
    """By its name, with what is right, and what was given."""
    with pytest.raises(ConfigError, match=told):
        settings()


def test_values_are_kept_in_one_form():
    """A time zone by its name, a list of words, a time in seconds."""
    policy = Policy(
        timezone="Europe/Berlin", formats=["PNG"], cors_origins=["null", "moz-extension://5a"], pending_grace=60
    )
    assert policy == Policy(
        timezone=ZoneInfo("Europe/Berlin"),
        formats=("PNG",),
        cors_origins=("null", "moz-extension://5a"),
        pending_grace=timedelta(minutes=1),
    )
    assert Policy(timezone="UTC").timezone is UTC


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_can_be_chosen(format_):
    """A site may accept any single format."""
    assert Policy(formats=(format_,)).formats == (format_,)


@pytest.mark.parametrize("naming", ["original", "random", "mixed", "id"])
@pytest.mark.parametrize("storage_mode", ["datefolder", "direct"])
@pytest.mark.parametrize("duplicates", ["allow", "reject", "return"])
def test_every_known_word_is_taken(naming, storage_mode, duplicates):
    """Every choice that is offered can be made together with every other."""
    policy = Policy(naming=naming, storage_mode=storage_mode, duplicates=duplicates)
    assert (policy.naming, policy.storage_mode, policy.duplicates) == (naming, storage_mode, duplicates)
