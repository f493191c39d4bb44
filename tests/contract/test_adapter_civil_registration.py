from pathlib import Path

from adapters.kit.conformance import suite

TestCivilRegistration = suite(Path("adapters/civil_registration"))
