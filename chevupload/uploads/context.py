"""What everything that takes uploads in and away works with."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from chevupload.audit import AuditLog
from chevupload.clock import Clock
from chevupload.config import Config
from chevupload.protocols import AuditRecords, KeyBackend, Renderer, UploadRecords
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
        secret_keys: sign delete links, forms and the intent log.
        clock: returns an aware UTC time.
    """

    config: Config
    keys: KeyBackend
    catalog: UploadRecords
    storages: Storages
    secret_keys: Sequence[str] = field(repr=False)
    hooks: Hooks
    renderer: Renderer
    clock: Clock

    @cached_property
    def audit(self) -> AuditLog:
        """What writes the audit log."""
        keeps = self.config.policy.audit_lifetime is not None
        records = self.catalog if keeps and isinstance(self.catalog, AuditRecords) else None
        return AuditLog(clock=self.clock, records=records)

    @cached_property
    def spools(self) -> SpoolFolder:
        """Where temporary files are, and where workers write: beside a local storage, which then takes them over."""
        adopting = self.storages.adopting
        default = str(adopting[0].incoming) if adopting else tempfile.gettempdir()
        return SpoolFolder(self.config.spool_folder or default, self.config.limits.spool_bytes)

    @cached_property
    def writer(self) -> Writer:
        """What writes into records and storages."""
        return Writer(self.catalog, self.storages, self.hooks, self.clock, self.config.policy.usage)

    @cached_property
    def transactions(self) -> HostTransactions:
        """The uploads in transactions of the host."""
        return HostTransactions(
            catalog=self.catalog,
            storages=self.storages,
            writer=self.writer,
            hooks=self.hooks,
            clock=self.clock,
            counted=self.config.policy.usage,
            intents=IntentLog(self.spools.path, self.secret_keys),
        )
