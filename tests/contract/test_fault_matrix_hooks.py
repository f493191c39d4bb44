"""The fault matrix of calls that come in: whatever reaches a hook, only what the agency itself says, now and in its own
words, is taken; what comes twice or out of its order changes nothing."""

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.kit import conformance
from adapters.kit.contract import Hook, Hooked, HookRefused
from adapters.kit.dci_wire import BodySigned
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from gateway.app import build_app
from gateway.settings import Settings
from sandbox.dci import signed
from sandbox.jose import OwnKey, b64
from tests.migrated import services_on_tables

ADAPTERS = Path(__file__).parents[2] / "adapters"
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SECRET = "made-up"


def own_key() -> OwnKey:
    drawn = b64(Ed25519PrivateKey.generate().private_bytes_raw())
    return OwnKey({"kty": "OKP", "crv": "Ed25519", "kid": "k", "d": drawn})


OURS, THEIRS = own_key(), own_key()
PUBLIC = json.dumps({**OURS.public, "kid": OURS.kid})


def hook(adapter: str, body: bytes, headers: Mapping[str, str]) -> Hook:
    return Hook("POST", f"https://gateway.example/hooks/{adapter}", headers, {}, body, NOW)


def _mac(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def grievance(state: str = "INV", *, good: bool = True) -> Hook:
    body = json.dumps({"item": "i", "number": "GR-2026-000001", "state": state, "changedOn": "2026-11-01"}).encode()
    at = str(int(NOW.timestamp()))
    mac = _mac(SECRET if good else "another", f"{at}.".encode() + body)
    return hook("grievance", body, {"content-type": "application/json", "desk-signature": f"t={at},v1={mac}"})


def treasury(state: str = "RPT-EXP-LK-11-2026-09", *, good: bool = True) -> Hook:
    told = {"id": "late-1", "report": state, "dueOn": "2026-10-05", "sentAt": NOW.isoformat()}
    body = json.dumps(told).encode()
    return hook("treasury", body, {"x-treasury-signature": (OURS if good else THEIRS).detached(body)})


def psp(state: str = "pdng", *, good: bool = True) -> Hook:
    header = {
        "version": "1.0.0",
        "message_id": "m-1",
        "message_ts": NOW.isoformat(),
        "action": "on-disburse",
        "status": "succ",
        "total_count": 1,
        "sender_id": "LK.COM.PAY.SWITCH",
        "receiver_id": "LK.GOV.SANDHI.GATEWAY",
        "is_msg_encrypted": False,
    }
    line = {"reference_id": "SAM-1", "timestamp": NOW.isoformat(), "status": state, "amount": "1.00"}
    message = {"transaction_id": "t-1", "disbursements_status": [line | {"currency_code": "LKR"}]}
    return hook("psp", json.dumps(signed(header, message, OURS if good else THEIRS)).encode(), {})


def messaging(state: str = "sent", *, good: bool = True) -> Hook:
    """Twilio signs the URL and the parameters in their order, with SHA-1."""
    told = {"MessageSid": "SM1", "MessageStatus": state, "To": "+94771234567"}
    made = hook("messaging?item=i", urlencode(told).encode(), {})
    content = made.url + "".join(f"{name}{told[name]}" for name in sorted(told))
    mac = hmac.new((SECRET if good else "another").encode(), content.encode(), hashlib.sha1).digest()
    return replace(made, headers={"x-twilio-signature": base64.b64encode(mac).decode()})


def civil_registration(state: str = "DEATH_REGISTERED", *, good: bool = True) -> Hook:
    patient = {
        "resourceType": "Patient",
        "identifier": [{"type": {"coding": [{"code": "NATIONAL_ID"}]}, "value": "198534000123"}],
        "birthDate": "1985-12-05",
        "deceasedDateTime": "2026-10-30T00:00:00Z",
    }
    bundle = {"resourceType": "Bundle", "type": "document", "entry": [{"resource": patient}]}
    mac = _mac(SECRET if good else "another", json.dumps(bundle, separators=(",", ":")).encode())
    event = {"hub": {"topic": state}, "context": [bundle]}
    told = {"payload": {"id": "d-1", "timestamp": "2026-11-02T08:59:00.000Z", "event": event}, "hmac": f"sha256={mac}"}
    body = json.dumps(told | {"url": "https://gateway.example"}, separators=(",", ":")).encode()
    return hook("civil_registration", body, {"content-type": "application/json"})


MAKERS: dict[str, Callable[..., Hook]] = {
    each.__name__: each for each in (grievance, treasury, psp, messaging, civil_registration)
}
WITHOUT_TIME = {"messaging"}  # Twilio signs no time: a repetition is known by its rank alone


@dataclass
class Partner:
    name: str
    adapter: Any

    @property
    def made(self) -> Callable[..., Hook]:
        return MAKERS[self.name]

    def told(self, call: Hook) -> Hooked:
        said: Hooked = self.adapter.hook(call)
        return said


@pytest.fixture(params=sorted(MAKERS))
async def partner(request: pytest.FixtureRequest) -> AsyncIterator[Partner]:
    folder = ADAPTERS / request.param
    values = {name: conformance._filled(each, 1) for name, each in conformance._conformance(folder)["settings"].items()}
    values |= {"PSP_CALLBACK_KEY": PUBLIC, "TREASURY_ALERT_KEY": PUBLIC, "MESSAGING_AUTH_TOKEN": SECRET}
    values |= {"GRIEVANCE_HOOK_SECRET": SECRET, "CIVIL_REGISTRATION_HOOK_SECRET": SECRET}
    dialler = Dialler({"127.0.0.1:1"})
    adapter = open_adapter(folder, values.__getitem__, dialler, BodySigned(lambda _: "e30..e30"))
    yield Partner(request.param, adapter)
    await adapter.close()
    await dialler.close()


FAULTS: dict[str, Callable[[Hook], Hook]] = {
    "garbled": lambda good: replace(good, body=b"\xff\xfe{<"),
    "empty": lambda good: replace(good, body=b""),
    "cut": lambda good: replace(good, body=good.body[: len(good.body) // 2]),
    "one letter changed": lambda good: replace(
        good, body=good.body.replace(b"2026", b"2027").replace(b"sent", b"read")
    ),
    "another schema": lambda good: replace(good, body=b'{"unexpected":true}'),
    "deep": lambda good: replace(good, body=b"[" * 50_000 + b"]" * 50_000),
    "a member twice": lambda good: replace(good, body=good.body[:-1] + b',"item":"j","id":"x","item":"k","id":"y"}'),
    "compressed": lambda good: replace(good, body=gzip.compress(good.body)),
    "a bomb": lambda good: replace(good, body=gzip.compress(bytes(5_000_000))),
    "not signed": lambda good: replace(
        good, headers={}, body=good.body.replace(b'"hmac"', b'"no"').replace(b'"signature"', b'"no"')
    ),
    "another type": lambda good: replace(
        good, headers={**good.headers, "content-type": "text/html"}, body=b"<html>sign in</html>"
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_not_the_agency_s_own_word_is_refused(partner: Partner, fault: str) -> None:
    with pytest.raises(HookRefused):
        partner.told(FAULTS[fault](partner.made()))
    told = partner.told(partner.made())  # and the good one is taken after it
    assert told.events or told.states


async def test_another_key_is_another_caller(partner: Partner) -> None:
    with pytest.raises(HookRefused):
        partner.told(partner.made(good=False))


async def test_a_word_that_the_contract_does_not_have_is_refused_though_it_is_signed(partner: Partner) -> None:
    with pytest.raises(HookRefused):
        partner.told(partner.made("Kamala Perera"))


@pytest.mark.parametrize("days", [-1, 30])
async def test_what_is_not_of_now_is_refused_where_the_agency_signs_the_time(partner: Partner, days: int) -> None:
    late = replace(partner.made(), at=NOW + timedelta(days=days))
    if partner.name in WITHOUT_TIME:
        assert partner.told(late).states == partner.told(partner.made()).states
        return
    with pytest.raises(HookRefused):
        partner.told(late)


async def test_what_comes_twice_is_the_same_thing_again(partner: Partner) -> None:
    first, again = (partner.told(partner.made()) for _ in range(2))
    assert (first.events, first.states) == (again.events, again.states)
    assert first.events or first.states


STATES = {"grievance": ("ASG", "DEC"), "psp": ("pdng", "succ"), "messaging": ("sent", "read")}


@pytest.mark.parametrize("partner", sorted(STATES), indirect=True)
async def test_a_later_state_outranks_an_earlier_one_that_comes_after_it(partner: Partner) -> None:
    (before,), (after,) = (partner.told(partner.made(word)).states for word in STATES[partner.name])
    assert before.item == after.item
    assert before.rank < after.rank


@pytest.fixture
async def gateway(tmp_path: Path, sqlite_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A whole gateway with the grievance desk linked."""
    environment = {
        "SANDHI_DATA_DIR": str(tmp_path),
        "SANDHI_DATABASE_URL": sqlite_url,
        "SANDHI_PUBLIC_URL": "https://gateway.example",
        "SANDHI_ALLOWED_HOSTS": "127.0.0.1:1",
        "SANDHI_GRIEVANCE_URL": "http://127.0.0.1:1",
        "SANDHI_GRIEVANCE_TOKEN": "made-up",
        "SANDHI_GRIEVANCE_HOOK_SECRET": SECRET,
    }
    async with services_on_tables(Settings.read(environment)) as services:
        transport = httpx.ASGITransport(build_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="https://gateway.example") as client:
            yield client


async def test_the_gateway_s_own_door_bounds_what_comes_in_and_unpacks_nothing(gateway: httpx.AsyncClient) -> None:
    async def answered(path: str, body: bytes, **headers: str) -> int:
        return (await gateway.post(path, content=body, headers=headers)).status_code

    assert await answered("/hooks/grievance", b"x" * (2 * 2**20)) == 413
    assert await answered("/hooks/grievance", gzip.compress(bytes(5_000_000)), **{"content-encoding": "gzip"}) in {
        403,
        415,
    }
    assert await answered("/hooks/grievance", b"{}") == 403
    assert await answered("/hooks/tax", b"{}") == 404
    assert await answered("/hooks/nobody", b"{}") == 404
