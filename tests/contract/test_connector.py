"""An agency behind a closed firewall answers through its connector, which dials out, computes the claim, and signs."""

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

import profiles
from adapters.kit import connecting
from adapters.kit.drafts import template
from adapters.kit.drafts.drafting import write
from gateway.errors import ExchangeError, SourceDown
from gateway.model import Ask, ClaimAsked, Identifier, Subject
from gateway.pipeline import exchange
from gateway.trust import register
from gateway.trust.jwks import checked
from gateway.trust.keys import new_key, private_jwk
from tests.certified_place import PURPOSE, SR, STRANGER, TRAFFIC, House, a_house, agreement
from tests.listening import listening

ROOT = Path(__file__).parents[2]
MEMBER, NOBODY = "199012304567", "190000100001"
CLAIM = ClaimAsked("contribution_status", {"months": 6})
CLOSED = """table inet closed {
  chain incoming {
    type filter hook input priority 0; policy drop;
    iif lo accept
    ct state established,related accept
  }
}
"""


@dataclass(frozen=True, slots=True)
class Inside:
    """The agency's network: a namespace that nobody can call into. `outside` is where it reaches us."""

    name: str
    address: str
    outside: str

    def start(self, log: Path, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        command = ["ip", "netns", "exec", self.name, *words]
        with log.open("wb") as file:
            return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=file, stderr=file)


@contextmanager
def closed_network() -> Iterator[Inside]:
    """Two ends of a wire; the agency's end drops whatever is not an answer to a call of its own."""
    parts = {"ip": "iproute2", "nft": "nftables"}
    for program, package in parts.items():
        assert shutil.which(program), f"{program} is missing: apt-get install -y {package}"
    assert os.geteuid() == 0, "a network namespace takes root: run the tests as root, or in a container of its own"
    number = os.getpid() % 16000
    net = f"10.231.{number // 64}.{number % 64 * 4}".rsplit(".", 1)
    ours, theirs = f"{net[0]}.{int(net[1]) + 1}", f"{net[0]}.{int(net[1]) + 2}"
    name, wire = f"sandhi{number}", f"sdh{number}"
    script = f"""ip netns add {name}
        ip link add {wire}a type veth peer name {wire}b netns {name}
        ip addr add {ours}/30 dev {wire}a
        ip link set {wire}a up
        ip -n {name} addr add {theirs}/30 dev {wire}b
        ip -n {name} link set {wire}b up
        ip -n {name} link set lo up
        ip netns exec {name} nft -f -"""
    try:
        subprocess.run(["bash", "-ec", script], check=True, input=CLOSED.encode())
        yield Inside(name, theirs, ours)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", f"{wire}a"], check=False, capture_output=True)


@dataclass
class Fund:
    """A gateway whose fund is asked through its connector. `key` signs for the fund."""

    house: House
    key: Any
    folder: Path

    async def ask(self, number: str, claim: ClaimAsked | None = CLAIM, **more: Any) -> Any:
        subject = Subject((Identifier("NIC", number),))
        action = "verify" if claim else "read"
        wanted = Ask(SR, "levy.contributions", PURPOSE, subject, date(2026, 10, 31), claim=claim, action=action, **more)
        return await exchange(wanted, self.house.services.gate)


@asynccontextmanager
async def a_fund(folder: Path) -> AsyncIterator[Fund]:
    write(template("rest", "levy"), folder / "agencies/levy")
    manifest = folder / "agencies/levy/manifest.toml"
    manifest.write_text(manifest.read_text().replace('"bearer"', '"none"').replace("token = ", "# token = "))
    shutil.copytree(Path(profiles.__file__).parent / "lk", folder / "country")
    profile = folder / "country/profile.toml"
    profile.write_text(profile.read_text("utf-8").replace("[providers]\n", f'[providers]\nlevy = "{STRANGER}"\n'))
    told = {"PROFILE": str(folder / "country"), "ADAPTERS_DIR": str(folder / "agencies"), "CONNECTORS": "levy"}
    async with a_house(folder, environment={f"SANDHI_{name}": value for name, value in told.items()}) as house:
        key, now = new_key("EdDSA"), datetime.now(UTC)
        async with house.services.db.write() as connection:
            await register.add_keys(connection, house.services.log, STRANGER, checked({"keys": [dict(key.jwk)]}), now)
        house.services.trust.forget()
        granted = {"service": "levy.contributions", "sends": ["NIC"]}
        granted |= {"actions": ["read", "verify"], "fields": ["claim:contribution_status", "closed_month"]}
        parties = {"member": STRANGER.rpartition("/")[0], "systems": [STRANGER]}
        await house.agreed(agreement(provider=parties, services=[granted]))
        yield Fund(house, key, folder)


