"""What the demo found: the parts of the report that `JSON=FILE` writes."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from audit.tables import audit_search

from ...db import Database
from ...delivery.tables import batch_decision
from ...settings import Settings
from ..audit import verified

found = audit_search.c

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """The registry's list against register truth. Examples name member ids of the synthetic registry only."""

    lines: int
    differences: int
    examples: tuple[str, ...]


def compared(found: Path, truth: Path) -> Comparison:
    """Id by id, outcome and reasons."""
    ours, theirs = _by_id(found), _by_id(truth)
    wrong = [each for each in sorted(ours.keys() | theirs.keys()) if ours.get(each) != theirs.get(each)]
    examples = tuple(f"{each}: list {ours.get(each)}, truth {theirs.get(each)}" for each in wrong[:SHOWN])
    return Comparison(len(theirs), len(wrong), examples)


def registry_figures(data: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """The registry's own part of the report."""
    command = [sys.executable, "-m", "registry", "report", "--data", str(data / "registry")]
    out = subprocess.run(command, stdout=subprocess.PIPE, env=dict(environment), check=True)
    figures: dict[str, Any] = json.loads(out.stdout)
    return figures


def alerts_by_channel(sandbox: str) -> dict[str, Any]:
    """`{sms, whatsapp, voice: {sent, delivered, failed, unknown}}` as the offices know it."""
    state = httpx.get(f"{sandbox}/control/state", timeout=60.0, trust_env=False).raise_for_status().json()
    found: dict[str, Any] = {channel: state["alerts"][channel] for channel in ("sms", "whatsapp", "voice")}
    return {"alerts": found}


def world_quality(run: Mapping[str, str], found: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Precision and recall of the list against what people really do; judges nothing."""
    command = [sys.executable, "-m", "sandbox", "world", "--json", "--list", str(found)]
    command += [part for name, value in run.items() for part in (f"--{name}", value)]
    out = subprocess.run(command, stdout=subprocess.PIPE, env=dict(environment), check=True)
    quality: dict[str, Any] = json.loads(out.stdout)
    return {"world": quality}


def gateway_figures(environment: Mapping[str, str]) -> dict[str, Any]:
    """Exchanges, refusals and the state of the log, read from the gateway's database."""
    return asyncio.run(_gateway_figures(Settings.read(environment)))


async def _gateway_figures(settings: Settings) -> dict[str, Any]:
    db = Database(settings.database_url)
    try:
        async with db.read() as connection:
            kinds = select(found.kind, found.outcome, func.count().label("entries")).group_by(found.kind, found.outcome)
            rows = (await connection.execute(kinds)).all()
            refused = select(func.count()).where(batch_decision.c.outcome == "refused_by_rules")
            lines = (await connection.execute(refused)).scalar_one()
    finally:
        await db.close()
    result = await verified(settings.database_url)
    single = sum(row.entries for row in rows if row.outcome == "refused_by_rules")
    return {
        "exchanges": sum(row.entries for row in rows if row.kind == "exchange.intent"),
        "denied": single + lines,
        "log": {
            "origin": result.origin,
            "size": result.size,
            "root": result.root,
            "verified": not result.findings,
        },
    }


def _by_id(path: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {line["id"]: (line["outcome"], tuple(line["reasons"])) for line in lines}
