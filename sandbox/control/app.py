"""The routes of `/control`. They are for whoever runs the sandbox, and answer in JSON."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import strict
from sandbox.faults import Fault, Faults, UnknownFault
from sandbox.gateway_client import GatewayRefused, GatewayUnreachable, NoCredentials
from sandbox.jose import KeyUnusable

from .steps import NothingSubscribed, Step, Steps


def build(steps: Steps, faults: Mapping[str, Faults], more: Mapping[str, Step]) -> Starlette:
    """The control surface as an ASGI app. `faults` are the agencies' by name, `more` the steps outside seed A."""
    control = _Control(steps, faults, {**steps.named(), **more})
    return Starlette(
        routes=[
            Route("/ready", control.ready, methods=["GET"]),
            Route("/state", control.state, methods=["GET"]),
            Route("/faults", control.all_faults, methods=["GET"]),
            Route("/faults/{agency}", control.set_fault, methods=["PUT"]),
            Route("/faults/{agency}", control.clear_fault, methods=["DELETE"]),
            Route("/steps/{name}", control.step, methods=["POST"]),
        ]
    )


class _Control:
    def __init__(self, steps: Steps, faults: Mapping[str, Faults], named: Mapping[str, Step]) -> None:
        self._steps, self._faults, self._named = steps, faults, named
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ready(self, _: Request) -> Response:
        """Every agency answers."""
        return JSONResponse({"ready": True})

    async def state(self, _: Request) -> Response:
        """Counts of everything."""
        return JSONResponse(self._steps.state())

    async def all_faults(self, _: Request) -> Response:
        """Which agency is how wrong at the moment."""
        return JSONResponse({name: str(faults.fault) for name, faults in self._faults.items()})

    async def set_fault(self, request: Request) -> Response:
        """`PUT {kind, seconds?, times?}`."""
        faults = self._faults.get(request.path_params["agency"])
        if faults is None:
            return _problem(404, f"agencies are {', '.join(sorted(self._faults))}")
        try:
            wanted = strict.loads(await strict.bounded(request.stream(), 4096))
            kind, seconds, times = _read(wanted)
            faults.set(kind, seconds=seconds, times=times)
        except (UnknownFault, ValueError) as error:
            return _problem(400, str(error))
        return JSONResponse({"kind": kind, "seconds": seconds, "times": times})

    async def clear_fault(self, request: Request) -> Response:
        """`DELETE`: healthy again."""
        faults = self._faults.get(request.path_params["agency"])
        if faults is None:
            return _problem(404, f"agencies are {', '.join(sorted(self._faults))}")
        faults.clear()
        return Response(status_code=204)

    async def step(self, request: Request) -> Response:
        """Take a step; two calls of the same one follow each other."""
        steps, name = self._named, request.path_params["name"]
        if name not in steps:
            return _problem(404, f"steps are {', '.join(steps)}")
        try:
            async with self._turns[name]:
                return JSONResponse(await steps[name]())
        except (GatewayUnreachable, NoCredentials, NothingSubscribed, KeyUnusable) as error:
            return _problem(503, f"{error}; take the step again")
        except TimeoutError:
            return _problem(503, "the gateway's webhook did not take the events; take the step again")
        except GatewayRefused as error:
            return _problem(502, str(error))


def _read(wanted: object) -> tuple[str, float, int | None]:
    if not isinstance(wanted, dict) or not wanted.keys() <= {"kind", "seconds", "times"}:
        raise ValueError(f"send {{kind, seconds, times}}; kinds are {', '.join(Fault)}")
    kind, seconds, times = wanted.get("kind"), wanted.get("seconds", 0), wanted.get("times")
    if isinstance(kind, str) and isinstance(seconds, int | float) and isinstance(times, int | None):
        return kind, float(seconds), times
    raise ValueError("kind is a word, seconds and times are numbers")


def _problem(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)
