"""A whole gateway asked by every interface and operation, and by the ESS suite; what came of it, for the statement."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from gateway.edges.dci.operations import INTERFACES, OPERATIONS
from gateway.trust.keys import private_jwk
from gateway.trust.policy import Policy
from tests.conformance.ess.running import run
from tests.conformance.ess.suite import Report
from tests.conformance.ess.talk import Failed, Talk
from tests.conformance.ess.target import Number, Target
from tests.dci_asking import EVENTS, codes_of, status_later, subscribe, unsubscribe
from tests.dci_house import NIC, ORIGIN, PURPOSE, SECRET_POLICY, UNKNOWN, UNSIGNED, Client, House
from tests.dci_played import Recorder, callback_header, local

SERVED = frozenset({"sync/search", "sync/check-enrollment", "sync/txn/status", "search", "subscribe", "unsubscribe"})
EXTRAS: Mapping[str, tuple[str, str]] = {  # path -> action, member of the message
    "sync/check-enrollment": ("enrollementstatus", "enrolled_criteria"),
    "sync/enrolled": ("search", "enrolled_criteria"),
    "sync/disabled": ("search", "disabled_criteria"),
    "sync/get-disability-support": ("search", "disabled_criteria"),
    "sync/get-disability-details": ("search", "disabled_criteria"),
}


NOTED = ("NOTE-1", "NOTE-2")
NOTICE: Mapping[str, Any] = {
    "member_identifier": [{"identifier_type": "UIN", "identifier_value": NIC}],
    "registration_number": "M-1",
    "state": "enrolled",
    "date": "2026-10-31",
}


class Received:
    """What the gateway sent to a partner's own address: the suite's callbacks."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def wait(self, action: str, transaction_id: str) -> Mapping[str, Any]:
        """See `tests.conformance.ess.talk.Callbacks`."""
        for _ in range(1000):
            for _name, told, envelope, _headers, _body in self._house.callbacks.received:
                if (told, envelope["message"]["transaction_id"]) == (action, transaction_id):
                    return envelope
            await asyncio.sleep(0.01)
        raise Failed(f"no {action} came")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Operations by interface that were exchanged, each message valid by its file; and the suite's report.

    Attributes:
        provided: asked of the gateway, and its callbacks.
        consumed: that the gateway asked of registries, and took from them.
        faults: messages that were not valid.
    """

    provided: Mapping[str, frozenset[str]]
    consumed: Mapping[str, frozenset[str]]
    faults: tuple[str, ...]
    report: Report


async def played(house: House) -> Outcome:
    """Everything once."""
    ours = Recorder()
    house.registries.recorder = ours
    for name in INTERFACES:
        await _asked(house, house.clients[name])
    await _answered_later(house, ours)
    theirs, faults = dict(house.recorder.seen), (*house.recorder.faults, *ours.faults)
    report = await ess_report(house, "dci-jws")
    return Outcome(_by_interface(theirs), _by_interface(ours.seen), faults, report)


async def ess_report(house: House, dialect: str) -> Report:
    """The ESS suite as the house's ESS client; and, since the gateway is notified by registries, not by who asks it,
    notifications as its ESS registry, which a folder declares."""
    partner, registry = house.clients["ESS"], house.clients["ESS registry"]
    agreed = {"dialect": dialect, "required": True}
    async with local(house.app, ORIGIN) as http:
        await registry.agree(signature=agreed)
        told = await run(Talk(replace(_target(registry), notice=NOTICE), http, Received(house)), NOTED)
        await house.change(registry.system, Policy.read(SECRET_POLICY | UNSIGNED))  # as it answers searches
        await partner.agree(signature=agreed)
        asked = await run(Talk(_target(partner), http, Received(house)))
    noted = {each.id: each for each in told.results}
    return Report(tuple(noted.get(each.id, each) for each in asked.results), asked.absent)


def _target(partner: Client) -> Target:
    return Target(
        url=f"{ORIGIN}/dci/registry",
        sender_id=partner.id,
        receiver_id="LK.GOV.REG.ESS",
        token_url=f"{ORIGIN}/oauth2/client/token",
        client_id=partner.id,
        client_secret=partner.secret,
        jwks_url=f"{ORIGIN}/.well-known/jwks.json",
        key=private_jwk(partner.key),
        dialect=partner.dialect,
        known=Number("UIN", NIC),
        unknown=Number("UIN", UNKNOWN),
        criteria={"authorize": {"purpose": {"code": PURPOSE}}},
        required=SERVED,
    )


async def _asked(house: House, client: Client) -> None:
    """Every operation of one interface, with its callbacks."""
    names = [f"event_type:{EVENTS[client.interface]}=enrolment_status_change"] if client.interface in EVENTS else []
    await client.agree(dci={"interface": client.interface, "names": names})
    await client.ends()
    ack = await client.search(path="search")
    await house.worked()
    await _status(house, client, ack["correlation_id"])
    for path, (action, member) in EXTRAS.items():
        if OPERATIONS[path].interface == client.interface:
            criteria = {"query": {"person_identifier": {"eq": NIC}}, "authorize": {"purpose": {"code": PURPOSE}}}
            message = {"transaction_id": str(uuid4()), member: criteria}
            await client.call(path, client.header(action), message)
    if client.interface == "IBR":
        numbers = [{"identifier_type": "UIN", "identifier_value": NIC}]
        updates = {"beneficiaries": [{"member": {"member_identifier": numbers}}]}
        message = {"transaction_id": str(uuid4()), "enrolled_updates": updates}
        await client.call("sync/enrollment/updates", callback_header("notify"), message)
    await _subscribed(house, client)


async def _status(house: House, client: Client, correlation_id: str) -> None:
    """At once, and by callback."""
    await client.status(correlation_id)
    await status_later(client, correlation_id)
    await house.worked()


async def _subscribed(house: House, client: Client) -> None:
    """Subscribe, be told the code, be notified, end it, be told that."""
    beginning, ending = str(uuid4()), str(uuid4())
    await subscribe(client, beginning)
    codes = codes_of(await Received(house).wait("on-subscribe", beginning))
    await house.tell(client.interface)
    await house.worked()
    await unsubscribe(client, ending, codes)
    await Received(house).wait("on-unsubscribe", ending)


async def _answered_later(house: House, ours: Recorder) -> None:
    """A registry that acknowledges, and brings its answer to the gateway."""
    client, registry = house.clients["FR"], house.clients["LATER registry"]
    ack = await client.search(path="search", receiver_id=registry.id)
    await house.worked()
    message = house.registries.answer("FR", house.registries.later.pop())
    head = callback_header("on-search", sender_id=registry.id, total_count=1)
    ours.asked("FR", "on-search", {"header": head, "message": message})
    registry.dialect = "none"
    await registry.call("on-search", head, message, recorded=False)
    await house.worked()
    await _status(house, client, ack["correlation_id"])


def _by_interface(seen: Mapping[tuple[str, str], int]) -> dict[str, frozenset[str]]:
    return {name: frozenset(path for interface, path in seen if interface == name) for name in INTERFACES}
