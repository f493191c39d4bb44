"""The national identity register's second wire: X-Road SOAP, RR405 and RR412 of Estonia's population register.

Contract: `schemas/agency/estonia-xtee/`, `schemas/agency/x-road/`; results in `schemas/codes/rr-result.json`.
"""

from .register import build
from .settings import PopulationSettings, make_settings

__all__ = ["PopulationSettings", "build", "make_settings"]
