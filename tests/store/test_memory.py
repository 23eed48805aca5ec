"""Keys given once stand for whom they were given for."""

from __future__ import annotations

from chevupload.clock import utc_now
from chevupload.model import Principal
from chevupload.store.memory import StaticKeys


def test_static_keys():
    keys = StaticKeys({"k1": Principal(user_id="u"), "k2": Principal()})
    assert keys.authenticate("k1", {}) == Principal(user_id="u")
    assert keys.authenticate("k2", {}) == Principal()
    assert keys.authenticate("k3", {}) is None
    assert "k1" not in repr(vars(keys))


def test_the_clock_tells_aware_utc_in_whole_seconds():
    now = utc_now()
    assert now.utcoffset().total_seconds() == 0
    assert now.microsecond == 0
