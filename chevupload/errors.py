"""Every error of the package, and the wire's table of refusals.

Three families leave a function: :class:`ConfigError` is the developer's mistake and is raised at construction;
:class:`BackendError` says that storage, database or decoder is away; a :class:`Refusal` is the client's, and carries
what the wire needs. Statuses follow this API's contract, codes and messages Chevereto V4's.
"""

from __future__ import annotations

from typing import ClassVar


class ChevuploadError(Exception):
    """Root of everything this package raises on purpose."""


class ConfigError(ChevuploadError):
    """The component was put together wrongly; raised at construction, or where only a call can show it."""


class HandlerEnded(ChevuploadError):
    """A handler of events wants no more of them, until somebody says that it is told again."""


class BackendError(ChevuploadError):
    """Storage, database or decoder cannot do its work now; answered with 503."""


class StorageError(BackendError):
    """The storage refused or failed."""


class UnknownStorage(StorageError):
    """A record's files are in a storage that the site does not have any more, or not yet again."""


class FileMissing(StorageError):
    """There is no file at this path."""


class NotMovable(StorageError):
    """The files of an upload cannot be moved to another storage as they are, or not yet."""


class FileExists(StorageError):
    """There is a file at this path already, and it is left as it is."""


class CatalogError(BackendError):
    """The record store refused or failed."""


class HeldByTransaction(CatalogError):
    """An open transaction of the host's holds the upload; nothing was changed."""


class Taken(CatalogError):
    """Another upload holds what one has to itself; nothing was recorded."""


class NameTaken(Taken):
    """Another upload holds this name or id; the caller picks another one."""


class AlbumTaken(Taken):
    """The owner has an album with this title."""


class RequestTaken(Taken):
    """An upload of the same request is there, or on its way."""


