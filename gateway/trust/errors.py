"""Every way trust can fail.

TrustError
├── CredentialRefused      a token, proof or assertion is not good; the caller learns only that it is not
│   └── ReplaysFull        too many proofs remembered: refused for now, never let through unchecked
├── RegistrationRefused    a member, system or key cannot be registered or changed like this
│   ├── KeysRefused        a key set breaks a rule of section 2.1; the text says which
│   └── AddressRefused     an address that a system registers may not be dialled from here
├── SignatureRefused       a message signature is missing, malformed, by an unknown key, or wrong
├── KeyFileBroken          a key file of the gateway cannot be read; the text names the file
├── KeyStoreFailed         the security module does not sign: nothing that needs its keys leaves
├── EncryptionRefused      a message cannot be opened, or came in clear where encryption is agreed
├── SealBroken             a sealed payload was altered, moved to another row, or its key is gone
├── NotCanonical           a value has no RFC 8785 form (NaN, a lone surrogate, an integer beyond 2^53)
└── NoIdentifier           a subject without any identifier has no pseudonym

`reason` of a refused credential is a short code for the operator's log; it is never sent to the caller.
No text here carries a value of a person or a secret.
"""


class TrustError(Exception):
    """See the tree above. `detail` may be shown to whoever asked for the operation."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class CredentialRefused(TrustError):
    """Not good. `client` is whom the credential claims to be, once known: for the operator's log only."""

    def __init__(self, reason: str, *, client: str = "") -> None:
        super().__init__("The credentials were not accepted.")
        self.reason = reason
        self.client = client


class ReplaysFull(CredentialRefused):
    """More proofs arrived within the window than are remembered."""

    def __init__(self) -> None:
        super().__init__("replay_store_full")


class RegistrationRefused(TrustError):
    """The register stays as it was."""


class KeysRefused(RegistrationRefused):
    """The key set breaks a rule."""


class AddressRefused(RegistrationRefused):
    """The gateway would never dial it, so it is not taken in."""


class SignatureRefused(TrustError):
    """The message is not proved to be the sender's.

    Attributes:
        reason: a short code for the operator's log.
        missing: there is no signature where the policy wants one.
        presented: the weaker form that came instead of the one agreed; empty where it was no downgrade.
    """

    def __init__(self, detail: str, *, reason: str = "", missing: bool = False, presented: str = "") -> None:
        super().__init__(detail)
        self.reason, self.missing, self.presented = reason, missing, presented


class EncryptionRefused(TrustError):
    """The message cannot be opened, or is not encrypted as agreed. `reason` is for the operator's log."""

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail)
        self.reason = reason


class KeyFileBroken(TrustError):
    """Start-up cannot go on without the key."""


class KeyStoreFailed(TrustError, ConnectionError):
    """The keys are out of reach: an outage like a database's, and every edge answers as it does there."""


class SealBroken(TrustError):
    """The payload cannot be opened."""


class NotCanonical(TrustError):
    """The value has no canonical form."""


class NoIdentifier(TrustError):
    """There is nothing to derive a pseudonym from."""
