"""Keys given once stand for whom they were given for."""

from __future__ import annotations

from chevupload.clock import utc_now
from chevupload.model import Principal
from chevupload.testing.memory import StaticKeys


def test_static_keys():
    """A key stands for whom it was given for, any other for nobody, and no key's text is kept."""
    keys = StaticKeys({"k1": Principal(user_id="u"), "k2": Principal()})
    assert keys.authenticate("k1", {}) == Principal(user_id="u")
    assert keys.authenticate("k2", {}) == Principal()
    assert keys.authenticate("k3", {}) is None
    assert "k1" not in repr(vars(keys))


def test_the_clock_tells_aware_utc_with_microseconds():
    """Which put records of one second in their order."""
    times = [utc_now() for _ in range(3)]
    assert {time.utcoffset().total_seconds() for time in times} == {0}
    assert any(time.microsecond for time in times)
