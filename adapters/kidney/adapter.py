"""Kidney patients' allowance system over DCI IBR: all of it is the kit's."""

from adapters.kit.programme import build

__all__ = ["build"]
