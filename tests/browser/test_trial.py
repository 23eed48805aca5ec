"""The main path, as a new user takes it who knows nothing of the pages but what is written on them."""

from __future__ import annotations

from tests.browser.trial import Trial, pictures, trial_site


def test_a_new_user_uploads_copies_and_deletes(browser, tmp_path):
    """Twelve pictures, all links as Markdown; one is looked at and deleted, and a refresh loses nothing."""
    with trial_site(tmp_path / "site") as address:
        trial = Trial(address, browser)
        trial(pictures(tmp_path))
    assert trial.complaints == []
