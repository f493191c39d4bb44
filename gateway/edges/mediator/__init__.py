"""GovStack Information Mediator: directory, configuration and PubSub, below `/im`.

The caller is known by its registered client certificate; the client header of the standard is a claim beside it.
Services are called over `/im/r1/...` as over `/r1`. What is served, and how: `docs/guides/x-road.md`.
"""
