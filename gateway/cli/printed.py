"""Tables on standard output: as wide as the terminal, and whole where there is none: a pipe gets every word."""

import sys

from rich.console import Console
from rich.table import Table

WHOLE = 10_000  # columns; a table takes no more than its longest rows need


def print_table(table: Table) -> None:
    """Print it for whoever reads: a person at a terminal, or a file and the next program."""
    if sys.stdout.isatty():
        Console().print(table)
    else:
        Console(width=WHOLE).print(table)
