"""The OpenAPI 3.1 document of a server, as it is set up.

Source: OpenAPI 3.1.1. The document says what the server does, also where that is more than a client should rely on:
an empty parameter is an absent one, unknown ones are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable

from chevupload import errors
from chevupload.formats import MIME_TYPES
from chevupload.web.api_docs.openapi_pages import api_page, assets, delete, home, keys_page, pup, viewer
from chevupload.web.api_docs.openapi_parts import BUSY, GONE, Node, headers, readable, redirect, ref, refusals, response
from chevupload.web.api_docs.openapi_uploads import upload, upload_page
from chevupload.web.api_docs.reference import Service, limits_of
from chevupload.web.api_docs.schemas import component_schemas


def openapi_document(service: Service, version: str) -> Node:
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


def _paths(service: Service) -> Iterable[tuple[str, Node]]:
    routes = service.routes
    if routes.upload:
        yield f"/{routes.upload}", upload(service, "upload", "Chevereto's dialect", "source")
    if routes.imgbb:
        yield f"/{routes.imgbb}", upload(service, "uploadToImgbb", "ImgBB's dialect", "image")
    for kind, route in (("Picture", routes.viewer), ("Video", routes.video)):
        if route:
            yield f"/{route}/{{upload}}", viewer(kind)
            yield f"/{route}/{{upload}}/delete/{{token}}", delete(service, kind)
    if routes.files:
        yield f"/{routes.files}/{{path}}", _file()
    if routes.health:
        yield f"/{routes.health}", _health()
    if routes.liveness:
        yield f"/{routes.liveness}", _liveness()
    if routes.oembed and (routes.viewer or routes.video):
        yield f"/{routes.oembed}", _oembed()
    if routes.openapi:
        yield f"/{routes.openapi}", _openapi()
    if routes.home:
        yield "/" if routes.home == "/" else f"/{routes.home}", home()
    if routes.upload_page:
        yield f"/{routes.upload_page}", upload_page(service)
    if routes.pup:
        yield f"/{routes.pup}", pup()
    if routes.keys:
        yield f"/{routes.keys}", keys_page()
    if routes.api_page:
        yield f"/{routes.api_page}", api_page()
    if routes.assets:
        yield f"/{routes.assets}/{{version}}/{{name}}", assets()


def _file() -> Node:
    where = [
        {
            "name": "path",
            "in": "path",
            "required": True,
            "description": "Folders and name; slashes stand for themselves.",
            "schema": {"type": "string"},
        }
    ]
    part = headers("Content-Range")
    content: Node = {mime: {} for mime in sorted(set(MIME_TYPES.values()))}
    responses = {
        "200": response("The file.", content),
        "206": {**response("The part of it that `Range` asked for.", content), "headers": part},
        "302": redirect("The file's address in the storage."),
        "304": {"description": "Unchanged."},
        "412": response(
            "`If-Match` or `If-Unmodified-Since` asked for another file.", {"text/plain": {"type": "string"}}
        ),
        "416": {**response("There is no such range.", {"text/plain": {"type": "string"}}), "headers": part},
        **refusals(GONE),
    }
    return readable("getFile", {"summary": "A stored file", "parameters": where, "responses": responses})


def _health() -> Node:
    answer = {"application/json": ref("Health")}
    away = {**response("A part is away.", answer), "headers": headers("Retry-After")}
    operation: Node = {
        "summary": "Whether database and storage answer; each storage by its name, for an admin's key",
        "security": [{}, {"header": []}],
        "responses": {"200": response("Every part is there.", answer), "503": away},
    }
    return readable("checkHealth", operation)


def _liveness() -> Node:
    answer = response("The process answers.", {"application/json": ref("Liveness")})
    return readable("checkLiveness", {"summary": "Whether the process answers", "responses": {"200": answer}})


def _oembed() -> Node:
    side: Node = {"type": "string", "pattern": r"^\s*[0-9]{0,9}\s*$"}
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
    refused = (errors.InvalidParameter, errors.UnsupportedFormat, *GONE)
    answer = response("What to show.", {"application/json": ref("Embed")})
    return readable(
        "embed",
        {
            "summary": "What other sites show of a viewer link, as oEmbed 1.0",
            "parameters": query,
            "responses": {"200": answer, **refusals(refused, html=False)},
        },
    )


def _openapi() -> Node:
    answer = response("This document.", {"application/json": {"type": "object"}})
    responses = {"200": answer, **refusals(BUSY, html=False)}
    return readable("describe", {"summary": "This document", "responses": responses})
