"""An image host of its own: gunicorn behind nginx, records in PostgreSQL, files in S3, on one machine or on several.

On Debian, as root, on each machine::

    useradd --system --home-dir /srv/chevupload chevupload
    install -d /srv/chevupload /etc/chevupload
    python3 -m venv /srv/chevupload/venv
    /srv/chevupload/venv/bin/pip install 'chevupload[postgres,s3,migrations]' gunicorn
    install -m 644 site_app.py gunicorn.conf.py /srv/chevupload
    install -m 640 -g chevupload site.env /etc/chevupload           # then write your own values into it
    install -m 644 chevupload.service /etc/systemd/system
    install -m 644 nginx.conf /etc/nginx/conf.d/chevupload.conf     # then the name of your site, and its certificate

On one of them, make the tables, a user and a key; the commands read what the server reads::

    cd /srv/chevupload && set -a && . /etc/chevupload/site.env
    venv/bin/chevupload db upgrade
    venv/bin/chevupload user add ann
    venv/bin/chevupload key add ann

and start it everywhere::

    systemctl enable --now chevupload && systemctl reload nginx
    curl -H "X-API-Key: $KEY" -F source=@photo.jpg https://images.example.com/api/1/upload

Each setting of chevupload is a variable of the environment: ``max_bytes`` is ``CHEVUPLOAD_MAX_BYTES``. A file in TOML,
which ``CHEVUPLOAD_CONFIG`` names, may have them as well, and ``chevupload config show`` prints all of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from chevupload import component_from_file

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

component = component_from_file()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer, and read what a refusal left of the body: nginx takes a connection that ends before that for a fault.

    It is on this machine already, and no longer than nginx lets through.
    """
    answer = component(environ, start_response)
    with contextlib.suppress(Exception):  # a body that cannot be read to its end: each server has its own names for it
        while environ["wsgi.input"].read(262_144):
            pass
    return answer
