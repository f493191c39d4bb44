"""The provident fund: files over SFTP, as `docs/profiles/pension-file.md` has them.

`make_settings` creates the keys once, `serve` runs the fund. The page is the contract; section
numbers in this package are the page's.
"""

from .fund import Fund, serve
from .settings import PensionSettings, make_settings

__all__ = ["Fund", "PensionSettings", "make_settings", "serve"]