def signed(key: Any, payload: dict[str, Any], **header: str) -> str:
    words = {"alg": "EdDSA", "kid": key.kid, "typ": connecting.TYPE} | header
    covered = ".".join(
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in (words, payload)
    )
    private = Ed25519PrivateKey.from_private_bytes(unpadded(private_jwk(key)["d"]))
    return f"{covered}.{base64.urlsafe_b64encode(private.sign(covered.encode())).decode().rstrip('=')}"


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(original: str, jwk: dict[str, str]) -> dict[str, Any]:
    """What was signed, checked with nothing but the registered public key."""
    covered, _, signature = original.rpartition(".")
    Ed25519PublicKey.from_public_bytes(unpadded(jwk["x"])).verify(unpadded(signature), covered.encode())
    payload: dict[str, Any] = json.loads(unpadded(covered.partition(".")[2]))
    return payload


async def kept_signature(fund: Fund, exchange_id: str) -> tuple[dict[str, Any], str]:
    """The outcome entry's fact, and the original that is kept beside it."""
    (entry,) = [each for each in await fund.house.entries(exchange_id=exchange_id) if each.kind == "exchange.outcome"]
    async with fund.house.services.db.read() as connection:
        details = await connection.run_sync(fund.house.services.details.opened, [UUID(str(entry.id))])
    (original,) = [each.value for found in details.values() for each in found if each.name == "source_signature"]
    return dict(entry.facts), str(original if not isinstance(original, bytes) else json.loads(original))


async def test_a_connector_behind_a_closed_firewall_answers_a_claim_and_its_signature_is_evidence(
    tmp_path: Path,
) -> None:
    async with a_fund(tmp_path) as fund:
        with closed_network() as inside:
            ca = fund.house.authority
            tls = {"TLS_CERT": str(ca.server(inside.outside).path), "TLS_CLIENT_CA": str(ca.path)}
            async with listening(fund.house.app, tmp_path, tls | {"HOST": inside.outside, "HOSTS": "*"}) as port:
                with running(fund, inside, f"https://{inside.outside}:{port}") as connector:
                    answer = await answered(fund)
                    with pytest.raises(ExchangeError) as unknown:
                        await fund.ask(NOBODY)
                    await nothing_gets_in(inside)
                    connector.kill()
                    connector.wait(10)
                    begun = time.monotonic()
                    with pytest.raises(SourceDown) as down:
                        await fund.ask(MEMBER)
                    assert time.monotonic() - begun < 8
        facts, original = await kept_signature(fund, answer.exchange_id)
    assert answer.released == {
        "closed_month": "2026-09",
        "active": True,
        "months_since_last_contribution": 0,
        "old_age_pension": False,
    }
    assert (unknown.value.code, down.value.code) == ("unknown_person", "source_down")
    assert facts["source_signature"] == {"sha256": hashlib.sha256(original.encode()).hexdigest()}
    payload = verified(original, dict(fund.key.jwk))
    assert (payload["iss"], payload["exchange"]) == (STRANGER, answer.exchange_id)
    assert payload["answered"]["content"] == answer.released  # the claim, and nothing of the record it rests on
    assert "1200" not in json.dumps(payload)


@contextmanager
def running(fund: Fund, inside: Inside, gateway: str) -> Iterator[subprocess.Popen[bytes]]:
    """The fund and its connector, both in the closed network."""
    key = fund.folder / "fund.json"
    key.write_text(json.dumps(private_jwk(fund.key)))
    words = ["--gateway", gateway, "--system", STRANGER, "--cert", str(fund.house.certificates[STRANGER].path)]
    words += ["--key", str(key), "--ca", str(fund.house.authority.path), "--allow", "127.0.0.1:9301", "--places", "2"]
    module = [sys.executable, "-m", "adapters.kit.connector", str(fund.folder / "agencies/levy")]
    log = fund.folder / "connector.log"
    agency = inside.start(fund.folder / "fund.log", sys.executable, "tests/agencies/fund/fund_members.py", "9301")
    connector = inside.start(log, *module, *words, SANDHI_LEVY_URL="http://127.0.0.1:9301")
    try:
        yield connector
    finally:
        for process in (connector, agency):
            process.kill()
            process.wait(10)


