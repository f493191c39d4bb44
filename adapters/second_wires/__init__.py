"""Second wires: a folder of the same id as a built-in adapter, which SANDHI_ADAPTERS_DIR puts in its place."""
