"""The school register over OpenEMIS Core's REST interface. Contract: `schemas/agency/openemis/SOURCE.md`, own words."""

from .app import build
from .settings import OpenEmisSettings, make_settings

__all__ = ["OpenEmisSettings", "build", "make_settings"]
