"""Figures of a component for Prometheus: uploads, the queue of the decoders, temporary files, events that wait.

With ``PROMETHEUS_MULTIPROC_DIR`` in the environment, as under gunicorn, every process answers for all of them.
Source: the documentation of prometheus_client, its pages on multiprocess mode and on custom collectors.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
    from prometheus_client.core import GaugeMetricFamily, Metric
    from prometheus_client.multiprocess import MultiProcessCollector
except ImportError as error:
    raise ImportError(
        "chevupload.contrib.metrics needs prometheus_client: pip install 'chevupload[metrics]'",
        name="prometheus_client",
    ) from error

from chevupload.app import ChevUpload
from chevupload.errors import BackendError
from chevupload.media.sandbox.pool import WorkerPool
from chevupload.protocols import EventRecords
from chevupload.uploads import upload_log

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

logger = logging.getLogger("chevupload")

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics(logging.Handler):
    """A handler of the upload log that counts what it says, and a WSGI application that shows the figures.

    From its construction on the log speaks at INFO. Labels have few values, none of which a client can choose.
    """

    def __init__(self, component: ChevUpload, *, registry: CollectorRegistry | None = None) -> None:
        """Count the uploads of this process, which has one component as a rule.

        Args:
            component: whose queue, temporary files and events are shown.
            registry: where the figures are, such as that of the host; by default one of their own.
        """
        super().__init__(logging.INFO)
        self._component = component
        self._is_shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        self._registry = registry or CollectorRegistry()
        own = None if self._is_shared else self._registry
        self._uploads = Counter("chevupload_uploads", "Uploads that ended.", ("outcome", "type"), registry=own)
        self._seconds = Histogram(
            "chevupload_upload_seconds", "How long a step of an upload took.", ("step",), buckets=_SECONDS, registry=own
        )
        self._starts = Counter("chevupload_worker_starts", "Worker processes that were started.", registry=own)
        self._waiting = _gauge("chevupload_queue_waiting", "Uploads that wait for a worker process.", own)
        self._spooled = _gauge("chevupload_spool_bytes", "Bytes of temporary files of uploads under way.", own)
        self._counting = threading.Lock()
        self._started = 0
        if not self._is_shared:
            self._registry.register(_EventLag(component))
        upload_log.logger.addHandler(self)
        if not upload_log.logger.isEnabledFor(logging.INFO):
            upload_log.logger.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        """Count one upload."""
        facts = vars(record)
        self._uploads.labels(facts["outcome"], facts["type"] or "none").inc()
        for step, milliseconds in facts["milliseconds"].items():
            self._seconds.labels(step).observe(milliseconds / 1000)
        self._look()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with the figures, in the format that Prometheus asks for."""
        self._look()
        registry = self._registry
        if self._is_shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            registry.register(_EventLag(self._component))
        answer: Iterable[bytes] = make_wsgi_app(registry)(environ, start_response)
        return answer

    def close(self) -> None:
        """Count nothing any more."""
        upload_log.logger.removeHandler(self)
        super().close()

    def _look(self) -> None:
        """Note what is true of this process at this moment."""
        self._spooled.set(self._component.context.spools.for_all.taken)
        renderer = self._component.renderer
        if isinstance(renderer, WorkerPool):
            self._waiting.set(renderer.waiting)
            with self._counting:
                # A fork begins at 0 again.
                before, self._started = self._started, renderer.started
                self._starts.inc(self._started - before if self._started >= before else self._started)


def _gauge(name: str, about: str, registry: CollectorRegistry | None) -> Gauge:
    """Return a figure of each process, which are added up where several answer."""
    return Gauge(name, about, multiprocess_mode="livesum", registry=registry)


class _EventLag:
    """How long the oldest event waits, asked of the catalog each time the figures are."""

    def __init__(self, component: ChevUpload) -> None:
        self._component = component

    def describe(self) -> Iterable[Metric]:
        """Say nothing of the catalog yet, which may be away."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield one figure, on a site that keeps events."""
        catalog, context = self._component.catalog, self._component.context
        if not (context.hooks.on_event and isinstance(catalog, EventRecords)):
            return
        try:
            oldest = catalog.oldest_event()
        except BackendError:
            logger.exception("the oldest event is not known")
            return
        lag = 0.0 if oldest is None else (context.clock() - oldest).total_seconds()
        yield GaugeMetricFamily("chevupload_event_lag_seconds", "How long ago the oldest event happened.", value=lag)
