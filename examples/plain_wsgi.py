"""A plain WSGI application with uploads.

In the checkout, this makes an environment and starts it at http://127.0.0.1:8000::

    python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[serve]'
    .venv/bin/python examples/plain_wsgi.py 8000

In a second terminal, in the same folder, make a user and a key, and upload with it::

    .venv/bin/chevupload user add ann --data uploads
    .venv/bin/chevupload key add ann --data uploads --label phone --format JPEG --max-bytes 20000000 --expires P90D
    curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:8000/api/1/upload

The key is for photos of this size, and for three months; without these words it takes all that the server takes, for
ever. Everything stays in the folder ``uploads`` below the current one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import waitress

from chevupload import embedded

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def host(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every request that is not an upload, a viewer page or a stored file."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"The host's own page.\n"]


application = embedded("uploads").wrap(host)

if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Serving http://127.0.0.1:{port} - make a key with chevupload, then upload to /api/1/upload", flush=True)
    waitress.serve(application, host="127.0.0.1", port=port)
