"""The client for Node.js, generated from this gateway's own OpenAPI document, calls it while it runs."""

import os
import shutil
import subprocess
from pathlib import Path

from flows.gateways import Running

CLIENT = Path(__file__).parents[2] / "clients" / "node"


def node(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = shutil.which("node")
    assert command, "Node.js is missing: scripts/system-parts.sh (apt-get install nodejs)"
    called = [command, *map(str, arguments)]
    given = {**os.environ, **environment, "NO_PROXY": "*"}
    return subprocess.run(called, capture_output=True, text=True, check=False, timeout=120, env=given)


def generated(running: Running, folder: Path) -> Path:
    """The client with its generated part, in a folder of its own."""
    for each in CLIENT.glob("*.mjs"):
        shutil.copy(each, folder)
    done = node(folder / "generate.mjs", f"{running.url}/v1/openapi.json", folder)
    assert done.returncode == 0, done.stderr
    return folder / "gateway.mjs"


def test_the_generated_client_signs_its_calls_and_keeps_its_promises(running: Running, tmp_path: Path) -> None:
    module = generated(running, tmp_path)
    tests = tmp_path / "client.test.mjs"
    done = node("--test", tests, SANDHI_CLIENTS=str(running.data / "clients"), GATEWAY_MODULE=str(module))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "# fail 0" in done.stdout
    assert "# skipped 0" in done.stdout


def test_every_operation_of_the_native_interface_has_its_method_and_types(running: Running, tmp_path: Path) -> None:
    module = generated(running, tmp_path)
    code, types = module.read_text(), module.with_suffix(".d.mts").read_text()
    for method in ("postExchanges", "getBatchResults", "postDeliveries", "getCatalogue", "postConsents", "getErasures"):
        assert f"  {method}(" in code
        assert f"  {method}(" in types
    assert "export type ExchangeIn = {" in types


def test_a_call_without_an_address_is_a_usage_error(tmp_path: Path) -> None:
    done = node(CLIENT / "generate.mjs")
    assert (done.returncode, done.stderr) == (2, "usage: node generate.mjs URL|FILE|- [FOLDER]\n")
