"""Money, reports and letters through one gateway: ordered, paid, reconciled, reported, written, told by SMS."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from flows.gateways import Running, served
from sandhi_client import Client, Delivery, Identifier, Problem, Subject
from starlette.routing import Mount

from gateway.cli.demo.choices import Ports
from gateway.cli.demo.onboarding import onboard
from gateway.settings import Settings
from sandbox.agencies import bank, e_letters, post_office, psp, treasury
from sandbox.agencies.messaging.smpp import Gate
from sandbox.agencies.psp.book import payable
from sandbox.agencies.psp.settings import PAYER
from sandbox.faults import Faults
from sandbox.gateway_keys import GatewayKeys
from tests.small_gateway import served as served_app

ROOT = Path(__file__).parents[2]
DAY = date(2026, 10, 31)
NIC, ACCOUNT, CARD, OFFICE = "199012304567", "0087654321", "PC-00012345", "LK-PO-0101"
WALLET = next(f"07712345{n:02}" for n in range(99) if payable(f"mobile:07712345{n:02}@wallet"))
LATE, CASH = "RPT-EXP-LK-11-2026-09", "RPT-CASH-LK-11-2026-11"
PAYMENT, REPORTING = "social-protection.payment", "public-finance.reporting"
OUTREACH = "employment-support.outreach"
THINGS = {"treasury.report": ("REPORT", "report"), "treasury.allocation": ("ALLOCATION", "letter")}


@dataclass
class Town:
    """A gateway, and the agencies that are linked to it."""

    gateway: Running
    bank: bank.Counter
    post: post_office.Counter
    relay: e_letters.Relay
    sms: Gate
    treasury: tuple[treasury.Book, treasury.TreasurySettings]
    delivered: dict[str, str] = field(default_factory=dict)

    def mis(self) -> Client:
        return self.gateway.client("samurdhi")

    async def handed(self, client: Client, service: str, record: dict[str, Any], purpose: str = PAYMENT) -> Delivery:
        kind, thing = THINGS.get(service, ("NIC", ""))
        key = str(record.get("payment") or record.get("report") or record.get("letter") or record["to"]).lstrip("+")
        about = subject(**{kind: record[thing] if thing else NIC})
        asked: dict[str, Any] = {"service": service, "purpose": purpose, "subject": about, "record": record}
        found = await client.deliver(**asked, idempotency_key=f"{service}-{key}")
        done = await client.delivery_finished(found.id, longest_pause=0.2, within=30)
        assert done.state == "handed", done
        self.delivered[service] = found.id
        return done

    async def came(self, client: Client, service: str, word: str) -> None:
        """The agency's later word on the last delivery to a service."""
        for _ in range(300):
            if (await client.delivery(self.delivered[service])).receiver_state == word:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{service} never became {word}")


def subject(**numbers: str) -> Subject:
    return Subject(tuple(Identifier(kind, value) for kind, value in numbers.items()))


