"""GovStack Consent building block API at `/consent`: the same agreements and consents under its names."""
