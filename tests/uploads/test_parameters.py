from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.config import MIN_LIFETIME, Policy
from chevupload.errors import InvalidParameter
from chevupload.model import Principal
from chevupload.uploads.parameters import (
    PARAMETERS,
    Expiration,
    GivenParameters,
    Parameters,
    bounded_end,
    check_parameters,
    clean_tags,
    clean_text,
    parse_expiration,
    text_names,
)

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def parsed(is_admin=False, is_guest=False, **fields):
    sender = Principal(user_id=None if is_guest else "user", is_admin=is_admin)
    return check_parameters(fields.get, sender, max_tags=200)


def test_nothing_given_is_nothing_wanted():
    """Every parameter is optional, and none has a value of its own while it is absent."""
    assert parsed() == Parameters()


def test_everything_given():
    """Each parameter arrives under its own name and as its own type, without the white space around it."""
    assert parsed(
        is_admin=True,
        title="T",
        description="D",
        tags="a,b",
        album_id=" x1 ",
        category_id="3",
        width=" 200 ",
        expiration="P1D",
        nsfw="1",
        use_file_date="1",
    ) == Parameters(
        title="T",
        description="D",
        tags=("a", "b"),
        album_id="x1",
        category_id=3,
        width=200,
        expiration=Expiration(0, 86_400),
        nsfw=True,
        use_file_date=True,
    )


# Expiration

TABLE = {
    "PT5M": timedelta(minutes=5),
    "PT15M": timedelta(minutes=15),
    "PT30M": timedelta(minutes=30),
    "PT1H": timedelta(hours=1),
    "PT3H": timedelta(hours=3),
    "PT6H": timedelta(hours=6),
    "PT12H": timedelta(hours=12),
    "P1D": timedelta(days=1),
    "P2D": timedelta(days=2),
    "P3D": timedelta(days=3),
    "P4D": timedelta(days=4),
    "P5D": timedelta(days=5),
    "P6D": timedelta(days=6),
    "P1W": timedelta(weeks=1),
    "P2W": timedelta(weeks=2),
    "P3W": timedelta(weeks=3),
}


@pytest.mark.parametrize("text", TABLE)
def test_fixed_durations_of_the_table(text):
    """Minutes, hours, days and weeks last exactly what they say."""
    assert bounded_end(parse_expiration(text), NOW) == NOW + TABLE[text]


@pytest.mark.parametrize(
    ("text", "month", "day", "year"),
    [
        ("P1M", 2, 28, 2026),
        ("P2M", 3, 31, 2026),
        ("P3M", 4, 30, 2026),
        ("P4M", 5, 31, 2026),
        ("P5M", 6, 30, 2026),
        ("P6M", 7, 31, 2026),
        ("P1Y", 1, 31, 2027),
        ("P12M", 1, 31, 2027),
    ],
)
def test_months_and_years_are_the_calendars(text, month, day, year):
    """One month from the end of January is the end of February."""
    assert bounded_end(parse_expiration(text), NOW) == NOW.replace(year=year, month=month, day=day)


@pytest.mark.parametrize(
    ("text", "lifetime"),
    [
        ("300", timedelta(minutes=5)),
        ("301", timedelta(seconds=301)),
        ("86400", timedelta(days=1)),
        ("0086400", timedelta(days=1)),
        (" 600\n", timedelta(minutes=10)),
        ("31536000", timedelta(days=365)),
        ("P1DT12H", timedelta(days=1.5)),
        ("P1W2D", timedelta(days=9)),
        ("P0Y0M1DT0H0M0S", timedelta(days=1)),
        ("P7M", timedelta(days=212)),
        ("P1M1D", timedelta(days=29)),
        ("PT90S", timedelta(minutes=5)),
        ("1", timedelta(minutes=5)),
        ("10", timedelta(minutes=5)),
        ("PT1S", timedelta(minutes=5)),
        ("P2Y", timedelta(days=365)),
        ("P13M", timedelta(days=365)),
        ("P1Y1D", timedelta(days=365)),
        ("P1YT1S", timedelta(days=365)),
        ("P999999Y", timedelta(days=365)),
        ("P999999M", timedelta(days=365)),
        ("P999999W999999D", timedelta(days=365)),
        ("PT999999999H999999999M999999999S", timedelta(days=365)),
        ("999999999999999", timedelta(days=365)),
    ],
)
def test_other_durations_and_seconds_within_their_bounds(text, lifetime):
    """Anything meant is taken, at least five minutes and at most a year."""
    assert bounded_end(parse_expiration(text), NOW) == NOW + lifetime


