"""X-Road consumer edges: REST at `/r1`, SOAP 4.0 at `/xroad/soap`, and their metadata services.

To a system that speaks X-Road the gateway is its own security server and the provider's at once. The caller is known by
its registered client certificate; behind stands the same pipeline as behind every other edge.
"""
