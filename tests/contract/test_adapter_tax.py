from pathlib import Path

from adapters.kit.conformance import suite

TestTax = suite(Path("adapters/tax"))