def test_a_year_from_a_leap_day():
    """A year from 29 February ends on the 28th, and the 366 days of a leap year are no longer than a year."""
    leap = datetime(2028, 2, 29, tzinfo=UTC)
    assert bounded_end(parse_expiration("P1Y"), leap) == datetime(2029, 2, 28, tzinfo=UTC)
    assert bounded_end(parse_expiration("P366D"), leap.replace(day=1)) == datetime(2029, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", " ", "0", "00", "P0D", "PT0S", "P0Y0M0W0DT0H0M0S"])
def test_zero_and_nothing_never_expire(text):
    """No value and zero mean that the upload stays, however zero is spelled."""
    assert parse_expiration(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "never",
        "pt5m",
        "P",
        "PT",
        "P1",
        "P1DT",
        "PT5",
        "P5H",
        "PT5D",
        "P-1D",
        "-5",
        "+300",
        "12.5",
        "PT0.5H",
        "P1D2W",
        "P1D P2D",
        "1e9",
        "0x10",
        "٣٠٠",
        "P٣D",
        "¹",
        "P1D\x00",
        "1_000",
        "1,000",
        "9" * 16,
        "9" * 5000,
        "P" + "9" * 5000 + "D",
        "P1000000Y",
        "P99999999999Y",
        "PT5M" * 100,
    ],
)
def test_a_duration_that_cannot_be_meant_is_refused(text):
    """A guess could delete a picture that was to stay."""
    with pytest.raises(InvalidParameter) as told:
        parse_expiration(text)
    assert str(told.value) == "Invalid expiration, expected an ISO 8601 duration such as P3D or whole seconds"


@pytest.mark.slow
@given(
    text=st.from_regex(
        r"P(\d{1,6}Y)?(\d{1,6}M)?(\d{1,6}W)?(\d{1,6}D)?(T(\d{1,9}H)?(\d{1,9}M)?(\d{1,9}S)?)?", fullmatch=True
    )
    | st.integers(0, 10**15 - 1).map(str)
    | st.text(max_size=10),
    now=st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)),
)
def test_every_lifetime_lies_between_five_minutes_and_a_year(text, now):
    """Whatever a client asks for, and whenever: no upload is gone at once, and none outlives the year."""
    try:
        expiration = parse_expiration(text)
    except InvalidParameter:
        return
    if expiration is not None:
        assert now + MIN_LIFETIME <= bounded_end(expiration, now) <= Expiration(12, 0).after(now)


@given(seconds=st.integers(1, 10**9))
def test_a_longer_lifetime_never_ends_earlier(seconds):
    """Asking for more time never gives less, at the bounds as between them."""
    assert bounded_end(Expiration(0, seconds), NOW) <= bounded_end(Expiration(0, seconds + 1), NOW)


def test_no_month_lies_behind_the_last_year():
    """Past the year 9999 there is no date, and the caller is told so instead of getting a wrong one."""
    with pytest.raises(ValueError, match="year"):
        Expiration(1, 0).after(datetime(9999, 12, 1, tzinfo=UTC))


# Numbers and flags


@pytest.mark.parametrize("name", ["width", "category_id"])
@pytest.mark.parametrize("text", ["", " ", "0", "000", None])
def test_zero_is_absent(name, text):
    """Forms send 0 or nothing for what was not filled in; both leave size and category alone."""
    assert parsed(**{name: text}) == Parameters()


@pytest.mark.parametrize("name", ["width", "category_id"])
@pytest.mark.parametrize("text", ["x", "-3", "+3", "1.0", "1e3", "٣", "²", "1 0", "0x1", "9" * 16, "9" * 5000, "1\x00"])
def test_no_number_is_refused_by_name(name, text):
    """What is no plain whole number is refused, never guessed, and the message names the parameter."""
    with pytest.raises(InvalidParameter) as told:
        parsed(**{name: text})
    assert str(told.value) == f"Invalid {name}, expected a whole number"


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        *((text, True) for text in ("1", "01", "001", " 1 ", "true", "TRUE", "yes", "Yes", "on", "ON")),
        *((text, False) for text in ("0", "00", "", " ", None, "false", "False", "no", "off")),
    ],
)
def test_flags_in_every_spelling(text, flag):
    """Numbers, words and checkboxes mean what they look like, in any case."""
    assert parsed(nsfw=text).nsfw is flag


