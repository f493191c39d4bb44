"""The atheris target: see README.md in this folder."""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))

OURS = ["gateway.trust.dialects", "gateway.trust.encryption", "gateway.trust.jose"]

with atheris.instrument_imports(include=OURS):
    from fuzz.attempts import attempt


if __name__ == "__main__":
    atheris.Setup(sys.argv, attempt)
    atheris.Fuzz()
