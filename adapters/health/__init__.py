"""Medical certificates, as a claim only: FHIR R4; see README.md."""
