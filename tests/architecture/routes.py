"""Every route of the application, whoever included it."""

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts


def routes_of(app: FastAPI) -> set[str]:
    """`POST /v1/exchanges`, ...: what can be asked of the application, without HEAD."""
    found = [(each.methods or (), each.path) for each in iter_route_contexts(app.routes)]
    return {f"{method} {path}" for methods, path in found for method in methods if method != "HEAD"}
