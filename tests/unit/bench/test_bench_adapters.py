from pathlib import Path

from adapters.kit.conformance import suite

TestBenchRegistry = suite(Path("bench/adapters/bench_registry"))
TestBenchBulk = suite(Path("bench/adapters/bench_bulk"))
TestBenchSlow = suite(Path("bench/adapters/bench_slow"))
