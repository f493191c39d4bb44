"""Random bytes in small pieces, taken from the system in larger ones.

Asking the system for sixteen bytes takes a microsecond and lets go of the interpreter, which a busy process gets back
late: an exchange asked five times. What is held here is given to one caller only, and a forked process holds nothing.
"""

import os
from collections import deque

PIECE = 16
_PIECES = 256
_held: deque[bytes] = deque()
os.register_at_fork(after_in_child=_held.clear)


def random_128() -> bytes:
    """128 random bits, as good as `os.urandom`; for any thread."""
    try:
        return _held.pop()
    except IndexError:
        fresh = os.urandom(PIECE * _PIECES)
        _held.extend(fresh[at : at + PIECE] for at in range(PIECE, len(fresh), PIECE))
        return fresh[:PIECE]


def new_salt() -> bytes:
    """32 random bytes: the salt of a commitment (`entry.commit`)."""
    return random_128() + random_128()
