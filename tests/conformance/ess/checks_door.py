"""Who may speak, and in which form: tokens, JSON, headers, signatures."""

import json
from datetime import timedelta
from typing import Any

from joserfc.jwk import OKPKey

from . import expect
from .signing import Signed, sign, written
from .suite import check
from .talk import Heard, Talk, short, stamp

SEARCH = "sync/search"
OPENAPI = "ess_api_v1.0.0.yaml"
HEADER = f"{OPENAPI} MsgHeader_V1.0.0"
ERRORS = f"{OPENAPI} HttpErrorResponse"
SIGNATURE = f"{OPENAPI} signature"
SIGNED = ("key", "unknown")
BYTES = {
    "half a JSON": b'{"header": {"action": "search"',
    "no UTF-8": b'{"header": "\xff\xfe"}',
    "an array": b"[]",
    "an empty object": b"{}",
    "nothing": b"",
}


async def searched(talk: Talk, **header: object) -> Heard:
    """A search by the unknown number, with these changes of the header."""
    message = talk.search(talk.target.unknown)
    return await talk.say(SEARCH, talk.header("search", 1, **header), message)


@check("TOKEN-1", "the token endpoint gives a bearer token", "authz_core_api_v1.0.0.yaml", needs=["token_url"])
async def token(talk: Talk) -> None:
    """Type and lifetime are there as well."""
    told = (await talk.asked_for_token()).json()
    expect.that(str(told.get("token_type", "")).lower() == "bearer", "token_type is not Bearer")
    expect.that(isinstance(told.get("access_token"), str), "there is no access_token")


@check("TOKEN-2", "a wrong secret gets no token", "authz_core_api_v1.0.0.yaml", needs=["token_url"])
async def wrong_secret(talk: Talk) -> None:
    """RFC 6749 section 5.2: 400 or 401."""
    answer = await talk.asked_for_token(client_secret="not-the-secret")
    expect.that(answer.status_code in {400, 401}, f"a wrong secret was answered {answer.status_code}")


@check("AUTH-1", "without a token every operation refuses", f"{OPENAPI} security", needs=["unknown"])
async def no_token(talk: Talk) -> None:
    """Also those for which the file declares no security."""
    for path in talk.target.operations:
        if short(path) in talk.absent or "/on-" in path:
            continue
        heard = await talk.send(short(path), await _valid(talk), token="")
        expect.that(heard.status in {401, 403}, f"{short(path)} without a token: {heard.status}")
        expect.error_shape(heard)


