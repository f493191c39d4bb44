"""The DCI edge: the registry protocol 1.0.0 spoken to partners. It only translates.

Source: DCI (SPDCI) registry interfaces 1.0.0, `schemas/dci/ess.json`; what we had to decide ourselves is in
`docs/divergences.md`, our profile for tax, pension and education in `docs/profiles/dci.md`.
"""
