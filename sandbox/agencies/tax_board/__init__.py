"""The tax authority over X-Road: `TORIK` of the employment register and `xteePalgaandmed` of the tax board.

Contract: `schemas/agency/estonia-xtee/` (`tor.xsd`, `tsd.xsd`), `schemas/agency/x-road/`; states of entries in
`schemas/codes/tor-entry-state.json`.
"""

from .register import build
from .settings import TaxBoardSettings, make_settings

__all__ = ["TaxBoardSettings", "build", "make_settings"]
