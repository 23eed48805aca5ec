"""The OpenAPI 3.1 document of a server, as it is set up.

May know: the reference and the schemas. Source: OpenAPI 3.1.1. The document says what the server does, also where that
is more than a client should rely on: an empty parameter is an absent one, unknown ones are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from chevupload import errors
from chevupload.errors import Refusal
from chevupload.model import MIME_TYPES
from chevupload.response.reference import Parameter, Service, limits_of, parameters, upload_refusals
from chevupload.response.schemas import component_schemas

_Node = dict[str, Any]

_BUSY = (errors.MalformedRequest, errors.ServerFault, errors.Busy)
"""What any route may answer: a malformed Host header, or our own fault."""
_GONE = (errors.NotFound, errors.Gone, *_BUSY)


def openapi_document(service: Service, version: str) -> _Node:
    """Describe the routes that are switched on."""
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Upload API",
            "version": "1.1",
            "description": _description(service, version),
        },
        "servers": [{"url": service.base_url}],
        "paths": dict(_paths(service)),
        "components": {
            "schemas": component_schemas(),
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "query": {"type": "apiKey", "in": "query", "name": "key"},
            },
        },
    }


def _description(service: Service, version: str) -> str:
    rows = "\n".join(f"- {name}: {value}" for name, value in limits_of(service))
    return (
        "Chevereto V4's API V1.1, and ImgBB's. A key goes into the header `X-API-Key`, or into the parameter `key` of"
        " query or body. A value in the body wins over one in the query, unknown names are ignored, and an empty value"
        " is an absent one. A source may be called `source` or `image` on both routes. Both answer with a slash behind"
        " them, too.\n\n"
        f"Accepted formats: {', '.join(service.formats)}.\n\n{rows}\n\nServed by chevupload {version}."
    )


def _paths(service: Service) -> Iterable[tuple[str, _Node]]:
    routes = service.routes
    if routes.upload:
        yield f"/{routes.upload}", _upload(service, "upload", "Chevereto's dialect", "source")
    if routes.imgbb:
        yield f"/{routes.imgbb}", _upload(service, "uploadToImgbb", "ImgBB's dialect", "image")
    for kind, route in (("Picture", routes.viewer), ("Video", routes.video)):
        if route:
            yield f"/{route}/{{upload}}", _viewer(kind)
            yield f"/{route}/{{upload}}/delete/{{token}}", _delete(service, kind)
    if routes.files:
        yield f"/{routes.files}/{{path}}", _file()
    if routes.health:
        yield f"/{routes.health}", _health()
    if routes.oembed and (routes.viewer or routes.video):
        yield f"/{routes.oembed}", _oembed()
    if routes.openapi:
        yield f"/{routes.openapi}", _openapi()


def _upload(service: Service, name: str, dialect: str, source_name: str) -> _Node:
    answers = ["ImgbbUploaded"] if source_name == "image" else ["Uploaded", "UploadedAsData"]
    responses = {
        "200": _response(
            "Uploaded. With `format=txt`, the file's URL.",
            {"application/json": _any_of([_ref(answer) for answer in answers]), "text/plain": {"type": "string"}},
            links={
                "page": {
                    "operationId": "showPicture",
                    "parameters": {"upload": f"$response.body#/{_ID_POINTERS[name]}"},
                }
            }
            if service.routes.viewer
            else {},
        ),
        "302": _redirect("Uploaded, with `format=redirect`: the path of its viewer."),
        **_refusals(upload_refusals(), plain=True),
    }
    security: list[_Node] = [{"header": []}, {"query": []}]
    query = [_query_parameter(parameter) for parameter in parameters() if parameter.name != "key"]
    url = {"type": "string", "format": "uri"}
    source = {"name": source_name, "in": "query", "description": "A URL to fetch.", "schema": url}
    return {
        "post": {
            "operationId": name,
            "summary": f"Upload a file, in {dialect}",
            "description": "Every parameter but a file may stand in the query, too; the body's win.",
            "security": security,
            "parameters": [dict(_IDEMPOTENCY_KEY)],
            "requestBody": {"required": True, "content": _bodies(service, source_name)},
            "responses": responses,
        },
        "get": {
            "operationId": f"{name}ByUrl",
            "summary": f"Upload from a URL, in {dialect}",
            "security": security,
            "parameters": [dict(_IDEMPOTENCY_KEY), {**source, "required": True}, *query],
            "responses": responses,
        },
        "options": _options(f"{name}Options"),
    }


_IDEMPOTENCY_KEY = MappingProxyType(
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A text of your own, the same when a request is sent once more: it then makes one upload.",
        "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
    }
)
_ID_POINTERS = {"upload": "image/id_encoded", "uploadToImgbb": "data/id"}


def _bodies(service: Service, source_name: str) -> _Node:
    texts = {parameter.name: _text_schema(parameter) for parameter in parameters()}
    values = {parameter.name: _json_schema(parameter) for parameter in parameters()}
    who = "" if service.policy.url_sources == "nobody" else ", or an http or https URL"
    as_text = {
        "type": "string",
        "format": "base64-or-uri",
        "description": f"The file as base64 text or data URI{who}.",
    }
    as_file = {"type": "string", "format": "binary"}

    def body(file: _Node, others: dict[str, _Node]) -> _Node:
        properties = {source_name: {"description": "The file.", **file}, **others}
        return {"schema": {"type": "object", "properties": properties, "required": [source_name]}}

    return {
        "multipart/form-data": body(as_file, texts),
        "application/x-www-form-urlencoded": body(as_text, texts),
        "application/json": body(as_text, values),
    }


def _viewer(kind: str) -> _Node:
    page = _response("The page.", {"text/html": {"type": "string"}})
    return _readable(
        f"show{kind}",
        {
            "summary": "The page of an upload",
            "parameters": [_upload_parameter()],
            "responses": {"200": page, "302": _redirect("The path with the title of today."), **_refusals(_GONE)},
        },
    )


def _delete(service: Service, kind: str) -> _Node:
    token = {"type": "string", "pattern": "^[^/]{1,200}$"}
    where = [_upload_parameter(), {"name": "token", "in": "path", "required": True, "schema": token}]
    deleted = _response("Deleted.", {"application/json": _ref("Deleted"), "text/html": {"type": "string"}})
    asked = _response("A page that asks.", {"text/html": {"type": "string"}})
    failed = _refusals(_GONE)
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
        "options": _options(f"delete{kind}Options", where),
    }


def _file() -> _Node:
    where = [
        {
            "name": "path",
            "in": "path",
            "required": True,
            "description": "Folders and name; slashes stand for themselves.",
            "schema": {"type": "string"},
        }
    ]
    part = _headers("Content-Range")
    content: _Node = {mime: {} for mime in sorted(set(MIME_TYPES.values()))}
    responses = {
        "200": _response("The file.", content),
        "206": {**_response("The part of it that `Range` asked for.", content), "headers": part},
        "302": _redirect("The file's address in the storage."),
        "304": {"description": "Unchanged."},
        "412": {"description": "A precondition failed."},
        "416": {**_response("There is no such range.", {"text/plain": {"type": "string"}}), "headers": part},
        **_refusals(_GONE),
    }
    return _readable("getFile", {"summary": "A stored file", "parameters": where, "responses": responses})


def _health() -> _Node:
    answer = {"application/json": _ref("Health")}
    away = {**_response("A part is away.", answer), "headers": _headers("Retry-After")}
    responses = {"200": _response("Every part is there.", answer), "503": away}
    return _readable("checkHealth", {"summary": "Whether database and storage answer", "responses": responses})


def _oembed() -> _Node:
    side: _Node = {"type": "string", "pattern": r"^\s*[0-9]{0,9}\s*$"}
    query = [
        {
            "name": "url",
            "in": "query",
            "required": True,
            "description": "A viewer link of this site.",
            "schema": {"type": "string", "minLength": 1},
        },
        {"name": "maxwidth", "in": "query", "description": "In pixels.", "schema": side},
        {"name": "maxheight", "in": "query", "description": "In pixels.", "schema": side},
        {"name": "format", "in": "query", "schema": {"type": "string", "enum": ["json", ""]}},
    ]
    refused = (errors.InvalidParameter, errors.UnsupportedFormat, *_GONE)
    answer = _response("What to show.", {"application/json": _ref("Embed")})
    return _readable(
        "embed",
        {
            "summary": "What other sites show of a viewer link, as oEmbed 1.0",
            "parameters": query,
            "responses": {"200": answer, **_refusals(refused, html=False)},
        },
    )


def _openapi() -> _Node:
    answer = _response("This document.", {"application/json": {"type": "object"}})
    responses = {"200": answer, **_refusals(_BUSY, html=False)}
    return _readable("describe", {"summary": "This document", "responses": responses})


def _readable(name: str, operation: _Node) -> _Node:
    """Return the operations of a route that is read: GET, HEAD and OPTIONS."""
    where = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] == "path"]
    return {
        "get": {"operationId": name, **operation},
        "head": {"operationId": f"{name}Head", **operation},
        "options": _options(f"{name}Options", where),
    }


def _options(name: str, where: Iterable[_Node] = ()) -> _Node:
    answer = {"description": "The methods, and who may use them.", "headers": _headers("Allow")}
    return {
        "operationId": name,
        "summary": "Ask what may be sent, as browsers do before an upload",
        **({"parameters": [*where]} if where else {}),
        "responses": {"204": answer, **(_refusals((errors.NotFound,)) if where else {})},
    }


def _upload_parameter() -> _Node:
    return {
        "name": "upload",
        "in": "path",
        "required": True,
        "description": "The id of an upload, or any slug, a dot and the id.",
        "schema": {"type": "string", "pattern": r"^([^/]*\.)?[A-Za-z0-9]{1,32}$"},
    }


def _query_parameter(parameter: Parameter) -> _Node:
    example = {"example": parameter.example} if parameter.example else {}
    return {"name": parameter.name, "in": "query", **example, "schema": _text_schema(parameter)}


def _text_schema(parameter: Parameter) -> _Node:
    pattern = {"pattern": parameter.pattern} if parameter.pattern else {}
    return {"type": "string", "description": parameter.about, **pattern}


def _json_schema(parameter: Parameter) -> _Node:
    text = _text_schema(parameter)
    return {
        "description": text.pop("description"),
        "anyOf": [text, *parameter.json_types, {"type": ["boolean", "null"]}],
    }


def _response(text: str, content: _Node, links: _Node | None = None) -> _Node:
    types = {name: {"schema": schema} if schema else {} for name, schema in content.items()}
    return {"description": text, "content": types, **({"links": links} if links else {})}


def _redirect(text: str) -> _Node:
    return {"description": text, "headers": _headers("Location")}


def _refusals(kinds: Iterable[type[Refusal]], *, plain: bool = False, html: bool = True) -> _Node:
    """Describe refusals by status: in JSON, besides in plain text for uploads, or as pages for people."""
    types: _Node = {"application/json": _ref("Refusal")}
    if plain:
        types["text/plain"] = {"type": "string"}
    elif html:
        types["text/html"] = {"type": "string"}
    by_status: dict[int, list[type[Refusal]]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    found = {}
    for status, alike in sorted(by_status.items()):
        texts = "\n".join(f"- {kind.code}: {kind.text}" for kind in alike)
        response = _response(f"{HTTPStatus(status).phrase}.\n\n{texts}", types)
        if status in (409, 429, 503):
            response["headers"] = _headers("Retry-After", required=False)
        found[str(status)] = response
    return found


def _headers(name: str, *, required: bool = True) -> _Node:
    return {name: {"required": required, "schema": {"type": "string"}}}


def _any_of(schemas: list[_Node]) -> _Node:
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}


def _ref(name: str) -> _Node:
    return {"$ref": f"#/components/schemas/{name}"}
