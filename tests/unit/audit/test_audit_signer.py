"""The signer never contradicts itself, whatever database it is shown."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine

from audit import FileMemory, Signer, SignerRefused, TableMemory
from audit.errors import Forked, WentBack
from audit.merkle import CompactRange, consistency_proof, leaf_hash, root_of
from audit.note import Checkpoint
from audit.signer import Head, Memory
from audit.store import store_of

ENTRIES = [b"%d" % n for n in range(20)]
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def head(size: int) -> Head:
    return Head(size, root_of(ENTRIES[:size]))


def proof(old: int, new: int) -> list[bytes]:
    return consistency_proof(old, new, lambda start, stop: root_of(ENTRIES[start:stop]))


async def signed(signer: Signer, old: int | None, new: int) -> bytes | None:
    return await signer.sign(None if old is None else head(old), head(new), proof(old or 0, new))


@pytest.fixture(params=["file", "table"])
def memory(request: pytest.FixtureRequest, tmp_path: Path, engine: AsyncEngine) -> Memory:
    return FileMemory(tmp_path / "memory") if request.param == "file" else TableMemory(store_of(engine))


async def test_growing_log_is_signed_again_and_again(memory: Memory) -> None:
    signer = Signer("a.example/log", KEY, memory)
    for old, new in [(None, 0), (0, 5), (5, 5), (5, 20)]:
        note = await signed(signer, old, new)
        assert note is not None
        assert Checkpoint.from_note(note, [signer.verifier]) == Checkpoint("a.example/log", new, head(new).root)
        assert await signer.last() == head(new)


async def test_shorter_log_is_refused(memory: Memory) -> None:
    signer = Signer("a.example/log", KEY, memory)
    await signed(signer, None, 10)
    with pytest.raises(WentBack):
        await signer.sign(head(10), head(9), [])
    assert await signer.last() == head(10)


@pytest.mark.parametrize("size", [10, 15])
async def test_other_history_is_refused(memory: Memory, size: int) -> None:
    signer = Signer("a.example/log", KEY, memory)
    await signed(signer, None, 10)
    other = Head(size, CompactRange().extended([leaf_hash(b"other")] * size)[0].root())
    with pytest.raises(Forked):
        await signer.sign(head(10), other, proof(10, size))
    assert await signer.last() == head(10)


async def test_slower_process_is_told_to_look_again(memory: Memory) -> None:
    signer = Signer("a.example/log", KEY, memory)
    assert await signed(signer, None, 5)
    assert await signed(signer, None, 6) is None
    assert await signed(signer, 5, 6)
    assert await signed(signer, 5, 7) is None
    assert await signer.last() == head(6)


async def test_memory_outlives_the_process(tmp_path: Path) -> None:
    await signed(Signer("a.example/log", KEY, FileMemory(tmp_path / "memory")), None, 7)
    assert await FileMemory(tmp_path / "memory").last("a.example/log") == head(7)


@pytest.mark.parametrize("content", ["", "garbage", "b.example/log\n1\n" + "A" * 43 + "=\n"])
async def test_damaged_or_foreign_memory_is_refused_and_not_started_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "memory").write_text(content)
    with pytest.raises(SignerRefused):
        await FileMemory(tmp_path / "memory").last("a.example/log")
