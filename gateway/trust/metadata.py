"""What the gateway says about its authorization server at the well-known address.

Source: RFC 8414; RFC 9449 section 5.1, RFC 8705 section 3.3, RFC 9396 section 10.
"""

from .form import BY_KEY
from .jose import ALGORITHMS
from .reach import DETAIL_TYPE


def metadata(issuer: str) -> dict[str, object]:
    """The document. A client secret is an exception for single partners, so it is not in it."""
    algorithms = sorted(ALGORITHMS)
    document: dict[str, object] = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["none"],  # a required member, though there is no authorization endpoint
        "dpop_signing_alg_values_supported": algorithms,
        "tls_client_certificate_bound_access_tokens": True,
        "authorization_details_types_supported": [DETAIL_TYPE],
    }
    for name, path in (("token", "token"), ("introspection", "introspect"), ("revocation", "revoke")):
        document |= {
            f"{name}_endpoint": f"{issuer}/oauth2/{path}",
            f"{name}_endpoint_auth_methods_supported": [BY_KEY],
            f"{name}_endpoint_auth_signing_alg_values_supported": algorithms,
        }
    return document
