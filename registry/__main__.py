"""`python -m registry`."""

from .cli import app

app()
