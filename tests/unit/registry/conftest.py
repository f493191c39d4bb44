"""A scripted gateway, a small intake, and a stage to run steps on."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sandhi_client import Client

from registry.settings import Settings
from registry.stage import Stage
from registry.store import Store
from tests.unit.registry.people import a_registration, answers
from tests.unit.registry.scripted import Gateway, running


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running(Gateway(answers=answers())) as found:
        yield found


@pytest.fixture
def environment(tmp_path: Path, gateway: Gateway) -> dict[str, str]:
    """Settings of a registry with six registrations; the last one is not flagged."""
    lines = [a_registration(place) for place in range(5)] + [a_registration(5, employment_status=1)]
    (tmp_path / "intake.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (tmp_path / "sr.json").write_text(gateway.client_file(), encoding="ascii")
    return {
        "REGISTRY_CLIENT": str(tmp_path / "sr.json"),
        "REGISTRY_INTAKE": str(tmp_path / "intake.jsonl"),
        "REGISTRY_LIST": str(tmp_path / "list.jsonl"),
        "REGISTRY_OFFICER": "an officer",
        "REGISTRY_PATIENCE_S": "0.1",
        "REGISTRY_QUIET_S": "0",
    }


@pytest.fixture
async def stage(tmp_path: Path, environment: Mapping[str, str]) -> Any:
    """A stage; what it tells is in its `told`."""
    settings = Settings.read(tmp_path / "registry", environment)
    with Store(settings.folder) as store:
        async with Client.from_file(settings.client) as client:
            yield Stage(settings, store, client, lambda _line: None)
