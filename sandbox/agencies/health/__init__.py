"""The health register: FHIR R4 search for medical certificates, by `docs/profiles/health-certificate.md`."""

from .app import build
from .settings import HealthSettings, make_settings

__all__ = ["HealthSettings", "build", "make_settings"]
