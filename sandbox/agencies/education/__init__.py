"""The education register: X-Road SOAP, two operations of Estonia's EHIS over learner numbers.

Contract: `schemas/agency/estonia-xtee/` and `schemas/agency/x-road/`; values of its string codes
in `schemas/codes/ehis-*.json`. The provider's security server is played too: headers, access, faults.
"""

from .app import build
from .settings import EducationSettings, make_settings

__all__ = ["EducationSettings", "build", "make_settings"]
