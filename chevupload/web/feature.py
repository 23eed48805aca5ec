"""A web feature: a class that answers some of the component's routes, and says itself which.

A method of it answers a route, as :func:`route` marks it: by the name of the field of
:class:`~chevupload.config.Routes` that says where the route is, and that ``openapi.json`` describes it by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from chevupload.config import Routes
from chevupload.errors import Refusal
from chevupload.web.context import WebContext
from chevupload.wsgi.responses import allow_origin, answered, refusal_answer, wants_json
from chevupload.wsgi.routing import REST, Handler
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

F = TypeVar("F", bound=Callable[..., Any])

Refusals: TypeAlias = Literal["page", "json", "either"]
"""How a refusal is answered: as a page, as JSON, or as what the client asks for."""

HERE = ("/{}",)
"""A route's own path."""
BELOW = (f"/{{}}/{REST}",)
"""What is below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of a feature.

    Attributes:
        name: of the field of Routes.
        method: of the feature: takes the environ, and the rest of the path where the pattern has one.
        methods: those of HTTP, as in the header Allow; None leaves them, and refusals, to the method.
        patterns: of its paths below the mount point, with ``{}`` for the field's value.
        refusals: how they are answered.
        is_shared: pages of other origins may read the answer.
        needs: other routes, one of which there has to be for this one to have something to answer.
    """

    name: str
    method: str
    methods: str | None
    patterns: tuple[str, ...] = HERE
    refusals: Refusals = "page"
    is_shared: bool = False
    needs: tuple[str, ...] = ()

    def paths(self, routes: Routes) -> tuple[str, ...]:
        """Return the patterns of its paths where ``routes`` have it; none where it is switched off."""
        path = getattr(routes, self.name)
        return () if path is None else tuple(pattern.replace("{}", path.strip("/")) for pattern in self.patterns)


def route(name: str, methods: str | None, **more: Any) -> Callable[[F], F]:
    """Mark a method that answers a route; what else may be said of it are the fields of :class:`Route`."""

    def mark(function: F) -> F:
        marked: list[Route] = function.__dict__.setdefault("routes", [])
        marked.append(Route(name=name, method=function.__name__, methods=methods, **more))
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

    def handlers(self) -> Iterator[tuple[str, Handler]]:
        """Yield the patterns of the routes that are on, each with what answers it."""
        for one in self.routes():
            method = getattr(self, one.method)
            handler = method if one.methods is None else partial(self._respond, one, method)
            yield from ((path, handler) for path in one.paths(self._config.routes))

    def _respond(self, one: Route, method: Handler, environ: WSGIEnvironment, *rest: str) -> Response:
        assert one.methods is not None, "the method answers by itself"
        return self._answered(
            environ,
            one.methods,
            lambda: method(environ, *rest),
            refusals=one.refusals,
            is_shared=one.is_shared,
        )

    def _answered(
        self,
        environ: WSGIEnvironment,
        methods: str,
        handler: Callable[[], Response],
        *,
        refusals: Refusals,
        is_shared: bool,
    ) -> Response:
        """Answer what ``handler`` does, or with a refusal."""

        def refuse(refusal: Refusal) -> Response:
            if refusals == "json" or (refusals == "either" and wants_json(environ)):
                return refusal_answer("json", refusal)
            return self._context.answers.refusal(environ, refusal)

        response = answered(environ, methods, handler, refuse=refuse)
        if is_shared:
            allow_origin(response, self._config.policy.cors_origins, environ.get("HTTP_ORIGIN"))
        return response


def served(features: Iterable[type[Feature]], context: WebContext) -> WebContext:
    """Return the context with those routes alone that ``features`` answer; the others' paths are the host's."""
    routes = context.config.routes
    found = [one for feature in features for one in feature.routes()]
    on = {one.name for one in found if not one.needs or any(getattr(routes, name) for name in one.needs)}
    off: dict[str, None] = {field.name: None for field in fields(Routes) if field.name not in on}
    return replace(context, config=replace(context.config, routes=replace(routes, **off)))


def paths_of(features: Iterable[type[Feature]], routes: Routes) -> Mapping[str, tuple[str, ...]]:
    """Return the routes that are switched on: name, and paths below the mount point, with ``{rest}`` for any rest."""
    found = {one.name: one.paths(routes) for feature in features for one in feature.routes()}
    return {name: paths for name, paths in found.items() if paths}
