"""Every route of the application, whoever included it."""

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

EVERY = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})


def routes_of(app: FastAPI) -> set[str]:
    """`POST /v1/exchanges`, ...: what can be asked of the application, without HEAD.

    A route that takes every method, to answer each in its surface's own shape, is `ANY`; so is one that names none.
    """
    found = [(frozenset(each.methods or ()), each.path) for each in iter_route_contexts(app.routes)]
    return {f"{method} {path}" for methods, path in found for method in _told(methods)}


def _told(methods: frozenset[str]) -> frozenset[str]:
    return frozenset({"ANY"}) if not methods or methods >= EVERY else methods - {"HEAD"}
