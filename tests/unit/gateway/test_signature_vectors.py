"""The published vectors are what the gateway does, case by case; and the script that makes them still makes them."""

import importlib.util
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.kit import strict_json
from gateway.trust.dialects import DIALECTS, Message, Verified
from gateway.trust.dialects.message import digest_of
from gateway.trust.errors import SignatureRefused
from gateway.trust.jwks import checked
from gateway.trust.policy import Policy
from gateway.trust.signatures import proved

FOLDER = Path(__file__).parents[2] / "vectors"
PUBLIC = ("kty", "crv", "kid", "alg", "use", "x", "n", "e")
HELD = json.loads((FOLDER / "keys.json").read_text("utf-8")).values()
KEYS = checked({"keys": [{n: key[n] for n in PUBLIC if n in key} for key in HELD]}, also=("RS256",))
FILES = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json") if path.stem != "keys"}
CASES = [(name, case) for name, cases in FILES.items() for case in cases]


def message(case: dict[str, Any]) -> Message:
    body = case["body"].encode()
    envelope: Any = strict_json.loads(body)
    return Message(body, envelope, tuple(case["headers"].items()), case["method"], case["url"])


def judged(case: dict[str, Any]) -> Verified:
    policy = Policy.read({"signature": case["policy"]}).signature
    return proved(message(case), KEYS, policy, datetime.fromisoformat(case["now"]))


@pytest.mark.parametrize(("file", "case"), CASES, ids=[f"{name}: {case['name']}" for name, case in CASES])
def test_a_vector_has_its_verdict(file: str, case: dict[str, Any]) -> None:
    assert case["policy"]["dialect"] == file
    if case["verdict"] == "refused":
        with pytest.raises(SignatureRefused):
            judged(case)
        return
    proof = judged(case)
    assert "accepted" + "".join(f" with {each}" for each in proof.coercions) == case["verdict"]
    assert proof.digest == digest_of(case["signed"].encode())


def test_every_dialect_that_signs_has_vectors_and_every_tolerated_form_one() -> None:
    assert FILES.keys() == DIALECTS.keys() - {"none"}
    shown = {case["verdict"].partition(" with ")[2] for _, case in CASES}
    assert {"raw-unicode", "full-header", "digest-prefix", "typ", "sorted-members"} <= shown


def test_the_script_makes_the_files_that_are_here() -> None:
    spec = importlib.util.spec_from_file_location("make_vectors", FOLDER / "make.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert json.loads(json.dumps(script.documents())) == FILES
