"""Make the signature test vectors: `python tests/vectors/make.py`. Nothing of the gateway is used here.

`documents()` gives the same as the files beside this script hold; a test compares the two.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HERE = Path(__file__).parent
NOW = "2026-11-02T09:00:00+00:00"
SECONDS = 1793610000
KEYS: Mapping[str, Mapping[str, str]] = json.loads((HERE / "keys.json").read_text("utf-8"))
ED, RS = KEYS["ed25519"], KEYS["rs256"]
HEADER = {
    "version": "1.0.0",
    "message_id": "0b9c8f5e-6d0a-4c39-9d3e-3a8f1c2d4e5f",
    "message_ts": "2026-11-02T09:00:00+00:00",
    "action": "search",
    "sender_id": "LK.GOV.DME.ESS",
    "receiver_id": "LK.GOV.SANDHI.GATEWAY",
    "total_count": 1,
    "is_msg_encrypted": False,
}
MESSAGE = {
    "transaction_id": "t-1",
    "search_request": [
        {
            "reference_id": "r-1",
            "timestamp": "2026-11-02T09:00:00Z",
            "search_criteria": {
                "query_type": "expression",
                "query": {"name": {"$eq": "සුනිල් පෙරේරා"}, "village": {"$eq": "யாழ்ப்பாணம்"}, "house": {"$eq": "12/3"}},
            },
        }
    ],
}
COVERED = {"header": HEADER, "message": MESSAGE}
URL = "https://gateway.example/dci/registry/sync/search"


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def made(key: Mapping[str, str], content: bytes) -> bytes:
    """The raw signature of a key of `keys.json`."""
    if key["alg"] == "EdDSA":
        return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(key["d"] + "=")).sign(content)
    public = rsa.RSAPublicNumbers(number(key["e"]), number(key["n"]))
    p, q, d, dp, dq, qi = (number(key[name]) for name in ("p", "q", "d", "dp", "dq", "qi"))
    private = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public).private_key()
    return private.sign(content, padding.PKCS1v15(), hashes.SHA256())


def compact(value: object, *, sort: bool = True, escaped: bool = False) -> str:
    """JSON without spaces. Sorted and raw, this is RFC 8785 for values without fractions."""
    return json.dumps(value, sort_keys=sort, separators=(",", ":"), ensure_ascii=escaped)


def jws(key: Mapping[str, str], payload: bytes, *, detached: bool, **header: str) -> str:
    protected = b64url(json.dumps({"alg": key["alg"], "kid": key["kid"]} | header, separators=(",", ":")).encode())
    signature = b64url(made(key, f"{protected}.{b64url(payload)}".encode()))
    return f"{protected}.{'' if detached else b64url(payload)}.{signature}"


def case(name: str, policy: Mapping[str, Any], body: str, signed: str, verdict: str, **more: Any) -> dict[str, Any]:
    sent = {"method": "POST", "url": URL, "headers": {"content-type": "application/json"}}
    return {
        "name": name,
        "now": NOW,
        "policy": policy,
        **sent,
        **more,
        "body": body,
        "signed": signed,
        "verdict": verdict,
    }


def enveloped(signature: str, *, escaped: bool = False, **changed: object) -> str:
    return compact({"signature": signature, **COVERED, **changed}, sort=False, escaped=escaped)


def dci_jws() -> list[dict[str, Any]]:
    signed = compact(COVERED)
    signature = jws(ED, signed.encode(), detached=True)
    over_escaped = jws(ED, compact(COVERED, escaped=True).encode(), detached=True)
    policy = {"dialect": "dci-jws"}
    return [
        case("names as they are", policy, enveloped(signature), signed, "accepted"),
        case("the same value, escaped", policy, enveloped(signature, escaped=True), signed, "accepted"),
        case("signed over escaped JSON", policy, enveloped(over_escaped), compact(COVERED, escaped=True), "refused"),
        case("a name changed", policy, enveloped(signature).replace("12/3", "12/4"), signed, "refused"),
    ]


def lines(digest: str) -> str:
    return f"(created): {SECONDS}\n(expires): {SECONDS + 300}\ndigest: {digest}"


def parameters(text: str) -> str:
    return ", ".join(
        f'{name}="{value}"'
        for name, value in {
            "namespace": "dci",
            "kidId": f"LK.GOV.DME.ESS|{ED['kid']}|ed25519",
            "algorithm": "ed25519",
            "created": SECONDS,
            "expires": SECONDS + 300,
            "headers": "(created) (expires) digest",
            "signature": b64(made(ED, text.encode())),
        }.items()
    )


def sha256(text: str) -> str:
    return b64(hashlib.sha256(text.encode()).digest())


def dci_params() -> list[dict[str, Any]]:
    strict, tolerant = {"dialect": "dci-params"}, {"dialect": "dci-params", "tolerant": True}
    escaped, raw = lines(sha256(compact(COVERED, escaped=True))), lines(sha256(compact(COVERED)))
    full = {**HEADER, "sender_uri": None, "meta": None, "message_ts": "2026-11-02T09:00:00Z"}
    rewritten = lines(sha256(compact({"header": full, "message": MESSAGE}, escaped=True)))
    prefixed = lines("SHA-256=" + sha256(compact(COVERED, escaped=True)))
    example = "Signature:  " + parameters(escaped).replace('"dci"', '"spdci"', 1)
    return [
        case("digest over escaped JSON", strict, enveloped(parameters(escaped)), escaped, "accepted"),
        case("as in DCI's own example", strict, enveloped(example), escaped, "accepted"),
        case("digest over raw JSON, strict", strict, enveloped(parameters(raw)), raw, "refused"),
        case("digest over raw JSON", tolerant, enveloped(parameters(raw)), raw, "accepted with raw-unicode"),
        case("header written out", tolerant, enveloped(parameters(rewritten)), rewritten, "accepted with full-header"),
        case("digest prefixed", tolerant, enveloped(parameters(prefixed)), prefixed, "accepted with digest-prefix"),
    ]


def jws_body() -> list[dict[str, Any]]:
    payload = compact(COVERED, sort=False)
    escaped = compact(COVERED, sort=False, escaped=True)
    named, unnamed = {"dialect": "jws-body", "algorithms": ["RS256"]}, {"dialect": "jws-body"}
    typed = {"dialect": "jws-body", "algorithms": ["RS256"], "tolerant": True}
    rs, ed = jws(RS, payload.encode(), detached=False), jws(ED, payload.encode(), detached=False)
    inside = jws(ED, escaped.encode(), detached=False)
    with_typ = jws(RS, payload.encode(), detached=False, typ="JWT")
    return [
        case("RS256, as OpenCRVS signs", named, enveloped(rs), payload, "accepted"),
        case("RS256 that is not agreed", unnamed, enveloped(rs), payload, "refused"),
        case("EdDSA", unnamed, enveloped(ed), payload, "accepted"),
        case("escaped inside, raw outside", unnamed, enveloped(inside), escaped, "accepted"),
        case("another message beside it", unnamed, enveloped(ed).replace("12/3", "12/4"), payload, "refused"),
        case("a typ", typed, enveloped(with_typ), payload, "accepted with typ"),
    ]


def jws_header() -> list[dict[str, Any]]:
    strict, tolerant = {"dialect": "jws-header"}, {"dialect": "jws-header", "tolerant": True}
    body, spaced = compact(COVERED), json.dumps(COVERED, ensure_ascii=True)

    def signed(signature: str) -> dict[str, str]:
        return {"content-type": "application/json", "signature": signature}

    parsed = "accepted with sorted-members"
    over_sorted, over_spaced = (jws(ED, each.encode(), detached=True) for each in (body, spaced))
    return [
        case("over the bytes, sorted", strict, body, body, "accepted", headers=signed(over_sorted)),
        case("over the bytes, escaped", strict, spaced, spaced, "accepted", headers=signed(over_spaced)),
        case("sorted form of other bytes, strict", strict, spaced, body, "refused", headers=signed(over_sorted)),
        case("sorted form of other bytes", tolerant, spaced, body, parsed, headers=signed(over_sorted)),
    ]


def rfc9421() -> list[dict[str, Any]]:
    policy, body = {"dialect": "rfc9421"}, compact(COVERED, sort=False)
    covered = '("@method" "@target-uri" "authorization" "dpop" "content-type" "content-digest")'
    params = f'{covered};created={SECONDS};keyid="{ED["kid"]}";nonce="8IBTHwOdqNKAWeKl7plt8g";tag="fapi-2-request"'
    headers = {
        "authorization": "DPoP eyJ0b2tlbiI6IjEifQ",
        "dpop": "eyJwcm9vZiI6IjEifQ",
        "content-type": "application/json",
        "content-digest": f"sha-256=:{sha256(body)}:",
    }
    base = "\n".join(
        [
            '"@method": POST',
            f'"@target-uri": {URL}',
            *(f'"{name}": {value}' for name, value in headers.items()),
            f'"@signature-params": {params}',
        ]
    )
    sent = headers | {"signature-input": f"sandhi={params}", "signature": f"sandhi=:{b64(made(ED, base.encode()))}:"}
    without = {name: value for name, value in sent.items() if name != "dpop"}
    return [
        case("a request", policy, body, base, "accepted", headers=sent),
        case("escaped on the way", policy, compact(COVERED, sort=False, escaped=True), base, "refused", headers=sent),
        case("to another address", policy, body, base, "refused", headers=sent, url=URL + "?x=1"),
        case("a covered header is gone", policy, body, base, "refused", headers=without),
    ]


def documents() -> dict[str, list[dict[str, Any]]]:
    """File name without suffix -> its cases."""
    return {
        "dci-jws": dci_jws(),
        "dci-params": dci_params(),
        "jws-body": jws_body(),
        "jws-header": jws_header(),
        "rfc9421": rfc9421(),
    }


if __name__ == "__main__":
    for name, cases in documents().items():
        (HERE / f"{name}.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n", "utf-8")
