"""The command: set up, play the steps, compare with the truth, verify the log, report."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.resources import files

import typer

from ...profile import load_profile
from ...settings import Settings
from ..outcome import told_plainly
from .choices import Choices, Ports, check_port, choices, ports_of
from .onboarding import Onboarded, onboard
from .people import admit_citizens, admit_planners, who_may_sign_in, who_may_sign_in_elsewhere
from .practice import to_practise
from .processes import ProcessDied, Processes
from .report import (
    Comparison,
    alerts_by_channel,
    compared,
    gateway_figures,
    registry_figures,
    world_quality,
)
from .steps import STEPS, Stage, truth_lines


def demo() -> None:
    """Run the whole of seed A with sandbox agencies.

    Environment: PEOPLE=2000 SEED=7 DATE=2026-10-31 PORT=8080 DATA=dir DB=url JSON=report.json WITHOUT=tax KEEP=1.
    Exit code 1 if the list differs from the truth or the log does not verify, 2 if a variable cannot be meant so.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    with told_plainly():
        chosen = choices()
        check_port(chosen.port)
        ports = ports_of(chosen)
        processes = Processes(chosen.data / "logs")
        try:
            good = _run(chosen, ports, processes)
            if chosen.keep:
                _keep(chosen, ports, processes)
        except ProcessDied as error:
            typer.echo(f"sandhi: {error}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.echo(f"stopped; run again with DATA={chosen.data} to go on", err=True)
            raise typer.Exit(1) from None
        finally:
            processes.stop()
    raise typer.Exit(0 if good else 1)


def _run(chosen: Choices, ports: Ports, processes: Processes) -> bool:
    say(f"Sandhi demo: {chosen.people} registered people, seed {chosen.seed}, list date {chosen.day}")
    say(f"data in {chosen.data}" + (", completing the earlier run" if chosen.resumed else ""))
    if chosen.without:
        say(f"without a link to {', '.join(sorted(chosen.without))}")
    begun = time.perf_counter()
    environment = gateway_environment(chosen, ports)
    onboarded = asyncio.run(onboard(Settings.read(environment), ports, chosen.day))
    say(f"{onboarded.members} members, {onboarded.systems} systems, {onboarded.agreements} agreements, signed by both")
    start_all(chosen, ports, processes, environment)
    write_endpoints(chosen, ports, onboarded)
    stage = Stage(chosen, ports, processes, registry_environment(chosen, ports))
    stage.seconds["setup"] = round(time.perf_counter() - begun, 3)
    for step in STEPS:
        stage.play(step)
    truth_lines(chosen, stage.environment, chosen.data / "truth.jsonl")
    figures = registry_figures(chosen.data, stage.environment)
    figures |= alerts_by_channel(f"http://127.0.0.1:{ports.sandbox}")
    run = {"people": str(chosen.people), "seed": str(chosen.seed), "date": chosen.day.isoformat()}
    figures |= world_quality(run, chosen.data / "list.jsonl", stage.environment)
    comparison = compared(chosen.data / "list.jsonl", chosen.data / "truth.jsonl")
    report = figures | gateway_figures(environment) | {"seconds": stage.seconds, "differences": comparison.differences}
    text = json.dumps(report, indent=2, ensure_ascii=False)
    for path in filter(None, (chosen.data / "report.json", chosen.report)):
        path.write_text(text + "\n", encoding="utf-8")
    return _summary(chosen, report, comparison)


def _summary(chosen: Choices, report: Mapping[str, object], comparison: Comparison) -> bool:
    log = report["log"]
    assert isinstance(log, Mapping)
    say("")
    say(f"list against register truth: {comparison.lines} lines, {comparison.differences} differences")
    for example in comparison.examples:
        say(f"  {example}")
    verified = "verified" if log["verified"] else "NOT VERIFIED"
    say(f"log {log['origin']}: {log['size']} entries, root {log['root']}, {verified}")
    world = report["world"]
    assert isinstance(world, Mapping)
    say(f"against what people really do: precision {world['precision']}, recall {world['recall']} (judges nothing)")
    say(f"unexplained differences in the control report: {report['unexplained']}")
    say(f"report: {chosen.data / 'report.json'}")
    return comparison.differences == 0 and bool(log["verified"]) and report["unexplained"] == 0


def gateway_environment(chosen: Choices, ports: Ports) -> dict[str, str]:
    """The gateway's settings, those of the linked adapters included once the sandbox has issued them.

    `SANDHI_ALLOWED_HOSTS` of our own environment stays: somebody connects an agency of their own to the demo.
    """
    allowed = [f"127.0.0.1:{port}" for port in (ports.sandbox, ports.sftp, ports.registry)]
    allowed += filter(None, os.environ.get("SANDHI_ALLOWED_HOSTS", "").split(","))
    found = {
        "SANDHI_DATA_DIR": str(chosen.data),
        "SANDHI_DATABASE_URL": chosen.database,
        "SANDHI_PUBLIC_URL": chosen.gateway,
        "SANDHI_PORT": str(chosen.port),
        "SANDHI_LOG_PUBLIC": "entries",
        "SANDHI_WITHOUT": ",".join(sorted(chosen.without)),
        "SANDHI_ALLOWED_HOSTS": ",".join(allowed),
        "SANDHI_MESSAGING_CALLBACK_URL": f"{chosen.gateway}/hooks/messaging",
        "SANDHI_PSP_CALLBACK_URL": f"{chosen.gateway}/hooks/psp",
    }
    issued = chosen.data / "sandbox" / "settings.json"
    with suppress(FileNotFoundError):
        told = json.loads(issued.read_text("utf-8"))
        found |= {f"SANDHI_{name}": value for name, value in told.items()}
        own_ports = sorted(f"127.0.0.1:{value}" for name, value in told.items() if name.endswith("_PORT"))
        found["SANDHI_ALLOWED_HOSTS"] = ",".join(dict.fromkeys([*allowed, *own_ports]))
    return found


def registry_environment(chosen: Choices, ports: Ports) -> dict[str, str]:
    """What the registry needs: its credentials, the list date, where the sandbox's intake lies."""
    return dict(os.environ) | {
        "REGISTRY_CLIENT": str(chosen.data / "clients" / "sr.json"),
        "REGISTRY_DATE": chosen.day.isoformat(),
        "REGISTRY_INTAKE": str(chosen.data / "sandbox" / "registrations.jsonl"),
        "REGISTRY_PORT": str(ports.registry),
        "REGISTRY_OFFICER": "demo officer",
        "REGISTRY_LIST": str(chosen.data / "list.jsonl"),
        "REGISTRY_PLACES": str(load_profile(os.environ.get("SANDHI_PROFILE") or "lk").folder / "places.tsv"),
        "REGISTRY_DIVISIONS": str(files("sandbox") / "data" / "gnds.tsv.gz"),
    }


def start_all(chosen: Choices, ports: Ports, processes: Processes, environment: dict[str, str]) -> None:
    """Sandbox first, because it issues the credentials; then the gateway; then the registry.

    Raises:
        ProcessDied: one of them does not come up.
    """
    sandbox = ["serve", "--people", str(chosen.people), "--seed", str(chosen.seed), "--date", chosen.day.isoformat()]
    sandbox += ["--data", str(chosen.data / "sandbox"), "--clients", str(chosen.data / "clients")]
    sandbox += ["--gateway", chosen.gateway, "--port", str(ports.sandbox), "--sftp-port", str(ports.sftp)]
    processes.start("sandbox", "sandbox", sandbox, {})
    processes.wait_for("sandbox", f"http://127.0.0.1:{ports.sandbox}/control/ready", seconds=600)
    environment |= gateway_environment(chosen, ports)
    asyncio.run(admit_citizens(Settings.read(environment), chosen.data))
    check_port(chosen.port)  # once more: another gateway's readiness would be taken for ours
    processes.start("gateway", "gateway", ["serve"], environment)
    processes.wait_for("gateway", f"{chosen.gateway}/readyz")
    admit_planners(chosen.data)
    serve = ["serve", "--data", str(chosen.data / "registry")]
    processes.start("registry", "registry", serve, registry_environment(chosen, ports))
    processes.wait_for("registry", f"http://127.0.0.1:{ports.registry}/livez")
    pids = {name: process.pid for name, process in processes.running.items()}
    (chosen.data / "processes.json").write_text(json.dumps(pids), encoding="utf-8")


def write_endpoints(chosen: Choices, ports: Ports, onboarded: Onboarded) -> None:
    """`endpoints.json`: where everything is, for people and scripts."""
    content = {
        "gateway": chosen.gateway,
        "sandbox": f"http://127.0.0.1:{ports.sandbox}",
        "registry": f"http://127.0.0.1:{ports.registry}",
        "log": {"origin": onboarded.origin, "vkeys": list(onboarded.vkeys)},
    }
    (chosen.data / "endpoints.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _keep(chosen: Choices, ports: Ports, processes: Processes) -> None:
    say(f"credentials for calls: {chosen.data / 'clients'} (sandhi call GET /v1/catalogue --as sr)")
    for line in who_may_sign_in(chosen.data, chosen.gateway):
        say(line)
    registry, sandbox = f"http://127.0.0.1:{ports.registry}", f"http://127.0.0.1:{ports.sandbox}"
    for line in who_may_sign_in_elsewhere(chosen.data, registry, sandbox):
        say(line)
    for line in to_practise(chosen, processes, registry_environment(chosen, ports)):
        say(line)
    say(f"ready {chosen.gateway}")
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(0.5)
            processes.check()


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def say(text: str) -> None:
    """One line to the person, at once."""
    print(text, flush=True)
