"""DCI CRVS search in the registers of births and deaths, as OpenCRVS's bridge serves it.

First by national id in both registers. What that does not find is looked for by birth date, and then `kit.matching`
says who fits: a death without a number is only probable. A record that carries another person's number never counts.
"""

from collections.abc import Callable, Iterable
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from adapters.kit.base import BaseAdapter, Kit, NotConfigured, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Hook,
    Hooked,
    Question,
    RawAnswer,
    Subject,
    Told,
)
from adapters.kit.dci_wire import BodySigned, Envelope
from adapters.kit.egress import HttpAnswer
from adapters.kit.matching import Match, Traits, matched, traits
from adapters.kit.nic import new_form
from adapters.kit.transports.dci import DciClient, Partner, token_client
from adapters.kit.transports.rest import JSON, error_of, read_json

from . import people
from .people import Person
from .webhook import TOPICS, challenge_answer, parse_event

REGISTERS = ("birth", "death")
PAGE = 200
PAGES = 20  # a day with more births than this many pages is not searched through: OpenCRVS allows 2000 calls a day

Hits = dict[str, Person]  # register -> the person's record


class CivilRegistration(BaseAdapter):
    """One question is one search by number, and one more by birth date for what the number did not find."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        partner = Partner(
            sender_id=kit.setting("sender_id"),
            schema="dci/crvs.json",
            wire=BodySigned(envelope_signer(kit.setting("signing_key"))),
        )
        self._http = kit.http()
        self._tokens = token_client(self._http, kit.setting("client_id"), kit.setting("client_secret"))
        self._client = DciClient(self._http, partner, self._tokens)
        self._hook_secret = kit.setting("hook_secret")

    async def ask(self, question: Question) -> RawAnswer:
        """Find the birth and the death of one person.

        Raises:
            AgencyHasNoSuchPerson: neither register has the person.
            AgencyCannotTell: more than one record fits.
            AgencyRejectedMessage: neither a number, nor names with a birth date; code `incomplete`.
        """
        service, subject = self.service(question.service), question.subject
        number = subject.identifier("NIC")
        searchable = subject.birth_date is not None and bool(subject.names)
        if number is None and not searchable:
            raise AgencyRejectedMessage("needs a national id, or names and a birth date", code="incomplete")
        by_number = await self._by_number(new_form(number)) if number is not None else {}
        missing = [register for register in REGISTERS if register not in by_number]
        by_name = await self._by_name(subject, missing) if missing and searchable else {}
        if not by_number and not by_name:
            raise AgencyHasNoSuchPerson("neither register has the person", code="no_records")
        return RawAnswer(
            _payload(by_number, by_name),
            as_of(service, question.as_at),
            code="succ",
            match="probable" if "death" in by_name or not by_number else "exact",
        )

    async def subscribe(self, public_url: str) -> None:
        """Have births and deaths told to our webhook; topics we already take are left as they are.

        Raises:
            AgencyError: not taken; safe to try again.
        """
        callback = f"{public_url}/hooks/{self.id}"
        listed: Any = read_json(await self._webhooks("GET"))
        entries = listed.get("entries", []) if isinstance(listed, dict) else []
        taken = {(entry.get("callback"), entry.get("topic")) for entry in entries if isinstance(entry, dict)}
        for topic in TOPICS:
            if (callback, topic) not in taken:
                hub = {"callback": callback, "mode": "subscribe", "topic": topic, "secret": self._hook_secret}
                await self._webhooks("POST", orjson.dumps({"hub": hub}))

    def hook(self, hook: Hook) -> Hooked:
        """OpenCRVS's webhook: answers the subscription challenge, and reads births and deaths.

        The event's id is the digest of the signed bytes, so a replay under another delivery id is known.

        Raises:
            HookRefused: see `webhook.parse_event`.
        """
        if hook.method == "GET":
            return Hooked(content=challenge_answer(hook.query))
        event = parse_event(hook.headers, hook.body, self._hook_secret, hook.at)
        return Hooked(events=(Told(event.digest, "vital-event", event.record(), event.subject),))

    def parse(self, service: str, body: bytes) -> object:
        """Golden samples hold the records found: `{"by_number": {"birth"?, "death"?}, "by_name": {...}}`."""
        hits: Any = super().parse(service, body)
        return _payload(hits["by_number"], hits["by_name"])

    async def _webhooks(self, method: str, content: bytes | None = None) -> HttpAnswer:
        async def call(token: str) -> HttpAnswer:
            headers = {**JSON, "authorization": f"Bearer {token}"}
            return await self._http.request(method, "/webhooks", headers=headers, content=content)

        answer = await self._tokens.authorised(call)
        if not 200 <= answer.status < 300:
            raise error_of(answer)
        return answer

    async def _by_number(self, number: str) -> Hits:
        criteria = [_criteria(register, "idtype-value", {"type": "NID", "value": number}) for register in REGISTERS]
        found = await self._client.search(criteria)
        hits = zip(REGISTERS, (_one(each.records) for each in found), strict=True)
        return {register: person for register, person in hits if person is not None}

    async def _by_name(self, subject: Subject, registers: Iterable[str]) -> Hits:
        hits: Hits = {}
        for register in registers:
            fitting = [person for person in await self._born(subject, register) if _fits(person, subject)]
            person = _one(fitting)
            if person is not None:
                hits[register] = person
        return hits

    async def _born(self, subject: Subject, register: str) -> list[dict[str, Any]]:
        """Everyone in a register who was born on the subject's birth date."""
        assert subject.birth_date is not None
        born = {"attribute_name": "birthdate", "attribute_value": subject.birth_date.isoformat()}
        between = {
            "seq_num": 1,
            "expression1": {**born, "operator": "ge"},
            "condition": "and",
            "expression2": {**born, "operator": "le"},
        }
        records: list[dict[str, Any]] = []
        for page in range(1, PAGES + 1):
            (found,) = await self._client.search([_criteria(register, "predicate", [between], page)])
            records.extend(found.records)
            if not found.records or len(records) >= found.total:
                return records
        raise AgencyCannotTell("too many people were born on that day", code="too_many")


