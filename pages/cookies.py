"""Reading the `Cookie` header. Nothing else does: a test of the architecture looks."""

from starlette.datastructures import Headers
from starlette.types import Scope


def cookies_of(headers: Headers) -> dict[str, str]:
    """Name -> value, of a name that comes twice the last.

    No escape is resolved: a cookie's value has no backslash, and `http.cookies`, which Starlette asks too, takes
    quadratic time over them (CVE-2024-7592): one header of 16 kB held a whole process for most of a second.

    Source: RFC 6265 sections 4.1.1 and 5.4.
    """
    pairs = (part.partition("=") for part in "; ".join(headers.getlist("cookie")).split(";"))
    return {name.strip(): _bare(value.strip()) for name, _, value in pairs}


def without_escapes(scope: Scope) -> Scope:
    """The request without a backslash in its cookies: FastAPI reads them for every route, by Starlette's reader."""
    headers = scope["headers"]
    if not any(name == b"cookie" and b"\\" in value for name, value in headers):
        return scope
    plain = [(name, value.replace(b"\\", b"") if name == b"cookie" else value) for name, value in headers]
    return {**scope, "headers": plain}


def _bare(value: str) -> str:
    """Python's own writer quotes what holds `=`."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
