"""A component behind a real server with TLS on a Unix socket, and who looks at it beside the clients."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    def log(self, type, message, *arguments):
        """Say nothing of each request."""


class _Connection(http.client.HTTPSConnection):
    """HTTPS by way of a Unix socket."""

    def __init__(self, outside, host):
        super().__init__(host, context=outside.trust)
        self._path = outside.path

    def connect(self):
        """Connect, and check the certificate."""
        plain = socket.socket(socket.AF_UNIX)
        plain.connect(self._path)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


class Outside:
    """The server's side of a test.

    Attributes:
        path: of the Unix socket.
        trust: the client's side of TLS that knows the server's certificate.
        posted: the content types of the uploads that came in.
    """

    def __init__(self, path, trust):
        self.path, self.trust = path, trust
        self.posted = []

    @contextmanager
    def serving(self, component, prefix, tls):
        """Run the component below ``prefix``."""
        mounted = DispatcherMiddleware(NotFound(), {prefix: component})

        def application(environ, start_response):
            if environ["REQUEST_METHOD"] == "POST":
                self.posted.append(environ.get("CONTENT_TYPE", ""))
            return mounted(environ, start_response)

        server = make_server(
            f"unix://{self.path}", 0, application, threaded=True, ssl_context=tls, request_handler=_Quiet
        )
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def open(self, url, method="GET"):
        """Send a request, and return status and body of the answer."""
        parts = urlsplit(url)
        connection = _Connection(self, parts.hostname)
        connection.request(method, parts.path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body
