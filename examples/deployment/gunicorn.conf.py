"""gunicorn's settings; it reads this file from the folder that it is started in.

``WEB_CONCURRENCY`` says how many processes there are. SIGHUP, which ``systemctl reload`` sends, starts new ones, with
the code that is installed now, and lets the old ones finish what they are at.
"""

from __future__ import annotations

from typing import Any

wsgi_app = "site_app:application"
bind = "127.0.0.1:8000"
# Threads wait: for decoders, which are processes of their own, for the database and for the bucket.
worker_class = "gthread"
threads = 16
# Loaded in each process by itself, so that a reload takes what was installed since the start.
preload_app = False
# A process that does not even say that it lives is started anew after this. Long requests do not count.
timeout = 60
# An upload may take Limits.body_seconds (300) to arrive, and some more to be stored.
graceful_timeout = 330
# nginx keeps connections open for ten seconds. gunicorn's main thread waits up to two for the other side of each that
# it closes itself, and nothing is accepted meanwhile.
keepalive = 30
# nginx, which is in front, allows lines of 8 KiB. What it lets through should be refused by nobody but the application.
limit_request_line = 8190
# Nobody drives it but systemd.
control_socket_disable = True
# Each upload writes a record of its own, with what it took.
accesslog = None
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "chevupload.cli.log.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {"chevupload": {"level": "INFO"}, "gunicorn.error": {"level": "INFO", "propagate": True}},
}


def _component() -> Any:
    # Not before the fork: the application is each process's own.
    from site_app import component  # type: ignore[import-not-found]  # noqa: PLC0415

    return component


def post_worker_init(worker: object) -> None:
    """Start the decoders before the first upload comes, and the sweeps, which share their work among all processes."""
    _component().warm()
    _component().maintenance.sweep_every(600)


def worker_exit(server: object, worker: object) -> None:
    """End both."""
    _component().close()
