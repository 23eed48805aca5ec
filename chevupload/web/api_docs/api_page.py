"""The API described: a page for people, with settings for their clients, and an OpenAPI document for programs.

The page works without JavaScript. A key is sent to it by its form only, goes back in the answer, and nowhere else: no
key gets into an address, and none is kept.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chevupload.errors import InvalidParameter, RequestDenied
from chevupload.fetch.webhook import Webhook
from chevupload.media.optional import usable
from chevupload.model import MAX_KEY_LENGTH
from chevupload.uploads.parameters import taken_parameters
from chevupload.web.api_docs.client_configs import CLIENTS, PLACEHOLDER, Account, curl_line
from chevupload.web.api_docs.openapi import Node, openapi_document
from chevupload.web.api_docs.reference import EXPIRATIONS, Service, limits_of, refusals
from chevupload.web.feature import Feature, route
from chevupload.web.page import Page
from chevupload.wsgi.form import Form
from chevupload.wsgi.responses import json_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_FIELDS = ("key", "client", "download")
_MAX_BODY = 16_384


class ApiDocs(Feature):
    """Answers the routes that describe the API."""

    @route("openapi", "GET, HEAD, OPTIONS", refusals="json", is_shared=True, needs=("upload", "imgbb"))
    def openapi(self, environ: WSGIEnvironment) -> Response:
        """Answer the OpenAPI document."""
        return json_answer(openapi_document(self._service(environ), _version()))

    @route("api_page", "GET, HEAD, POST", needs=("upload", "imgbb"))
    def page(self, environ: WSGIEnvironment) -> Response:
        """Answer the page, or one of its files of settings."""
        service = self._service(environ)
        account = Account(upload_url=service.url(self._config.routes.upload or self._config.routes.imgbb or ""))
        if environ["REQUEST_METHOD"] != "POST":
            return self._context.answers.page(environ, _api_page(service, account))
        if environ.get("HTTP_SEC_FETCH_SITE") == "cross-site":
            # Another site could have somebody upload into an account that is not theirs.
            raise RequestDenied("This form was not sent from here")
        form = Form(self._config.limits, field_names=_FIELDS)
        form.read_body(environ, max_bytes=_MAX_BODY, open_spool=None)
        client = form.fields.get("client")
        try:
            account = Account(upload_url=account.upload_url, key=(form.fields.get("key") or PLACEHOLDER).strip())
        except InvalidParameter as refusal:
            return self._context.answers.page(
                environ, _api_page(service, account, client=client, problem=refusal.message)
            )
        if (name := form.fields.get("download")) is None:
            return self._context.answers.page(environ, _api_page(service, account, client=client))
        if name not in CLIENTS:
            raise InvalidParameter("Unknown client")
        return _settings_file(name, account)

    def _service(self, environ: WSGIEnvironment) -> Service:
        return Service(
            base_url=self._context.links(environ).base_url,
            routes=self._config.routes,
            limits=self._config.limits,
            policy=self._config.policy,
            renditions=self._config.renditions,
            formats=usable(self._config.policy.formats),
            sends_webhooks=any(isinstance(one, Webhook) for one in self._context.hooks.on_event.values()),
        )


def _api_page(service: Service, account: Account, *, client: str | None = None, problem: str | None = None) -> Page:
    """Describe the API, with settings for ``account``.

    Args:
        client: whose settings are shown.
        problem: what is wrong with the key that was sent.
    """
    routes, document = service.routes, openapi_document(service, "")
    values = {
        "account": account,
        "key": "" if account.key == PLACEHOLDER else account.key,
        "max_key_length": MAX_KEY_LENGTH,
        "problem": problem,
        "clients": CLIENTS,
        "chosen": client if client in (*CLIENTS, "another") else next(iter(CLIENTS)),
        "example": curl_line(account, "picture.jpg"),
        "imgbb_url": service.url(routes.imgbb) if routes.imgbb else None,
        "openapi_path": urlsplit(service.url(routes.openapi)).path if routes.openapi else None,
        "takes_urls": service.policy.url_sources != "nobody",
        "parameters": taken_parameters(service.policy),
        "expirations": EXPIRATIONS,
        "members": document["components"]["schemas"]["Image"]["properties"],
        "operations": list(_operations(service, document)),
        "refusals": refusals(),
        "formats": service.formats,
        "limits": limits_of(service),
        "max_bytes": service.limits.max_bytes,
    }
    return Page(
        name="api",
        title="Set up a program",
        values=values,
        scripts=("page.js",),
        status=400 if problem else 200,
        headers=(("X-Robots-Tag", "noindex"),),
    )


def _operations(service: Service, document: Node) -> Iterator[tuple[str, str, str]]:
    """Yield method, path and summary of what programs can do with uploads that are there."""
    routes, mount = service.routes, urlsplit(service.base_url).path
    starts = {f"/{path}" for path in (routes.uploads, routes.albums, routes.account, routes.imgbb_image) if path}
    for path, operations in document["paths"].items():
        if path.partition("/{")[0] in starts:
            for method, operation in operations.items():
                if method != "options":
                    yield method.upper(), mount + path, operation["summary"]


def _settings_file(name: str, account: Account) -> Response:
    """Send one client's settings as a file."""
    client = CLIENTS[name]
    response = Response(body=client.build(account).encode(), content_type="application/octet-stream", charset=None)
    response.headers["Content-Disposition"] = f'attachment; filename="{client.filename_for(account)}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def _version() -> str:
    try:
        return importlib.metadata.version("chevupload")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
