"""The Makefile, the image, the compose file and the lock files keep the promises that no build here can check."""

import re
import subprocess
from typing import Any

import yaml
from architecture.checkout import ROOT, files, name_of

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
DOCKERFILE = [
    line.split(maxsplit=1)
    for line in (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    if line and not line.startswith("#")
]
IGNORED = (ROOT / ".dockerignore").read_text("utf-8").split()


def arguments(instruction: str) -> list[str]:
    """What follows each instruction of a kind, in order."""
    return [words for name, words in DOCKERFILE if name == instruction]


def compose() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def test_help_lists_every_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in shown.splitlines() if line} == set(phony.split())
    for variable in ["PEOPLE", "SEED", "DATE", "PORT", "DATA", "DB", "JSON", "WITHOUT", "KEEP"]:
        assert f"{variable}=" in shown


def test_ci_runs_what_everyone_runs() -> None:
    lines = (ROOT / ".ci/run").read_text("utf-8").splitlines()
    assert lines[-2:] == ["make check", "make test"]


def test_compose_names_a_ministry_and_its_parts() -> None:
    services = compose()["services"]
    assert set(services) == {"gateway", "worker", "database", "sandbox", "registry"}
    assert re.fullmatch(r"postgres:\d+", services["database"]["image"])
    assert services["gateway"]["command"][:2] == ["sandhi", "serve"]
    assert services["worker"]["command"] == ["sandhi", "worker"]
    for name in ("gateway", "worker"):  # they share keys and the database, and the worker alone runs jobs
        assert services[name]["environment"]["SANDHI_WORKER"] == "apart"
        assert "gateway-data:/data" in services[name]["volumes"]


def test_compose_holds_no_secret_and_declares_what_it_uses() -> None:
    found = compose()
    for service in found["services"].values():
        assert set(service.get("secrets", ())) <= set(found["secrets"])
        volumes = {each.split(":")[0] for each in service.get("volumes", ())}
        assert volumes <= set(found["volumes"])
        for name, value in service.get("environment", {}).items():
            secret = re.search("PASSWORD|SECRET|KEY|TOKEN|DATABASE_URL", name)
            assert not secret or (name.endswith("_FILE") and value.startswith("/run/secrets/"))
    assert all(each["file"].startswith("./secrets/") for each in found["secrets"].values())
    assert "secrets" in IGNORED
    assert "/secrets/" in (ROOT / ".gitignore").read_text("utf-8").split()


def test_the_image_starts_from_a_fixed_python_and_runs_as_nobody_special() -> None:
    assert DOCKERFILE[0][0] == "FROM"
    assert all(re.fullmatch(r"python:3\.1[1-3](\.\d+)?-slim(-\w+)?", base) for base in arguments("FROM"))
    (user,) = arguments("USER")
    assert user not in {"root", "0"}
    after = [name for name, _ in DOCKERFILE][[name for name, _ in DOCKERFILE].index("USER") :]
    assert not {"RUN", "COPY"} & set(after)


def test_the_image_takes_only_what_is_in_the_checkout() -> None:
    assert arguments("ADD") == []
    for words in arguments("COPY"):
        *sources, _target = [word for word in words.split() if not word.startswith("--")]
        assert all((ROOT / source).exists() and source not in IGNORED for source in sources)
    assert ".git" in IGNORED
    assert ".venv" in IGNORED


def test_the_image_installs_locked_packages_with_their_hashes() -> None:
    installs = [words for words in arguments("RUN") if "pip install" in words]
    assert len(installs) == 2
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert "--no-deps" in installs[1]


def test_locks_hold_hashes_and_no_address() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text("utf-8")
        assert not re.search(r"://|index-url|find-links|trusted-host| @ ", text)
        pinned = re.findall(r"^[a-z0-9][\w.\[\]-]*==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) > 20


def test_no_lock_of_another_tool_is_kept() -> None:
    assert [name_of(each) for each in files() if each.name in {"uv.lock", "package-lock.json", "poetry.lock"}] == []
