"""A black-box conformance suite for DCI Employment Support System servers. See README.md."""

VERSION = "1.0.0"
"""Raised when a check is added or asks for more: a claim to have passed names it."""
