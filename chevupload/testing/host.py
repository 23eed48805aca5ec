"""What a program sees of an upload API inside a host, over HTTP: the contract of every adapter and every mount.

Subclass :class:`HostContract` in a test module and give it a running host::

    class TestMyHost(HostContract):
        @pytest.fixture(params=["", "/deep/down"])
        def host(self, request, tmp_path):
            application, key = my_application(tmp_path, mounted_at=request.param)
            with serve(application) as address:
                yield RunningHost(url=address + request.param, key=key, max_bytes=2_000_000)

The host under test has to

- trust one proxy in front of it, or say that it does not;
- read the request's form itself, before the component does, when the request has a header ``X-Read-Form``, or say that
  it does not;
- have its protection against cross-site requests on, where it has one;
- where it has users who sign in, give the headers of one who is (``signed_in``). This user has a limit of their own,
  half of the site's; the upload page is at ``/upload``, :func:`tell_sender` is ``before_store``, and a form of the
  host's own, at ``own_form``, gives its file ``picture`` and its ``title`` to :func:`take_form` with the user's id. It
  answers with the text that this returns, or a refusal with its status and message.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import pytest

from chevupload.testing.samples import SENDER_TITLE, VERBS_TITLE, picture

_BOUNDARY = "a-boundary-that-is-in-no-picture"
_MULTIPART = f"multipart/form-data; boundary={_BOUNDARY}"
_URLENCODED = "application/x-www-form-urlencoded"
_JSON = "application/json"
_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningHost:
    """A host that is running.

    Attributes:
        url: of the component's mount point, without a slash at its end.
        key: of a user who may upload.
        max_bytes: largest file that it takes; from 1.5 to 10 million, so that its limit can be tried.
        hands_on: whether a form that the host has read still uploads; otherwise it is refused, with the cause.
        reads_forms: whether the host reads forms with the header ``X-Read-Form``; False skips what this needs.
        trusts_proxy: whether the host trusts one proxy in front of it; likewise.
        signed_in: headers of a browser in which the key's user is signed in; None skips what needs them. The limit of
            ``max_bytes`` is then this user's own.
        own_form: URL of the host's own form.
        has_key_page: whether the signed-in user has the page of keys, at ``/settings/api``.
        has_uploads_route: whether programs list, change and delete uploads, at ``/api/1/uploads``.
    """

    url: str
    key: str
    max_bytes: int
    hands_on: bool = True
    reads_forms: bool = True
    trusts_proxy: bool = True
    signed_in: Mapping[str, str] | None = None
    own_form: str | None = None
    has_key_page: bool = False
    has_uploads_route: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the host answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The document."""
        assert self.headers["content-type"] == "application/json; charset=UTF-8", self
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The text."""
        return self.body.decode()


class HostContract:
    """Uploads through a host work as they do without one."""

    @pytest.fixture
    def host(self) -> RunningHost:
        """Return a running host."""
        raise NotImplementedError("a subclass gives the running host")

    def test_an_upload_is_answered_in_json(self, host: RunningHost) -> None:
        """With URLs below the mount point, all of which lead where they say."""
        content = picture((600, 400))
        title = "Ein schöner Tag – 日本"
        image = _uploaded(host, {"source": ("photo.png", content), "title": title})
        assert image["title"] == title
        urls = [image["url"], image["thumb"]["url"], image["medium"]["url"], image["url_viewer"], image["url_short"]]
        assert [url for url in urls if not url.startswith(f"{host.url}/")] == []
        assert _get(image["url"]).body == content
        for url in urls[1:3]:
            assert _get(url).headers["content-type"] == "image/png"
        viewer = _get(image["url_viewer"])
        assert (viewer.status, title in viewer.text) == (200, True)
        short = _get(image["url_short"])
        assert short.status in (200, 302)
        assert short.headers.get("location", urlsplit(image["url_viewer"]).path) == urlsplit(image["url_viewer"]).path

    def test_an_answer_can_be_text(self, host: RunningHost) -> None:
        """The file's URL, and nothing else."""
        answer = _upload(host, {"source": ("photo.png", picture()), "format": "txt"})
        assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert _get(answer.text).status == 200

    def test_an_answer_can_be_a_redirect(self, host: RunningHost) -> None:
        """To the viewer's path, mount point and all."""
        answer = _upload(host, {"source": ("photo.png", picture()), "format": "redirect"})
        assert (answer.status, answer.body) == (302, b"")
        location = answer.headers["location"]
        assert location.startswith(f"{urlsplit(host.url).path}/")
        assert _get(_origin(host.url) + location).status == 200

    def test_the_key_can_be_a_parameter(self, host: RunningHost) -> None:
        """In the query, or in the form."""
        source = {"source": ("photo.png", picture())}
        assert _upload(host, source, query={"key": host.key}, key=None).status == 200
        assert _upload(host, {"key": host.key, **source}, key=None).status == 200

    def test_imgbbs_clients_upload_too(self, host: RunningHost) -> None:
        """By their own route, with the key in the query."""
        answer = _upload(host, {"image": ("photo.png", picture())}, path="/1/upload", query={"key": host.key}, key=None)
        assert (answer.status, answer.json["success"]) == (200, True)
        assert _get(answer.json["data"]["medium"]["url"]).status == 200

    def test_a_slash_at_the_end_is_no_redirect(self, host: RunningHost) -> None:
        """A redirected POST loses its body."""
        assert _upload(host, {"source": ("photo.png", picture())}, path="/api/1/upload/").status == 200

    @pytest.mark.parametrize("form", ["json", "txt", "redirect"])
    def test_refusals_are_told_in_the_format_that_was_asked_for(self, host: RunningHost, form: str) -> None:
        """Never as the host's own error page."""
        source = ("photo.png", picture())
        for status, fields, key in (
            (401, {"source": source}, None),
            (401, {"source": source}, f"{host.key}x"),
            (400, {"source": ("photo.png", b"no picture")}, host.key),
            (400, {"title": "nothing else"}, host.key),
            (400, {"source": source, "expiration": "some day"}, host.key),
        ):
            answer = _upload(host, {"format": form, **fields}, key=key)
            assert answer.status == status, answer
            if form == "json":
                assert (answer.json["status_code"], sorted(answer.json)) == (
                    status,
                    ["error", "status_code", "status_txt"],
                )
            else:
                assert answer.headers["content-type"] == "text/plain; charset=utf-8"
                assert "<" not in answer.text

    def test_a_wrong_method_is_told_in_json(self, host: RunningHost) -> None:
        """With the methods that there are."""
        answer = _request("PUT", f"{host.url}/api/1/upload", headers={"X-API-Key": host.key})
        assert (answer.status, answer.json["status_code"], "POST" in answer.headers["allow"]) == (405, 405, True)

    def test_what_is_too_large_is_refused(self, host: RunningHost) -> None:
        """Whether it says so beforehand or not."""
        content = b"\x89PNG\r\n\x1a\n" + bytes(host.max_bytes * 2)
        for is_chunked in (False, True):
            answer = _upload(host, {"source": ("photo.png", content)}, is_chunked=is_chunked)
            assert (answer.status, answer.json["status_code"]) == (413, 413)

    def test_base64_as_large_as_a_file_is_taken(self, host: RunningHost) -> None:
        """No limit of the host on text fields stands before that of the component."""
        content = picture((700, 600))
        assert len(content) > 1_200_000
        text = base64.b64encode(content).decode()
        for fields, content_type in ((({"source": text}), _MULTIPART), ({"source": text}, _URLENCODED)):
            answer = _upload(host, fields, content_type=content_type)
            assert _get(answer.json["image"]["url"]).body == content

    def test_a_body_can_come_in_chunks(self, host: RunningHost) -> None:
        """Of unknown length, as programs send that stream."""
        content = picture()
        answer = _upload(host, {"source": ("photo.png", content)}, is_chunked=True)
        assert _get(answer.json["image"]["url"]).body == content

    @pytest.mark.parametrize("kind", ["file", "base64", "urlencoded", "json"])
    def test_a_form_that_the_host_has_read_uploads(self, host: RunningHost, kind: str) -> None:
        """Or is refused with the cause, where nothing could be handed on; never as a missing source."""
        if not host.reads_forms:
            pytest.skip("the host does not read forms with X-Read-Form")
        content = picture((500, 400))
        text = base64.b64encode(content).decode()
        body, content_type = {
            "file": (_multipart({"title": "read", "source": ("photo.png", content)}), _MULTIPART),
            "base64": (_multipart({"title": "read", "source": text}), _MULTIPART),
            # The plus signs as programs send them: some as they are, which a form's reader takes for spaces.
            "urlencoded": (f"title=read&source={text}".encode(), _URLENCODED),
            "json": (json.dumps({"title": "read", "source": text}).encode(), _JSON),
        }[kind]
        headers = {"X-API-Key": host.key, "X-Read-Form": "yes", "Content-Type": content_type}
        answer = _request("POST", f"{host.url}/api/1/upload", body, headers)
        if host.hands_on:
            assert answer.status == 200, answer
            image = answer.json["image"]
            assert (image["title"], _get(image["url"]).body) == ("read", content)
        else:
            assert answer.status == 400
            assert "read by the host" in answer.json["error"]["message"]

    def test_the_hosts_protection_against_cross_site_requests_is_not_in_the_way(self, host: RunningHost) -> None:
        """A key is the credential: pages of other sites and programs without cookies upload with it."""
        headers = {"Origin": "https://elsewhere.example", "Referer": "https://elsewhere.example/", "Cookie": "a=b"}
        answer = _upload(host, {"source": ("photo.png", picture())}, headers=headers)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")

    def test_a_browser_may_ask_before_it_uploads(self, host: RunningHost) -> None:
        """Without a key."""
        headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
        answer = _request("OPTIONS", f"{host.url}/api/1/upload", headers=headers)
        assert (answer.status, answer.body, "content-type" in answer.headers) == (204, b"", False)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "X-API-Key" in answer.headers["access-control-allow-headers"]

    def test_programs_list_change_and_delete(self, host: RunningHost) -> None:
        """By methods of HTTP that pages seldom send; the host's protection is not in their way, either."""
        if not host.has_uploads_route:
            pytest.skip("the host has no route for uploads")
        image = _uploaded(host, {"source": ("photo.png", picture())})
        url = f"{host.url}/api/1/uploads/{image['id_encoded']}"
        headers = {"X-API-Key": host.key, "Origin": "https://elsewhere.example", "Cookie": "a=b"}
        for path in ("uploads?limit=1", "uploads/?limit=1"):
            listed = _request("GET", f"{host.url}/api/1/{path}", headers=headers)
            assert [one["id_encoded"] for one in listed.json["uploads"]] == [image["id_encoded"]]
        for title, body, content_type in (
            ("é 1", json.dumps({"title": "é 1"}).encode(), _JSON),
            ("é 2", b"title=%C3%A9+2", _URLENCODED),
            ("é 3", _multipart({"title": "é 3"}), _MULTIPART),
        ):
            changed = _request("PATCH", url, body, {**headers, "Content-Type": content_type})
            assert (changed.status, changed.json["image"]["title"]) == (200, title)
        asked = _request("OPTIONS", url, headers={"Origin": "https://elsewhere.example"})
        assert (asked.status, asked.headers["access-control-allow-methods"]) == (204, "GET, PATCH, DELETE, OPTIONS")
        deleted = _request("DELETE", url, headers=headers)
        assert (deleted.status, deleted.headers["access-control-allow-origin"]) == (200, "*")
        assert (_request("GET", url, headers=headers).status, _get(image["url"]).status) == (404, 404)

    def test_urls_are_right_behind_a_proxy(self, host: RunningHost) -> None:
        """Which took off a prefix, and ends TLS."""
        if not host.trusts_proxy:
            pytest.skip("the host trusts no proxy")
        headers = {
            "X-Forwarded-For": "203.0.113.7",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "outside.example",
            "X-Forwarded-Prefix": "/before",
        }
        image = _upload(host, {"source": ("photo.png", picture())}, headers=headers).json["image"]
        base = f"https://outside.example/before{urlsplit(host.url).path}/"
        urls = [image["url"], image["thumb"]["url"], image["url_viewer"], image["url_short"], image["delete_url"]]
        assert [url for url in urls if not url.startswith(base)] == []
        redirect = _upload(host, {"source": ("photo.png", picture()), "format": "redirect"}, headers=headers)
        assert redirect.headers["location"].startswith(urlsplit(base).path)

    def test_files_are_served_in_parts(self, host: RunningHost) -> None:
        """And again only when they have changed, which they never do."""
        content = picture()
        url = _uploaded(host, {"source": ("photo.png", content)})["url"]
        part = _request("GET", url, headers={"Range": "bytes=10-19"})
        assert (part.status, part.body) == (206, content[10:20])
        head = _request("HEAD", url)
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(content)))
        # With a type, a cache would take it for that of the file which it has.
        unchanged = _request("GET", url, headers={"If-None-Match": head.headers["etag"]})
        assert (unchanged.status, unchanged.body, "content-type" in unchanged.headers) == (304, b"", False)

    def test_a_delete_link_asks_and_deletes(self, host: RunningHost) -> None:
        """After which nothing is left for readers."""
        image = _uploaded(host, {"source": ("photo.png", picture())})
        asked = _get(image["delete_url"])
        assert (asked.status, asked.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert _get(image["url"]).status == 200
        deleted = _request("POST", image["delete_url"], b"", {"Content-Type": _URLENCODED})
        assert deleted.status == 200
        urls = (image["url"], image["thumb"]["url"], image["url_viewer"], image["delete_url"])
        assert [_get(url).status for url in urls] == [404] * 4

    def test_many_upload_at_once(self, host: RunningHost) -> None:
        """Under one name, and nobody's file becomes another's."""
        contents = [picture((40, 40 + number)) for number in range(16)]

        def upload(content: bytes) -> str:
            url: str = _uploaded(host, {"source": ("same.png", content)})["url"]
            return url

        with ThreadPoolExecutor(8) as threads:
            urls = list(threads.map(upload, contents))
        assert len(set(urls)) == len(urls)
        assert [_get(url).body for url in urls] == contents

    def test_a_user_is_the_same_whichever_way_an_upload_comes(self, host: RunningHost) -> None:
        """By a key, from the upload page or from the host's own form: hooks are told the same limits and data."""
        fields = {"source": ("photo.png", picture()), "title": SENDER_TITLE}
        by_page = _upload_by_page(host, fields)
        by_form = _upload_by_form(host, fields)
        by_key = _upload(host, fields)
        assert by_key.status == 403
        told = by_key.json["error"]["message"]
        assert f"max_bytes={host.max_bytes}," in told
        assert (by_page.status, by_page.json["error"]["message"]) == (403, told)
        assert (by_form.status, by_form.text) == (403, told)

    def test_the_hosts_own_code_has_every_verb(self, host: RunningHost) -> None:
        """In each request as in the next one, with links as the sender of the request has them."""
        if host.own_form is None:
            pytest.skip("the host has no form of its own")
        content = picture((600, 400))
        fields = {"source": ("tom.png", content), "title": VERBS_TITLE}
        made = json.loads(_upload_by_form(host, fields).text)
        assert [url for url in (made["url"], made["medium_url"]) if not url.startswith(f"{host.url}/")] == []
        assert (_get(made["url"]).body, _get(made["medium_url"]).status) == (content, 200)
        changed = json.loads(_upload_by_form(host, fields).text)
        assert (changed["id_encoded"], changed["title"]) == (made["id_encoded"], "Changed")
        assert "Changed" in _get(changed["url_viewer"]).text
        for _ in ("upload", "album"):
            assert json.loads(_upload_by_form(host, fields).text) == {"deleted": True}
            assert _get(made["url"]).status == 404

    def test_a_users_own_limit_holds_whichever_way_an_upload_comes(self, host: RunningHost) -> None:
        """The page says it, too."""
        fields = {"source": ("photo.png", b"\x89PNG\r\n\x1a\n" + bytes(host.max_bytes * 3 // 2)), "title": "large"}
        assert f'data-max-bytes="{host.max_bytes}"' in _upload_page(host).text
        assert _upload_by_page(host, fields).status == 413
        assert _upload_by_form(host, fields).status == 413
        fields["source"] = ("photo.png", picture())
        assert _upload_by_page(host, fields).status == 200
        assert _upload_by_form(host, fields).status in (200, 302, 303)

    def test_a_user_makes_and_revokes_keys(self, host: RunningHost) -> None:
        """On the page of keys, which only who is signed in sees, and by its own forms alone."""
        if not host.has_key_page:
            pytest.skip("the host has no page of keys")
        page = f"{host.url}/settings/api"
        source = {"source": ("photo.png", picture())}
        token = _token(_request("GET", page, headers=host.signed_in))

        def send(**fields: str) -> Answer:
            headers = {**(host.signed_in or {}), "Content-Type": _URLENCODED}
            return _request("POST", page, urlencode(fields).encode(), headers)

        made = send(token=token, action="make", label="laptop")
        found = re.search(r'id="key"[^>]* value="(chv_([^_"]+)_[^"]+)"', made.text)
        assert found is not None, made
        key, key_id = found.groups()
        assert _upload(host, source, key=key).status == 200
        assert send(token=token, action="revoke", key=key_id).status == 303
        assert _upload(host, source, key=key).status == 401
        assert send(action="make", label="forged").status == 403
        assert _get(page).status in (302, 401)

    def test_other_paths_are_the_hosts(self, host: RunningHost) -> None:
        """What is not there is not there, and no fault."""
        assert _get(f"{host.url}/image/no/such/thing").status == 404
        assert _get(f"{host.url}/images/no-such-file.png").status == 404


def _upload(
    host: RunningHost,
    fields: Mapping[str, Any],
    *,
    key: str | None = "",
    path: str = "/api/1/upload",
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    content_type: str = _MULTIPART,
    is_chunked: bool = False,
) -> Answer:
    """Send a form; a file is a pair of name and content. By default with the host's key in a header."""
    sent = {**(headers or {}), "Content-Type": content_type}
    if key is not None:
        sent["X-API-Key"] = key or host.key
    body = urlencode(fields, quote_via=quote_plus).encode() if content_type == _URLENCODED else _multipart(fields)
    url = f"{host.url}{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
    return _request("POST", url, body, sent, is_chunked=is_chunked)


def _token(page: Answer) -> str:
    """Return the token of a page's forms."""
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found is not None, page
    return found[1]


def _upload_page(host: RunningHost) -> Answer:
    """Return the upload page as a signed-in user gets it."""
    if host.signed_in is None:
        pytest.skip("nobody signs in at this host")
    answer = _request("GET", f"{host.url}/upload", headers=host.signed_in)
    assert answer.status == 200, answer
    return answer


def _upload_by_page(host: RunningHost, fields: Mapping[str, Any]) -> Answer:
    """Send the upload page's form, as its script does."""
    body = _multipart({"token": _token(_upload_page(host)), **fields})
    headers = {**(host.signed_in or {}), "Content-Type": _MULTIPART, "Accept": _JSON}
    return _request("POST", f"{host.url}/upload", body, headers)


def _upload_by_form(host: RunningHost, fields: Mapping[str, Any]) -> Answer:
    """Send the host's own form."""
    assert host.own_form is not None, "who has signed_in has own_form"
    body = _multipart({"picture": fields["source"], "title": fields["title"]})
    return _request("POST", host.own_form, body, {**(host.signed_in or {}), "Content-Type": _MULTIPART})


def _uploaded(host: RunningHost, fields: Mapping[str, Any]) -> dict[str, Any]:
    answer = _upload(host, fields)
    assert answer.status == 200, answer
    image: dict[str, Any] = answer.json["image"]
    return image


def _get(url: str) -> Answer:
    return _request("GET", url)


def _request(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    is_chunked: bool = False,
) -> Answer:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_SECONDS)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        if is_chunked:
            assert body is not None
            pieces = (body[start : start + 8_000] for start in range(0, len(body), 8_000))
            sent = {**(headers or {}), "Transfer-Encoding": "chunked"}
            connection.request(method, target, pieces, sent, encode_chunked=True)
        else:
            connection.request(method, target, body, dict(headers or {}))
    except (BrokenPipeError, ConnectionResetError):
        # Refused before the end of the body: the answer is there all the same.
        pass
    try:
        response = connection.getresponse()
        received = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, headers=received, body=response.read())
    finally:
        connection.close()


def _multipart(fields: Mapping[str, Any]) -> bytes:
    parts = []
    for name, value in fields.items():
        filename, content = ("", value.encode()) if isinstance(value, str) else value
        of_file = f'; filename="{filename}"\r\nContent-Type: application/octet-stream' if filename else ""
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{of_file}\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
