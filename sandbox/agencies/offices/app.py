"""The offices' one route: `POST /<district>/registry/notify`, referrals from the gateway."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import schemas
from sandbox import dci
from sandbox.dci import Door, Keys, Received, Refused
from sandbox.faults import Faults, Faulty, WrongAnswers

from .book import Book, Client
from .settings import OfficeSettings, own_id_of

RECORD_TYPE = "sandhi:referral:v1"


def build(book: Book, settings: OfficeSettings, keys: Keys, faults: Faults) -> Starlette:
    """All offices as one ASGI app, to be mounted where `settings.url` points."""
    offices = _Offices(book, settings, keys)
    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"message":{"ack_status":"FINE"}}',
        refuse=lambda _: Refused(403, "err.request.forbidden", "not allowed").response(),
    )
    app = Starlette(
        routes=[Route("/{district}/registry/notify", offices.notify, methods=["POST"])],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )
    app.router.redirect_slashes = False
    return app


class _Offices:
    def __init__(self, book: Book, settings: OfficeSettings, keys: Keys) -> None:
        self._book = book
        self._doors = {
            district: Door(own_id_of(district), settings.sender_id, keys, skew_s=settings.skew_s)
            for district in settings.districts
        }

    async def notify(self, request: Request) -> Response:
        """One message with referrals, all of them or none taken."""
        district = request.path_params["district"]
        try:
            if district not in self._doors:
                raise Refused(404, "err.request.not_found", "there is no such office")
            message = await self._doors[district].received(request, "/registry/notify")
            return dci.acknowledged(self._take(district, message))
        except Refused as refused:
            return refused.response()

    def _take(self, district: str, message: Received) -> str:
        known = self._book.answered.before(message, district)
        if known is not None:
            return known
        clients = [_client(district, item["data"]) for item in message.items]
        for client in clients:
            if client.record["location"]["district"] != district:
                self._book.sent_away(district)
                raise Refused(403, "err.request.forbidden", "this office takes people of its own district only")
        with self._book.transaction():
            for client in clients:
                self._book.add(client)
            return self._book.answered.now(message, district)


def _client(district: str, data: Mapping[str, Any]) -> Client:
    """A referral as the gateway hands it on: the canonical record, with the person's numbers beside it."""
    if data["reg_record_type"] != RECORD_TYPE:
        raise Refused(400, "err.request.bad", f"reg_record_type is {RECORD_TYPE}")
    record = dict(data["reg_records"])
    numbers = _numbers(record.pop("identifiers", []))
    if (fault := schemas.first_fault(schemas.validator("canonical/referral.v1.json"), record)) is not None:
        raise Refused(400, "err.request.bad", f"the record is no referral at {fault}")
    if "NIC" not in numbers:
        raise Refused(400, "err.request.bad", "identifiers hold the person's NIC")
    return Client(district, record["member_id"], numbers["NIC"], record)


def _numbers(listed: object) -> dict[str, str]:
    entries = listed if isinstance(listed, list) else []
    return {
        str(entry.get("identifier_type")): entry["identifier_value"]
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(entry.get("identifier_value"), str)
    }
