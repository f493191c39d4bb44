"""The ESS conformance suite against the gateway's DCI edge, in the role of an employment support system; and the
conformance statement, which is what happened."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.edges.dci.operations import INTERFACES
from tests.conformance.played import SERVED, Outcome, ess_report, played
from tests.conformance.statement import PAGE, page, sources
from tests.dci_house import House, dci_house

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with dci_house(tmp_path_factory.mktemp("ess")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcome(house: House) -> Outcome:
    return await played(house)


@pytest.mark.parametrize("dialect", ["jws-body", pytest.param("jws-header", marks=pytest.mark.nightly)])
async def test_the_edge_passes_every_check_that_can_be_asked_of_it(house: House, dialect: str) -> None:
    report = await ess_report(house, dialect)
    told = {each.id: f"{each.outcome} {each.detail}" for each in report.results if each.outcome != "passed"}
    assert told == {}
    assert not set(report.absent) & SERVED


async def test_the_statement_is_what_happened(outcome: Outcome) -> None:
    """Written by `python -m tests.conformance.statement`."""
    assert outcome.faults == ()
    assert page(outcome) == PAGE.read_text("utf-8")


async def test_the_statement_names_a_file_and_commit_for_every_interface(outcome: Outcome) -> None:
    assert set(sources()) == {each.schema for each in INTERFACES.values()}
    assert {name for name, paths in outcome.provided.items() if "sync/search" in paths} >= set(INTERFACES) - {"FR"}
    assert outcome.report.failed == ()
