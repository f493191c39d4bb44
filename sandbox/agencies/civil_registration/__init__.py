"""The civil registration authority: DCI CRVS search and OpenCRVS 1's signed webhook.

Contracts: `schemas/dci/crvs.json`, `schemas/agency/opencrvs/format.yaml`.
"""

from .app import build
from .hooks import Hooks
from .index import RecordIndex
from .registers import Records
from .settings import CivilRegistrationSettings, make_settings

__all__ = ["CivilRegistrationSettings", "Hooks", "RecordIndex", "Records", "build", "make_settings"]
