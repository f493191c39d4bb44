"""One sandbox serves every agency that has an adapter, and what it issues is all that a gateway needs to be linked."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adapters.kit import discovery
from adapters.kit.contract import Identifier, Item, Question, Subject
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.assembly import AGENCIES, Assembly, Places
from sandbox.population.payees import Payee
from sandbox.world import Registers

DAY = date(2026, 10, 31)
CALLBACKS = {"PSP_CALLBACK_URL", "MESSAGING_CALLBACK_URL"}


@pytest.fixture(scope="module")
def registers() -> Registers:
    return Registers(120, 7, DAY)


@pytest.fixture
async def opened(tmp_path: Path, registers: Registers) -> AsyncIterator[tuple[Assembly, dict[str, str]]]:
    issued: dict[str, str] = {}
    places = Places(tmp_path, tmp_path / "clients", "http://127.0.0.1:1", "http://127.0.0.1:2", pace=0.001)
    assembly = Assembly(registers, places, issued=issued.update)
    async with assembly.app.router.lifespan_context(assembly.app):
        yield assembly, issued


def question(service: str, **numbers: str) -> Question:
    subject = Subject(tuple(Identifier(kind, value) for kind, value in numbers.items()))
    return Question(service, subject, frozenset(), DAY)


def order(payment: str, kind: str, provider: str, account: str) -> dict[str, Any]:
    to = {"pay_kind": kind, "pay_provider": provider, "pay_account": account, "payee_name": "K. Invented"}
    money = {"payment": payment, "amount": "4500.00", "currency": "LKR", "pay_on": "2026-11-16"}
    return {"programme": "samurdhi", "month": "2026-10", **money, **to}


async def test_every_adapter_of_both_wires_is_linked_by_what_the_sandbox_issues(
    opened: tuple[Assembly, dict[str, str]],
) -> None:
    _, issued = opened
    told = issued | dict.fromkeys(CALLBACKS, "http://127.0.0.1:1/hooks")
    ports = {f"127.0.0.1:{value}" for name, value in issued.items() if name.endswith("_PORT")}
    dialler = Dialler({"127.0.0.1:2", *ports})
    folders = [*discovery.discover().values(), *discovery.second_wires().values()]
    assert len(folders) == 29
    for folder in folders:
        adapter = open_adapter(folder, told.__getitem__, dialler)
        await adapter.close()
    await dialler.close()


def test_every_adapter_has_its_agency_with_faults_of_its_own() -> None:
    assert discovery.discover().keys() <= set(AGENCIES)


async def test_bank_and_post_pay_registered_people_and_close_their_days_when_told(
    opened: tuple[Assembly, dict[str, str]], registers: Registers
) -> None:
    assembly, issued = opened
    payee = next(each for each in registers.payees().values() if _payable(each))
    ports = {f"127.0.0.1:{issued[f'{name}_PORT']}" for name in ("BANK", "POST_OFFICE")}
    dialler = Dialler(ports)
    folders = discovery.discover()
    bank, post = (open_adapter(folders[each], issued.__getitem__, dialler) for each in ("bank", "post_office"))
    to_account, to_card = (
        Item("i1", "bank.order", order("SAM-B1", "account", "7010", payee.account)),
        Item("i2", "post_office.order", order("SAM-C1", "card", payee.office, payee.card)),
    )
    handed = await asyncio.gather(bank.deliver(to_account), post.deliver(to_card))
    assert [each.state for each in handed] == ["ACSP", "OK"]
    steps = assembly.money.steps()
    assert await steps["bank_day"]() == {"closed": "2026-10-31"}
    assert await steps["post_months"]() == {"months": 1}
    for adapter, service, payment in ((bank, "bank.payment", "SAM-B1"), (post, "post_office.payment", "SAM-C1")):
        answer = await adapter.ask(question(service, PAYMENT=payment))
        assert adapter.normalise(service, answer)["state"] == "paid"
        await adapter.close()
    await dialler.close()


async def test_the_treasury_waits_for_a_report_of_every_district(
    opened: tuple[Assembly, dict[str, str]], registers: Registers
) -> None:
    overdue = opened[0].money.treasury.overdue()
    assert {each["report"] for each in overdue} == {f"RPT-EXP-{each}-2026-09" for each in registers.districts()}


def _payable(payee: Payee) -> bool:
    return payee.account_open and payee.claims and not payee.card_blocked
