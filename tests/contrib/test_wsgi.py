"""A plain WSGI host: the component alone, around a host, and behind middleware that reads forms."""

from __future__ import annotations

from contextlib import contextmanager
from wsgiref.validate import validator

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import ClosingIterator

from chevupload import Config, Hooks, Limits, Originals, Principal, Refusal, Routes
from chevupload.app import ChevUpload
from chevupload.integration import RequestUploads
from chevupload.keys import KeyChain
from chevupload.storage.local import LocalStorage
from chevupload.testing import HostContract, RunningHost, serve, take_form, tell_sender
from chevupload.testing.memory import MemoryCatalog, StaticKeys
from chevupload.wsgi.form import ParsedForm, set_parsed_form

MAX_BYTES = 2_000_000
ANN = Principal(
    user_id="1", is_admin=True, max_bytes=MAX_BYTES, originals=Originals(max_width=4_000), data="of the host's own"
)


@contextmanager
def component(folder):
    """Make a component that trusts a proxy."""
    made = ChevUpload(
        keys=KeyChain(StaticKeys({"the-key": ANN})),
        catalog=MemoryCatalog(),
        storage=LocalStorage(folder / "images", incoming=folder / "incoming"),
        secret_keys=["a secret of sixteen characters or more"],
        config=Config(
            limits=Limits(max_bytes=2 * MAX_BYTES),
            routes=Routes(upload_page="upload", uploads="api/1/uploads"),
            trusted_proxies=1,
        ),
        current_user=lambda environ: environ.get("HTTP_X_USER"),
        hooks=Hooks(before_store=tell_sender),
        renderer="inline",
    )
    yield made
    made.close()


def host_of(component):
    """Return a host with a form of its own, and nothing else."""

    def host(environ, start_response):
        if environ["PATH_INFO"] != "/own":
            return missing(environ, start_response)
        with Request(environ) as request:
            try:
                file, title = request.files["picture"], request.form["title"]
                uploads = RequestUploads(component, environ)
                answer = Response(take_form(uploads, file, owner=request.headers["X-User"], title=title))
            except Refusal as refusal:
                answer = Response(refusal.message, refusal.status)
            return answer(environ, start_response)

    return host


def missing(environ, start_response):
    """Answer everything that is not the component's."""
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"the host's own 404"]


class Reading:
    """Middleware that reads forms when it is asked to, and hands on what it read, or does not."""

    def __init__(self, application, *, hands_on):
        self._application = application
        self._hands_on = hands_on

    def __call__(self, environ, start_response):
        if "HTTP_X_READ_FORM" in environ and not self._hands_on:
            body = environ["wsgi.input"]
            while body.read(65_536):
                pass
            # As a server leaves it that streams: there is no going back.
            environ["wsgi.input"] = _Spent()
        elif "HTTP_X_READ_FORM" in environ:
            request = Request(environ)
            self._read(environ, request)
            return ClosingIterator(self._application(environ, start_response), request.close)
        return self._application(environ, start_response)

    def _read(self, environ, request):
        request.max_form_memory_size = MAX_BYTES * 2
        if request.mimetype == "application/json":
            return
        files = [(name, file.filename, file.stream) for name, file in request.files.items(multi=True)]
        set_parsed_form(environ, ParsedForm(fields=list(request.form.items(multi=True)), files=files))


class _Spent:
    def read(self, size=-1):
        return b""

    def readline(self, size=-1):
        return b""

    def readlines(self, hint=-1):
        return []

    def __iter__(self):
        return iter(())


class TestWrapped(HostContract):
    """Around a host, whose middleware hands forms on."""

    @pytest.fixture(params=["", "/deep/down"])
    def host(self, request, tmp_path):
        with component(tmp_path) as made:
            application = validator(made.wrap(validator(host_of(made))))
            if request.param:
                application = DispatcherMiddleware(missing, {request.param: application})
            with serve(Reading(application, hands_on=True)) as address:
                url = address + request.param
                user = {"X-User": "1"}
                yield RunningHost(
                    url=url,
                    key="the-key",
                    max_bytes=MAX_BYTES,
                    signed_in=user,
                    own_form=f"{url}/own",
                    has_uploads_route=True,
                )


class TestMounted(HostContract):
    """Alone, below middleware that reads forms and keeps them."""

    @pytest.fixture(params=["", "/deep/down"])
    def host(self, request, tmp_path):
        with component(tmp_path) as made:
            application = validator(made)
            if request.param:
                application = DispatcherMiddleware(missing, {request.param: application})
            with serve(Reading(application, hands_on=False)) as address:
                yield RunningHost(url=address + request.param, key="the-key", max_bytes=MAX_BYTES, hands_on=False)
