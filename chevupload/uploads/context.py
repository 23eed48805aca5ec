"""What everything that takes uploads in and away works with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from chevupload.clock import Clock
from chevupload.config import Config
from chevupload.protocols import KeyBackend, Renderer, UploadRecords
from chevupload.spool import SpoolFolder
from chevupload.storage.registry import Storages
from chevupload.uploads.hooks import Hooks
from chevupload.uploads.host_transactions import HostTransactions
from chevupload.uploads.intent_log import IntentLog
from chevupload.uploads.persist import Writer


@dataclass(frozen=True, kw_only=True)
class UploadContext:
    """The parts of a component, each made once.

    Attributes:
        spools: where temporary files are, and where workers write.
        clock: returns an aware UTC time.
    """

    config: Config
    keys: KeyBackend
    catalog: UploadRecords
    storages: Storages
    secret_keys: Sequence[str]
    hooks: Hooks
    renderer: Renderer
    spools: SpoolFolder
    clock: Clock

    @cached_property
    def writer(self) -> Writer:
        """What writes into records and storages."""
        return Writer(self.catalog, self.storages, self.hooks)

    @cached_property
    def transactions(self) -> HostTransactions:
        """The uploads in transactions of the host."""
        return HostTransactions(
            catalog=self.catalog,
            storages=self.storages,
            writer=self.writer,
            hooks=self.hooks,
            intents=IntentLog(self.spools.path, self.secret_keys),
        )
