"""A line on standard error that says how far long work is; silent where nobody looks."""

import sys
import time


class Bar:
    """Call it with (done, all), as often as you like."""

    WIDTH = 40
    EVERY_S = 0.2

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._told = 0.0

    def __call__(self, done: int, size: int) -> None:
        """Draw it anew, a few times a second."""
        now = time.monotonic()
        if not sys.stderr.isatty() or now - self._told < self.EVERY_S:
            return
        self._told = now
        filled = self.WIDTH * done // max(size, 1)
        rate = done / max(now - self._began, 0.001)
        bar = f"{'#' * filled}{'.' * (self.WIDTH - filled)}"
        sys.stderr.write(f"\r{self._what} [{bar}] {done} of {size}, {rate:,.0f} a second ")
        sys.stderr.flush()

    def end(self) -> None:
        """Wipe it away."""
        if self._told:
            sys.stderr.write("\r\x1b[K")
