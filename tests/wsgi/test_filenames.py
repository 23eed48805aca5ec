"""The client's name of a file, in the spellings that clients are known to send."""

from __future__ import annotations

import pytest

from chevupload.naming import client_filename
from chevupload.wsgi.filenames import part_filename
from tests.wsgi.bodies import environ, multipart, part, read

JAPANESE = "写真.png"
WORD = "=?utf-8?B?5YaZ55yfLnBuZw==?="


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ('filename="a.png"', "a.png"),
        ("filename=a.png", "a.png"),
        ("FileName=a.png; size=1", "a.png"),
        ('filename=""', ""),
        ('filename="写真.png"', JAPANESE),
        ("filename=\"a; filename*=UTF-8''b.png\"", "a; filename*=UTF-8''b.png"),
        ('filename="say %22hi%22.png"', 'say "hi".png'),
        (r'filename="say \"hi\".png"', 'say "hi".png'),
        # RFC 8187, in either order, as RFC 6266 wants it.
        ("filename=\"a.png\"; filename*=UTF-8''%E5%86%99%E7%9C%9F.png", JAPANESE),
        ("filename*=UTF-8''%E5%86%99%E7%9C%9F.png; filename=\"a.png\"", JAPANESE),
        ("filename*=utf-8'ja'%E5%86%99%E7%9C%9F.png", JAPANESE),
        ("filename*=\"UTF-8''%E5%86%99%E7%9C%9F.png\"; filename=a.png", JAPANESE),
        ("filename*=iso-8859-1''caf%E9.png; filename=a.png", "café.png"),
        ("filename*=iso-8859-1'en'%A3%20rates", "£ rates"),
        ("filename*=UTF-8''%e2%82%ac%20rates", "€ rates"),
        (f"filename=\"{WORD}\"; filename*=utf-8''%E5%86%99%E7%9C%9F.png", JAPANESE),
        (f"filename*=utf-8''%E5%86%99%E7%9C%9F.png; filename=\"{WORD}\"", JAPANESE),
        # Unusable ones, which RFC 8187 wants ignored.
        ("filename*=UTF-8''caf%E9.png; filename=a.png", "a.png"),
        ("filename*=shift_jis''%8E%CA.png; filename=a.png", "a.png"),
        ("filename*=unicode_escape''%5Cx41.png; filename=a.png", "a.png"),
        ("filename*=UTF-8''50%.png; filename=a.png", "a.png"),
        ("filename*=b.png; filename=a.png", "a.png"),
        ("filename*=; filename=a.png", "a.png"),
        ("filename*=UTF-8''; filename=a.png", "a.png"),
        (r"filename*=x; filename=" + r'"C:\pics\a.png"', r"C:\pics\a.png"),
        ("filename*=shift_jis''%8E%CA.png", ""),
        # RFC 2231's pieces, which werkzeug joins.
        ('filename*0="long "; filename*1="name.png"', "long name.png"),
        ("filename*0*=UTF-8''%E5%86%99; filename*1*=%E7%9C%9F.png", JAPANESE),
        # RFC 2047.
        (f'filename="{WORD}"', JAPANESE),
        ('filename="=?UTF-8?Q?caf=C3=A9_1.png?="', "café 1.png"),
        ('filename="=?iso-8859-1?q?caf=E9.png?="', "café.png"),
        ('filename="=?utf-8?B?5YaZ?= =?utf-8?B?55yfLnBuZw==?="', JAPANESE),
        ('filename="=?utf-8?B?5YaZ?==?utf-8?B?55yfLnBuZw==?="', JAPANESE),
        ('filename="=?x-unknown?B?5YaZ?="', "=?x-unknown?B?5YaZ?="),
        ('filename="=?utf-8?B?!?="', "=?utf-8?B?!?="),
        ('filename="=?utf-8?B?/w==?="', "=?utf-8?B?/w==?="),
        ('filename="a =?utf-8?B?5YaZ?=.png"', "a =?utf-8?B?5YaZ?=.png"),
    ],
)
def test_spellings(tmp_path, parameters, name):
    """Each as its sender means it; the file is taken whatever its name."""
    body = multipart(part("source", b"x", "f")).replace(b'filename="f"', parameters.encode())
    assert read(tmp_path, environ(body))[1] == {"source": (name, b"x")}


def test_names_in_another_encoding(tmp_path):
    """Old clients write them in that of their system, mostly a Western one."""
    body = multipart(part("source", b"x", "café – €.png").replace("café – €".encode(), "café – €".encode("cp1252")))
    assert read(tmp_path, environ(body))[1] == {"source": ("café – €.png", b"x")}


@pytest.mark.parametrize("name", ["cafe\u0301.png", "café.png"])
def test_one_name_has_one_spelling(name):
    """macOS writes letters and their accents apart."""
    assert client_filename(f"folder/{name}") == "café.png"


@pytest.mark.parametrize(
    "flood", [";filename*=" * 1_400, ';a="' * 4_000, "=?a?b?c?=" * 1_800, 'filename="' + "\\" * 16_000]
)
def test_floods_of_parameters_are_read_in_no_time(flood):
    """Headers of a part have at most 16 KiB, in which nothing is searched over and over."""
    for header in (f"form-data; name=source; filename*=x; {flood}", f'form-data; filename="{flood}"; filename*=x'):
        assert isinstance(part_filename(header, flood), str)
