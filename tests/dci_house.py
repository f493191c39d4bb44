"""A gateway with six registries that only folders declare, and clients that know nothing of ours: DCI's own token
endpoint with a secret, an envelope, a signature in some dialect."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from joserfc.jwk import OKPKey
from sandhi_client import dialects, http_signatures
from sandhi_client.keys import OwnKey
from sqlalchemy import select

import profiles
from adapters.kit.contract import Identifier, Subject, Told
from audit import Wanted
from consent import sign_agreement
from gateway.app import build_app
from gateway.delivery.tables import job
from gateway.recording import Recording
from gateway.settings import Settings
from gateway.trust import Member, System, client_secrets, register
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key, private_jwk
from gateway.trust.parties import Offered
from gateway.trust.policy import Policy
from gateway.wiring import Services
from tests.dci_played import LATER, PROVIDERS, REG_TYPES, CallbackPlace, Envelope, Recorder, Registries, local, stamp
from tests.migrated import services_on_tables
from tests.small_gateway import served

ORIGIN = "http://127.0.0.1:8080"
CLIENT, REGISTRY = "LK/COM/TPC", "LK/GOV/REG"
PURPOSE = "employment-support.eligibility"
NIC, OTHER, THIRD, UNKNOWN = "199012304567", "198012304567", "197012304567", "196012304567"
PEOPLE: dict[str, dict[str, Any]] = {
    NIC: {"enrolled": True, "status": "Active", "birth_date": "1990-05-02", "death_date": None},
    OTHER: {"enrolled": False, "status": "Inactive", "birth_date": "1980-05-02", "death_date": "2026-01-31"},
    THIRD: {"enrolled": True, "status": "Suspended", "birth_date": "1970-05-02", "death_date": None},
}
ANSWERING = "DCI-1"  # the agreement on what registries answer
REGISTRIES = {**PROVIDERS, "LATER": LATER}
NOTIFIED = "canonical/enrolment-event.v1.json"  # the record of what a client is notified of
FOLDERS = Path(__file__).parent / "dci_registers"
KEYS = {each: {**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": each} for each in (CLIENT, REGISTRY)}
SECRET_POLICY = {"client_secret": True, "bearer": True}
UNSIGNED = {"signature": {"required": False}}
TELLING = {LATER, PROVIDERS["ESS"]}  # registries that send something of their own accord


@dataclass(slots=True)
class Client:
    """A third party's system that speaks one interface. `call` records both ways."""

    house: "House"
    interface: str
    system: str
    key: Any
    secret: str = ""
    dialect: str = "dci-jws"
    prefix: str = "/dci/registry"
    _token: str = ""

    @property
    def id(self) -> str:
        return self.system.replace("/", ".")

    async def agree(self, **policy: Any) -> None:
        """What the operator agrees with it: `sandhi system policy` says the same."""
        dialect = policy.get("signature", {}).get("dialect", "dci-jws")
        policy.setdefault("signature", {"dialect": dialect, "required": dialect != "none"})
        await self.house.change(self.system, Policy.read(SECRET_POLICY | policy))
        self.dialect, self._token = dialect, ""

    async def token(self, http: httpx.AsyncClient) -> str:
        if not self._token:
            form = {"grant_type": "client_credentials", "client_id": self.id, "client_secret": self.secret}
            answer = await http.post("/oauth2/client/token", data=form, headers={"timestamp": stamp()})
            assert isinstance(answer.json()["expires_in"], str)
            self._token = answer.json()["access_token"]
        return self._token

    def header(self, action: str, total: int = 1, **more: object) -> Envelope:
        head = {"version": "1.0.0", "message_id": str(uuid4()), "message_ts": stamp(), "action": action}
        ids = {"sender_id": self.id, "receiver_id": PROVIDERS[self.interface].replace("/", "."), "total_count": total}
        return head | ids | more

    def item(self, query: object = None, **criteria: object) -> Envelope:
        wanted = {
            "reg_type": f"ns:org:RegistryType:{REG_TYPES[self.interface]}",
            "query_type": "idtype-value",
            "query": query or {"type": "UIN", "value": NIC},
            "authorize": {"purpose": {"code": PURPOSE}},
        }
        criteria = {name: value for name, value in (wanted | criteria).items() if value is not None}
        return {"reference_id": str(uuid4()), "timestamp": stamp(), "search_criteria": criteria, "locale": "eng"}

    async def search(self, *items: Envelope, path: str = "sync/search", **header: object) -> Envelope:
        """The reply's or the acknowledgement's message."""
        message = {"transaction_id": str(uuid4()), "search_request": list(items or [self.item()])}
        _, body = await self.call(path, self.header("search", len(items) or 1, **header), message)
        found: Envelope = body["message"]
        return found

    async def ends(self, *items: Envelope) -> list[Envelope]:
        """The items of the answer."""
        found: list[Envelope] = (await self.search(*items))["search_response"]
        return found

    async def status(self, value: object, attribute: str = "correlation_id") -> Envelope:
        """`txn_status` of a search."""
        request = {"reference_id": "s1", "txn_type": "search", "attribute_type": attribute, "attribute_value": value}
        message = {"transaction_id": str(uuid4()), "txnstatus_request": request}
        _, body = await self.call("sync/txn/status", self.header("txn-status"), message)
        found: Envelope = body["message"]["txnstatus_response"]["txn_status"]
        return found

    async def call(
        self, path: str, header: Mapping[str, Any], message: Mapping[str, Any], *, recorded: bool = True
    ) -> tuple[int, Envelope]:
        """Status and body; every answer has the shape of its file."""
        if recorded:
            self.house.recorder.asked(self.interface, path, {"header": dict(header), "message": dict(message)})
        body, headers = self.signed(header, message)
        return await self.post(path, body, headers)

    def signed(self, header: Any, message: Any) -> tuple[bytes, dict[str, str]]:
        return dialects.signed(self.dialect, header, message, OwnKey(private_jwk(self.key)))

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Envelope]:
        async with local(self.house.app, ORIGIN) as http:
            sent = dict(headers) | {"authorization": f"Bearer {await self.token(http)}"}
            if self.dialect == "rfc9421":
                plain = http_signatures.Exchanged("POST", f"{ORIGIN}{self.prefix}/{path}", sent, body)
                sent |= http_signatures.signed(plain, OwnKey(private_jwk(self.key)))
            answer = await http.post(f"{self.prefix}/{path}", content=body, headers=sent)
        found: Envelope = answer.json()
        self.house.recorder.answered(self.interface, path, answer.status_code, found)
        return answer.status_code, found