@pytest.mark.parametrize(
    "text", ["2", "-1", "1.0", "y", "t", "١", "٠", "¹", "10", "1" * 5000, "0" * 5000 + "2", "null"]
)
def test_no_flag_is_refused_by_name(text):
    """What is neither yes nor no is refused, never guessed, and the message names the parameter."""
    with pytest.raises(InvalidParameter) as told:
        parsed(nsfw=text)
    assert str(told.value) == "Invalid nsfw, expected 0 or 1"


def test_the_files_date_is_for_admins():
    """For others the parameter is unknown, whatever it holds."""
    assert parsed(use_file_date="1").use_file_date is False
    assert parsed(use_file_date="garbage").use_file_date is False
    assert parsed(is_admin=True, use_file_date="1").use_file_date is True
    with pytest.raises(InvalidParameter, match="Invalid use_file_date"):
        parsed(is_admin=True, use_file_date="garbage")


# Text


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"title": "T", "name": "N"}, "T"),
        ({"name": "N"}, "N"),
        ({"title": "", "name": "N"}, "N"),
        ({"title": "0"}, "0"),
        ({"title": "<b>\u2028"}, "<b>\u2028"),
        ({"title": "x" * 101}, "x" * 100),
        ({"title": "😀" * 101}, "😀" * 100),
        ({"title": "a\x00b\x1f\x7fc\ud800d"}, "a\ufffdb\ufffd\ufffdc\ufffdd"),
        ({"title": "a\tb\r\nc"}, "a\tb\r\nc"),
    ],
)
def test_titles(fields, title):
    """At most 100 characters; a name is a title too."""
    assert parsed(**fields).title == title


def test_descriptions_are_cut_at_their_limit():
    """Bytes are counted, and no character is cut in two."""
    assert parsed(description="x" * 70_000).description == "x" * 65_535
    assert parsed(description="😀" * 20_000).description == "😀" * 16_383
    assert parsed(description="a\x00\udfff").description == "a\ufffd\ufffd"


def test_an_album_id_is_bounded_and_clean():
    """An album id is looked up in a database, so it is cut and cleaned to what a column can hold."""
    assert parsed(album_id="x" * 1000).album_id == "x" * 64
    assert parsed(album_id=" \n").album_id is None
    assert parsed(album_id="a\x00\ud800").album_id == "a\ufffd\ufffd"


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", ()),
        (" , ,,", ()),
        ("b,a,b", ("b", "a")),
        (" a  b ,a b,\ta\nb", ("a b",)),
        ("cat,Cat,dog,CAT,cat,Cat", ("cat", "dog", "Cat", "CAT")),
        ("0,00,1", ("00", "1")),
        ("a/b,#c,d#,/", ()),
        ("...,!!,@@@,%,??,a.b,@a,!?", ("a.b", "@a", "!?")),
        ("\\,&&,==,++,**,;;;,::", ()),
        ("x" * 32 + "," + "y" * 33, ("x" * 32,)),
        ("é" * 32, ("é" * 32,)),
        ("a\x00b,\ud800", ("a\ufffdb", "\ufffd")),
        ("<b>,日本", ("<b>", "日本")),
        ("ß,SS,ss", ("ß", "SS", "ss")),
    ],
)
def test_tags(text, tags):
    """Trimmed, doubles dropped, names that differ by case alone last, unusable ones dropped."""
    assert parsed(tags=text).tags == clean_tags(text.split(",")) == tags


def test_a_flood_of_tags_is_cut():
    """At the site's limit: the first ones stay."""
    names = [f"t{number}" for number in range(1000)]
    for limit in (1, 50, 999):
        found = check_parameters({"tags": ",".join(names)}.get, Principal(user_id="user"), max_tags=limit)
        assert found.tags == tuple(names[:limit])


@pytest.mark.parametrize("name", ["category_id", "width"])
def test_a_number_that_no_database_holds_is_refused(name):
    """Whole numbers have nine digits at most."""
    with pytest.raises(InvalidParameter, match=name):
        parsed(**{name: "1234567890"})


