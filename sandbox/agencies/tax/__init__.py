"""Tax: HMRC individuals matching, employments and income. Contract: `schemas/agency/hmrc-individuals/`."""

from .app import Records, build
from .settings import TaxSettings, make_settings

__all__ = ["Records", "TaxSettings", "build", "make_settings"]
