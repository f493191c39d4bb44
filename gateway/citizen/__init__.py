"""What people learn about their own data, and what they may do about it: uses, consents, contested records.

The log is the source: nothing is copied, so what was erased beside it is not found any more.
"""

from .citizens import Citizens
from .contests import Contest, Wish
from .reading import Page, Reader
from .wording import Told

__all__ = ["Citizens", "Contest", "Page", "Reader", "Told", "Wish"]
