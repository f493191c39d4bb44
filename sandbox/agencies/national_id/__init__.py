"""The national ID authority: MOSIP IDA, yes/no and KYC. Contract: `schemas/agency/mosip-ida/wire.md`."""

from .app import Records, build
from .settings import NationalIdSettings, make_settings

__all__ = ["NationalIdSettings", "Records", "build", "make_settings"]
