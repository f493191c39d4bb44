"""Where connections come in: who stands at the other end of the TLS, odd framing refused, slow senders cut.

Two shapes for client certificates, and nothing between: `direct` (we end the TLS) and `proxy` (HAProxy in front ends
it and passes the certificate on, RFC 9440). Without either, `plain`, no certificate is believed at all.
"""
