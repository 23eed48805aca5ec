"""A record is built from what it is given, and varies in its name alone while a free one is looked for."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from itertools import combinations

import pytest

from chevupload.config import Policy
from chevupload.errors import CatalogError, FileExists, NameTaken
from chevupload.model import MediaFile, MediaResult, Principal
from chevupload.naming import month_digits
from chevupload.spool import Spool
from chevupload.testing import MemoryCatalog, MemoryStorage
from chevupload.uploads.parameters import Parameters
from chevupload.uploads.record import Source, build_record
from tests.support import NOW, PNG, Failing

MEDIA = MediaResult(
    format="PNG",
    width=1,
    height=1,
    frames=1,
    is_360=False,
    title=None,
    description=None,
    exif=None,
    taken_at=None,
    original=None,
    original_md5=None,
    resized=False,
    thumb=MediaFile(path="thumb", size=3),
    medium=None,
)
RANDOM = "0123456789abcdef" * 2


@pytest.fixture
def build(tmp_path):
    """Return what builds the record of a file with this name."""
    with Spool(str(tmp_path), 10) as spool:
        spool.write(b"content")

        def build(filename, naming="original", **policy):
            return build_record(
                Source(spool, filename),
                Parameters(),
                Principal(user_id="user"),
                MEDIA,
                policy=Policy(naming=naming, **policy),
                max_tags=3,
                upload_id="abcdefgh",
                random_name=RANDOM,
                received_at=NOW,
                request_digest=None,
            )

        yield build


def test_a_record_is_what_it_is_built_of(build):
    """The same twice; nothing is drawn."""
    assert build("a.png") == build("a.png")
    assert (build("a.png").id, build("a.png").name) == ("abcdefgh", "a")


@pytest.mark.parametrize("filename", [None, "", "."])
def test_a_file_without_a_name_gets_random_digits(build, filename):
    """Twelve of them, and the extension of its content."""
    record = build(filename)
    if filename != ".":
        assert (record.original_filename, record.name) == (f"{RANDOM[:12]}.png", RANDOM[:12])
    else:
        assert (record.original_filename, record.name) == (".", RANDOM)


@pytest.mark.parametrize("filename", ["...", ".htaccess", "日本.png", "-.png", "!!!.png"])
def test_a_name_of_which_nothing_is_left_is_random(build, filename):
    """The record keeps the client's own name beside it."""
    assert (build(filename).name, build(filename).original_filename) == (RANDOM, filename)


class Full(MemoryCatalog):
    """A catalog in which every name is taken."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def reserve(self, upload, **known):
        self.asked.append(upload)
        raise NameTaken("taken")


@pytest.mark.parametrize(
    ("naming", "first", "later"),
    [
        ("original", "photo", "<first>[0-9a-f]{16}"),
        ("mixed", "photo[0-9a-f]{16}", "<first>[0-9a-f]{16}"),
        ("random", "[0-9a-f]{32}", "[0-9a-f]{32}"),
        ("id", "<id>", "<first>[0-9a-f]{16}"),
    ],
)
def test_eight_names_are_tried_that_vary_in_nothing_else(make, naming, first, later):
    """As the policy names files, the record's own first; the second and later ones differ from each other."""
    catalog = Full()
    stand = make(catalog=catalog, policy=Policy(naming=naming))
    with pytest.raises(CatalogError, match="no free name"):
        stand.component.uploads.save(io.BytesIO(PNG), owner="user", filename="photo.png")
    asked = catalog.asked
    assert len(asked) == 8
    assert all(replace(one, name=asked[0].name) == asked[0] for one in asked)
    assert re.fullmatch(first.replace("<id>", asked[0].id), asked[0].name)
    pattern = later.replace("<first>", asked[0].name)
    assert all(re.fullmatch(pattern, one.name) for one in asked[1:])
    assert all(one.name != other.name for one, other in combinations(asked, 2))


@pytest.mark.parametrize("way", ["free", "name taken", "file there"])
def test_the_hook_sees_the_id_that_the_upload_has(make, way):
    """Whatever name it gets in the end."""
    seen = []

    def before_store(upload, principal, file):
        seen.append((upload.id, upload.name))

    catalog, storage = MemoryCatalog(), MemoryStorage()
    if way == "name taken":
        catalog = Failing(catalog, "reserve", NameTaken("taken"), forever=False)
    if way == "file there":
        storage = Failing(storage, "save", FileExists("there"), forever=False)
    stand = make(catalog=catalog, storage=storage, before_store=before_store)
    saved = stand.component.uploads.save(io.BytesIO(PNG), owner="user", filename="a.png")
    assert seen == [(saved.id, "a")]
    assert (saved.name == "a") == (way == "free")


@pytest.mark.parametrize("naming", ["original", "mixed", "random", "id"])
def test_the_hook_sees_the_name_that_is_tried_first(make, naming):
    """Which the upload gets where nothing has it."""
    seen = []
    policy = Policy(naming=naming)
    stand = make(policy=policy, before_store=lambda upload, principal, file: seen.append(upload.name))
    assert [stand.component.uploads.save(io.BytesIO(PNG), owner="user", filename="a.png").name] == seen


def test_folders_of_digits_come_before_the_date(build):
    """Two digits of the id's hash; without dates they stand alone, and by default there are none."""
    assert build("a.png").folder == "2026/03/04"
    assert build("a.png", hash_folders=True).folder == "9c/2026/03/04"
    assert build("a.png", hash_folders=True, storage_mode="direct").folder == "9c"


def test_an_id_may_begin_with_the_month_of_its_folder(build):
    """So that a table can be partitioned by it; the rest is as it was drawn."""
    assert build("a.png").id == "abcdefgh"
    record = build("a.png", monthly_ids=True)
    assert (record.id, record.folder) == (f"{month_digits(2026, 3)}cdefgh", "2026/03/04")