def order(payment: str, kind: str, provider: str, account: str) -> dict[str, Any]:
    to = {"pay_kind": kind, "pay_provider": provider, "pay_account": account, "payee_name": "K. Invented"}
    money = {"payment": payment, "amount": "4500.00", "currency": "LKR", "pay_on": "2026-11-16"}
    return {"programme": "samurdhi", "month": "2026-10", **money, **to}


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Town]:
    """Everything runs in this loop but the gateway, which is a process of its own."""
    app, loop = FastAPI(), asyncio.get_running_loop()
    account, card = bank.Account(ACCOUNT, NIC, DAY, card="I", silent=True), post_office.Card(CARD)
    counter = bank.Counter(bank.Book({ACCOUNT: account}), bank.make_settings(folder / "bank"), Faults())
    book = post_office.Book({CARD: card}, {OFFICE})
    post = post_office.Counter(book, post_office.make_settings(folder / "post"), Faults())
    relay = e_letters.Relay(e_letters.make_settings(folder / "relay"), Faults())
    sms = Gate("sandhi", "secret", "+94110000001", Faults())
    with ExitStack() as process, pytest.MonkeyPatch.context() as patched:
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(served_app(app))
            for each in (counter.box, post.box, relay, sms):
                await each.open()
                stack.push_async_callback(each.close)
            reports = (
                treasury.Book(date(2026, 11, 4)),
                treasury.make_settings(f"{url}/treasury", folder / "treasury", day=DAY),
            )
            reports[0].expect(LATE, CASH)
            app.router.routes.append(Mount("/treasury", app=treasury.build(*reports, Faults())))

            def prepared(gateway: str) -> None:
                pay = psp.make_settings(f"{url}/psp", folder / "psp", pace=0.02)
                made = psp.build(psp.Book(PAYER), pay, GatewayKeys(gateway), Faults())
                loop.call_soon_threadsafe(app.router.routes.append, Mount("/psp", app=made))
                told = pay.exported() | reports[1].exported() | counter.exported() | post.exported()
                told |= relay.exported() | post.exported("LETTERS_PRINT") | sms.exported()
                told["PSP_CALLBACK_URL"] = f"{gateway}/hooks/psp"
                told["ADAPTERS_DIR"] = str(ROOT / "adapters/second_wires")
                ports = [value for name, value in told.items() if name.endswith("_PORT")]
                told["ALLOWED_HOSTS"] = ",".join([url.partition("//")[2], *(f"127.0.0.1:{each}" for each in ports)])
                for name, value in told.items():
                    patched.setenv(f"SANDHI_{name}", value)
                environment = {"SANDHI_DATA_DIR": str(folder / "run"), "SANDHI_PUBLIC_URL": gateway}
                asyncio.run(onboard(Settings.read(environment), Ports(1, 2, 3), DAY))

            (folder / "run").mkdir()
            running = await asyncio.to_thread(process.enter_context, served(folder / "run", prepared=prepared))
            yield Town(running, counter, post, relay, sms, reports)


async def test_everything_that_pays_reports_and_writes(tmp_path: Path) -> None:
    async with opened(tmp_path) as town:
        for part in PARTS:
            await part(town)


async def a_wallet_is_paid_and_the_provider_s_callback_settles_the_delivery(town: Town) -> None:
    async with town.mis() as client:
        await town.handed(client, "psp.order", order("SAM-P1", "mobile", "wallet", WALLET))
        await town.came(client, "psp.order", "paid")
        assert (await state(client, "psp", "SAM-P1"))["state"] == "paid"


async def the_bank_pays_and_gives_back_what_nobody_came_for(town: Town) -> None:
    async with town.mis() as client:
        done = await town.handed(client, "bank.order", order("SAM-B1", "account", "7010", ACCOUNT))
        assert done.receiver_state == "ACSP"
        seen = [(await state(client, "bank", "SAM-B1"))["state"]]
        for day in (date(2026, 11, 16), date(2026, 12, 16)):
            town.bank.close_day(day)
            seen.append((await state(client, "bank", "SAM-B1"))["state"])
        assert seen == ["pending", "paid", "unclaimed"]
        with pytest.raises(Problem) as raised:
            await state(client, "bank", "SAM-B9")
        assert raised.value.code == "unknown_person"


async def an_account_is_confirmed_to_who_holds_the_person_s_word_for_its_number(town: Town) -> None:
    whose = subject(NIC=NIC, ACCOUNT=ACCOUNT)
    asked: dict[str, Any] = {"service": "bank.account", "purpose": PAYMENT, "subject": whose}
    fields = ["account_open", "held_by_person", "card", "nominee"]
    async with town.gateway.client("kidney") as client:
        with pytest.raises(Problem):
            await client.exchange(**asked, fields=fields)
        await recorded(client, "account-1", whose, ["LK/COM/BANK"], PAYMENT, "bank.account")
        held = await client.exchange(**asked, fields=fields)
    assert held.record == {"account_open": True, "held_by_person": True, "card": "issued", "nominee": "none"}


