"""A web feature: a class that answers some of the component's routes, and says itself which.

A method of it answers a route, as :func:`route` marks it: by the name of the field of
:class:`~chevupload.config.Routes` that says where the route is, and that ``openapi.json`` describes it by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, TypeVar, Unpack

from chevupload.config import Routes
from chevupload.errors import MethodNotAllowed
from chevupload.web.context import WebContext
from chevupload.wsgi.responses import as_refusal, preflight_answer, refusal_answer, shared, wants_json
from chevupload.wsgi.routing import ANY_REST, REST, Handler
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

F = TypeVar("F", bound=Callable[..., Any])

Refusals: TypeAlias = Literal["page", "json", "imgbb", "either"]
"""How a refusal is answered: as a page, as JSON, as JSON with what ImgBB's clients read besides, or as what the client
asks for."""

HERE = ("/{}",)
"""A route's own path."""
BELOW = (f"/{{}}/{REST}",)
"""What is below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of a feature.

    Attributes:
        name: of the field of Routes.
        method: of the feature: takes the environ, and the groups of the path's rest where the pattern has one.
        methods: those of HTTP, as in the header Allow; None leaves them, and refusals, to the method.
        patterns: of its paths below the mount point, with ``{}`` for the field's value.
        rest: what a rest has to match as a whole; another one is no path of ours. The method takes its groups.
        refusals: how they are answered.
        is_shared: pages of other origins may read the answer.
        needs: other routes, one of which there has to be for this one to have something to answer.
    """

    name: str
    method: str
    methods: str | None
    patterns: tuple[str, ...] = HERE
    rest: re.Pattern[str] = ANY_REST
    refusals: Refusals = "page"
    is_shared: bool = False
    needs: tuple[str, ...] = ()

    def paths(self, routes: Routes) -> tuple[str, ...]:
        """Return the patterns of its paths where ``routes`` have it; none where it is switched off."""
        path = getattr(routes, self.name)
        return () if path is None else tuple(pattern.replace("{}", path.strip("/")) for pattern in self.patterns)


class RouteOptions(TypedDict, total=False):
    """What else may be said of a route; see :class:`Route`."""

    patterns: tuple[str, ...]
    rest: re.Pattern[str]
    refusals: Refusals
    is_shared: bool
    needs: tuple[str, ...]


def route(name: str, methods: str | None, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
    """Mark a method that answers a route, by the fields of :class:`Route`."""

    def mark(function: F) -> F:
        marked: list[Route] = function.__dict__.setdefault("routes", [])
        marked.append(Route(name=name, method=function.__name__, methods=methods, **options))
        return function

    return mark


class Feature:
    """Answers some routes."""

    def __init__(self, context: WebContext) -> None:
        """Answer with these parts."""
        self._context = context
        self._config = context.config

    @classmethod
    def is_possible(cls, context: WebContext) -> bool:
        """Whether the component has the parts for it."""
        return True

    @classmethod
    def routes(cls) -> Iterator[Route]:
        """Yield the routes of the class, in the order of its methods."""
        for function in vars(cls).values():
            yield from reversed(getattr(function, "routes", ()))

    def handlers(self) -> Iterator[tuple[str, re.Pattern[str], Handler]]:
        """Yield the patterns of the routes that are on, each with the expression of its rest, and what answers it."""
        for one in self.routes():
            method = getattr(self, one.method)
            handler = method if one.methods is None else partial(self._respond, one, method)
            yield from ((path, one.rest, handler) for path in one.paths(self._config.routes))

    def _respond(self, one: Route, method: Handler, environ: WSGIEnvironment, *rest: str | None) -> Response:
        """Answer what ``method`` does for one of the route's methods of HTTP, or with a refusal."""
        assert one.methods is not None, "the method answers by itself"
        asked = environ["REQUEST_METHOD"]
        try:
            if asked not in one.methods.split(", "):
                raise MethodNotAllowed(headers=(("Allow", one.methods),))
            response = preflight_answer(environ, one.methods) if asked == "OPTIONS" else method(environ, *rest)
        except Exception as error:
            refusal = as_refusal(error)
            if one.refusals in ("json", "imgbb") or (one.refusals == "either" and wants_json(environ)):
                response = refusal_answer("json", refusal, has_context=one.refusals == "imgbb")
            else:
                response = self._context.answers.refusal(environ, refusal)
        return shared(response, environ, self._config.policy.cors_origins) if one.is_shared else response


def with_served_routes(features: Iterable[type[Feature]], context: WebContext) -> WebContext:
    """Return the context with those routes alone that ``features`` answer; the others' paths are the host's."""
    routes = context.config.routes
    found = [one for feature in features for one in feature.routes()]
    on = {one.name for one in found if not one.needs or any(getattr(routes, name) for name in one.needs)}
    off: dict[str, None] = {field.name: None for field in fields(Routes) if field.name not in on}
    return replace(context, config=replace(context.config, routes=replace(routes, **off)))


def paths_of(features: Iterable[type[Feature]], routes: Routes) -> Mapping[str, tuple[str, ...]]:
    """Return the routes that are switched on: name, and paths below the mount point, with ``{rest}`` for any rest."""
    found: dict[str, tuple[str, ...]] = {}
    for one in (one for feature in features for one in feature.routes()):
        if paths := one.paths(routes):
            found[one.name] = tuple(dict.fromkeys((*found.get(one.name, ()), *paths)))
    return found
