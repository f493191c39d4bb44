"""Planted secrets are looked for wherever one could leak: the log, answers, database, key files, output, reprs."""

import base64
import copy
import io
import json
import logging
import os
import pickle
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import MetaData, select
from typer.testing import CliRunner

from gateway.app import build_app
from gateway.cli import main
from gateway.cli.logs import write_logs
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.trust import Member, Policy, System, client_secrets, register
from gateway.trust.private_keys import new_key, private_jwk
from gateway.wiring import Services, open_services
from tests.trusting import NOW

OURS = ("gateway", "adapters", "audit", "consent")
ESS = System("LK/GOV/DME/ESS", "ess", "ess", policy=Policy(client_secret=True))


@pytest.fixture
def planted(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Name -> a secret that the gateway is given to keep, by a variable or by a file."""
    found = {
        name: f"canary-{name.lower()}-{secrets.token_hex(12)}" for name in ("TAX_CLIENT_SECRET", "OIDC_CLIENT_SECRET")
    }
    found["KEYSTORE_KEY"] = base64.b64encode(os.urandom(32)).decode()
    (tmp_path / "tax").write_text(found["TAX_CLIENT_SECRET"] + "\n")
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SANDHI_DATABASE_URL", database_url)
    monkeypatch.setenv("SANDHI_TAX_CLIENT_SECRET_FILE", str(tmp_path / "tax"))
    monkeypatch.setenv("SANDHI_TAX_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SANDHI_TAX_CLIENT_ID", "gateway")
    monkeypatch.setenv("SANDHI_ALLOWED_HOSTS", "127.0.0.1:9")
    monkeypatch.setenv("SANDHI_OIDC_CLIENT_SECRET", found["OIDC_CLIENT_SECRET"])
    monkeypatch.setenv("SANDHI_KEYSTORE_KEY", found["KEYSTORE_KEY"])
    return found


@pytest.fixture
def operators_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """As `sandhi serve` writes it, at its most talkative."""
    written, root = io.StringIO(), logging.getLogger()
    before, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logging.root.manager.loggerDict}
    monkeypatch.setattr(sys, "stderr", written)
    root.handlers[:] = []
    write_logs("DEBUG")
    yield written
    root.handlers[:] = before
    root.setLevel(level)
    for name in logging.root.manager.loggerDict:
        logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))


async def test_no_planted_secret_is_ever_seen(
    tmp_path: Path, planted: dict[str, str], operators_log: io.StringIO
) -> None:
    seen: dict[str, str] = {}
    async with open_services(writing=True) as services:
        planted |= await _kept(services)
        seen["answers"] = await _answers(services, planted)
        seen["database"] = await _database(services)
        seen["reprs"] = "\n".join(_reprs(services))
    seen["files"] = "\n".join(_files(tmp_path / "data"))
    seen["log"] = operators_log.getvalue()
    assert all(len(each) > 500 for each in seen.values()), {name: len(each) for name, each in seen.items()}
    found = [(place, name) for place, text in seen.items() for name, secret in planted.items() if secret in text]
    assert found == []


async def _kept(services: Services) -> dict[str, str]:
    """What the gateway makes itself: a client secret, and the private halves of its keys."""
    async with services.db.write() as connection:
        await register.add_member(connection, services.log, Member("LK/GOV/DME", "Manpower"), NOW)
        await register.add_system(connection, services.log, ESS, NOW)
        secret, _ = await client_secrets.make(connection, services.log, ESS, NOW)
    services.trust.forget()
    keys = services.trust.keys
    raw = {"seal": keys.seal[0], "pepper": keys.pepper, "log": keys.log_key.private_bytes_raw()}
    return (
        {"client secret": secret}
        | {f"{ring.use} key": private_jwk(ring.signing(NOW))["d"] for ring in keys.rings}
        | {f"{name} base64": base64.b64encode(each).decode() for name, each in raw.items()}
        | {f"{name} hex": each.hex() for name, each in raw.items()}
        | {f"{name} bytes": repr(each) for name, each in raw.items()}
    )


async def _answers(services: Services, planted: dict[str, str]) -> str:
    """Every secret sent to where it does not belong."""
    transport = httpx.ASGITransport(build_app(services), raise_app_exceptions=False)
    texts = []
    async with httpx.AsyncClient(transport=transport, base_url=services.trust.origin) as client:
        for secret in (planted["TAX_CLIENT_SECRET"], planted["KEYSTORE_KEY"], planted["client secret"]):
            form = {"grant_type": "client_credentials", "client_id": secret, "client_secret": secret}
            basic = "Basic " + base64.b64encode(f"ess:{secret}".encode()).decode()
            for sent in (
                client.post("/oauth2/token", data=form),
                client.post("/oauth2/token", data={"grant_type": secret}, headers={"authorization": basic}),
                client.post("/v1/systems", json={secret: secret}, headers={"authorization": f"DPoP {secret}"}),
                client.get(f"/v1/systems/{secret}", headers={"authorization": f"Bearer {secret}", "dpop": secret}),
                client.get(f"/nothing/{secret[:8]}"),
            ):
                response = await sent
                assert response.status_code >= 400
                texts.append(f"{response.headers}{response.text}")
    return "\n".join(texts)


async def _database(services: Services) -> str:
    tables = MetaData()
    async with services.db.read() as connection:
        await connection.run_sync(tables.reflect)
        rows = [await connection.execute(select(table)) for table in tables.sorted_tables]
        return "\n".join(str(row) for each in rows for row in each)


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes().decode("latin-1")


def _reprs(root: object) -> Iterator[str]:
    """Of everything of our own that can be reached from the services: what a debugger or an error page would show."""
    waiting, met = [root], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in met or isinstance(each, str | bytes | int | float | type(None)):
            continue
        met.add(id(each))
        if type(each).__module__.split(".")[0] in OURS:
            yield repr(each)
            yield str(each)
        elif not isinstance(each, dict | list | tuple | set | frozenset):
            continue
        waiting += _parts(each)


def _parts(of: Any) -> list[object]:
    if isinstance(of, dict):
        return list(of.values())
    if isinstance(of, list | tuple | set | frozenset):
        return list(of)
    slots = [name for kind in type(of).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*vars(of).values()] if hasattr(of, "__dict__") else [getattr(of, name, None) for name in slots]


def test_settings_are_shown_without_their_secrets(planted: dict[str, str]) -> None:
    shown = [CliRunner().invoke(main.app, ["config", "show", *more]) for more in ((), ("--json",))]
    assert [each.exit_code for each in shown] == [0, 0]
    settings = Settings.read()
    text = "".join(each.output for each in shown) + repr(settings) + str(settings) + repr({"settings": settings})
    assert not any(secret in text for secret in planted.values())
    assert json.loads(shown[1].output)["KEYSTORE_KEY"] == "(set)"
    assert settings.secret("KEYSTORE_KEY").reveal() == planted["KEYSTORE_KEY"]


def test_a_secret_shows_itself_to_nobody_who_does_not_ask() -> None:
    secret = Secret("canary")
    assert "canary" not in f"{secret} {secret!r} {secret!s} {[secret]}"
    assert (bool(secret), bool(Secret("")), str(Secret(""))) == (True, False, "")
    assert secret == Secret("canary")
    assert secret != Secret("other")
    assert secret != "canary"
    assert len({secret, Secret("canary")}) == 1
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not written anywhere"):
            copied(secret)


def test_an_own_key_shows_no_private_half() -> None:
    key = new_key("ES256")
    assert private_jwk(key)["d"] not in f"{key!r}{key}"
