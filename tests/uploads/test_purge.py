"""A cache is told every URL under which it may hold something of an upload that is gone."""

from __future__ import annotations

import io

import pytest

from chevupload.config import Routes
from chevupload.errors import ConfigError
from chevupload.testing.memory import MemoryStorage
from chevupload.uploads.purge import Purge
from tests.support import noise


@pytest.fixture
def purged():
    """Return the lists of URLs that were named."""
    return []


@pytest.mark.mounts
def test_every_url_that_answered_is_named(make, prefix, purged):
    """Once the upload is gone: what was made of the original, the viewer with and without its title, and the rest."""
    base = f"http://site.test{prefix}"
    stand = make(on_event={"cdn": Purge(purged.append)}, base_url=base, routes=Routes(oembed="oembed"))
    image = stand.upload(noise((800, 600)), title="A cat")
    stand.component.events.deliver()
    assert purged == []
    found = stand.component.links().cached(stand.component.uploads.get(image["id_encoded"]))
    assert {*found} == {"original", "medium", "thumb", "viewer", "short", "qr", "oembed"}
    assert {image["url"], image["medium"]["url"], image["thumb"]["url"], image["url_viewer"]} < {*found.values()}
    for url in found.values():
        assert stand.open(url).status_code == 200, url
    stand.open(image["delete_url"], "POST")
    stand.component.events.deliver()
    assert purged == [[*found.values()]]
    for url in found.values():
        assert stand.open(url).status_code == 404, url


def test_a_file_of_a_storage_of_its_own_has_two(make, prefix, purged):
    """Ours redirects, which a cache may remember, too."""
    settings = {"base_url": f"http://site.test{prefix}", "storage": MemoryStorage(public_url="https://cdn.test/f")}
    stand = make(on_event={"cdn": Purge(purged.append)}, **settings)
    upload = stand.component.uploads.save(io.BytesIO(noise((800, 600))), owner="7")
    stand.component.uploads.delete(upload)
    stand.component.events.deliver()
    (urls,) = purged
    for path in upload.paths:
        assert f"https://cdn.test/f/{path}" in urls
        assert f"http://site.test{prefix}/images/{path}" in urls


def test_what_was_changed_is_purged(make, prefix, purged):
    """Under its address of before, too; but for the original, which never changes."""
    stand = make(on_event={"cdn": Purge(purged.append)}, base_url=f"http://site.test{prefix}")
    uploads, links = stand.component.uploads, stand.component.links()
    upload = uploads.get(stand.upload(noise((800, 600)), title="A cat")["id_encoded"])
    changed = uploads.update(upload, title="A dog")
    # The events of one upload are told one after the other.
    assert [stand.component.events.deliver().told for _ in range(2)] == [2, 0]
    urls = {**links.cached(changed), "before": links.viewer(upload)}
    del urls["original"]
    assert purged == [[*urls.values()]]


def test_what_expired_is_purged(make, prefix, purged):
    """As what was deleted."""
    stand = make(on_event={"cdn": Purge(purged.append)}, base_url=f"http://site.test{prefix}")
    stand.upload(expiration="600")
    stand.clock.move(hours=1)
    stand.component.maintenance.sweep()
    stand.component.events.deliver()
    assert len(purged) == 1


def test_a_cache_that_is_away_is_told_later(make, prefix, purged):
    """As any other handler."""

    def purge(urls):
        purged.append(urls)
        if len(purged) == 1:
            raise OSError("away")

    stand = make(on_event={"cdn": Purge(purge)}, base_url=f"http://site.test{prefix}")
    stand.open(stand.upload()["delete_url"], "POST")
    assert stand.component.events.deliver().postponed == 1
    stand.clock.move(seconds=5)
    assert stand.component.events.deliver().told == 1
    assert purged[0] == purged[1]


def test_a_site_that_does_not_know_its_address_cannot_purge(make):
    """Nobody could be told anything; that is said at once."""
    with pytest.raises(ConfigError, match="base_url"):
        make(on_event={"cdn": Purge(print)})
    with pytest.raises(ConfigError, match="function of"):
        Purge("https://cdn.test")
