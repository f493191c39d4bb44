"""Births and deaths over FHIR R4: a search for Patients by POST; see README.md."""
