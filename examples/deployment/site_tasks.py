"""Batch work by Celery, beside the servers: Redis brings its messages, and keeps nothing that could not be lost.

On Debian, as root, where Redis is to run; other machines need the rest, and its address in ``CELERY_BROKER_URL``::

    apt-get install redis-server
    /srv/chevupload/venv/bin/pip install 'chevupload[celery]'
    install -m 644 site_tasks.py /srv/chevupload
    install -m 644 chevupload-worker.service /etc/systemd/system
    systemctl enable --now chevupload-worker

A job is started anywhere, and all workers share it. The command without Celery joins in, and shows how far it is::

    cd /srv/chevupload && set -a && . /etc/chevupload/site.env
    venv/bin/python -c 'from site_tasks import tasks; tasks.start("render")'
    venv/bin/chevupload render
"""

from __future__ import annotations

from celery import Celery
from site_app import component  # type: ignore[import-not-found]

from chevupload.contrib.celery import register

app = Celery("chevupload")  # CELERY_BROKER_URL is Celery's own variable
app.conf.update(
    # Longer than a task takes: after that, what a dead worker had is given to another one.
    broker_transport_options={"visibility_timeout": 600},
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    # gunicorn.conf.py has the sweeps. Every machine may have a beat: a task that comes too often finds nothing to do.
    beat_schedule={"resume": {"task": "chevupload.resume", "schedule": 60.0, "options": {"expires": 60}}},
)
tasks = register(app, component)
