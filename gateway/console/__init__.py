"""Pages for people: signing in and out, and the front pages behind it."""

from .failures import install
from .guard import Guard
from .routes import console_routes, page_routes

__all__ = ["Guard", "console_routes", "install", "page_routes"]
