"""Whom an entry concerns is found by index: what a provider reads of its uses does not grow with the whole log."""

from pathlib import Path

from agreeing import Here, opened
from sqlalchemy import select

from audit.tables import audit_search, audit_subject
from gateway.citizen.provided import Mine, _condition
from gateway.gate import utc_now


async def test_the_people_of_a_period_are_joined_by_index(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as here:
        steps = await plan(here)
    assert [each for each in steps if "audit_subject_entry" in each], steps
    assert not [each for each in steps if each.strip().startswith(("SCAN audit_subject", "Seq Scan on audit_subject"))]


async def plan(here: Here) -> list[str]:
    condition = _condition(Mine({"LK/GOV/EPF/MEMBERS"}, {"fund.status"}), utc_now(), utc_now())
    joined = audit_search.join(audit_subject, audit_subject.c.entry_id == audit_search.c.entry_id)
    query = select(audit_subject.c.entry_id, audit_subject.c.subject_ref).select_from(joined).where(condition)
    async with here.db.read() as connection:
        explain = "EXPLAIN QUERY PLAN"
        if connection.dialect.name == "postgresql":
            explain = "EXPLAIN"
            for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin"):  # small tables are read whole
                await connection.exec_driver_sql(f"SET LOCAL {setting} = off")
        text = str(query.compile(here.db.engine.sync_engine, compile_kwargs={"literal_binds": True}))
        return [str(row[-1]) for row in await connection.exec_driver_sql(f"{explain} {text}")]
