"""What every part of the OpenAPI document is made of: answers, refusals and the operations of what is read.

Source: OpenAPI 3.1.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, TypeAlias

from chevupload import errors
from chevupload.errors import Refusal

Node: TypeAlias = dict[str, Any]

BUSY = (errors.MalformedRequest, errors.ServerFault, errors.Busy)
"""What any route may answer: a malformed Host header, or our own fault."""
GONE = (errors.NotFound, errors.Gone, *BUSY)


def readable(name: str, operation: Node) -> Node:
    """Return the operations of a route that is read: GET, HEAD and OPTIONS."""
    where = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] == "path"]
    return {
        "get": {"operationId": name, **operation},
        "head": {"operationId": f"{name}Head", **operation},
        "options": options(f"{name}Options", where),
    }


def options(name: str, where: Iterable[Node] = ()) -> Node:
    """Describe the answer to OPTIONS at a path with the parameters ``where``."""
    answer = {"description": "The methods, and who may use them.", "headers": headers("Allow")}
    return {
        "operationId": name,
        "summary": "Ask what may be sent, as browsers do before an upload",
        **({"parameters": [*where]} if where else {}),
        "responses": {"204": answer, **(refusals((errors.NotFound,)) if where else {})},
    }


def response(text: str, content: Node, links: Node | None = None) -> Node:
    """Describe an answer by its media types, each with the schema of its content."""
    types = {name: {"schema": schema} if schema else {} for name, schema in content.items()}
    return {"description": text, "content": types, **({"links": links} if links else {})}


def redirect(text: str) -> Node:
    """Describe an answer that leads elsewhere."""
    return {"description": text, "headers": headers("Location")}


def refusals(kinds: Iterable[type[Refusal]], *, plain: bool = False, html: bool = True) -> Node:
    """Describe refusals by status: in JSON, besides in plain text for uploads, or as pages for people."""
    types: Node = {"application/json": ref("Refusal")}
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
        answer = response(f"{HTTPStatus(status).phrase}.\n\n{texts}", types)
        if status in (409, 429, 503):
            answer["headers"] = headers("Retry-After", required=False)
        if errors.EncodedBody in alike:
            answer["headers"] = headers("Accept-Encoding", required=False)
        found[str(status)] = answer
    return found


def headers(name: str, *, required: bool = True) -> Node:
    """Describe a header of an answer."""
    return {name: {"required": required, "schema": {"type": "string"}}}


def any_of(schemas: list[Node]) -> Node:
    """Return a schema that exactly one of these fulfils."""
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}


def ref(name: str) -> Node:
    """Refer to a schema of the document by its name."""
    return {"$ref": f"#/components/schemas/{name}"}
