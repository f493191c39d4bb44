"""All agencies over one population, each made from its own records, settings and folder, and the control surface."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount

from . import control
from .agencies import (
    civil_registration,
    driving_licence,
    education,
    employment_offices,
    ess,
    health,
    messaging,
    national_id,
    offices,
    pension,
    population_register,
    social_tax,
    tax,
)
from .faults import Faults
from .gateway_client import Clients
from .gateway_keys import GatewayKeys
from .local_side import AGENCIES as LOCAL_AGENCIES
from .local_side import LocalSide
from .money_side import AGENCIES as MONEY_AGENCIES
from .money_side import MoneySide
from .months import month_of, month_text
from .person import World
from .population.census import census
from .programme_side import AGENCIES as PROGRAMME_AGENCIES
from .programme_side import ProgrammeSide
from .second_side import AGENCIES as SECOND_AGENCIES
from .second_side import SecondSide
from .world import Registers

TOLD_LOOKS = 600  # at tenths of a second, whether what the treasury alerted has come to the board

AGENCIES = (
    *("national_id", "civil_registration", "tax", "pension", "education", "driving_licence", "health"),
    "employment_offices",
    *("ess", "offices", "messaging", "population_register", "social_tax"),
    *PROGRAMME_AGENCIES,
    *SECOND_AGENCIES,
    *LOCAL_AGENCIES,
    *MONEY_AGENCIES,
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where one sandbox lives.

    Attributes:
        data: folder of settings and state.
        clients: folder of the credentials files that the gateway's operator hands out; may be filled later.
        gateway: base URL of the gateway.
        base: base URL of the agencies.
        sftp_port: of the pension fund; 0 takes a free one.
        pace: seconds between two states of a message to a person.
    """

    data: Path
    clients: Path
    gateway: str
    base: str
    sftp_port: int = 0
    pace: float = 0.05

    def folder(self, agency: str) -> Path:
        """The agency's own folder, made when absent."""
        path = self.data / agency
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def url(self, agency: str) -> str:
        """Where the agency is mounted."""
        return self.base + prefix(agency)


def prefix(agency: str) -> str:
    """`civil_registration` -> `/civil-registration`."""
    return f"/{agency.replace('_', '-')}"


