"""Who pays, carries and counts: payment provider, bank, post offices, treasury, mail relay, and the messaging
provider's second wire. All but two of them speak no HTTP and take ports of their own."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path

from starlette.applications import Starlette

from .agencies import bank, e_letters, post_office, psp, treasury
from .agencies.messaging import smpp
from .dci import Keys
from .faults import Faults
from .kept import Kept
from .months import month_of, month_text
from .population.payees import Payee, office_of
from .world import Registers

AGENCIES = ("psp", "treasury", "bank", "post_office", "e_letters", "messaging_smpp")
SMPP_USER, SMPP_SENDER = "sandhi", "+94110000001"


class MoneySide:
    """Made with everything else, opened with it; `bank`, `post`, `relay` and `sms` are what a test or a step drives.

    Args:
        url, folder: where an agency is mounted, and its own folder.
        gateway: base URL of whom the treasury alerts.
    """

    def __init__(
        self,
        registers: Registers,
        faults: Mapping[str, Faults],
        *,
        url: Callable[[str], str],
        folder: Callable[[str], Path],
        gateway: str,
    ) -> None:
        self._day, self._days_closed = registers.date, 0
        self._hook = f"{gateway}/hooks/treasury"
        known = registers.payees()
        accounts = {each.account: _account(each) for each in known.values()}
        cards = {each.card: post_office.Card(each.card, each.card_blocked, each.claims) for each in known.values()}
        offices = {office_of(district) for district in registers.districts()}
        self.bank = bank.Counter(bank.Book(accounts), bank.make_settings(folder("bank")), faults["bank"])
        counter = post_office.make_settings(folder("post_office"))
        self.post = post_office.Counter(post_office.Book(cards, offices), counter, faults["post_office"])
        self.relay = e_letters.Relay(e_letters.make_settings(folder("e_letters")), faults["e_letters"])
        password = Kept(folder("messaging_smpp")).secret("password")
        self.sms = smpp.Gate(SMPP_USER, password, SMPP_SENDER, faults["messaging_smpp"])
        self._payments = psp.make_settings(url("psp"), folder("psp"))
        self._reports = treasury.make_settings(url("treasury"), folder("treasury"), day=registers.date)
        self.treasury = treasury.Book(registers.date)
        last = month_text(month_of(registers.date) - 1)
        self.treasury.expect(*(f"RPT-EXP-{district}-{last}" for district in registers.districts()))

    def exported(self) -> dict[str, str]:
        """What the agencies give their partner, by the names of the settings file; once they are open."""
        told = self._payments.exported() | self._reports.exported() | self.bank.exported() | self.post.exported()
        told |= self.relay.exported() | self.post.exported("LETTERS_PRINT")
        return self.sms.exported() | told

    def apps(self, keys: Keys, faults: Mapping[str, Faults]) -> dict[str, Starlette]:
        """Those that speak HTTP, as ASGI apps by agency."""
        return {
            "psp": psp.build(psp.Book(psp.settings.PAYER), self._payments, keys, faults["psp"]),
            "treasury": treasury.build(self.treasury, self._reports, faults["treasury"]),
        }

    def steps(self) -> Mapping[str, Callable[[], Awaitable[dict[str, object]]]]:
        """What banks and posts do by the calendar, by the names that `/control/steps/<name>` takes."""
        return {"bank_day": self.bank_day, "post_months": self.post_months}

    async def bank_day(self) -> dict[str, object]:
        """The bank closes one day after the other: what was ordered is booked, what nobody came for comes back."""
        day = self._day + timedelta(days=self._days_closed)
        self._days_closed += 1
        self.bank.close_day(day)
        return {"closed": day.isoformat()}

    async def post_months(self) -> dict[str, object]:
        """The post publishes the details of every month that it has payments of."""
        months = sorted({f"{each.on:%Y-%m}" for each in self.post.book.orders.values()})
        for month in months:
            self.post.close_month(month)
        return {"months": len(months)}

    async def late_reports(self) -> dict[str, int]:
        """The treasury alerts the gateway of every overdue report."""
        answers = await treasury.app.alert(self.treasury, self._reports, self._hook)
        return {"overdue": len(answers), "taken": answers.count(200)}

    async def open(self) -> None:
        """Listen; the ports are known from here on."""
        for each in (self.bank.box, self.post.box, self.relay, self.sms):
            await each.open()

    async def close(self) -> None:
        """Stop listening and working."""
        for each in (self.sms, self.relay, self.post.box, self.bank.box):
            await each.close()


def _account(held: Payee) -> bank.Account:
    return bank.Account(
        held.account,
        held.nic,
        held.opened,
        is_open=held.account_open,
        card=held.bank_card,
        nominee=held.nominee,
        silent=not held.claims,
    )
