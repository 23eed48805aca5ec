"""A gallery on plain WSGI, written by its page of the documentation."""

from chevupload import Config, Principal, Routes, embedded


def current_user(environ):
    """Give whom the server knows a limit of their own."""
    user_id = environ.get("REMOTE_USER")
    return Principal(user_id=user_id, max_bytes=1_000) if user_id else None


uploads = embedded(
    "live",
    renderer="inline",
    guest_key="anybody",
    config=Config(routes=Routes(upload_page="upload")),
    current_user=current_user,
)


def host(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"The host's own page.\n"]


application = uploads.wrap(host)
