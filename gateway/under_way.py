"""The exchange that is under way in this task, for what has to treat each of its tries the same."""

from contextvars import ContextVar

EXCHANGE: ContextVar[str] = ContextVar("exchange", default="")
"""Its id; empty outside of one."""
