"""How long an upload lives that is told by the site or by its user's own setting. Source: Chevereto V4."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from chevupload import Policy
from chevupload.model import Principal
from chevupload.testing.memory import StaticKeys
from tests.support import NOW, PNG, PRINCIPALS, assert_refusal, file

OWN = Principal(user_id="user", lifetime=timedelta(days=30))


def lifetime(stand, key, **fields):
    """Upload, and return how long it lives."""
    stand.upload(key=key, **fields)
    *_, upload = stand.catalog.uploads()
    return upload.expires_at and upload.expires_at - NOW


@pytest.mark.parametrize("asked", [None, "PT5M", "P6M", "0"])
def test_the_site_says_how_long_guests_uploads_live(make, asked):
    """Whatever a guest asks for; a user has what he asks for."""
    stand = make(policy=Policy(guest_lifetime=timedelta(days=7)))
    fields = {} if asked is None else {"expiration": asked}
    assert lifetime(stand, "guest-key", **fields) == timedelta(days=7)
    assert lifetime(stand, "user-key", expiration="P1D") == timedelta(days=1)
    assert lifetime(stand, "user-key") is None


def test_a_guest_s_upload_is_gone_after_that_time(make):
    """For its readers, and from the storage."""
    stand = make(policy=Policy(guest_lifetime=timedelta(hours=1)))
    image = stand.upload(key="guest-key")
    assert image["expiration_date_gmt"] == "2026-03-04 06:06:07"
    stand.clock.move(hours=1)
    assert stand.open(image["url_viewer"]).status_code == 410
    stand.component.maintenance.sweep()
    assert stand.stored() == []


def test_what_no_guest_can_mean_is_refused(refusing):
    """Also where the site would not have followed it."""
    stand = refusing(policy=Policy(guest_lifetime=timedelta(days=7)))
    answer = stand.send({"source": file(), "expiration": "soon"}, key="guest-key")
    assert_refusal(answer, 400, 400)


@pytest.mark.parametrize(
    ("own", "asked", "expected"),
    [
        (timedelta(days=30), None, timedelta(days=30)),
        (timedelta(days=30), "0", timedelta(days=30)),
        (timedelta(days=30), "P1D", timedelta(days=1)),
        (timedelta(days=30), "P60D", timedelta(days=60)),
        (timedelta(seconds=1.5), None, timedelta(minutes=5)),
        (timedelta(days=9999), None, timedelta(days=365)),
        (None, None, None),
    ],
)
def test_a_user_s_own_time_counts_where_none_is_asked_for(make, own, asked, expected):
    """Within what may be asked for."""
    keys = StaticKeys(PRINCIPALS | {"own-key": Principal(user_id="user", lifetime=own)})
    fields = {} if asked is None else {"expiration": asked}
    assert lifetime(make(keys=keys), "own-key", **fields) == expected


def test_a_host_s_own_code_follows_the_same_rules(make):
    """For users and for guests."""
    uploads = make(policy=Policy(guest_lifetime=timedelta(days=7))).component.uploads
    for owner, days in ((OWN, 30), (None, 7)):
        upload = uploads.save(io.BytesIO(PNG), owner=owner)
        assert upload.expires_at == NOW + timedelta(days=days)
    assert uploads.save(io.BytesIO(PNG), owner=OWN, expiration=timedelta(days=1)).expires_at == NOW + timedelta(days=1)


@pytest.mark.parametrize(("value", "error"), [(30, TypeError), (timedelta(0), ValueError), (timedelta(-1), ValueError)])
def test_a_lifetime_is_a_time_to_come(value, error):
    """Found where the host says who somebody is."""
    with pytest.raises(error, match="lifetime"):
        Principal(user_id="user", lifetime=value)
