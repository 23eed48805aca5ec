"""What is left after an endurance run, compared with what its clients were told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from chevupload.app import ChevUpload
from chevupload.protocols import ListingStorage
from tests.endurance.clients import Tally
from tests.support import records

NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The numbers of a run; those from ``lost`` on have to be none.

    Attributes:
        killed: servers, or workers of them, that were killed while clients uploaded.
        swept: uploads that one sweep removed afterwards.
        lost: acknowledged uploads that do not read back as they were sent.
        repeated: keys for which two uploads were acknowledged.
        superfluous: uploads beyond one for each key, in a run with keys; one that was given up may have one, too.
        unready: records that are neither ready nor gone.
        fileless: files that a record names and that are not there, or not of their size.
        recordless: files that no record names.
        temporary: temporary files.
        miscounted: owners whose usage, where it is kept, is not what their records come to.
    """

    acknowledged: int
    given_up: int
    answers: dict[int, int]
    killed: int
    uploads: int
    swept: int
    lost: int
    repeated: int
    superfluous: int
    unready: int
    fileless: int
    recordless: int
    temporary: int
    miscounted: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        wrong = (self.lost, self.repeated, self.superfluous, self.unready, self.fileless, self.recordless)
        return not any((*wrong, self.temporary, self.miscounted))


def outcome(
    component: ChevUpload, storage: ListingStorage, tally: Tally, spools: Iterable[Path], *, killed: int
) -> Outcome:
    """Sweep once, with everything stopped, and look at what is there."""
    swept = component.maintenance.sweep(grace=NOTHING)
    assert swept.failed == 0
    ready = {upload.id: upload for upload in component.catalog.uploads()}
    named = {path for upload in ready.values() for path in upload.paths}
    return Outcome(
        acknowledged=len(tally.acknowledged),
        given_up=len(tally.given_up),
        answers=dict(sorted(tally.answers.items())),
        killed=killed,
        uploads=len(ready),
        swept=swept.uploads,
        lost=sum(_read(component, storage, id_) != md5 for id_, md5 in tally.acknowledged.items()),
        repeated=sum(len(ids) > 1 for ids in tally.keys.values()),
        superfluous=max(0, len(ready.keys() - tally.acknowledged) - len(tally.given_up)) if tally.keys else 0,
        fileless=len(component.maintenance.check(grace=NOTHING).missing),
        recordless=sum(path not in named for path, _ in storage.files()),
        temporary=sum(1 for folder in spools for _ in folder.iterdir()),
        unready=len(records(component.catalog)) - len(ready),
        miscounted=_miscounted(component) if component.config.policy.usage else 0,
    )


def _miscounted(component: ChevUpload) -> int:
    """Return how many owners have another usage after a recount."""
    usage = component.uploads.usage
    return sum(usage(owner) != usage(owner, recount=True) for owner in component.uploads.owners())


def _read(component: ChevUpload, storage: ListingStorage, upload_id: str) -> str | None:
    """Return the hash of what is stored, if it is."""
    upload = component.uploads.get(upload_id)
    if upload is None:
        return None
    with storage.open(upload.path) as file:
        found = hashlib.md5(file.read()).hexdigest()
    return found if found == upload.md5 else None
