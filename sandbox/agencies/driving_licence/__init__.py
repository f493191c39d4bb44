"""The traffic register: X-Road SOAP, `pol_juhtoigus` of Estonia's liiklusregister over NIC numbers.

Contract: `schemas/agency/estonia-xtee/` and `schemas/agency/x-road/`; words for states in
`schemas/codes/liiklusregister-state.json`.
"""

from .register import build
from .settings import DrivingSettings, make_settings

__all__ = ["DrivingSettings", "build", "make_settings"]
