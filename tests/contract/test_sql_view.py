"""A view over SQL: the declared adapter against a real PostgreSQL with SCRAM, and against databases that break."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyTimeout,
    AgencyUnavailable,
)
from adapters.kit.egress import Dialler
from adapters.kit.transports.postgres import Account, Session
from adapters.kit.transports.sql_view import DeclaredSql
from tests.broken_ways import listening
from tests.own_postgres import own_postgres
from tests.small_ca import SmallCa
from tests.view_place import FOLDER, NIC, PASSWORD, TAKEN_IN, Anywhere, linked, message, question, refused

TestOffersView = suite(FOLDER)

IDLE, NOBODY = "198512304567", "200012304567"
TABLES = f"""
create role sandhi_reader login password '{PASSWORD}';
create table sandhi_people (nic text primary key, office text not null);
create table sandhi_offers (code text, office text, kind text, title text, places integer, starts date);
create table secret_wages (nic text, amount numeric);
create view sandhi_huge as select repeat('x', 200000) as office;
insert into sandhi_people values ('{NIC}', 'LK-11'), ('{IDLE}', 'LK-92');
insert into sandhi_offers values ('T-1', 'LK-11', 'training', 'වෙල්ඩින්', 12, '2026-11-16'),
    ('J-0', 'LK-11', 'job', 'Past already', 1, '2026-01-01');
grant select on sandhi_people, sandhi_offers, sandhi_huge to sandhi_reader;
grant insert, update on sandhi_offers to sandhi_reader;
"""


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    """A server that asks `sandhi_reader` for SCRAM."""
    with own_postgres() as server:
        server.psql(TABLES)
        rules = Path(server.pgdata) / "pg_hba.conf"
        rules.write_text(f"local all sandhi_reader scram-sha-256\n{rules.read_text()}")
        server.psql("select pg_reload_conf();")
        yield server


@dataclass
class Road:
    """Loopback to the server's unix socket. `spoil` changes what the server says; `cut_after`: so many connections are
    hung up at their first question."""

    path: str
    spoil: Callable[[bytes], bytes] = bytes
    cut_after: int = 0
    opened: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        number = self.opened
        back, forth = await asyncio.open_unix_connection(self.path)
        try:
            await asyncio.gather(self._there(reader, forth, number), self._back(back, writer))
        finally:
            forth.close()
            await forth.wait_closed()

    async def _there(self, reader: asyncio.StreamReader, forth: asyncio.StreamWriter, number: int) -> None:
        while block := await reader.read(65536):
            if block[:1] == b"P" and number <= self.cut_after:
                break
            forth.write(block)
        forth.close()

    async def _back(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await back.read(65536):
            writer.write(self.spoil(block))
        writer.close()


@asynccontextmanager
async def on(server: Any, road: Road | None = None, **more: Any) -> AsyncIterator[DeclaredSql]:
    road = road or to(server)
    async with listening(road.serve) as port, linked(port, **more) as adapter:
        yield adapter


def to(database: Any, **how: Any) -> Road:
    return Road(f"{database.get_uri().partition('host=')[2]}/.s.PGSQL.5432", **how)


async def test_one_statement_with_bound_values_gives_the_canonical_record(database: Any) -> None:
    async with on(database) as adapter:
        record = adapter.normalise("offers_view.offers", await adapter.ask(question(NIC)))
    offer = {"code": "T-1", "kind": "training", "title": "වෙල්ඩින්", "places": 12, "starts": "2026-11-16"}
    assert record == {"office": "LK-11", "offers": [offer]}


async def test_somebody_unknown_and_somebody_without_data_are_told_apart(database: Any) -> None:
    async with on(database) as adapter:
        assert (await adapter.ask(question(IDLE))).empty
        assert isinstance(await refused(adapter, NOBODY), AgencyHasNoSuchPerson)


async def test_a_value_is_never_part_of_the_statement(database: Any) -> None:
    async with on(database) as adapter:
        for odd in ("' or true --", "'; drop table sandhi_people; --", "x' union select 1", "$1", "\\"):
            assert isinstance(await refused(adapter, odd), AgencyHasNoSuchPerson)
        assert not (await adapter.ask(question(NIC))).empty


@pytest.mark.parametrize(
    ("query", "kind", "code"),
    [
        ("insert into sandhi_offers (code) values ('X')", AgencyRejectedMessage, "25006"),
        ("update sandhi_offers set places = 0", AgencyRejectedMessage, "25006"),
        ("select 1; select 2", AgencyRejectedMessage, "42601"),
        ("select amount from secret_wages", AgencyRefused, "42501"),
        ("select gone from sandhi_people", AgencyRejectedMessage, "42703"),
        ("select nic::integer / 0 from sandhi_people", AgencyRejectedMessage, "22003"),
        ("select office from sandhi_huge", AgencyAnswerMalformed, "too_large"),
        ("select office as a, office as a from sandhi_people", AgencyAnswerMalformed, "message"),
    ],
)
async def test_even_a_query_that_got_past_the_manifest_reads_only_and_one_thing(
    database: Any, query: str, kind: type[AgencyError], code: str
) -> None:
    async with on(database, query=query) as adapter:
        error = await refused(adapter)
    assert (type(error), error.code) == (kind, code)


async def test_a_slow_view_is_given_up_in_time_and_the_next_question_goes_well(database: Any) -> None:
    async with on(database, query="select pg_sleep(30), office from sandhi_people", timeout_s=0.5) as adapter:
        assert isinstance(await refused(adapter), AgencyTimeout)
    async with on(database) as adapter:
        assert not (await adapter.ask(question(NIC))).empty


async def test_a_wrong_password_and_an_unknown_database_are_refusals(database: Any) -> None:
    async with on(database, password="guess") as adapter:
        assert isinstance(await refused(adapter), AgencyRefused)
    async with on(database, database="nowhere") as adapter:
        assert isinstance(await refused(adapter), AgencyRefused)


async def test_a_connection_cut_at_the_question_is_opened_again_and_kept_ones_are_used_again(database: Any) -> None:
    road = to(database, cut_after=1)
    async with on(database, road) as adapter:
        for _ in range(3):
            assert not (await adapter.ask(question(NIC))).empty
    assert road.opened == 2
    async with on(database, to(database, cut_after=9)) as adapter:
        assert isinstance(await refused(adapter), AgencyUnavailable)


async def test_many_people_are_asked_over_as_many_connections_as_the_agency_allows(database: Any) -> None:
    road = to(database)
    async with on(database, road) as adapter:
        asked = [question(each) for each in (NIC, IDLE, NOBODY) * 20]
        found = {place: line async for place, line in adapter.ask_many(asked)}
    assert road.opened <= 4
    assert {type(found[place]).__name__ for place in range(2, 60, 3)} == {"AgencyHasNoSuchPerson"}
    assert all(not isinstance(found[place], AgencyError) for place in range(60) if place % 3 != 2)


def _flipped(block: bytes) -> bytes:
    """The server's last word of SCRAM, from somebody who does not know the password."""
    return block.replace(b"v=", b"v=AAAA")


