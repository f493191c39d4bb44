"""The messaging provider: SMS, WhatsApp and calls on Twilio's wire, with signed status callbacks.

Contract: `schemas/agency/twilio/`. Nobody is reached: a person's phone is a rule over its number (`journey.py`).
"""

from .app import build
from .settings import MessagingSettings, make_settings
from .store import Store

__all__ = ["MessagingSettings", "Store", "build", "make_settings"]
