"""`/static/...`: style sheets, scripts and pictures of the pages."""

from starlette.requests import Request
from starlette.responses import Response

from ..assets import ASSETS


async def static(request: Request) -> Response:
    """The asset of the path parameter `name`; under its own version it may be kept for ever."""
    found = ASSETS.get(request.path_params["name"])
    if found is None:
        return Response(status_code=404)
    current = request.query_params.get("v") == found.version
    kept = "public, max-age=31536000, immutable" if current else "public, max-age=300"
    return Response(found.content, media_type=found.media_type, headers={"cache-control": kept})
