"""A mail relay that delivers nothing: RFC 5321 as a strict server has it. Printed letters go to the post office's."""

from .relay import Mail, Relay, RelaySettings, make_settings

__all__ = ["Mail", "Relay", "RelaySettings", "make_settings"]
