"""Authlib's OAuth 2.0 server with our own strict verifier inside: decision record 0020 says what is used, and how."""

from .request import Answer, Exchange, InvalidDetails, Loaded, NotNow, UnknownClient
from .server import Server

__all__ = ["Answer", "Exchange", "InvalidDetails", "Loaded", "NotNow", "Server", "UnknownClient"]