def build(kit: Kit) -> CivilRegistration:
    """Open the adapter."""
    return CivilRegistration(kit)


def envelope_signer(private_pem: str) -> Callable[[Envelope], str]:
    """OpenCRVS's signature of an envelope: a compact RS256 JWS that carries header and message itself.

    Raises:
        NotConfigured: the key is not an RSA key in PEM.
    """
    try:
        key = RSAKey.import_key(private_pem)
    except (ValueError, JoseError):
        raise NotConfigured("civil_registration: signing_key is not an RSA key in PEM") from None
    header = {"alg": "RS256", "kid": key.thumbprint()}
    return lambda envelope: jws.serialize_compact(header, orjson.dumps(envelope), key)


def _criteria(register: str, kind: str, query: object, page: int = 1) -> dict[str, object]:
    return {
        "version": "1.0.0",
        "reg_type": f"ocrvs:registry_type:{register}",
        "reg_record_type": "person",
        "query_type": kind,
        "query": query,
        "pagination": {"page_size": PAGE, "page_number": page},
    }


def _fits(person: Person, subject: Subject) -> bool:
    wanted = traits(subject, "NIC")
    born = people.day(person, "birth") or wanted.birth_date  # not told again by who was asked by it
    numbers, names = people.numbers(person, "NID"), people.full_names(person)
    return matched(wanted, Traits(frozenset(numbers), frozenset(names), born)) is not Match.NOBODY


def _one(records: Iterable[Person]) -> Person | None:
    found = list(records)
    if len(found) > 1:
        raise AgencyCannotTell("more than one registration fits the person", code="too_many")
    return found[0] if found else None


def _payload(by_number: Hits, by_name: Hits) -> dict[str, object]:
    hits = {**by_name, **by_number}
    found: dict[str, object] = {"death_matched_by": None}
    for register, person in hits.items():
        day = people.day(person, register)
        if day is None and register == "death":  # must never read as alive
            raise AgencyAnswerMalformed("a death is registered, without its date")
        found[register] = {f"{register}_date": day}
    if "death" in hits:
        found["death_matched_by"] = "identifier" if "death" in by_number else "name_and_date"
    return found
