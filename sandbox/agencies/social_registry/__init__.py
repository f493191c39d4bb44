"""The social registry as a provider: DCI SR search, lists of potential beneficiaries, and what programmes tell it.

Contract: `schemas/dci/social.json`; what stands in DCI's open places is in `adapters/social_registry/README.md`.
"""

from .app import build
from .lists import RULES, Place, candidates
from .records import Households
from .settings import RegistrySettings, make_settings
from .work import Registry

__all__ = ["RULES", "Households", "Place", "Registry", "RegistrySettings", "build", "candidates", "make_settings"]
