"""What looks unusual enough for a person to look at: each rule says what it saw, why it matters, what to do.

A rule is a row of `RULES` with one function; it sees one day of the log, already counted (`Seen`), and yields what it
found. The subject of a hit is stable, so that looking at the same day again finds the same findings.
"""

from .rule import Hit, Rule
from .table import RULES, rule_named

__all__ = ["RULES", "Hit", "Rule", "rule_named"]
