"""Every way the part for people can fail.

PeopleError
├── OfficerRefused       an officer, a role or an account cannot be registered or changed like this
├── OfficerUnknown       there is no such officer, or not for whoever asks
├── NotAllowed           no role in force gives this right
├── NotFresh             the right is there, but it needs a sign-in of a moment ago
├── ApprovalUnknown      there is no such proposal, or not for whoever asks
├── ApprovalRefused      the proposal cannot be made or decided like this (same person, same member, too late)
├── ApprovalNeeded       a second person has to agree first
└── SignInRefused        the identity provider's answer is not good, or nobody is registered under it

`detail` may be shown to whoever asked; `reason` of a refused sign-in is a short code for the operator's log. No text
here carries a name, a number of a person or a secret.
"""


class PeopleError(Exception):
    """See the tree above."""

    code = "conflict"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class OfficerRefused(PeopleError):
    """The register of officers stays as it was."""


class OfficerUnknown(PeopleError):
    """Nobody of this id, or nobody that the asker may see."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such officer.")


NO_ROLE = "None of your roles in force"


class NotAllowed(PeopleError):
    """Deny by default: no role gives the right."""

    code = "forbidden"


class NotFresh(PeopleError):
    """Sign in once more, then repeat."""

    code = "sign_in_again"

    def __init__(self) -> None:
        super().__init__("Sign in again at /console/confirm; this needs a sign-in within the last five minutes.")


class ApprovalUnknown(PeopleError):
    """No proposal of this id that the asker may see."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such proposal.")


class ApprovalRefused(PeopleError):
    """The proposal stays as it was."""


class ApprovalNeeded(PeopleError):
    """Propose it at `/v1/approvals`; another person approves."""

    code = "forbidden"


class SignInRefused(PeopleError):
    """Nobody is signed in."""

    code = "forbidden"

    def __init__(self, reason: str, detail: str = "The sign-in did not work. Start again.") -> None:
        super().__init__(detail)
        self.reason = reason
