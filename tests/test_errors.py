from __future__ import annotations

import inspect
from http import HTTPStatus

import pytest

from chevupload import errors
from chevupload.errors import BackendError, ChevuploadError, ConfigError, Refusal

EVERY = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ChevuploadError)]
REFUSALS = [kind for kind in EVERY if issubclass(kind, Refusal)]


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_carries_what_the_wire_needs(kind):
    """A real status, an integer code, a message that says nothing of the inside."""
    refusal = kind()
    assert 400 <= HTTPStatus(refusal.status) < 600
    assert type(refusal.code) is int
    assert refusal.message == kind.text == str(refusal) != ""
    assert not set(refusal.message) & set("/\\_<>\n")
    assert refusal.headers == ()


def test_a_refusal_with_words_and_headers_of_its_own():
    """Whoever raises a refusal may word it and add headers, as a 405 has to name what is allowed."""
    refusal = errors.MethodNotAllowed("Not so", headers=(("Allow", "GET"),))
    assert (refusal.message, refusal.headers, str(refusal)) == ("Not so", (("Allow", "GET"),), "Not so")


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_belongs_to_one_family(kind):
    """The developer's mistake, a backend that is away, or the client's fault; but for what a handler of events says."""
    if kind not in (ChevuploadError, errors.HandlerEnded):
        assert sum(issubclass(kind, family) for family in (ConfigError, BackendError, Refusal)) == 1


@pytest.mark.parametrize(
    ("kind", "status", "code", "message"),
    [
        (errors.MissingVersion, 404, 100, "No version provided"),
        (errors.MissingAction, 404, 100, "No action provided"),
        (errors.MissingKey, 401, 100, "No key provided"),
        (errors.InvalidVersion, 404, 110, "Invalid API version."),
        (errors.InvalidAction, 404, 120, "Invalid API action"),
        (errors.InvalidKey, 401, 100, "Invalid API key."),
        (errors.RequestDenied, 403, 401, "Request denied"),
        (errors.MissingSource, 400, 130, "Empty upload source"),
        (errors.Base64NeedsPost, 400, 130, "Upload using base64 source must be done using POST method."),
        (errors.InvalidBase64, 400, 120, "Invalid base64 string"),
        (errors.EmptySource, 400, 130, "Empty source"),
        (errors.UrlUploadDisabled, 403, 403, "URL uploading is disabled"),
        (errors.InvalidUrl, 400, 400, "Malformed URL"),
        (errors.UrlRefused, 403, 400, "Unsupported non-public IP address for upload"),
        (errors.FetchFailed, 502, 600, "Can't fetch target upload source (downstream)"),
        (errors.FetchTimeout, 504, 600, "Fetching the target upload source took too long"),
        (errors.DuplicateUpload, 400, 101, "Duplicated upload"),
        (errors.NotAnImage, 400, 610, "Can't get target upload source info"),
        (errors.UnavailableFormat, 415, 613, "Unavailable image format"),
        (errors.WidthTooLarge, 400, 610, "Target width is greater than the original image width"),
        (errors.MethodNotAllowed, 405, 405, "Method not allowed"),
        (errors.LengthRequired, 411, 411, "This server takes no chunked bodies: send a Content-Length"),
        (errors.SlowBody, 408, 408, "The request body arrived too slowly"),
        (errors.TooLarge, 413, 400, "File too big"),
        (errors.Busy, 503, 503, "Service unavailable, try again later"),
        (errors.ServerFault, 500, 500, "Internal server error"),
    ],
)
def test_the_wires_words(kind, status, code, message):
    """Clients match these: codes and messages are Chevereto's, statuses this API's own."""
    assert (kind.status, kind.code, kind().message) == (status, code, message)
