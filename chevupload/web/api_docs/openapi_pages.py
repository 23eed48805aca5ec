"""What people open in the OpenAPI document: viewers, delete links, keys, the API's own page, and what pages load."""

from __future__ import annotations

from chevupload import errors
from chevupload.model import MAX_KEY_LENGTH
from chevupload.web.api_docs.client_configs import CLIENTS
from chevupload.web.api_docs.openapi_parts import BUSY, GONE, Node, options, readable, redirect, ref, refusals, response
from chevupload.web.api_docs.reference import Service
from chevupload.web.assets import STYLE
from chevupload.web.keys_page import LIFETIMES

_BODY = (
    *(errors.RequestDenied, errors.LengthRequired, errors.SlowBody, errors.UnsupportedBody, errors.EncodedBody),
    errors.TooLarge,
)
"""What a form may be refused for, besides what is wrong in it."""
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


def viewer(kind: str) -> Node:
    """Describe the viewers of a kind of upload."""
    page = response("The page.", {"text/html": {"type": "string"}})
    return readable(
        f"show{kind}",
        {
            "summary": "The page of an upload",
            "parameters": [_upload_parameter()],
            "responses": {"200": page, "302": redirect("The path with the title of today."), **refusals(GONE)},
        },
    )


def delete(service: Service, kind: str) -> Node:
    """Describe the delete links of a kind of upload."""
    token = {"type": "string", "pattern": "^[^/]{1,200}$"}
    where = [_upload_parameter(), {"name": "token", "in": "path", "required": True, "schema": token}]
    deleted = response("Deleted.", {"application/json": ref("Deleted"), "text/html": {"type": "string"}})
    asked = response("A page that asks.", {"text/html": {"type": "string"}})
    failed = refusals(GONE)
    return {
        "get": {
            "operationId": f"askToDelete{kind}",
            "summary": "Delete the upload" if service.policy.delete_on_get else "Ask whether to delete the upload",
            "parameters": where,
            "responses": {"200": deleted if service.policy.delete_on_get else asked, **failed},
        },
        "head": {"operationId": f"headDelete{kind}", "parameters": where, "responses": {"200": asked, **failed}},
        "post": {
            "operationId": f"confirmDelete{kind}",
            "summary": "Delete the upload",
            "parameters": where,
            "responses": {"200": deleted, **failed},
        },
        "delete": {
            "operationId": f"delete{kind}",
            "summary": "Delete the upload",
            "parameters": where,
            "responses": {"200": deleted, **failed},
        },
        "options": options(f"delete{kind}Options", where),
    }


def keys_page() -> Node:
    """Describe the page of keys, and its forms."""
    text: Node = {"type": "string"}
    fields: Node = {
        "token": {**text, "description": "Of the page, for who is signed in."},
        "action": {**text, "enum": ["make", "revoke"]},
        "label": text,
        "style": {**text, "enum": ["chevereto", "imgbb"]},
        "lifetime": {**text, "enum": [*LIFETIMES]},
        "key": {**text, "description": "The id of the key to revoke."},
    }
    refused = (errors.InvalidParameter, errors.NotFound, *_BODY, *BUSY)
    return _form(
        "Keys",
        "The page on which who is signed in at the host makes and revokes keys",
        fields,
        {
            "200": _page("The page."),
            "302": redirect("Where to sign in."),
            "303": redirect("The page, without the key that is revoked."),
            "401": _page("Nobody is signed in."),
            **refusals(refused),
        },
    )


def api_page() -> Node:
    """Describe the page that describes the API, and its form."""
    fields: Node = {
        "key": {"type": "string", "maxLength": MAX_KEY_LENGTH, "pattern": r"^\s*[ -~]*\s*$"},
        "download": {"type": "string", "enum": [*CLIENTS]},
    }
    content: Node = {"text/html": {"type": "string"}, "application/octet-stream": {}}
    answer = response("The page with the key in its settings, or the file of settings that `download` names.", content)
    refused = (errors.InvalidParameter, *_BODY, *BUSY)
    return _form("Api", "The page that describes the API", fields, {"200": answer, **refusals(refused)})


def assets() -> Node:
    """Describe the style sheet and the scripts of the pages."""
    where: list[Node] = [
        {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}},
        {
            "name": "name",
            "in": "path",
            "required": True,
            "example": STYLE,
            "schema": {"type": "string", "pattern": r"^[a-z]{1,16}\.(css|js)$"},
        },
    ]
    content: Node = {"text/css": {"type": "string"}, "text/javascript": {"type": "string"}}
    answers = {"200": response("The file.", content), **refusals((errors.NotFound, *BUSY))}
    return _read(
        "getAsset", {"summary": "A style sheet or script of the pages", "parameters": where, "responses": answers}
    )


def home() -> Node:
    """Describe the start page."""
    answers = {"200": _page("The page."), **refusals(BUSY)}
    return _read("showHome", {"summary": "The start page, which leads to the others", "responses": answers})


def pup() -> Node:
    """Describe the script that other sites load."""
    answers = {
        "200": response("The script.", {"text/javascript": {"type": "string"}}),
        "304": {"description": "Unchanged."},
        **refusals(BUSY),
    }
    return _read(
        "getPupScript", {"summary": "A script that lets other sites' editors upload here", "responses": answers}
    )


def _read(name: str, operation: Node) -> Node:
    """Return the operations of what is read by GET and HEAD alone."""
    return {"get": {"operationId": name, **operation}, "head": {"operationId": f"{name}Head", **operation}}


def _form(name: str, summary: str, fields: Node, answers: Node) -> Node:
    """Describe a page with a form that is posted to its own address."""
    schema: Node = {"schema": {"type": "object", "properties": fields}}
    operation: Node = {"summary": summary, "responses": answers}
    return {
        "get": {"operationId": f"show{name}Page", **operation},
        "head": {"operationId": f"show{name}PageHead", **operation},
        "post": {
            "operationId": f"send{name}Form",
            **operation,
            "requestBody": {"content": dict.fromkeys(_FORM_TYPES, schema)},
        },
    }


def _page(text: str) -> Node:
    return response(text, {"text/html": {"type": "string"}})


def _upload_parameter() -> Node:
    return {
        "name": "upload",
        "in": "path",
        "required": True,
        "description": "The id of an upload, or any slug, a dot and the id.",
        "schema": {"type": "string", "pattern": r"^([^/]*\.)?[A-Za-z0-9]{1,32}$"},
    }
