"""The front desk of a small application with pages for its own officers: accounts, sessions, forms, and what a browser
may do with a page. For applications beside the gateway, which has identity providers instead. Imports nothing of ours
but the pages.
"""

from .accounts import Account, Accounts, LoginRefused, WrongPassword
from .forms import FormRefused, posted
from .front import Front, NotSignedIn, refused
from .guard import Guard
from .sessions import SignedIn
from .static import static

__all__ = [
    "Account",
    "Accounts",
    "FormRefused",
    "Front",
    "Guard",
    "LoginRefused",
    "NotSignedIn",
    "SignedIn",
    "WrongPassword",
    "posted",
    "refused",
    "static",
]
