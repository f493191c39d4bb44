"""Civil registration's second wire: FHIR R4, Patients searched for by POST. Contract: `schemas/agency/fhir-r4/`."""

from .app import Records, build
from .settings import CivilFhirSettings, make_settings

__all__ = ["CivilFhirSettings", "Records", "build", "make_settings"]
