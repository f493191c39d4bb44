"""The built-in identity provider, for laptops and tests. With SANDHI_PRODUCTION=1 there is none."""

from .accounts import Accounts
from .provider import Client, IdentityProvider

__all__ = ["Accounts", "Client", "IdentityProvider"]
