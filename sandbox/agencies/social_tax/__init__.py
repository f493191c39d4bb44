"""The provident fund's second wire: X-Road SOAP, `skaSotsmaks` of Estonia's tax board.

Contract: `schemas/agency/estonia-xtee/`, `schemas/agency/x-road/`.
"""

from .register import build
from .settings import SocialTaxSettings, make_settings

__all__ = ["SocialTaxSettings", "build", "make_settings"]
