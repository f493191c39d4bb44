"""The receipt of a consent: made from the register, signed by the gateway, printed with a code that can be checked.

Signed through `Trust`, so the key may be in a security module. A receipt names no person.
"""

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import segno

import pages
from audit import subject_pseudonym
from consent import Consent, canonical
from consent.errors import SignatureMalformed, WrongSigner
from consent.receipt import TYPE, Surroundings, receipt, verify_receipt

from .catalogue import Catalogue
from .profile import Profile
from .trust.directory import Snapshot
from .trust.trust import Trust

MOST_IN_A_CODE = 2300  # bytes a printed code holds with some of its redundancy left, ISO/IEC 18004 version 40-M
GATEWAY = "Sandhi, the data-exchange gateway"
"""What it is called, where nobody registered it as a system of its own."""
NOBODY: Mapping[str, str] = MappingProxyType({})
STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Issued:
    """A receipt and the compact JWS over its canonical form."""

    document: Mapping[str, object]
    jws: str


def issued(consent: Consent, trust: Trust, profile: Profile, now: datetime) -> Issued:
    """The receipt of a consent as it stands now."""
    about = Surroundings(
        principal=subject_pseudonym(consent.subject_ref, f"receipt {consent.id}"),
        issuer=profile.gateway,
        withdraw_at=f"{trust.origin}/my-data",
        purpose_terms=profile.purpose_terms,
        authority=profile.authority,
    )
    document = receipt(consent, about, now)
    return Issued(document, trust.sign_compact(canonical(document), TYPE))


def checked(jws: str, trust: Trust) -> dict[str, object]:
    """What a receipt says, if this gateway signed it, with the present key or an earlier one.

    Raises:
        SignatureMalformed: no receipt.
        WrongSigner: no key of ours made it, or it was altered.
    """
    return checked_with(jws, [key.jwk for key in trust.message_keys()])


def checked_with(jws: str, keys: Iterable[Mapping[str, str]]) -> dict[str, object]:
    """The same with keys that were published (`/.well-known/jwks.json`): anybody can, without asking anybody."""
    kid = _kid(jws)
    key = next((each for each in keys if each.get("kid") == kid), None)
    if key is None:
        raise WrongSigner("none of the gateway's keys signed this receipt: do not rely on it")
    return verify_receipt(jws, key)


def called(catalogue: Catalogue, register: Snapshot) -> Mapping[str, str]:
    """What the members, systems and services of receipts are called: id -> words."""
    called = {each.service.id: each.service.title or each.service.summary or each.service.id for each in catalogue}
    return called | dict(register.names)


def _kid(jws: str) -> str:
    try:
        header = jws.split(".", maxsplit=1)[0]
        read = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
        return str(read["kid"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SignatureMalformed(
            f"this is no receipt, or a damaged one: a receipt is a compact JWS of type {TYPE}"
        ) from None


def page(made: Issued, profile: Profile, known: Mapping[str, str] = NOBODY, *, served: bool = False) -> str:
    """A page to print: the receipt in words, and its signature as a code.

    Args:
        known: what members, systems and services are called, by id; purposes and fields have their names anyhow.
        served: among the pages for people, whose policy allows no style within; else it stands alone and asks for
            nothing.
    """
    whole = len(made.jws) <= MOST_IN_A_CODE
    code = _code(made.jws if whole else _short(made))
    names = {profile.gateway: GATEWAY, **pages.FIELDS, **profile.purposes, **known}
    values = {"receipt": made.document, "names": names, "code": code, "whole": whole, "jws": made.jws}
    style = pages.ASSETS["receipt.css"].content.decode()
    return pages.rendered("receipt.html", served=served, style=style, **values)


def policy(html: str) -> str:
    """The content security policy of such a page: its own style by digest, and nothing else."""
    (style,) = STYLE.findall(html)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _short(made: Issued) -> str:
    """What tells one receipt from every other, where the whole is too long for a code."""
    return f"{made.document['receipt_id']} sha-256:{hashlib.sha256(made.jws.encode()).hexdigest()}"


def _code(text: str) -> str:
    drawn = io.BytesIO()
    segno.make(text, error="l", micro=False).save(drawn, kind="svg", xmldecl=False, svgns=True, omitsize=True)
    return drawn.getvalue().decode()