@check("AUTH-2", "a made-up token is refused", f"{OPENAPI} security", operation=SEARCH, needs=["unknown"])
async def bad_token(talk: Talk) -> None:
    """The message is good."""
    for made_up in ("x", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."):
        heard = await talk.send(SEARCH, await _valid(talk), token=made_up)
        expect.that(heard.status in {401, 403}, f"a made-up token was answered {heard.status}")
        expect.error_shape(heard)


@check("JSON-1", "what is not an envelope is refused in the published shape", ERRORS, operation=SEARCH)
async def no_envelope(talk: Talk) -> None:
    """Never by a fault, never by a page of the web framework."""
    for name, body in BYTES.items():
        heard = await talk.send(SEARCH, Signed(body, {}))
        expect.that(400 <= heard.status < 500, f"{name} was answered {heard.status}")
        expect.error_shape(heard)


@check("JSON-2", "another media type is refused in the published shape", ERRORS, operation=SEARCH, needs=["unknown"])
async def media_type(talk: Talk) -> None:
    """415 or 400."""
    heard = await talk.send(SEARCH, await _valid(talk), media="text/plain")
    expect.that(heard.status in {400, 415}, f"text/plain was answered {heard.status}")
    expect.error_shape(heard)


@check("HEAD-1", "every required member of the header is required", HEADER, operation=SEARCH, needs=["unknown"])
async def required(talk: Talk) -> None:
    """One left out at a time."""
    for name in ("message_id", "message_ts", "action", "sender_id", "total_count"):
        expect.refusal(await searched(talk, **{name: None}), *expect.CODES)


@check("HEAD-2", "another action than the operation's is refused", HEADER, operation=SEARCH, needs=["unknown"])
async def action(talk: Talk) -> None:
    """`rjct.action.invalid` or `.not_supported`."""
    for other in ("subscribe", "on-search", "delete"):
        expect.refusal(await searched(talk, action=other), "rjct.action.invalid", "rjct.action.not_supported")


@check("HEAD-3", "a version that is not spoken is refused", HEADER, operation=SEARCH, needs=["unknown"])
async def version(talk: Talk) -> None:
    """`err.version.not_supported` or `rjct.version.invalid`."""
    expect.refusal(await searched(talk, version="9.9.9"), "err.version.not_supported", "rjct.version.invalid")


@check("HEAD-4", "a message of another time is refused", HEADER, operation=SEARCH, needs=["unknown"])
async def other_time(talk: Talk) -> None:
    """A day old, a day early, and no time at all."""
    for moment in (stamp(timedelta(days=1)), stamp(timedelta(days=-1)), "yesterday", ""):
        expect.refusal(await searched(talk, message_ts=moment), "rjct.message_ts.invalid")


@check("HEAD-5", "total_count is the number of items", HEADER, operation=SEARCH, needs=["unknown"])
async def total_count(talk: Talk) -> None:
    """One too many, none, and a negative one."""
    for count in (2, 0, -1):
        wanted = ("rjct.total_count.invalid", "rjct.total_count.limit_exceeded")
        expect.refusal(await searched(talk, total_count=count), *wanted)


@check("HEAD-6", "a message for somebody else is refused", HEADER, operation=SEARCH, needs=["unknown"])
async def receiver(talk: Talk) -> None:
    """`err.receiver_id.invalid`; who serves several receivers may reject the items."""
    expect.rejected(await searched(talk, receiver_id="SOME.OTHER.REGISTRY"), "err.receiver_id.invalid")


@check("HEAD-7", "a sender that is not the caller is refused", HEADER, operation=SEARCH, needs=["unknown"])
async def sender(talk: Talk) -> None:
    """Whoever else it names, the keys of the caller do not make it."""
    wanted = ("err.sender_id.invalid", "err.signature.invalid", "err.request.forbidden", "err.request.unauthorized")
    expect.refusal(await searched(talk, sender_id="SOME.OTHER.SENDER"), *wanted)


@check("HEAD-8", "a message without items is refused", f"{OPENAPI} SearchRequest", operation=SEARCH)
async def no_items(talk: Talk) -> None:
    """Whatever total_count says."""
    wanted = ("rjct.total_count.invalid", "rjct.total_count.limit_exceeded")
    expect.refusal(await talk.say(SEARCH, talk.header("search", 0), talk.search()), *wanted)


@check("SIGN-1", "an unsigned message is refused", SIGNATURE, operation=SEARCH, needs=SIGNED)
async def unsigned(talk: Talk) -> None:
    """`err.signature.missing`."""
    heard = await talk.say(SEARCH, talk.header("search", 1), talk.search(talk.target.unknown), signed=False)
    _bad_signature(heard)


@check("SIGN-2", "a message altered after signing is refused", SIGNATURE, operation=SEARCH, needs=SIGNED)
async def altered(talk: Talk) -> None:
    """The header, an item, and the signature itself."""
    for path, value in ((("header", "meta"), {"x": "y"}), (("message", "transaction_id"), "another")):
        made = await _valid(talk)
        envelope: Any = json.loads(made.body)
        envelope[path[0]][path[1]] = value
        _bad_signature(await talk.send(SEARCH, Signed(written(envelope), made.headers)))


@check("SIGN-3", "a signature by another key is refused", SIGNATURE, operation=SEARCH, needs=SIGNED)
async def other_key(talk: Talk) -> None:
    """Under our own key id, and under an unknown one."""
    made = OKPKey.generate_key("Ed25519").as_dict(private=True)
    stranger = {name: str(value) for name, value in made.items()}
    own = (talk.target.key or {})["kid"]
    for kid in (own, "unknown-key"):
        key = {**stranger, "alg": "EdDSA", "kid": kid}
        message = talk.search(talk.target.unknown)
        _bad_signature(await talk.say(SEARCH, talk.header("search", 1), message, key=key))


@check("SIGN-4", "names in any script can be signed", SIGNATURE, operation=SEARCH, needs=SIGNED)
async def scripts(talk: Talk) -> None:
    """Sinhala, Tamil, Latin with accents, and a character beyond the basic plane."""
    meta = {"note": "කමලා பெரேரா Zoë 𐍈"}
    message = talk.search(talk.target.unknown)
    header = talk.header("search", 1, meta=meta)
    heard = await talk.say(SEARCH, header, message)
    expect.replied(talk, heard, "on-search", {"header": header, "message": message})


@check(
    "CRYPT-1", "an encrypted message that cannot be opened is refused", f"{OPENAPI} EncryptedMessage", operation=SEARCH
)
async def encrypted(talk: Talk) -> None:
    """`err.encryption.invalid`."""
    parts = dict.fromkeys(("ciphertext", "encrypted_key", "tag", "iv"), "AAAA")
    junk = {"header": {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "nobody"}, **parts}
    heard = await talk.say(SEARCH, talk.header("search", 1, is_msg_encrypted=True), junk)
    expect.refusal(heard, "err.encryption.invalid")


@check("SIGN-5", "replies to signed messages are signed", SIGNATURE, operation=SEARCH, needs=(*SIGNED, "keys"))
async def reply_is_signed(talk: Talk) -> None:
    """With a key that the server publishes."""
    heard = await searched(talk)
    expect.that(heard.status == 200, f"{SEARCH}: {heard.status} {heard.code}")
    expect.signed(talk, heard)


async def _valid(talk: Talk) -> Signed:
    """A good search."""
    envelope = {"header": talk.header("search", 1), "message": talk.search(talk.target.unknown)}
    return sign(talk.target.dialect, envelope, talk.target.key)


def _bad_signature(heard: Heard) -> None:
    expect.that(heard.refused, "the message was taken")
    expect.error_shape(heard)
    good = heard.code in {"err.signature.missing", "err.signature.invalid", "err.request.unauthorized"}
    expect.that(good, f"refused with {heard.code}; expected err.signature.missing or err.signature.invalid")