def test_a_guest_has_no_tags():
    """Tags of a guest are dropped without a refusal, as Chevereto drops them."""
    assert parsed(is_guest=True, tags="a,b").tags == ()


# The table, and values that a host gives as their types


def test_each_field_has_a_row():
    """What is kept is what the table fills; a host may give each of them, and a form sends no other texts."""
    fields = {field.name for field in dataclasses.fields(Parameters)}
    assert fields == {row.fills for row in PARAMETERS if row.fills} == {*GivenParameters.__annotations__}
    assert fields - {"album"} <= text_names(Policy()) < text_names(Policy(album_names=True))


@pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row.name)
def test_each_example_is_taken(row):
    """What the page shows works."""
    if row.example:
        assert row.value_of(row.example) is not None


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("title", "x" * 101, "x" * 100),
        ("description", "a\x00", "a\ufffd"),
        ("tags", ("b", "a", "B", "b", " c  d "), ("b", "a", "c d", "B")),
        ("tags", (), ()),
        ("album_id", " x1 ", "x1"),
        ("album", " Cafe\u0301s\n and bars ", "Cafés and bars"),
        ("album", " ", None),
        ("album", "x", "x"),
        ("album", "x" * 100, "x" * 100),
        ("category_id", 3, 3),
        ("width", 0, None),
        ("width", "640", 640),
        ("expiration", timedelta(milliseconds=1), Expiration(0, 1)),
        ("expiration", timedelta(days=2), Expiration(0, 172_800)),
        ("nsfw", True, True),
        ("nsfw", False, False),
        ("nsfw", "yes", True),
        ("use_file_date", True, True),
    ],
)
def test_a_value_of_its_type_is_checked_as_it_is(name, given, kept):
    """By the rules that texts have."""
    assert getattr(parsed(is_admin=True, **{name: given}), name) == kept


def test_tags_are_taken_from_what_is_iterated_once():
    names = (name for name in ("a", "x" * 33, "#", "a,b"))
    assert parsed(tags=names).tags == ("a",)


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("title", 7, "Invalid title, expected a text"),
        ("description", b"text", "Invalid description, expected a text"),
        ("tags", ("a", 7), "Invalid tags, expected texts"),
        ("album_id", 7, "Invalid album_id, expected a text"),
        ("album", 7, "Invalid album title, expected 1 to 100 characters"),
        ("album", "x" * 101, "Invalid album title, expected 1 to 100 characters"),
        ("category_id", -1, "Invalid category_id, expected a whole number"),
        ("category_id", 1.5, "Invalid category_id, expected a whole number"),
        ("width", 1_000_000_000, "Invalid width, expected a whole number"),
        ("expiration", timedelta(0), "Invalid expiration, expected a time to come"),
        ("expiration", 3, "Invalid expiration, expected an ISO 8601 duration such as P3D or whole seconds"),
        ("nsfw", 2, "Invalid nsfw, expected 0 or 1"),
        ("nsfw", "maybe", "Invalid nsfw, expected 0 or 1"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(name, given, told):
    """It is never guessed what was meant."""
    with pytest.raises(InvalidParameter) as refused:
        parsed(**{name: given})
    assert str(refused.value) == told


def test_an_album_is_named_once():
    """By its id or by its title."""
    with pytest.raises(InvalidParameter) as told:
        parsed(album="Holidays", album_id="x1")
    assert str(told.value) == "Invalid album, there is an album_id, too"


TEXTS = st.none() | st.text() | st.characters(categories=["Cs", "Cc", "Nd", "No"]).map(lambda text: text * 3)


@pytest.mark.slow
@given(
    fields=st.fixed_dictionaries(
        dict.fromkeys((field.name for field in dataclasses.fields(Parameters)), TEXTS) | {"name": TEXTS}
    ),
    is_admin=st.booleans(),
    is_guest=st.booleans(),
)
def test_any_text_is_understood_or_refused(fields, is_admin, is_guest):
    """Nothing but a refusal leaves, and what is understood can be stored."""
    try:
        sender = Principal(user_id=None if is_guest else "user", is_admin=is_admin)
        found = check_parameters(fields.get, sender, max_tags=3)
    except InvalidParameter:
        return
    for text in (found.title, found.description, found.album_id, *found.tags):
        assert text is None or (text and clean_text(text) == text and text.encode())