async def test_a_server_that_does_not_know_the_password_either_is_not_the_agency_s(database: Any) -> None:
    async with on(database, to(database, spoil=_flipped)) as adapter:
        error = await refused(adapter)
    assert (type(error), error.code) == (AgencyUnavailable, "server_proof")


async def test_what_somebody_on_the_way_says_before_tls_is_not_believed_after_it() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"S" + TAKEN_IN + message(b"D", b"\0\1\0\0\0\5LK-11") + message(b"Z", b"I"))
        await writer.drain()

    async with listening(serve) as port:
        dialler = Dialler()
        dialler._rules = Anywhere(())
        with pytest.raises(AgencyUnavailable) as raised:
            await Session.opened(dialler, Account("localhost", port, "d", "sandhi_reader", PASSWORD), 1000)
        await dialler.close()
    assert raised.value.code == "tls"


@pytest.mark.parametrize("word", [b"S", b"N"])
async def test_outside_the_allow_list_the_password_s_proof_goes_over_tls_or_not_at_all(
    tmp_path: Path, word: bytes
) -> None:
    ca = SmallCa(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.server().path)
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(8))
        writer.write(word)
        if word == b"S":
            await writer.start_tls(context)
            heard.append(await reader.read(65536))

    async with listening(serve) as port:
        dialler = Dialler(tls=ssl.create_default_context(cafile=str(ca.path)))
        dialler._rules = Anywhere(())
        with pytest.raises(AgencyUnavailable) as raised:
            await Session.opened(dialler, Account("localhost", port, "d", "sandhi_reader", PASSWORD), 1000)
        await dialler.close()
    assert heard[0] == struct.pack(">ii", 8, 80877103)
    assert (b"sandhi_reader" in b"".join(heard[1:])) == (word == b"S") == (raised.value.code != "tls")
