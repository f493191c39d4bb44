"""Which exchange the current task works on, so that all of its tries are treated the same."""

from contextvars import ContextVar

CURRENT_EXCHANGE: ContextVar[str] = ContextVar("exchange", default="")
"""The exchange's id; empty outside of one."""
