"""Chance that comes out the same in every run: a number made from what it is about."""

import hashlib


def luck(about: str, who: str) -> int:
    """A number from 0 to 2^32 - 1; different matters (`about`) are independent of each other."""
    return int.from_bytes(hashlib.sha256(f"{about}:{who}".encode()).digest()[:4])
