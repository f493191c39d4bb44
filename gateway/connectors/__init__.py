"""Agencies that are behind a closed firewall: their connector dials in, takes questions and brings signed answers.

hub.py        questions that wait for a connector, and connectors that wait for a question
connected.py  the adapter that the gateway has in place of one that dials
answers.py    an answer is the agency's word: its signature is checked before anything of it is used
"""

from .connected import Connected
from .hub import Hub

__all__ = ["Connected", "Hub"]