class Assembly:
    """The sandbox, ready to be served: `app` has everything mounted, and its lifespan starts and stops what works by
    itself."""

    def __init__(
        self, registers: Registers, places: Places, *, issued: Callable[[Mapping[str, str]], object] = len
    ) -> None:
        """Make or read every agency's settings; nothing listens and nobody is called yet.

        Args:
            issued: gets what the agencies give their clients, by the names of the settings file, at the start.
        """
        self._registers, self._places, self._issued = registers, places, issued
        self.faults = {name: Faults() for name in AGENCIES}
        self._clients, self._keys = Clients(places.clients), GatewayKeys(places.gateway)
        self._deaths = control.Deaths(registers, places.folder("civil_registration") / "deaths.db")
        self._messages = messaging.Store(places.folder("messaging") / "messages.db")
        self._settings: dict[str, str] = {}
        self.programmes = ProgrammeSide(
            registers, self._clients, url=places.url, folder=places.folder, gateway=places.gateway
        )
        self.local = LocalSide(registers.date, url=places.url, folder=places.folder, gateway=places.gateway)
        second = SecondSide(registers, self._deaths, url=places.url, folder=places.folder)
        self.money = MoneySide(registers, self.faults, url=places.url, folder=places.folder, gateway=places.gateway)
        self._settings |= self.programmes.exported() | self.local.exported() | second.exported()
        self._apps = self._answering() | self._working() | self.programmes.apps(self._keys, self.faults)
        self._apps |= self.local.apps(self.faults) | second.apps(self.faults)
        self._apps |= self.money.apps(self._keys, self.faults)
        routes = [Mount(prefix(name), app=app) for name, app in self._apps.items()]
        routes.append(Mount("/control", app=control.build(self.steps, self.faults, self.later_steps())))
        desk = self._counsel_desk()
        self.app = Starlette(
            routes=[*routes, *desk.routes],
            exception_handlers=desk.handlers,
            middleware=desk.middleware,
            lifespan=self._life,
        )

    def _answering(self) -> dict[str, Starlette]:
        """The agencies that only answer."""
        places, records, faults = self._places, self._registers, self.faults
        identity = national_id.make_settings(places.url("national_id"), places.folder("national_id"))
        civil = civil_registration.make_settings(places.url("civil_registration"), places.folder("civil_registration"))
        income = tax.make_settings(places.url("tax"), places.folder("tax"), today=records.date)
        school = education.make_settings(places.url("education"))
        licences = driving_licence.make_settings(places.url("driving_licence"))
        certificates = health.make_settings(places.url("health"), places.folder("health"))
        people = population_register.make_settings(places.url("population_register"))
        board = social_tax.make_settings(places.url("social_tax"))
        centres = employment_offices.make_settings(
            places.url("employment_offices"), places.folder("employment_offices"), day=records.date
        )
        for made in (
            identity,
            civil,
            income,
            school,
            licences,
            certificates,
            people,
            centres,
            board,
        ):
            self._settings |= made.exported()
        return {
            "national_id": national_id.build(records, identity, faults["national_id"]),
            "civil_registration": civil_registration.build(self._deaths, civil, faults["civil_registration"]),
            "tax": tax.build(records, income, faults["tax"]),
            "education": education.build(records, school, faults["education"]),
            "driving_licence": driving_licence.build(records, licences, faults["driving_licence"]),
            "health": health.build(records, certificates, faults["health"]),
            "employment_offices": employment_offices.build(records, centres, faults["employment_offices"]),
            "social_tax": social_tax.build(records, board, faults["social_tax"]),
            "population_register": population_register.build(records, people, faults["population_register"]),
        }

    def _working(self) -> dict[str, Starlette]:
        """The agencies that act on their own: messaging, ESS, the offices."""
        places, faults, clients, keys = self._places, self.faults, self._clients, self._keys
        sent = messaging.make_settings(places.url("messaging"), places.folder("messaging"), pace=places.pace)
        support = ess.make_settings(places.url("ess"), places.folder("ess"), gateway=places.gateway)
        local = offices.make_settings(places.url("offices"), places.folder("offices"), templates=sent.templates)
        self._settings |= sent.exported() | support.exported()
        gn_divisions = {unit for division in census().divisions for unit in division.gn_divisions}
        book = ess.Book(support.store)
        self._ess = ess.Ess(book, support, self._registers, clients, gn_divisions, self._registers.date)
        self._office_book = offices.Book(local.store)
        self._alerts = offices.Alerts(self._office_book, local, clients)
        day = self._registers.date
        self._counsellors = offices.Counsellors(self._office_book, self._alerts.post, self._real, day)
        return {
            "messaging": messaging.build(self._messages, sent, faults["messaging"]),
            "ess": ess.build(self._ess, clients, keys, faults["ess"]),
            "offices": offices.build(self._office_book, local, keys, faults["offices"]),
        }

    def _counsel_desk(self) -> offices.CounselDesk:
        """The pages of the offices' counsellors."""
        folder, base = self._places.folder("offices"), self._places.base
        return offices.CounselDesk(self._office_book, self._counsellors, folder, origin=base)

    @property
    def steps(self) -> control.Steps:
        """The steps over these agencies."""
        day = self._registers.date
        hooks = self._apps["civil_registration"].state.hooks
        return control.Steps(
            self._ess, self._alerts, self._counsellors, hooks, self._deaths, self._registers.registrations, day
        )

    def later_steps(self) -> Mapping[str, control.Step]:
        """The steps outside seed A, by the names that `/control/steps/<name>` takes."""
        board = self.programmes.registry.subscribe_to_late_reports
        return {**self.money.steps(), "board": board, "late_reports": self._late_reports}

    async def _late_reports(self) -> dict[str, object]:
        """The treasury alerts; the board has seen each report that is late, or said how many within a minute."""
        alerted = await self.money.late_reports()
        registry = self.programmes.registry
        for _ in range(TOLD_LOOKS):
            if len(registry.late_reports()) >= alerted["overdue"]:
                break
            await asyncio.sleep(0.1)
        return {**alerted, "the board was told of": len(registry.late_reports())}

    def _real(self, nic: str) -> World:
        return self._registers.reality(nic).world

    @asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        """Start what works by itself, going on with what an earlier process left; stop it at the end."""
        hooks = self._apps["civil_registration"].state.hooks
        fund = await pension.serve(self._registers, self._fund_settings(), self.faults["pension"])
        await self.money.open()
        self._issued(self._settings | fund.settings.exported() | self.money.exported())
        await hooks.start()
        self._apps["messaging"].state.resume()
        self._ess.start()
        self.programmes.start()
        try:
            yield
        finally:
            await self._ess.close()
            await self.programmes.close()
            self.local.close()
            await hooks.close()
            await self.money.close()
            await fund.close()
            await self._clients.close()
            for store in (self._ess.book, self._office_book, self._messages, self._deaths):
                store.close()

    def _fund_settings(self) -> pension.PensionSettings:
        closed = month_text(month_of(self._registers.date) - 1)
        folder, port = self._places.folder("pension"), self._places.sftp_port
        return pension.make_settings(folder, closed_month=closed, port=port)
