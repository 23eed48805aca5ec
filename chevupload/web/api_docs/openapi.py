"""The OpenAPI 3.1 document of a server, as it is set up.

``openapi.json`` beside this module is the document of a server with every route, its paths named by the fields of
:class:`~chevupload.config.Routes`. Besides what OpenAPI has, it may hold:

- ``$ref`` anywhere: what it points to stands in its place, and the members beside it win. It may point to the rest of
  the file, to ``x-parts`` and to ``x-values``, which are the values of this module. A reference to one of
  ``components/schemas`` stays one.
- ``x-refusals``: the answers of these kinds of refusal, or of all except some; ``besides`` is their media type for
  clients that do not read JSON.
- ``x-optional``: the properties that an object may lack. The others become ``required``.

Source: OpenAPI 3.1.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import Any, TypeAlias

from chevupload import errors
from chevupload.config import Routes
from chevupload.errors import Refusal
from chevupload.formats import MIME_TYPES
from chevupload.model import MAX_KEY_LENGTH
from chevupload.policy.restrictions import SCOPES
from chevupload.uploads.parameters import Parameter, taken_parameters
from chevupload.web.api_docs.client_configs import CLIENTS
from chevupload.web.api_docs.reference import Service, limits_of, refusals
from chevupload.web.assets import STYLE
from chevupload.web.keys_page import CHOICES, LIFETIMES

Node: TypeAlias = dict[str, Any]

_SCHEMA = re.compile("#/components/schemas/[A-Za-z]+")


def openapi_document(service: Service, version: str) -> Node:
    """Return the document of the routes that are switched on."""
    whole = {**_whole(), "x-values": _values(service)}
    paths = {_path(service.routes, name): path for name, path in whole["paths"].items() if _is_on(service.routes, name)}
    limits = "\n".join(f"- {name}: {value}" for name, value in limits_of(service))
    about = whole["info"]["description"].format(formats=", ".join(service.formats), limits=limits, version=version)
    document = {
        "openapi": whole["openapi"],
        "info": {**whole["info"], "description": about},
        "servers": [{"url": service.base_url}],
        "paths": paths,
        **({"webhooks": whole["webhooks"]} if service.sends_webhooks else {}),
        "components": whole["components"],
    }
    operations = {operation["operationId"] for path in paths.values() for operation in path.values()}
    filled: Node = _filled(document, whole, operations)
    return filled


@cache
def _whole() -> Node:
    text = resources.files(__package__).joinpath("openapi.json").read_text(encoding="utf-8")
    whole: Node = json.loads(text)
    return whole


def _is_on(routes: Routes, name: str) -> bool:
    return getattr(routes, name.partition("/")[0]) is not None


def _path(routes: Routes, name: str) -> str:
    """Return a path below the mount point, by its name in the file: ``viewer/{upload}`` is ``/image/{upload}``."""
    field, slash, rest = name.partition("/")
    return f"/{getattr(routes, field).strip('/')}{slash}{rest}"


def _values(service: Service) -> Node:
    """Return what the document takes from elsewhere in the code, and from settings."""
    takes_urls = service.policy.url_sources != "nobody"
    parameters = taken_parameters(service.policy)
    mimes = sorted(set(MIME_TYPES.values()))
    return {
        "text-parameters": {row.name: _text_schema(row) for row in parameters},
        "json-parameters": {row.name: _json_schema(row) for row in parameters},
        "query-parameters": [_query_parameter(row) for row in parameters if row.name != "key"],
        "source-text": {"$ref": "#/x-parts/source-text" if takes_urls else "#/x-parts/source-text-without-url"},
        "get-delete-link": {"$ref": "#/x-parts/delete" if service.policy.delete_on_get else "#/x-parts/ask-to-delete"},
        "extensions": [*MIME_TYPES],
        "mimes": mimes,
        "file-content": {mime: {} for mime in mimes},
        "max-key-length": MAX_KEY_LENGTH,
        "scopes": [*SCOPES],
        "key-lifetimes": [*LIFETIMES],
        "key-choices": {name: {"type": "string", "enum": ["", "1"]} for name in CHOICES},
        "clients": [*CLIENTS],
        "style-sheet": STYLE,
    }


def _filled(node: Any, whole: Node, operations: Iterable[str]) -> Any:
    """Return a part of the document without what OpenAPI does not know, and without links to other ``operations``."""
    if isinstance(node, list):
        items = [_filled(item, whole, operations) for item in node]
        # What stands for several items is a list among them.
        return [one for item in items for one in (item if isinstance(item, list) else [item])]
    if not isinstance(node, dict):
        return node
    filled: Node = {}
    for name, value in node.items():
        if name == "$ref" and not _SCHEMA.fullmatch(value):
            target = _filled(_found(value, whole), whole, operations)
            if not isinstance(target, dict):
                return target
            filled |= {key: item for key, item in target.items() if key not in node}
        elif name == "x-refusals":
            filled |= _refusals(**_filled(value, whole, operations))
        elif name == "x-optional":
            filled["required"] = [key for key in filled["properties"] if key not in value]
        elif name == "links":
            links = {key: link for key, link in value.items() if link["operationId"] in operations}
            filled |= {"links": links} if links else {}
        else:
            filled[name] = _filled(value, whole, operations)
    return filled


def _found(pointer: str, whole: Node) -> Any:
    """Return what a JSON Pointer leads to."""
    found: Any = whole
    for step in pointer.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/")]
    return found


def _refusals(*, besides: str | None = None, **which: list[str]) -> Node:
    """Return the answers of refusals by their status."""
    if "kinds" in which:
        kinds: list[type[Refusal]] = [getattr(errors, name) for name in which["kinds"]]
    else:
        kinds = [kind for kind in refusals() if kind.__name__ not in which["except"]]
    content: Node = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    if besides is not None:
        content[besides] = {"schema": {"type": "string"}}
    answers: Node = {}
    for status in sorted({kind.status for kind in kinds}):
        alike = [kind for kind in kinds if kind.status == status]
        texts = "\n".join(f"- {kind.code}: {kind.text}" for kind in alike)
        answer: Node = {"description": f"{HTTPStatus(status).phrase}.\n\n{texts}", "content": content}
        if status in (409, 429, 503):
            answer["headers"] = {"Retry-After": {"required": False, "schema": {"type": "string"}}}
        if errors.EncodedBody in alike:
            answer["headers"] = {"Accept-Encoding": {"required": False, "schema": {"type": "string"}}}
        answers[str(status)] = answer
    return answers


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
