"""DCI messages signed as OpenCRVS signs them: body member `signature`, compact RS256 JWS over the rest of the envelope.

Source: github opencrvs/dci-crvs-api; RFC 7515; RFC 7638 (`kid`).
"""

from collections.abc import Mapping

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from sandbox import strict

from .errors import NotProcessed


def public_jwk(key: RSAKey) -> dict[str, object]:
    """The verification key, for the JWKS."""
    return {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": "RS256"}


def signed(envelope: Mapping[str, object], key: RSAKey) -> dict[str, object]:
    """The envelope with its signature."""
    protected = {"alg": "RS256", "kid": key.thumbprint()}
    signature = jws.serialize_compact(protected, orjson.dumps(envelope), key, algorithms=["RS256"])
    return {"signature": signature, **envelope}


def verify(envelope: Mapping[str, object], key: RSAKey, *, required: bool) -> None:
    """Check the signature of a received envelope against the sender's registered key.

    Raises:
        NotProcessed: 401 err.signature.missing or err.signature.invalid.
    """
    signature = envelope.get("signature")
    if signature is None or signature == "":
        if required:
            raise NotProcessed(401, "err.signature.missing", "this sender is registered to sign: send signature")
        return
    try:
        signed_value = strict.loads(jws.deserialize_compact(str(signature), key, algorithms=["RS256"]).payload)
    except (JoseError, ValueError):
        raise NotProcessed(401, "err.signature.invalid", "the signature does not verify") from None
    if signed_value != {member: value for member, value in envelope.items() if member != "signature"}:
        raise NotProcessed(401, "err.signature.invalid", "the signed payload is not the message sent")
