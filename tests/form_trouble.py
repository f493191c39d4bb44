"""What people are called for, for tests of forms: an emergency, dead letters, unknown codes, a sample, a widening."""

from datetime import date, timedelta

from sqlalchemy import insert

from adapters.kit.contract import Identifier, Subject
from audit import new_id
from gateway.delivery.tables import callback, job
from gateway.model import Ask, Opened, Permit
from gateway.normalising.tables import unmapped_code
from tests.reviewing import CONSUMER, NIC, Desk, House

WIDER = {"service": "pension.contributions", "actions": ["read"], "fields": ["months", "pensions"], "sends": ["NIC"]}


async def troubled(house: House, planner: Desk) -> None:
    """All of it; `planner` is a compliance officer."""
    await house.agreed(version=2, services=[WIDER])
    await used_in_an_emergency(house)
    await stuck(house)
    await drawn(house, planner)


async def used_in_an_emergency(house: House) -> None:
    """An exchange whose emergency nobody has reviewed."""
    gate, fields = house.services.gate, frozenset({"months"})
    whom = Subject((Identifier("NIC", NIC),))
    why = "The person was found unconscious"
    ask = Ask(CONSUMER, "pension.contributions", "care", whom, date(2026, 10, 31), fields, emergency=why)
    permit = Permit(fields, (), agreement="A1", agreement_version=1, basis="vital_interest", emergency=True)
    await gate.break_glass(Opened(str(new_id(gate.clock())), gate.person_ref(whom)), ask, permit)


async def stuck(house: House) -> None:
    """A callback that nobody took for a day, and a code of the fund that no mapping knows."""
    at = house.services.people.clock().timestamp()
    code = {"adapter": "pension", "list": "pension", "code": "ZZ", "count": 3, "first_met": at, "last_met": at}
    told = {"id": "c-1", "system": CONSUMER, "service": "deaths", "action": "told", "state": "queued"}
    tried = {"kind": "callback", "ref": "c-1", "lane": 0, "state": "dead", "failure": "source_down", "not_before": at}
    async with house.services.db.write() as connection:
        await connection.execute(insert(unmapped_code).values(code))
        await connection.execute(insert(callback).values(told | {"created": at, "updated": at}))
        await connection.execute(insert(job).values(tried | {"created": at}))


async def drawn(house: House, planner: Desk) -> None:
    """A sample of the last hours with its exchanges."""
    now = house.services.people.clock()
    period = {"since": (now - timedelta(days=1)).isoformat(), "until": now.isoformat(), "size": 2}
    planned = await planner.json("POST", "/samples", period)
    await house.services.log.checkpoint()
    await planner.json("POST", f"/samples/{planned['id']}/draw")