@dataclass(slots=True)
class House:
    """The application, its services, who is played around it, and one client for each interface."""

    services: Services
    app: Any
    recorder: Recorder
    registries: Registries
    callbacks: CallbackPlace
    clients: dict[str, Client] = field(default_factory=dict)
    answering: str = ANSWERING

    async def grant(self, **fields: Sequence[str]) -> None:
        """End what was agreed and agree anew: registries answer these fields of these, and all of the others."""
        recording = Recording(self.services.db, self.services.log)
        await recording.agreement_change("end", self.answering, by=CLIENT)
        self.answering = f"{ANSWERING}-{uuid4().hex[:8]}"
        await _answering(self.services, self.answering, fields)

    async def change(self, system: str, policy: Policy) -> None:
        async with self.services.db.write() as connection:
            known = await register.find_system(connection, system)
            assert known is not None
            if known.policy != policy:
                now = datetime.now(UTC)
                await register.change_policy(connection, self.services.log, system, policy, now)
        self.services.trust.forget()
        await self.services.trust.register()

    async def tell(self, name: str, number: str = NIC) -> None:
        """As if the registry of an interface had told an event about a person: taken, not yet handed on."""
        event = {"member_id": "M-1", "state": "enrolled", "date": "2026-10-31"}
        told = Told(str(uuid4()), "enrolment", event, Subject((Identifier("NIC", number),)))
        await self.services.events.take([told], PROVIDERS[name])

    async def worked(self) -> None:
        """Every job that can be done now is done, also those that wait for their next try."""
        for _ in range(250):
            async with self.services.db.write() as connection:
                await connection.execute(job.update().where(job.c.state == "ready").values(not_before=0))
                left = (await connection.execute(select(job.c.id).where(job.c.state == "ready"))).all()
            if not left:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("jobs are left")

    async def facts(self, kind: str) -> list[Mapping[str, Any]]:
        """Of the newest entries of a kind, newest first."""
        found = await self.services.log.search(Wanted(kind=kind, limit=5))
        facts = [each.entry.facts for each in await self.services.log.find([each.entry_id for each in found])]
        return sorted(facts, key=lambda each: str(each["exchange_id"]), reverse=True)


def profile_of(folder: Path) -> Path:
    """The country's profile, with the six registries' systems: configuration, no code."""
    made = folder / "profile"
    shutil.copytree(Path(profiles.__file__).parent / "lk", made)
    text = (made / "profile.toml").read_text("utf-8")
    rows = "".join(f'dci_{name.lower()} = "{system}"\n' for name, system in REGISTRIES.items())
    (made / "profile.toml").write_text(text.replace("[providers]\n", f"[providers]\n{rows}"), "utf-8")
    return made


async def _party(here: Services, system: System, key: Any) -> str:
    """Register a system with its key; gives its secret, if it is one that calls."""
    now, log = datetime.now(UTC), here.log
    async with here.db.write() as connection:
        if await register.find_member(connection, system.member_id) is None:
            await register.add_member(connection, log, Member(system.member_id, "member"), now)
        await register.add_system(connection, log, system, now)
        await register.add_keys(connection, log, system.id, [public_key(dict(key.jwk))], now)
        if not system.policy.client_secret:
            return ""
        secret, _ = await client_secrets.make(connection, log, system, now, timedelta(days=1))
    return secret


