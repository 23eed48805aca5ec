"""What every test that sends requests shares."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.support import EMPTY, Stand

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(params=["", "/sub/app"], ids=["root", "prefix"])
def prefix(request):
    """Return where the component is mounted: at the root, and below a prefix."""
    return request.param


@pytest.fixture
def make(tmp_path, prefix):
    """Return a function that puts components together, and closes them at the end."""
    stands = []

    def make_stand(**settings):
        folder = tmp_path / str(len(stands))
        folder.mkdir()
        stands.append(Stand(folder, prefix, **settings))
        return stands[-1]

    yield make_stand
    for stand in stands:
        stand.component.close()


@pytest.fixture
def stand(make):
    """Return a component with default settings."""
    return make()


@pytest.fixture
def refusing(make):
    """Return a function like ``make``, for components that must have stored nothing in the end."""
    stands = []

    def make_stand(**settings):
        stands.append(make(**settings))
        return stands[-1]

    yield make_stand
    for stand in stands:
        assert stand.left() == EMPTY
