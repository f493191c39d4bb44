"""The view of offers as a declared adapter, linked to a database on loopback, whatever that is; and one that plays a
database: signs in with SCRAM as PostgreSQL does, and then says what it is told to."""

import asyncio
import hashlib
import hmac
import struct
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from adapters.kit.contract import AgencyError, Identifier, Question, Subject
from adapters.kit.dial_rules import DialRules
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from adapters.kit.transports.sql_view import DeclaredSql

FOLDER = Path(__file__).parent / "agencies/offers_view"
DAY = date(2026, 10, 31)
NIC = "199012304567"
PASSWORD = "correct horse"


@asynccontextmanager
async def linked(
    port: int, *, query: str = "", timeout_s: float = 5.0, password: str = PASSWORD, database: str = "postgres"
) -> AsyncIterator[DeclaredSql]:
    """The adapter; `query` instead of the declared one."""
    values = {"HOST": "127.0.0.1", "PORT": str(port), "USER": "sandhi_reader"}
    values |= {"PASSWORD": password, "DATABASE": database}
    settings = {f"OFFERS_VIEW_{name}": value for name, value in values.items()}
    dialler = Dialler({f"127.0.0.1:{port}"})
    adapter = open_adapter(FOLDER, settings.__getitem__, dialler)
    assert isinstance(adapter, DeclaredSql)
    kit = adapter.kit
    (service,) = kit.manifest.services.values()
    extra = {**service.extra, "query": query or service.extra["query"]}
    if query:
        extra["request"] = {"nic": "identifier:NIC"} if ":nic" in query else {}
    transport = replace(kit.manifest.transport, timeout_s=timeout_s)
    changed_manifest = replace(kit.manifest, transport=transport, services={"offers": replace(service, extra=extra)})
    adapter = DeclaredSql(replace(kit, manifest=changed_manifest))
    yield adapter
    await adapter.close()
    await dialler.close()


def question(nic: str) -> Question:
    return Question("offers_view.offers", Subject((Identifier("NIC", nic),)), frozenset({"office", "offers"}), DAY)


async def refused(adapter: DeclaredSql, nic: str = NIC) -> AgencyError:
    with pytest.raises(AgencyError) as raised:
        await adapter.ask(question(nic))
    assert nic not in f"{raised.value} {raised.value.code}"
    return raised.value


class Anywhere(DialRules):
    """Loopback as if it were public: nothing is listed, so TLS is a must."""

    def check(self, host: str, port: int, *, usual: int) -> None:
        del host, port, usual

    def permits(self, host: str, port: int, address: str) -> bool:
        return True

    def lists(self, host: str, port: int) -> bool:
        return False


def message(kind: bytes, body: bytes) -> bytes:
    """One message of PostgreSQL's protocol."""
    return kind + struct.pack(">i", len(body) + 4) + body


def authentication(kind: int, told: bytes = b"") -> bytes:
    """An Authentication message."""
    return message(b"R", struct.pack(">i", kind) + told)


TAKEN_IN = authentication(0) + message(b"Z", b"I")


async def signed_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, password: str = PASSWORD) -> None:
    """The server's half of SCRAM-SHA-256 (RFC 5802, section 3), up to the first question."""
    await reader.readexactly(struct.unpack(">i", await reader.readexactly(4))[0] - 4)
    writer.write(authentication(10, b"SCRAM-SHA-256\0\0"))
    bare = (await _said(reader)).partition(b"n,,")[2].decode()
    nonce, salt = f"{bare.partition('r=')[2]}more", b"0123456789abcdef"
    first = f"r={nonce},s={b64encode(salt).decode()},i=4096"
    writer.write(authentication(11, first.encode()))
    final, _, proof = (await _said(reader)).decode().rpartition(",p=")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    covered = f"{bare},{first},{final}".encode()
    assert len(b64decode(proof)) == 32
    shown = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), covered, "sha256")
    writer.write(authentication(12, b"v=" + b64encode(shown)) + TAKEN_IN)


async def _said(reader: asyncio.StreamReader) -> bytes:
    kind, size = struct.unpack(">ci", await reader.readexactly(5))
    assert kind == b"p"
    return await reader.readexactly(size - 4)
