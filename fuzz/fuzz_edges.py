"""The atheris target for what strangers and agencies send: see README.md in this folder."""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))

OURS = [
    "adapters.kit.dial_rules",
    "adapters.kit.strict_json",
    "adapters.kit.strict_xml",
    "adapters.kit.untrusted",
    "gateway.tls.client_cert",
    "gateway.trust.assertion",
    "gateway.trust.dpop",
    "gateway.trust.form",
    "gateway.trust.jose",
    "gateway.trust.jwks",
    "gateway.trust.tokens",
]

with atheris.instrument_imports(include=OURS):
    from fuzz.edges import attempt


if __name__ == "__main__":
    atheris.Setup(sys.argv, attempt)
    atheris.Fuzz()
