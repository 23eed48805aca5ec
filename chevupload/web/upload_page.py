"""The page on which people upload: as who is signed in at the host, with a key, or as guests where the site lets them.

A form without a key is taken only with the token that its page was given, signed for who is signed in: no other site
can send one, whatever cookies a browser sends along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chevupload.errors import Busy, EmptySource, MissingSource, Refusal
from chevupload.model import Principal, Upload
from chevupload.uploads.parameters import LIST_NAMES, SOURCE_NAMES, text_names
from chevupload.uploads.record import Source
from chevupload.uploads.upload_log import UploadLog
from chevupload.web.api import dialect_of
from chevupload.web.api_json import upload_document
from chevupload.web.context import WebContext
from chevupload.web.feature import Feature, route
from chevupload.web.page import Page
from chevupload.web.rate_limits import UploadSlot
from chevupload.web.receiver import Incoming
from chevupload.web.refusal_words import words_of
from chevupload.web.upload_form import UploadForm
from chevupload.web.urls import Links
from chevupload.wsgi.form import Form, UploadedFile
from chevupload.wsgi.responses import as_refusal, json_answer, refusal_answer, wants_json
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class UploadPage(Feature):
    """Answers the upload page."""

    def __init__(self, context: WebContext) -> None:
        """Use these parts."""
        super().__init__(context)
        self._form, self._names = UploadForm(context), text_names(context.config.policy) | {"token"}

    @route("upload_page", "GET, HEAD, POST", refusals="either")
    def answer(self, environ: WSGIEnvironment) -> Response:
        """Answer the page, or take what its form brings: JSON for who asks for it, as the API has it, or a page."""
        sender = self._form.sender(environ)
        if environ["REQUEST_METHOD"] != "POST":
            return self._context.answers.page(environ, self._page(environ, sender))
        return self._take(environ, sender)

    def _take(self, environ: WSGIEnvironment, sender: Principal | None) -> Response:
        limits = self._config.limits
        max_files = 1 if wants_json(environ) else limits.max_files
        form = Form(
            limits,
            field_names=self._names,
            source_names=SOURCE_NAMES,
            list_names=LIST_NAMES,
            max_files=max_files,
        )
        try:
            form.read_query(environ, None)
            with self._context.receiver.opened(environ, form, sender) as incoming:
                if not _is_program(environ, form):
                    # An empty field of a form is no file.
                    given = [*form.earlier_files, *form.files.values()]
                    files = [file for file in given if file.filename or file.spool.size]
                    if len(files) > 1:
                        return self._context.answers.page(environ, _outcomes_page(_stored_each(incoming, files)))
                    if not files and all(text.is_empty for text in form.text_sources.values()):
                        raise MissingSource
                upload, links = incoming.store()
        except Exception as error:
            refusal = as_refusal(error)
            if _is_program(environ, form):
                return refusal_answer("json", refusal)
            page = self._page(environ, sender, problem=words_of(refusal).sentence)
            return self._context.answers.page(environ, replace(page, status=refusal.status, headers=refusal.headers))
        if _is_program(environ, form):
            return json_answer(upload_document(upload, links, self._config, dialect_of(form)))
        return self._context.answers.page(environ, _uploaded_page([(upload, links)]))

    def _page(self, environ: WSGIEnvironment, sender: Principal | None, *, problem: str | None = None) -> Page:
        values = self._form.values(environ, sender, problem=problem)
        images = self._context.deliverer.sources()
        return Page(name="upload", title="Upload", values=values, scripts=self._form.scripts(sender), images=images)


def _is_program(environ: WSGIEnvironment, form: Form) -> bool:
    return form.fields.get("format") == "json" or wants_json(environ)


def _stored_each(incoming: Incoming, files: Sequence[UploadedFile]) -> list[tuple[str, tuple[Upload, Links] | Refusal]]:
    """Store every file on its own, and return the name of each with what came of it.

    Once the site is busy, the other files are not tried.
    """
    # Each takes its own.
    incoming.slot.give_back()
    limits, creation = incoming.context.rate_limits, incoming.context.creation
    outcomes: list[tuple[str, tuple[Upload, Links] | Refusal]] = []
    outcome: tuple[Upload, Links] | Refusal | None = None
    for place, file in enumerate(files):
        try:
            with file.spool, UploadLog() as log, UploadSlot(limits, creation, log) as slot:
                log.owner = incoming.principal.user_id
                if isinstance(outcome, Busy):
                    raise outcome
                if file.refusal is not None:
                    raise file.refusal
                if not file.spool.size:
                    raise EmptySource
                slot.take(incoming.principal, incoming.environ, place)
                source = Source(file.spool, file.filename or None)
                outcome = replace(incoming, file=source, place=place, log=log, slot=slot).store()
        except Exception as error:
            outcome = as_refusal(error)
        outcomes.append((file.filename, outcome))
    return outcomes


def _outcomes_page(outcomes: Sequence[tuple[str, tuple[Upload, Links] | Refusal]]) -> Page:
    """Show what became of several files, in a browser without scripts; where nothing is stored, the status says so."""
    stored = [outcome for _, outcome in outcomes if not isinstance(outcome, Refusal)]
    refused = [(name, outcome) for name, outcome in outcomes if isinstance(outcome, Refusal)]
    page = _uploaded_page(stored, [(name, words_of(refusal).sentence) for name, refusal in refused])
    if stored:
        return page
    refusal = refused[-1][1]
    return replace(page, status=refusal.status, headers=refusal.headers)


def _uploaded_page(stored: Sequence[tuple[Upload, Links]], refused: Sequence[tuple[str, str]] = ()) -> Page:
    """Show the links of uploads, those that delete them among them, and the names and reasons of what is refused."""
    count = len(stored) + len(refused)
    return Page(
        name="uploaded",
        title="Uploaded" if count == 1 else f"{len(stored)} of {count} uploaded",
        values={"stored": stored, "refused": refused},
        scripts=("page.js",),
        images=tuple(links.source(upload, upload.path) for upload, links in stored),
    )
