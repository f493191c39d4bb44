"""Proof from outside: MOSIP's own Python SDK talks to the sandbox's national ID agency and reads its answers.

The SDK needs an older `cryptography`, so it gets a virtual environment of its own, installed from the package index:
that is why this test is nightly. It never skips; without the index it fails.
"""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from sandbox.agencies.national_id import build, make_settings
from sandbox.faults import Faults
from sandbox.kept import rsa_private_key
from sandbox.loopback import serving
from sandbox.person import NationalIdRecord, Spelling

PERSON = NationalIdRecord(
    "198512304567",
    date(1985, 5, 2),
    (Spelling("eng", "Latn", "Nimal", "Perera"), Spelling("sin", "Sinh", "නිමල්", "පෙරේරා")),
    "male",
)


class Registers:
    def national_id_by_nic(self, nic: str) -> NationalIdRecord | None:
        return PERSON if nic == PERSON.nic else None


def run(*command: str) -> str:
    """The standard output; on failure the test shows the whole standard error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.nightly
def test_the_public_sdk_authenticates_and_decrypts_kyc(tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    python = str(tmp_path / "venv/bin/python")
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "mosip-auth-sdk==0.5.4")

    settings = make_settings("http://127.0.0.1", tmp_path / "agency")
    certificate = x509.load_pem_x509_certificate(settings.partner_cert.encode())
    key = rsa_private_key(settings.partner_key)
    bundle = pkcs12.serialize_key_and_certificates(b"partner", key, certificate, None, BestAvailableEncryption(b"test"))
    (tmp_path / "partner.p12").write_bytes(bundle)
    (tmp_path / "ida.pem").write_text(settings.ida_cert, "ascii")

    script = str(Path(__file__).with_name("mosip_sdk_calls.py"))
    with serving(build(Registers(), settings, Faults())) as url:
        base = f"{url}/idauthentication/v1"
        keys = (settings.misp_key, settings.partner_id, settings.api_key)
        lines = run(python, script, base, str(tmp_path), *keys).splitlines()
    yes, kyc, mismatch, unknown, no_consent = (json.loads(line) for line in lines)

    assert yes["response"]["authStatus"] is True
    assert kyc["identity"] == {
        "name_eng": "Nimal Perera",
        "name_sin": "නිමල් පෙරේරා",
        "gender_eng": "Male",
        "dob": "1985/05/02",
    }
    assert [one["errorCode"] for one in mismatch["errors"]] == ["IDA-DEA-001"]
    assert [one["errorCode"] for one in unknown["errors"]] == ["IDA-MLC-018"]
    assert [one["errorCode"] for one in no_consent["errors"]] == ["IDA-MLC-012"]
