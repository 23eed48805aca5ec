"""Both upload routes and the upload page in the OpenAPI document."""

from __future__ import annotations

import re
from types import MappingProxyType

from chevupload.uploads.parameters import PARAMETERS, Parameter
from chevupload.web.api_docs.openapi_parts import BUSY, Node, any_of, options, redirect, ref, refusals, response
from chevupload.web.api_docs.reference import Service, upload_refusals

_IDEMPOTENCY_KEY = MappingProxyType(
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A text of your own, the same when a request is sent once more: it then makes one upload.",
        "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
    }
)
_ID_POINTERS = {"upload": "image/id_encoded", "uploadToImgbb": "data/id"}


def upload(service: Service, name: str, dialect: str, source_name: str) -> Node:
    """Describe an upload route."""
    answers = ["ImgbbUploaded"] if source_name == "image" else ["Uploaded", "UploadedAsData"]
    responses = {
        "200": response(
            "Uploaded. With `format=txt`, the file's URL.",
            {"application/json": any_of([ref(answer) for answer in answers]), "text/plain": {"type": "string"}},
            links={
                "page": {
                    "operationId": "showPicture",
                    "parameters": {"upload": f"$response.body#/{_ID_POINTERS[name]}"},
                }
            }
            if service.routes.viewer
            else {},
        ),
        "302": redirect("Uploaded, with `format=redirect`: the path of its viewer."),
        **refusals(upload_refusals(), plain=True),
    }
    security: list[Node] = [{"header": []}, {"query": []}]
    query = [_query_parameter(parameter) for parameter in PARAMETERS if parameter.name != "key"]
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
        "options": options(f"{name}Options"),
    }


def upload_page(service: Service) -> Node:
    """Describe the page on which people upload, by the same parameters."""
    page = response("The page.", {"text/html": {"type": "string"}})
    read = {"summary": "The page on which people upload", "responses": {"200": page, **refusals(BUSY)}}
    bodies = _bodies(service, "source")
    for mime, body in bodies.items():
        about = "Of the page, for who is signed in or a guest and sends no key."
        # Where there is a key, whatever text or number stands here is not read.
        kinds = ["string", "number", "boolean", "null"] if mime == "application/json" else "string"
        body["schema"]["properties"]["token"] = {"type": kinds, "description": about}
    uploaded = {"text/html": {"type": "string"}, "application/json": ref("Uploaded")}
    return {
        "get": {"operationId": "showUploadPage", **read},
        "head": {"operationId": "showUploadPageHead", **read},
        "post": {
            "operationId": "uploadByPage",
            "summary": "Upload a file, and get a page; with `format=json` or `Accept: application/json`, as in the API",
            "security": [{"header": []}, {"query": []}, {}],
            "parameters": [dict(_IDEMPOTENCY_KEY)],
            "requestBody": {"required": True, "content": bodies},
            "responses": {"200": response("Uploaded.", uploaded), **refusals(upload_refusals())},
        },
    }


def _bodies(service: Service, source_name: str) -> Node:
    texts = {parameter.name: _text_schema(parameter) for parameter in PARAMETERS}
    values = {parameter.name: _json_schema(parameter) for parameter in PARAMETERS}
    who = "" if service.policy.url_sources == "nobody" else ", or an http or https URL"
    as_text = {
        "type": "string",
        "format": "base64-or-uri",
        "description": f"The file as base64 text or data URI{who}.",
    }
    as_file = {"type": "string", "format": "binary"}

    def body(file: Node, others: dict[str, Node]) -> Node:
        properties = {source_name: {"description": "The file.", **file}, **others}
        return {"schema": {"type": "object", "properties": properties, "required": [source_name]}}

    return {
        "multipart/form-data": body(as_file, texts),
        "application/x-www-form-urlencoded": body(as_text, texts),
        "application/json": body(as_text, values),
    }


def _query_parameter(parameter: Parameter) -> Node:
    example = {"example": parameter.example} if parameter.example else {}
    return {"name": parameter.name, "in": "query", **example, "schema": _text_schema(parameter)}


def _text_schema(parameter: Parameter) -> Node:
    pattern = {"pattern": rf"^\s*{parameter.pattern}\s*$"} if parameter.pattern else {}
    return {"type": "string", "description": parameter.about, **pattern}


def _json_schema(parameter: Parameter) -> Node:
    text = _text_schema(parameter)
    # A boolean is its word, which is no number and no duration.
    takes_words = parameter.pattern is None or re.fullmatch(parameter.pattern, "true") is not None
    other = {"type": ["boolean", "null"]} if takes_words else {"type": "null"}
    return {"description": text.pop("description"), "anyOf": [text, *parameter.json_types, other]}
