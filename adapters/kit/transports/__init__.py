"""One file per protocol; each builds on `adapters.kit.egress` and opens no socket of its own."""
