"""The ESS conformance suite catches what it is for: a server with one planted fault fails the check that names it."""

import httpx
import pytest

from tests.conformance.ess.running import listed, run
from tests.conformance.ess.suite import Report
from tests.conformance.ess.talk import Failed, Talk
from tests.conformance.ess.target import Number, Target
from tests.contract.wrong_ess import CLIENT, KNOWN, OWN, PARTNER, SECRET, UNKNOWN, URI, WrongEss

CAUGHT = {
    "any secret": "TOKEN-2",
    "token type": "TOKEN-1",
    "no token wanted": "AUTH-1",
    "any token": "AUTH-2",
    "breaks on junk": "JSON-1",
    "page of the framework": "JSON-1",
    "own code": "JSON-1",
    "any media type": "JSON-2",
    "header members": "HEAD-1",
    "any action": "HEAD-2",
    "any version": "HEAD-3",
    "any time": "HEAD-4",
    "any count": "HEAD-5",
    "any receiver": "HEAD-6",
    "any sender": "HEAD-7",
    "no items": "HEAD-8",
    "unsigned taken": "SIGN-1",
    "signature not checked": "SIGN-2",
    "escaped before checking": "SIGN-4",
    "reply unsigned": "SIGN-5",
    "opens anything": "CRYPT-1",
    "action as asked": "FIND-1",
    "own status": "FIND-1",
    "old clock": "FIND-1",
    "for itself": "FIND-1",
    "same message_id": "FIND-1",
    "other transaction": "FIND-1",
    "correlation form": "FIND-1",
    "record as object": "FIND-1",
    "somebody for nobody": "FIND-2",
    "item dropped": "FIND-3",
    "all or nothing": "FIND-3",
    "each person once": "FIND-4",
    "graphql answered": "FIND-5",
    "any query": "FIND-6",
    "pages ignored": "FIND-7",
    "echo": "FIND-8",
    "own word": "ENROL-1",
    "anyone enrolled": "ENROL-2",
    "no number wanted": "ENROL-3",
    "status of another": "STATUS-1",
    "status of its own": "STATUS-2",
    "no callback": "ASYNC-1",
    "callback of another": "ASYNC-1",
    "own acknowledgement": "SUB-1",
    "no code": "SUB-2",
    "calls any address": "SUB-3",
    "new correlation each time": "NOTE-1",
    "message_id reused": "NOTE-2",
}
BESIDE = {"signature not checked": "SIGN-3", "no code": "SUB-4", "own code": "ALL-1", "any envelope": "NOTE-3"}


async def reported(ess: WrongEss, **changes: object) -> Report:
    transport = httpx.ASGITransport(ess.app, raise_app_exceptions=False)
    given: dict[str, object] = {
        "url": "http://ess.example/registry",
        "sender_id": PARTNER,
        "receiver_id": OWN,
        "jwks_url": "http://ess.example/.well-known/jwks.json",
        "token_url": "http://ess.example/oauth2/client/token",
        "client_id": CLIENT,
        "client_secret": SECRET,
        "key": ess.partner_key,
        "known": Number("UIN", KNOWN),
        "unknown": Number("UIN", UNKNOWN),
        "notice": {"member_identifier": []},
        "sender_uri": URI,
    }
    target = Target(**(given | changes))
    async with httpx.AsyncClient(transport=transport) as http:
        return await run(Talk(target, http, ess.callbacks))


def failed(report: Report) -> dict[str, str]:
    return {each.id: each.detail for each in report.failed}


async def test_a_server_that_keeps_the_protocol_passes_every_check() -> None:
    report = await reported(WrongEss())
    assert {each.id: each.detail for each in report.results if each.outcome != "passed"} == {}
    assert len(report.results) == len(listed())
    assert set(report.absent) == {"on-search", "on-subscribe", "on-unsubscribe", "txn/on-status", "txn/status"}


@pytest.mark.parametrize(("fault", "check"), CAUGHT.items(), ids=[each.replace(" ", "-") for each in CAUGHT])
async def test_a_planted_fault_is_caught_by_its_check(fault: str, check: str) -> None:
    found = failed(await reported(WrongEss(fault)))
    assert check in found
    assert found[check]
    assert not any(number in text for number in (KNOWN, UNKNOWN) for text in found.values())


def test_every_check_catches_something() -> None:
    assert {each.id for each in listed()} == {*CAUGHT.values(), *BESIDE.values()}


@pytest.mark.parametrize(("fault", "check"), BESIDE.items(), ids=[each.replace(" ", "-") for each in BESIDE])
async def test_the_others_are_caught_beside_it(fault: str, check: str) -> None:
    assert check in failed(await reported(WrongEss(fault)))


async def test_what_is_not_given_is_not_run_and_never_counts_as_passed() -> None:
    report = await reported(WrongEss(), key=None, dialect="none", known=None, notice=None, jwks_url="")
    outcomes = {each.id: each.outcome for each in report.results}
    wanted = ("SIGN-1", "SIGN-5", "FIND-1", "ENROL-1", "NOTE-1")
    assert {outcomes[each] for each in wanted} == {"not run"}


async def test_without_a_token_the_suite_does_not_begin() -> None:
    with pytest.raises(Failed, match="no token"):
        await reported(WrongEss(), client_secret="wrong")
