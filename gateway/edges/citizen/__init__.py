"""The edges for people: `/v1/my` for themselves, `/v1/assisted` for officers who help, Estonia's `/v2`."""

from fastapi import APIRouter

from . import assisted, my, tracker

__all__ = ["citizen_routes"]


def citizen_routes() -> APIRouter:
    """All of them."""
    routes = APIRouter()
    for module in (my, assisted, tracker):
        routes.include_router(module.router)
    return routes
