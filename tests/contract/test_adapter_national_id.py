from pathlib import Path

from adapters.kit.conformance import suite

TestNationalId = suite(Path("adapters/national_id"))