class Refusal(ChevuploadError):
    """A client's request is refused.

    Attributes:
        when: in what case, for the page that describes the API; a text and no docstring, since Python drops those with
            ``-OO``.
        status: HTTP status of the answer.
        code: Chevereto's internal code, sent as ``error.code``.
        message: what the client reads; holds no path, query or traceback.
        headers: extra response headers, such as ``Allow`` or ``Retry-After``.
    """

    when: ClassVar[str]
    status: ClassVar[int] = 400
    code: ClassVar[int] = 400
    text: ClassVar[str] = "Bad request"

    def __init__(self, message: str | None = None, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Refuse with ``message``, or with the class's own text."""
        self.message = self.text if message is None else message
        self.headers = headers
        super().__init__(self.message)


# Routes and keys


class MissingVersion(Refusal):
    when = "``/api`` without a version."
    status, code, text = 404, 100, "No version provided"


class MissingAction(Refusal):
    when = "``/api/1`` without an action."
    status, code, text = 404, 100, "No action provided"


class InvalidVersion(Refusal):
    when = "``/api/<version>`` with a version other than 1."
    status, code, text = 404, 110, "Invalid API version."


class InvalidAction(Refusal):
    when = "``/api/1/<action>`` with an action that is not there, or switched off."
    status, code, text = 404, 120, "Invalid API action"


class NotFound(Refusal):
    when = "Nothing is here."
    status, code, text = 404, 404, "There is nothing here, or not any more"


class Gone(Refusal):
    when = "Something was here, and has expired."
    status, code, text = 410, 410, "This upload has expired"


class MethodNotAllowed(Refusal):
    when = "The route is known, the method is not; sent with ``Allow``."
    status, code, text = 405, 405, "Method not allowed"


class FloodDetected(Refusal):
    when = "A sender who has stored as many uploads as are allowed in a time; sent with ``Retry-After``."
    status, code, text = 429, 130, "Flooding detected"


class TooManyWrongKeys(Refusal):
    when = "An address that has sent as many wrong keys as are allowed in a minute; sent with ``Retry-After``."
    status, code, text = 429, 429, "Too many wrong keys"


class MissingKey(Refusal):
    when = "No key in header, query or body."
    status, code, text = 401, 100, "No key provided"


class InvalidKey(Refusal):
    when = "An unknown, revoked or expired key; all of them alike."
    status, code, text = 401, 100, "Invalid API key."


class TicketUsed(InvalidKey):
    when = "A ticket with which as much was uploaded as it allows, or whose upload of this file is gone."
    text = "This ticket is used up"


class RequestDenied(Refusal):
    when = "A known key that may not do this, or not from a page of this origin."
    status, code, text = 403, 401, "Request denied"


# The request


class MalformedRequest(Refusal):
    when = "The body cannot be read as what it claims to be."
    text = "Malformed request body"


class LengthRequired(Refusal):
    when = "A chunked body under a server that hands none on."
    status, code, text = 411, 411, "This server takes no chunked bodies: send a Content-Length"


class SlowBody(Refusal):
    when = "The body took longer to arrive than the limit allows."
    status, code, text = 408, 408, "The request body arrived too slowly"


class UnsupportedBody(Refusal):
    when = "A body in a content type that carries no parameters, or text in a charset or encoding not read here."
    status, code, text = 415, 415, "Unsupported content type of the request body"


class EncodedBody(Refusal):
    when = "A compressed body, or part of one; sent with ``Accept-Encoding``."
    status, code, text = 415, 415, "Compressed bodies are not read: send this without Content-Encoding"


class TooLarge(Refusal):
    when = "A file, field or body over its limit."
    status, code, text = 413, 400, "File too big"


class InvalidParameter(Refusal):
    when = "A parameter holds something it cannot mean."
    text = "Invalid parameter"


class ForeignAlbum(Refusal):
    when = "The album does not exist, belongs to someone else or is not the key's; all of them read the same."
    status, code, text = 403, 403, "Album not found among the key's own albums"


class AlbumExists(Refusal):
    when = "The owner has another album with this title."
    status, code, text = 409, 409, "There is an album with this title"


class TooManyAlbums(Refusal):
    when = "The owner has as many albums as one may have."
    status, code, text = 403, 403, "Too many albums"


class QuotaExceeded(Refusal):
    when = "The owner may not keep so much; the message says what is used and what is allowed."
    status, code, text = 403, 403, "Quota exceeded"


class UnknownCategory(Refusal):
    when = "There is no category with this id."
    text = "Unknown category"


class RequestPending(Refusal):
    when = "An upload with the same Idempotency-Key is on its way; sent with ``Retry-After``."
    status, code, text = 409, 409, "An upload with this Idempotency-Key is still on its way"


class RequestReused(Refusal):
    when = "An Idempotency-Key that stood for another file."
    status, code, text = 422, 422, "This Idempotency-Key was used for another file"


class UploadHeld(Refusal):
    when = "An upload that a transaction of the site's own is changing; sent with ``Retry-After``."
    status, code, text = 409, 409, "This upload is being changed, try again later"


class UnsupportedFormat(Refusal):
    when = "A format of the answer that oEmbed knows and this server does not have."
    status, code, text = 501, 501, "Only the format json is answered here"


# The source


class MissingSource(Refusal):
    when = "No source at all."
    code, text = 130, "Empty upload source"


class EmptySource(Refusal):
    when = "A source without content."
    code, text = 130, "Empty source"


class InvalidBase64(Refusal):
    when = "Text that is neither base64, a data URI nor a URL."
    code, text = 120, "Invalid base64 string"


class Base64NeedsPost(Refusal):
    when = "base64 in a query."
    code, text = 130, "Upload using base64 source must be done using POST method."


class UrlUploadDisabled(Refusal):
    when = "A URL source where fetching is switched off."
    status, code, text = 403, 403, "URL uploading is disabled"


class DuplicateUpload(Refusal):
    when = "The same bytes were uploaded by the same owner within the last day."
    code, text = 101, "Duplicated upload"


class InvalidUrl(Refusal):
    when = "A URL that cannot be read in one way only, or of a scheme that is not fetched."
    text = "Malformed URL"


class UrlRefused(Refusal):
    """An unknown name, a private address and a forbidden host read the same: nobody maps the inside network with it."""

    when = "A URL that leads to no public address, or to where the site does not fetch from."
    status, code, text = 403, 400, "Unsupported non-public IP address for upload"


class FetchFailed(Refusal):
    when = "The server behind a URL is away, or did not answer as it should."
    status, code, text = 502, 600, "Can't fetch target upload source (downstream)"


class FetchTimeout(Refusal):
    when = "The server behind a URL took longer than the limit allows."
    status, code, text = 504, 600, "Fetching the target upload source took too long"


# The picture


class NotAnImage(Refusal):
    when = "The content is no picture that anyone here knows."
    code, text = 610, "Can't get target upload source info"


class BrokenImage(Refusal):
    when = "A picture by its first bytes that cannot be decoded to its end."
    code, text = 610, "Can't get uploaded info"


class UnavailableFormat(Refusal):
    when = "A known format that is not accepted here."
    status, code, text = 415, 613, "Unavailable image format"


class MissingExtra(UnavailableFormat):
    """The message is the extra's name; renderers write it to the log, and refuse with the plain class."""

    when = "A format whose decoder comes with an extra that is not installed."


class DisabledFormat(Refusal):
    when = "A format that this site has switched off."
    status, code, text = 415, 614, "Disabled image format"


class TooManyPixels(Refusal):
    when = "More pixels, frames or scans than the limits allow."
    status, code, text = 413, 400, "Image too big"


class TooCostly(Refusal):
    when = "Decoding needed more time or memory than the limits allow."
    status, code, text = 413, 400, "Image takes too much time or memory to process"


class WidthTooLarge(Refusal):
    when = "The target width is larger than the picture."
    code, text = 610, "Target width is greater than the original image width"


class BrokenVideo(Refusal):
    when = "A video by its first bytes that has no duration, no picture, or none that can be decoded."
    code, text = 100, "Invalid video file provided"


# Our side


class Busy(Refusal):
    when = "Every worker is taken, or a backend is away; the client may try again."
    status, code, text = 503, 503, "Service unavailable, try again later"


class ServerFault(Refusal):
    when = "Our own fault; its cause is in the log only."
    status, code, text = 500, 500, "Internal server error"
