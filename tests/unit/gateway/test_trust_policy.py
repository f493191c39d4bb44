"""A policy is strict by default, read strictly, and every change says what it raised and what it lowered."""

from typing import Any

import pytest

from gateway.trust.errors import RegistrationRefused
from gateway.trust.policy import Policy, compared

STRICT = Policy()
THUMBPRINT = "A" * 43

REFUSED: dict[str, Any] = {
    "not an object": [],
    "an unknown member": {"trusted": True},
    "an unknown member inside": {"signature": {"lenient": True}},
    "a text for a flag": {"bearer": "no"},
    "a number for a flag": {"bearer": 0},
    "a flag for a number": {"signature": {"window_s": True}},
    "a part that is no object": {"signature": "dci-jws"},
    "null": {"limits": None},
    "a dialect nobody speaks": {"signature": {"dialect": "xml"}},
    "no window": {"signature": {"window_s": 0}},
    "a window of a day": {"signature": {"window_s": 86400}},
    "an algorithm for everyone": {"signature": {"algorithms": ["none"]}},
    "a symmetric algorithm": {"signature": {"algorithms": ["HS256"]}},
    "a list of one text": {"signature": {"algorithms": "RS256"}},
    "a thumbprint of another length": {"certificates": ["A" * 42]},
    "nine certificates": {"certificates": [THUMBPRINT] * 9},
    "a file as key set": {"jwks_uri": "file:///etc/passwd"},
    "credentials in the address": {"jwks_uri": "https://a:b@c.example/jwks"},
    "an address of many lines": {"jwks_uri": "https://c.example/jwks\nx"},
    "negative limits": {"limits": {"per_second": -1}},
    "limits without end": {"limits": {"burst": 10**9}},
}


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_policy_is_refused(document: Any) -> None:
    with pytest.raises(RegistrationRefused):
        Policy.read(document)


def test_the_default_is_strict_and_survives_being_stored() -> None:
    assert Policy.read({}) == STRICT == Policy.read(STRICT.document())
    assert STRICT.exceptions() == ()
    assert (STRICT.bearer, STRICT.client_secret, STRICT.signature.tolerant) == (False, False, False)
    assert STRICT.signature.algorithms == ()
    assert STRICT.signature.required


WEAKER: dict[str, dict[str, Any]] = {
    "client_secret no -> yes": {"client_secret": True},
    "bearer no -> yes": {"bearer": True},
    "signature.required yes -> no": {"signature": {"required": False}},
    "signature.tolerant no -> yes": {"signature": {"tolerant": True}},
    "signature.window_s 300 -> 600": {"signature": {"window_s": 600}},
    "signature.algorithms none -> RS256": {"signature": {"algorithms": ["RS256"]}},
}


@pytest.mark.parametrize(("line", "document"), WEAKER.items(), ids=WEAKER.keys())
def test_weaker_than_the_default_is_an_exception_and_back_again_is_raised(line: str, document: dict[str, Any]) -> None:
    weaker = Policy.read(document)
    assert weaker.exceptions() == compared(STRICT, weaker).lowered == (line,)
    back = compared(weaker, STRICT)
    assert (len(back.raised), back.lowered, back.changed) == (1, (), ())


def test_no_dialect_at_all_is_two_exceptions() -> None:
    unsigned = Policy.read({"signature": {"dialect": "none", "required": False}})
    assert unsigned.exceptions() == ("signature.dialect dci-jws -> none", "signature.required yes -> no")


def test_stronger_than_the_default_is_raised() -> None:
    stronger = Policy.read({"encryption": {"outgoing": True, "required": True}, "certificates": [THUMBPRINT]})
    told = compared(STRICT, stronger)
    assert len(told.raised) == 3
    assert not told.lowered
    assert stronger.exceptions() == ()
    assert len(compared(stronger, STRICT).lowered) == 3


def test_what_is_neither_is_told_as_changed_without_an_address() -> None:
    after = {"jwks_uri": "https://keys.example/jwks", "limits": {"burst": 5}, "signature": {"dialect": "rfc9421"}}
    told = compared(STRICT, Policy.read(after))
    assert told.changed == (
        "jwks_uri unset -> set",
        "signature.dialect dci-jws -> rfc9421",
        "limits.burst 0 -> 5",
    )
    assert told.raised + told.lowered == ()
