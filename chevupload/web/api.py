"""The upload endpoint: one request in, one answer in the requested format out, whatever goes wrong.

Source: the contract of this API, sections 2 to 5.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from chevupload.errors import (
    InvalidAction,
    InvalidParameter,
    InvalidVersion,
    MethodNotAllowed,
    MissingAction,
    MissingKey,
    MissingVersion,
    NotFound,
    Refusal,
)
from chevupload.model import Upload
from chevupload.uploads.parameters import SOURCE_NAMES, TEXT_NAMES
from chevupload.web.api_json import image_document, imgbb_document, success_document
from chevupload.web.feature import Feature, route
from chevupload.web.receiver import key_of
from chevupload.web.urls import Links
from chevupload.wsgi.form import Form
from chevupload.wsgi.responses import (
    Document,
    Format,
    allow_origin,
    answer_format,
    as_refusal,
    json_answer,
    preflight_answer,
    redirect_answer,
    refusal_answer,
    text_answer,
)
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_METHODS = "POST, GET, OPTIONS"
_PATTERNS = ("/{}", "/{}/")


class UploadApi(Feature):
    """Answers the API's routes."""

    @route("upload", None, patterns=_PATTERNS)
    def upload(self, environ: WSGIEnvironment) -> Response:
        """Answer the upload route of Chevereto's dialect."""
        return self._answer(environ, partial(self._upload, self.document))

    @route("imgbb", None, patterns=_PATTERNS)
    def upload_imgbb(self, environ: WSGIEnvironment) -> Response:
        """Answer the upload route of ImgBB's dialect."""
        return self._answer(environ, partial(self._upload, self._imgbb_document), imgbb=True)

    def unknown(self, environ: WSGIEnvironment, version: str, action: str) -> Response:
        """Answer another path below ``/api``: what is missing, the version, the key and the action, in this order.

        Source: Chevereto V4, whose recorded answers come in the same order.
        """

        def refuse(environ: WSGIEnvironment, form: Form) -> Response:
            # What is wrong in the query or the body is not what the client has to mend first.
            with suppress(Refusal):
                form.read_query(environ, None)
            self._context.receiver.skim(environ, form)
            if not version:
                raise MissingVersion
            if not action:
                raise MissingAction
            if not (key := key_of(environ, form.fields)):
                raise MissingKey
            if version != "1":
                raise InvalidVersion
            self._context.receiver.identify(key, environ)
            raise InvalidAction

        return self._answer(environ, refuse)

    def missing(self, environ: WSGIEnvironment) -> Response:
        """Answer a path where a program looks for an API that is not there."""

        return self.refuse(environ, NotFound())

    def refuse(self, environ: WSGIEnvironment, refusal: Refusal, *, imgbb: bool = False) -> Response:
        """Answer with ``refusal``, in the format that the query asks for, to a client of ImgBB's if it is one."""

        def handler(environ: WSGIEnvironment, form: Form) -> Response:
            with suppress(Refusal):
                # For the format alone; what is wrong in it is not what the client has to mend first.
                form.read_query(environ, None)
            raise refusal

        return self._answer(environ, handler, imgbb=imgbb)

    def _answer(
        self, environ: WSGIEnvironment, handler: Callable[[WSGIEnvironment, Form], Response], *, imgbb: bool = False
    ) -> Response:
        """Answer in the requested format, whatever goes wrong, and let pages of other origins read it."""
        form = Form(self._config.limits, text_names=TEXT_NAMES, file_names=SOURCE_NAMES)
        try:
            response = handler(environ, form)
        except Exception as error:
            imgbb = imgbb or "image" in form.names
            response = refusal_answer(answer_format(form.fields.get("format")), as_refusal(error), imgbb=imgbb)
        allow_origin(response, self._config.policy.cors_origins, environ.get("HTTP_ORIGIN"))
        return response

    def _upload(
        self, describe: Callable[[Form, Upload, Links], Document], environ: WSGIEnvironment, form: Form
    ) -> Response:
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return preflight_answer(environ, _METHODS)
        form.read_query(environ, None)
        if method not in ("POST", "GET"):
            raise MethodNotAllowed(headers=(("Allow", _METHODS),))
        if "HTTP_IDEMPOTENCY_KEY" in environ and not self._context.uploads.is_idempotent:
            raise InvalidParameter("Idempotency-Key is not supported by this site")
        upload, links = self._context.receiver.receive(environ, form)
        return _upload_answer(answer_format(form.fields.get("format")), describe(form, upload, links), upload, links)

    def document(self, form: Form, upload: Upload, links: Links) -> Document:
        """Describe an upload in Chevereto's dialect, as the sender of ``form`` expects it."""
        document = image_document(
            upload,
            links,
            timezone=self._config.policy.timezone,
            renditions=self._config.renditions,
            imgbb="image" in form.names,
        )
        return success_document(document, imgbb="image" in form.names)

    def _imgbb_document(self, form: Form, upload: Upload, links: Links) -> Document:
        return imgbb_document(upload, links)


def _upload_answer(form: Format, document: Document, upload: Upload, links: Links) -> Response:
    """Send the outcome of an upload: the document, its direct URL, or a redirect to its viewer."""
    if form == "txt":
        return text_answer(links.file(upload, upload.path))
    if form == "redirect":
        return redirect_answer(links.viewer_path(upload))
    return json_answer(document)
