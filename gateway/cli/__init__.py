"""The command line: one file per command, `main` joins them."""
