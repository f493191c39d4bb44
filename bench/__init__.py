"""Benchmarks: the gateway beside nginx and a bare forwarder, in one run on one machine. See README.md."""
