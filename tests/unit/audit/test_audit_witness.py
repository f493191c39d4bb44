"""The witness role answers as C2SP tlog-witness says, and never cosigns two histories of one log."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine

from audit.cosignature import Cosigner, Witness, cosigned
from audit.merkle import consistency_proof, root_of
from audit.note import Checkpoint, signed, verifier_of, with_lines
from audit.store import store_of
from audit.witness import SIZE_TYPE, Answer, Asked, WitnessRole

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
LOG = "gw.example/log"
ENTRIES = [b"%d" % n for n in range(20)]
OTHERS = [b"other %d" % n for n in range(20)]

Ask = Callable[..., Awaitable[Answer]]


def note(size: int, entries: list[bytes] = ENTRIES, key: Ed25519PrivateKey = KEY, name: str = LOG) -> bytes:
    return signed(Checkpoint(name, size, root_of(entries[:size])).text(), name, key)


def proof(old: int, new: int, entries: list[bytes] = ENTRIES) -> tuple[bytes, ...]:
    return tuple(consistency_proof(old, new, lambda start, stop: root_of(entries[start:stop])))


async def kept(role: WitnessRole) -> str | None:
    found = await role.newest(sha256(LOG.encode()).hexdigest())
    return found and found.decode()


@pytest.fixture
def role(engine: AsyncEngine) -> WitnessRole:
    cosigner = Cosigner("audit.example/w1", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
    return WitnessRole(cosigner, store_of(engine), {LOG: [verifier_of(LOG, KEY)]})


@pytest.fixture
def ask(role: WitnessRole) -> Ask:
    async def asked(old: int, new: int, entries: list[bytes] = ENTRIES) -> Answer:
        body = Asked(old, proof(old, new, entries) if old <= new else (), note(new, entries)).body()
        return await role.add_checkpoint(body, lambda: NOW)

    return asked


async def test_growing_log_is_cosigned_step_by_step(role: WitnessRole, ask: Ask) -> None:
    for old, new in [(0, 0), (0, 5), (5, 5), (5, 20)]:
        answer = await ask(old, new)
        assert answer.status == 200
        whole = with_lines(note(new), [answer.body])
        (found,) = cosigned(whole, [Witness.from_vkey(role.vkey)])
        assert (found.name, found.at) == ("audit.example/w1", NOW)
        assert str(await kept(role)).startswith(note(new).decode())


async def test_wrong_old_size_is_told_the_right_one(ask: Ask) -> None:
    await ask(0, 5)
    assert await ask(3, 9) == Answer(409, "5\n", SIZE_TYPE)
    assert await ask(0, 9) == Answer(409, "5\n", SIZE_TYPE)


async def test_rollback_is_refused(ask: Ask) -> None:
    await ask(0, 9)
    assert (await ask(9, 5)).status == 400
    assert (await ask(5, 5)).status == 409


@pytest.mark.parametrize("new", [9, 12])
async def test_other_history_is_refused_and_forgotten(ask: Ask, role: WitnessRole, new: int) -> None:
    await ask(0, 9)
    assert (await ask(9, new, OTHERS)).status == 422
    assert str(await kept(role)).startswith(note(9).decode())
    assert (await ask(9, 12)).status == 200


async def test_unknown_log_and_foreign_signature_are_told_apart(role: WitnessRole) -> None:
    stranger = Asked(0, (), note(5, name="other.example/log")).body()
    assert (await role.add_checkpoint(stranger)).status == 404
    forged = Asked(0, (), note(5, key=Ed25519PrivateKey.generate())).body()
    assert (await role.add_checkpoint(forged)).status == 403
    assert await kept(role) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 5",
        b"new 5\n\n" + note(5),
        b"old 05\n\n" + note(5),
        b"old -1\n\n" + note(5),
        b"old 5\nrubbish\n\n" + note(5),
        b"old 5\n" + b"A" * 43 + b"=\n" * 64 + b"\n" + note(5),
        b"old 5\n\n" + b"x" * 70_000,
        b"old 5\n\nno checkpoint\n",
    ],
)
async def test_rubbish_is_a_bad_request(role: WitnessRole, body: bytes) -> None:
    assert (await role.add_checkpoint(body)).status == 400


async def test_memory_outlives_the_process(ask: Ask, engine: AsyncEngine) -> None:
    await ask(0, 9)
    again = WitnessRole(Cosigner("audit.example/w1", KEY), store_of(engine), {LOG: [verifier_of(LOG, KEY)]})
    assert str(await kept(again)).startswith(note(9).decode())
    assert (await again.add_checkpoint(Asked(0, (), note(5)).body())).status == 409
