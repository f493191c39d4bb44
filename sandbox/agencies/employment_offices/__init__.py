"""Local employment offices and job centres: what each has on offer. Contract: `docs/profiles/employment-offices.md`."""

from .app import build
from .offers import Offer, offers_of
from .settings import OffersSettings, make_settings

__all__ = ["Offer", "OffersSettings", "build", "make_settings", "offers_of"]