async def _answering(here: Services, id_: str, fields: Mapping[str, Sequence[str]]) -> None:
    """What registries answer their clients."""
    services = [
        {
            "service": f"dci_{name.lower()}.records",
            "actions": ["read"],
            "fields": fields.get(name, ["birth_date", "death_date"] if name == "CRVS" else ["enrolled", "status"]),
            "sends": ["NIC"],
        }
        for name in REGISTRIES
        if fields.get(name) != []
    ]
    await _agreed(here, id_, *_parties(), services)


def _parties() -> tuple[Mapping[str, object], Mapping[str, object]]:
    registries = {"member": REGISTRY, "systems": sorted(REGISTRIES.values())}
    return registries, {"member": CLIENT, "systems": [f"{CLIENT}/{name}" for name in PROVIDERS]}


async def _agree(here: Services) -> None:
    """That, and what registries notify their clients of."""
    notified = [
        {
            "service": f"{CLIENT.replace('/', '.')}.{name}/enrolment",
            "actions": ["push"],
            "fields": ["member_id", "state", "date"],
            "sends": ["NIC"],
        }
        for name in PROVIDERS
    ]
    registries, clients = _parties()
    await _answering(here, ANSWERING, {})
    await _agreed(here, "DCI-2", clients, registries, notified)


async def _agreed(here: Services, id_: str, provider: object, consumer: object, services: object) -> None:
    async def known(member: str) -> Sequence[Mapping[str, str]]:
        return [{name: value for name, value in KEYS[member].items() if name != "d"}]

    content = {
        "format": "agreement/1",
        "id": id_,
        "version": 1,
        "title": "What six registries tell a third party",
        "provider": provider,
        "consumer": consumer,
        "services": services,
        "purposes": [PURPOSE],
        "legal_bases": [{"kind": "public_task", "reference": "Act 1"}],
        "may_know_existence": True,
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2100-01-01T00:00:00Z",
    }
    signatures = {each: sign_agreement(content, KEYS[each]) for each in (CLIENT, REGISTRY)}
    await Recording(here.db, here.log).agreement(content, signatures, known, by=CLIENT)


@asynccontextmanager
async def dci_house(folder: Path, url: str = "") -> AsyncIterator[House]:
    """Everything, on loopback; the worker runs."""
    recorder = Recorder()
    registries, callbacks = Registries(recorder, dict(PEOPLE)), CallbackPlace(recorder)
    async with served(registries.app) as registry_url, served(callbacks.app) as callback_url:
        callbacks.url = callback_url
        hosts = ",".join(each.removeprefix("http://") for each in (registry_url, callback_url))
        environment = {"SANDHI_DATA_DIR": str(folder / "data"), "SANDHI_PUBLIC_URL": ORIGIN}
        environment |= {"SANDHI_PROFILE": str(profile_of(folder)), "SANDHI_ADAPTERS_DIR": str(FOLDERS)}
        environment |= {"SANDHI_ALLOWED_HOSTS": hosts, "SANDHI_DCI_SENDER_ID": "LK.GOV.SANDHI.GATEWAY"}
        environment |= {f"SANDHI_DCI_{name}_URL": f"{registry_url}/{name}" for name in PROVIDERS}
        environment |= {f"SANDHI_DCI_{name}_ID": system.replace("/", ".") for name, system in REGISTRIES.items()}
        environment |= {"SANDHI_DCI_LATER_URL": f"{registry_url}/FR"}
        environment |= {"SANDHI_DATABASE_URL": url} if url else {}
        async with services_on_tables(Settings.read(environment)) as services:
            house = House(services, build_app(services), recorder, registries, callbacks)
            for name, provider in PROVIDERS.items():
                house.clients[name] = await _client(house, name, f"{CLIENT}/{name}", callback_url)
                house.clients[f"{name} registry"] = await _client(house, name, provider, callback_url)
            house.clients["LATER registry"] = await _client(house, "FR", LATER, callback_url)
            await _agree(services)
            working = asyncio.create_task(services.worker.run())
            try:
                yield house
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)


async def _client(house: House, interface: str, system: str, callback_url: str) -> Client:
    key = new_key("EdDSA")
    names = {"on-search": "", "on-subscribe": "", "on-unsubscribe": "", "on-status": "", "notify": NOTIFIED}
    places = tuple(
        Offered("enrolment" if schema else name, f"{callback_url}/{interface}/{name}", schema)
        for name, schema in names.items()
    )
    scopes = frozenset({"exchange", "events"})
    policy = Policy.read(
        SECRET_POLICY if system.startswith(CLIENT) else UNSIGNED | (SECRET_POLICY if system in TELLING else {})
    )
    made = System(system, system.replace("/", "."), interface, scopes, places, policy=policy)
    secret = await _party(house.services, made, key)
    house.services.trust.forget()
    return Client(house, interface, system, key, secret)