async def answered(fund: Fund) -> Any:
    """The first answer, as soon as the connector is there."""
    end = time.monotonic() + 30
    while True:
        try:
            return await fund.ask(MEMBER)
        except SourceDown:
            assert time.monotonic() < end, (fund.folder / "connector.log").read_text()


async def nothing_gets_in(inside: Inside) -> None:
    for port in (22, 9301):
        calling = f"timeout 0.5 bash -c '</dev/tcp/{inside.address}/{port}'"
        process = await asyncio.create_subprocess_shell(calling, stderr=subprocess.DEVNULL)
        assert await process.wait() == 124  # silence: not even a refusal
    command = ["ip", "netns", "exec", inside.name, "ss", "-ltnH"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    heard = done.stdout.split("\n")
    assert [line.split()[3] for line in heard if line] == ["127.0.0.1:9301"]  # the fund; the connector has no port


async def test_an_answer_counts_only_with_the_agency_s_own_signature_over_this_very_question(tmp_path: Path) -> None:
    async with a_fund(tmp_path) as fund:
        stranger = new_key("EdDSA")
        claim = {"content": {"active": True}, "as_of": "2026-09-30", "code": "", "match": "exact", "empty": False}
        asking = asyncio.create_task(fund.ask(MEMBER))
        given = await fund.house.call(STRANGER, "POST", "/v1/connectors/levy/next", json={})
        asked = given.json()
        payload = {"iss": STRANGER, "id": asked["id"], "exchange": asked["exchange"], "answered": claim}
        forged = signed(stranger, payload, kid=fund.key.kid)
        place = "/v1/connectors/levy/answers"
        refused = await fund.house.call(STRANGER, "POST", place, json={"answer": forged})
        elsewhere = await fund.house.call(TRAFFIC, "POST", place, json={"answer": forged})
        another = signed(fund.key, payload | {"question": connecting.digest({"service": "another"})})
        taken = await fund.house.call(STRANGER, "POST", place, json={"answer": another})
        with pytest.raises(SourceDown) as malformed:
            await asking
    assert asked["question"]["claim"] == {"name": "contribution_status", "parameters": {"months": 6}}
    assert (refused.status_code, elsewhere.status_code, taken.status_code) == (400, 404, 202)
    assert malformed.value.source_code == "question"


async def test_a_record_that_is_read_is_narrowed_before_it_leaves_the_agency(tmp_path: Path) -> None:
    async with a_fund(tmp_path) as fund:
        asking = asyncio.create_task(fund.ask(MEMBER, None, fields=frozenset({"closed_month"})))
        asked = (await fund.house.call(STRANGER, "POST", "/v1/connectors/levy/next", json={})).json()
        content = {"content": {"closed_month": "2026-09"}, "as_of": "2026-09-30"}
        told = {"answered": content | {"code": "", "match": "exact", "empty": False}}
        question = connecting.digest(asked["question"])
        answer = signed(fund.key, {"iss": STRANGER, "id": asked["id"], "question": question} | told)
        await fund.house.call(STRANGER, "POST", "/v1/connectors/levy/answers", json={"answer": answer})
        released = (await asking).released
    assert asked["question"]["fields"] == ["closed_month"]
    assert released == {"closed_month": "2026-09"}


async def test_without_the_agency_s_certificate_there_is_no_question_to_take(tmp_path: Path) -> None:
    async with a_fund(tmp_path) as fund:
        statuses = [
            (await fund.house.call(system, "POST", "/v1/connectors/levy/next", json={})).status_code
            for system in (None, TRAFFIC)
        ]
    assert statuses == [401, 404]


def test_a_question_travels_whole() -> None:
    document = {
        "service": "levy.contributions",
        "subject": {
            "identifiers": [{"type": "NIC", "value": MEMBER}],
            "names": [{"language": "eng", "script": "Latn", "value": "Kamal"}],
            "birth_date": "1990-05-02",
        },
        "fields": ["closed_month"],
        "as_at": "2026-10-31",
        "period": ["2026-01-01", "2026-10-31"],
        "claim": {"name": "contribution_status", "parameters": {"months": 6}},
    }
    assert connecting.question_document(connecting.question_of(document)) == document
    assert base64.b16decode(connecting.digest(document), casefold=True)
