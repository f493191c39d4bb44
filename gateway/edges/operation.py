"""`/livez`, `/readyz`, `/metrics`: for whoever runs the gateway. An agency that is down never makes it unready."""

import hmac
from ipaddress import ip_address

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import func, select

from ..delivery.tables import job
from ..secret import Secret
from ..wiring import Services
from .limited import TOLD
from .refusal import ProblemError


def operation_routes(services: Services) -> APIRouter:
    """The three routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/readyz")
    async def readyz() -> Response:
        """Can evidence still be written?"""
        writable = await services.log.writable()
        if writable:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": services.log.trouble or "the log cannot be written"}, 503)

    @routes.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Who asks whom how often is not for everyone, so it is told on the machine itself or for the token."""
        if not _measures(request, services.settings.secret("METRICS_TOKEN")):
            raise ProblemError("forbidden", "Ask on this machine, or set SANDHI_METRICS_TOKEN and send it as a bearer.")
        async with services.db.read() as connection:
            counting = select(job.c.kind, job.c.state, func.count().label("jobs")).group_by(job.c.kind, job.c.state)
            rows = (await connection.execute(counting)).all()
        lines = ["# HELP sandhi_jobs Pieces of durable work.", "# TYPE sandhi_jobs gauge"]
        lines += [f'sandhi_jobs{{kind="{row.kind}",state="{row.state}"}} {row.jobs}' for row in rows]
        lines += ["# HELP sandhi_log_size Entries in the log.", "# TYPE sandhi_log_size counter"]
        lines += [f"sandhi_log_size {await services.log.size()}"]
        lines += ["# HELP sandhi_linked Whether a service has a link to its source.", "# TYPE sandhi_linked gauge"]
        lines += [
            f'sandhi_linked{{service="{offer.service.id}"}} {int(offer.adapter is not None)}'
            for offer in services.catalogue
        ]
        lines += ["# HELP sandhi_over_limit_total Calls refused with 429.", "# TYPE sandhi_over_limit_total counter"]
        refused = services.shares.refused
        lines += [f'sandhi_over_limit_total{{limit="{which}"}} {refused[which]}' for which in TOLD]
        misses = services.oversight.misses
        lines += [
            "# HELP sandhi_misses_total Refused or hidden.",
            "# TYPE sandhi_misses_total counter",
        ]
        lines += [f'sandhi_misses_total{{consumer="{who}"}} {count}' for who, count in sorted(misses.missed.items())]
        lines += ["# HELP sandhi_miss_alarms_total Alarms for many misses.", "# TYPE sandhi_miss_alarms_total counter"]
        lines += [f'sandhi_miss_alarms_total{{consumer="{who}"}} {n}' for who, n in sorted(misses.alarms.items())]
        return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    return routes


def _measures(request: Request, token: Secret) -> bool:
    if token.reveal():
        wanted = f"Bearer {token.reveal()}".encode()
        return hmac.compare_digest(request.headers.get("authorization", "").encode("utf-8", "replace"), wanted)
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:  # a test client's name
        return False