async def the_month_s_letter_allots_to_the_zones_what_their_people_are_then_paid(town: Town) -> None:
    """The letter to the district accounts, then the orders to individual accounts, then the bank's reconciliation."""
    zones = [{"zone": "LK-1103", "account": "0012345678", "amount": "4500.00"}]
    letter = {"letter": "ALC-SAM-LK-11-2026-10", "programme": "samurdhi", "unit": "LK-11", "month": "2026-10"}
    record: dict[str, Any] = {**letter, "currency": "LKR", "total": "4500.00", "zones": zones}
    book, _ = town.treasury
    async with town.mis() as client:
        done = await town.handed(client, "treasury.allocation", record, REPORTING)
        assert done.receiver_state == "RECEIVED"
        await town.handed(client, "bank.order", order("SAM-A1", "account", "7010", ACCOUNT))
        town.bank.close_day(date(2026, 11, 16))
        paid = await state(client, "bank", "SAM-A1")
        whole: dict[str, Any] = {"service": "treasury.allocation", "purpose": REPORTING}
        wrong = {**record, "letter": "ALC-SAM-LK-11-2026-11", "month": "2026-11", "total": "4500.01"}
        refused = await client.deliver(
            **whole, subject=subject(ALLOCATION=wrong["letter"]), record=wrong, idempotency_key="wrong-letter"
        )
        ended = await client.delivery_finished(refused.id, longest_pause=0.2, within=30)
    assert (book.letters["ALC-SAM-LK-11-2026-10"][0], ended.state) == (record, "failed")
    assert (paid["state"], paid["amount"]) == ("paid", zones[0]["amount"])
    assert len(book.letters) == 1


async def the_post_pays_by_card_and_sends_details(town: Town) -> None:
    async with town.mis() as client:
        done = await town.handed(client, "post_office.order", order("SAM-C1", "card", OFFICE, CARD))
        assert done.receiver_state == "OK"
        town.post.close_month("2026-11")
        assert (await state(client, "post_office", "SAM-C1"))["state"] == "paid"


async def a_report_is_taken_and_a_late_one_is_alerted(town: Town) -> None:
    lines = [{"code": "samurdhi.allowance", "people": 3, "amount": "13500.00"}]
    lines.append({"code": "elders.allowance", "people": 311, "amount": "622000.00"})
    told = {"report": CASH, "kind": "cash_forecast", "unit": "LK-11", "month": "2026-11", "currency": "LKR"}
    async with town.mis() as client:
        done = await town.handed(client, "treasury.report", told | {"lines": lines}, REPORTING)
        assert done.receiver_state == "IN_TIME"
        asked: dict[str, Any] = {
            "service": "treasury.report_state",
            "purpose": REPORTING,
            "subject": subject(REPORT=LATE),
        }
        answer = await client.exchange(**asked, fields=["state", "due_on"])
    assert answer.record == {"state": "overdue", "due_on": "2026-10-05"}
    book, settings = town.treasury
    assert [each["people"] for each in book.reports[CASH]["lines"]] == [None, None]
    hook = f"{town.gateway.url}/hooks/treasury"
    assert list(await treasury.app.alert(book, settings, hook)) == [200]
    async with httpx.AsyncClient(trust_env=False) as anybody:
        assert (await anybody.post(hook, json={"id": "late-1"})).status_code == 403


async def every_unit_reports_every_kind_up_the_line_in_time_or_late(town: Town) -> None:
    """Zone, division, district, department: allocation and release, spending, progress, programme, reconciliation."""
    lines = [{"code": "samurdhi.allowance", "people": 311, "amount": "1399500.00"}]
    units = {"LK-1103005": "REL", "LK-1103": "PHYS", "LK-11": "PROG", "LK": "REC"}
    states = {}
    async with town.mis() as client:
        for month, late in (("2026-10", False), ("2026-09", True)):
            for unit, code in units.items():
                kind, reference = treasury.book.CODES[code], f"RPT-{code}-{unit}-{month}"
                told = {"report": reference, "kind": kind, "unit": unit, "month": month, "currency": "LKR"}
                done = await town.handed(client, "treasury.report", told | {"lines": lines}, REPORTING)
                states[reference] = (done.receiver_state, late)
    assert {state for state, late in states.values() if not late} == {"IN_TIME"}
    assert {state for state, late in states.values() if late} == {"LATE"}


