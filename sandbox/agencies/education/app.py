"""The SOAP endpoint: the register's two operations behind a played security server."""

from typing import Final

from starlette.applications import Starlette

from sandbox.faults import Faults
from sandbox.strict_xml import schema
from sandbox.xroad import Operation, Provider

from .register import EHIS, Records, Register
from .settings import EducationSettings

_BODIES = schema("estonia-xtee/ehis.xsd")
_NAMESPACE: Final = EHIS.strip("{}")
_WRONG = (
    f'<e:tootukassaleKehtivadV2Response xmlns:e="{_NAMESPACE}"><isik><nimi/></isik></e:tootukassaleKehtivadV2Response>'
).encode()


def build(records: Records, settings: EducationSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""
    register = Register(records, settings.locked)
    operations = {
        ("tootukassaleKehtivadV2", "v1"): Operation(f"{EHIS}tootukassaleKehtivadV2", register.studies),
        ("kmaLopetanud", "v1"): Operation(f"{EHIS}kmaLopetanud", register.completions),
    }
    return Provider(settings.client, settings.service, operations, _BODIES, _WRONG).app(faults)
