"""A plain WSGI application with uploads.

Run it with ``python examples/plain_wsgi.py``, then make a user and a key for it::

    chevupload user add ann --data uploads
    chevupload key add ann --data uploads

and upload: ``curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:8000/api/1/upload``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from wsgiref.simple_server import make_server

from chevupload import embedded

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def host(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every request that is not an upload, a viewer page or a stored file."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"The host's own page.\n"]


application = embedded("uploads").wrap(host)

if __name__ == "__main__":
    with make_server("127.0.0.1", 8000, application) as server:
        server.serve_forever()
