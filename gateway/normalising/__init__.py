"""Codes of agencies that no mapping knows: met, counted, and cleared by the agency that sent them."""

from .unmapped import Asked, ClearingRefused, Unmapped, Waiting

__all__ = ["Asked", "ClearingRefused", "Unmapped", "Waiting"]
