"""Reviewing what was exchanged: search, replay, findings, reports, samples, statements, breaches.

Everything here reads the log and writes entries of its own; nothing here decides an exchange. Who may do what stands in
`people.roles`; the routes are `edges/v1/audit*.py`, the commands `sandhi audit ...`.
"""