async def a_graduate_s_allowance_is_split_between_three_accounts(town: Town) -> None:
    parts = {"SOC": "900.00", "LOT": "100.00", "SAV": "3500.00"}
    async with town.mis() as client:
        for part, amount in parts.items():
            record = order(f"SAM-G1-{part}", "account", "7010", ACCOUNT) | {"amount": amount}
            done = await town.handed(client, "bank.order", record)
            assert done.receiver_state == "ACSP"
        town.bank.close_day(date(2026, 11, 17))
        paid = {part: await state(client, "bank", f"SAM-G1-{part}") for part in parts}
    assert {part: (told["state"], told["amount"]) for part, told in paid.items()} == {
        part: ("paid", amount) for part, amount in parts.items()
    }


async def letters_go_by_mail_and_on_paper(town: Town) -> None:
    text = {"language": "eng", "dated": "2026-11-02", "office": "DS Colombo", "heading": "Please come"}
    purpose = "social-protection.enrolment"
    async with town.mis() as client:
        for letter, service, where in (
            ("LET-1", "e_letters.email", {"email": "k.invented@mail.example"}),
            ("LET-2", "e_letters.print", {"address": ["K. Invented", "Colombo 7"]}),
        ):
            record = {"letter": letter, **text, **where, "paragraphs": ["There is something for you to sign."]}
            await town.handed(client, service, record, purpose)
    assert [each.receiver for each in town.relay.mails] == ["k.invented@mail.example"]
    assert [each.letter for each in town.post.letters] == ["LET-2"]


async def an_sms_goes_over_smpp_and_its_receipt_is_kept(town: Town) -> None:
    async with town.gateway.client("sr") as registry:
        partners = ["LK/COM/SMS", "LK/GOV/DME"]
        await recorded(registry, "outreach-1", subject(NIC=NIC), partners, OUTREACH, "messaging.alert")
    record = {"channel": "sms", "to": "+94771234501", "language": "eng", "text": "Please call us."}
    async with town.gateway.client("office-LK-11") as office:
        await town.handed(office, "messaging.alert", record, OUTREACH)
        await town.came(office, "messaging.alert", "delivered")
    assert [each.text for each in town.sms.texts] == ["Please call us."]


async def recorded(client: Client, id_: str, whose: Subject, recipients: list[str], purpose: str, service: str) -> None:
    given = {
        "id": id_,
        "subject": whose.wire(),
        "recipients": recipients,
        "purposes": [purpose],
        "services": [service],
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2100-01-01T00:00:00Z",
        "given_how": "self",
        "evidence": "sha-256:" + "0" * 64,
    }
    (kept,) = await client.record_consents([given])
    assert kept.outcome == "recorded", kept


async def state(client: Client, adapter: str, payment: str) -> dict[str, Any]:
    asked: dict[str, Any] = {"service": f"{adapter}.payment", "purpose": PAYMENT, "subject": subject(PAYMENT=payment)}
    return dict((await client.exchange(**asked, fields=["state", "amount"])).record)


PARTS = (
    a_wallet_is_paid_and_the_provider_s_callback_settles_the_delivery,
    the_bank_pays_and_gives_back_what_nobody_came_for,
    an_account_is_confirmed_to_who_holds_the_person_s_word_for_its_number,
    the_month_s_letter_allots_to_the_zones_what_their_people_are_then_paid,
    the_post_pays_by_card_and_sends_details,
    a_report_is_taken_and_a_late_one_is_alerted,
    every_unit_reports_every_kind_up_the_line_in_time_or_late,
    a_graduate_s_allowance_is_split_between_three_accounts,
    letters_go_by_mail_and_on_paper,
    an_sms_goes_over_smpp_and_its_receipt_is_kept,
)
