"""What members and people agreed, as far as a calling system records and reads it: agreements, consents,
relationships, erasures. `Client` has these calls beside its own."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

from .session import Reply, Session
from .values import Catalogue, Recorded, Subject

MOST_LINES = 10_000  # lines of one request
PAGE = 200


class Agreed:
    """Calls about the rules. One session; see `Client`."""

    session: Session

    async def catalogue(self) -> Catalogue:
        """What there is here, and what we may call under agreements in force. Raises SandhiError."""
        return Catalogue.read(_document(await self.session.call("GET", "/v1/catalogue")))

    async def record_agreement(self, document: Mapping[str, object], signatures: Mapping[str, str]) -> dict[str, Any]:
        """Hand in an agreement with the signature of each member that is a party (compact JWS, by member id)."""
        body = {"document": document, "signatures": signatures}
        return _document(await self.session.call("POST", "/v1/agreements", json=body))

    async def agreements(self) -> Sequence[Mapping[str, Any]]:
        """The agreements we are a party of."""
        found: Sequence[Mapping[str, Any]] = _document(await self.session.call("GET", "/v1/agreements"))["agreements"]
        return found

    async def agreement(self, agreement_id: str, *, version: int | None = None) -> dict[str, Any]:
        """One version, the newest unless named: document, signatures, and the same in plain sentences."""
        query = "" if version is None else f"?version={version}"
        return _document(await self.session.call("GET", f"/v1/agreements/{_segment(agreement_id)}{query}"))

    async def record_consents(self, lines: Iterable[Mapping[str, object]]) -> list[Recorded]:
        """Record consents that people gave our member: `schemas/own/consent.v1.json`, any number of them.

        Give each its own `id`: then sending it again changes nothing, so that an import that was cut is simply
        repeated. Needs scope `consent`.

        Returns:
            A result for each, in order; `refused` lines say why and stop no other.
        """
        return await self._recorded("/v1/consents", lines)

    async def consents(self) -> AsyncIterator[Mapping[str, Any]]:
        """Every consent that people gave our member, by id, fetched in pages."""
        async for each in self._paged("/v1/consents", "consents"):
            yield each

    async def withdraw_consent(self, subject: Subject, *, purposes: Iterable[str] = ()) -> list[Recorded]:
        """Withdraw what a person gave our member, for these purposes or altogether: nothing leaves on it any more."""
        body = {"subject": subject.wire(), "purposes": sorted(purposes)}
        reply = await self.session.call("POST", "/v1/consents/withdraw", json=body, repeatable=True)
        return [Recorded.read(each) for each in reply.json()["withdrawn"]]

    async def consent_receipt(self, consent_id: str) -> dict[str, Any]:
        """The receipt of a consent, signed by the gateway: for the person to take home."""
        return _document(await self.session.call("GET", f"/v1/consents/{_segment(consent_id)}/receipt"))

    async def declare_relationships(self, lines: Iterable[Mapping[str, object]]) -> list[Recorded]:
        """Say that we deal with these people: `{"subject", "kind", "case", "valid_from", "valid_until"}` each."""
        return await self._recorded("/v1/relationships", lines)

    async def relationships(self) -> AsyncIterator[Mapping[str, Any]]:
        """Every relationship that our member declared, fetched in pages."""
        async for each in self._paged("/v1/relationships", "relationships"):
            yield each

    async def end_relationship(self, relationship_id: str) -> dict[str, Any]:
        """We deal with the person no longer."""
        return _document(
            await self.session.call("POST", f"/v1/relationships/{_segment(relationship_id)}/end", repeatable=True)
        )

    async def erasures(self, *, include_acknowledged: bool = False) -> AsyncIterator[Mapping[str, Any]]:
        """What we received and have to erase, the earliest first, fetched in pages."""
        also = "&include_acknowledged=true" if include_acknowledged else ""
        async for each in self._paged("/v1/erasures", "erasures", also):
            yield each

    async def acknowledge_erasure(self, number: int) -> dict[str, Any]:
        """It is erased here."""
        return _document(await self.session.call("POST", f"/v1/erasures/{number}/acknowledge", repeatable=True))

    async def _paged(self, path: str, member: str, also: str = "") -> AsyncIterator[Mapping[str, Any]]:
        after: object = None
        while True:
            at = "" if after is None else f"&after={_segment(str(after))}"
            page = _document(await self.session.call("GET", f"{path}?limit={PAGE}{at}{also}"))
            for each in page[member]:
                yield each
            after = page["next"]
            if after is None:
                return

    async def _recorded(self, path: str, lines: Iterable[Mapping[str, object]]) -> list[Recorded]:
        results: list[Recorded] = []
        rest = iter(lines)
        while part := list(islice(rest, MOST_LINES)):
            content = b"".join(_line(each) for each in part)
            headers = {"content-type": "application/x-ndjson"}
            reply = await self.session.call("POST", path, content=content, headers=headers, repeatable=True)
            results += [Recorded.read(json.loads(line)) for line in reply.body.splitlines() if line]
        return results


def _segment(text: str) -> str:
    return quote(text, safe="")


def _line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _document(reply: Reply) -> dict[str, Any]:
    document: dict[str, Any] = reply.json()
    return document
