"""The upload endpoint: one request in, one answer in the requested format out, whatever goes wrong.

Source: docs/api.md, the contract.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from chevupload.errors import (
    InvalidAction,
    InvalidParameter,
    InvalidVersion,
    MethodNotAllowed,
    MissingAction,
    MissingKey,
    MissingVersion,
    Refusal,
)
from chevupload.uploads.parameters import LIST_NAMES, SOURCE_NAMES, text_names
from chevupload.web.api_json import Dialect, upload_document
from chevupload.web.context import WebContext
from chevupload.web.feature import Feature, route
from chevupload.web.receiver import key_of
from chevupload.wsgi.form import Form
from chevupload.wsgi.responses import (
    answer_format,
    as_refusal,
    json_answer,
    preflight_answer,
    redirect_answer,
    refusal_answer,
    shared,
    text_answer,
)
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_METHODS = "POST, GET, OPTIONS"
_PATTERNS = ("/{}", "/{}/")


class UploadApi(Feature):
    """Answers the API's routes."""

    def __init__(self, context: WebContext) -> None:
        """Answer with these parts."""
        super().__init__(context)
        self._receiver = context.receiver
        self._origins = context.config.policy.cors_origins
        self._names = text_names(context.config.policy)
        # The longer one first: by default, it ends as the other does.
        routes = filter(None, (context.config.routes.upload, context.config.routes.imgbb))
        self._routes = sorted(routes, key=len, reverse=True)

    @route("upload", None, patterns=_PATTERNS)
    @route("imgbb", None, patterns=_PATTERNS)
    def upload(self, environ: WSGIEnvironment) -> Response:
        """Take an upload and answer in the requested format, whatever goes wrong."""
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return shared(preflight_answer(environ, _METHODS), environ, self._origins)
        form = self._form()
        try:
            form.read_query(environ, None)
            if method not in ("POST", "GET"):
                raise MethodNotAllowed(headers=(("Allow", _METHODS),))
            if "HTTP_IDEMPOTENCY_KEY" in environ and not self._context.creation.is_idempotent:
                raise InvalidParameter("Idempotency-Key is not supported by this site")
            with self._receiver.opened(environ, form) as incoming:
                upload, links = incoming.store()
            wanted = answer_format(form.fields.get("format"))
            if wanted == "txt":
                answer = text_answer(links.file(upload, upload.path))
            elif wanted == "redirect":
                answer = redirect_answer(links.viewer_path(upload))
            else:
                answer = json_answer(upload_document(upload, links, self._config, self._dialect(environ, form)))
        except Exception as error:
            return self._refused(environ, form, error)
        return shared(answer, environ, self._origins)

    def unknown(self, environ: WSGIEnvironment, version: str, action: str) -> Response:
        """Answer another path below ``/api``: what is missing, the version, the key and the action, in this order.

        Source: Chevereto V4, whose recorded answers come in the same order.
        """
        form = self._form_of_query(environ)
        try:
            self._receiver.skim(environ, form)
            if not version:
                raise MissingVersion
            if not action:
                raise MissingAction
            if not (key := key_of(environ, form.fields)):
                raise MissingKey
            if version != "1":
                raise InvalidVersion
            self._receiver.identify(key, environ)
            raise InvalidAction
        except Exception as error:
            return self._refused(environ, form, error)

    def refuse(self, environ: WSGIEnvironment, refusal: Refusal) -> Response:
        """Answer with ``refusal``, in the format that the query asks for and the dialect of the path."""
        form = self._form_of_query(environ)
        return self._refused(environ, form, refusal)

    def _refused(self, environ: WSGIEnvironment, form: Form, error: Exception) -> Response:
        """Answer whatever went wrong, in the format that was asked for as far as ``form`` was read."""
        wanted = answer_format(form.fields.get("format"))
        has_context = self._dialect(environ, form) != "chevereto"
        answer = refusal_answer(wanted, as_refusal(error), has_context=has_context)
        return shared(answer, environ, self._origins)

    def _dialect(self, environ: WSGIEnvironment, form: Form) -> Dialect:
        """Return how to answer what was sent to one of the routes."""
        # No route has a character that would have to be decoded.
        path = environ.get("PATH_INFO", "").rstrip("/")
        for route_path in self._routes:
            if path.endswith(f"/{route_path}"):
                return "imgbb" if route_path == self._config.routes.imgbb else dialect_of(form)
        return dialect_of(form)

    def _form(self) -> Form:
        limits = self._config.limits
        return Form(limits, field_names=self._names, source_names=SOURCE_NAMES, list_names=LIST_NAMES)

    def _form_of_query(self, environ: WSGIEnvironment) -> Form:
        """Read the query for the format of a refusal alone: what is wrong in it is not what the client mends first."""
        form = self._form()
        with suppress(Refusal):
            form.read_query(environ, None)
        return form


def dialect_of(form: Form) -> Dialect:
    """Return how Chevereto answers what ``form`` has brought."""
    return "chevereto image" if "image" in form.names else "chevereto"
