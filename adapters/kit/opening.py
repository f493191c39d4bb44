"""Open an adapter folder: `adapter.py` has `build(kit: Kit) -> Adapter`; without one, its files declare REST, SOAP, DCI
or a view over SQL.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from adapters.kit import codes as code_lists
from adapters.kit import manifest as manifests
from adapters.kit import mapping as mappings
from adapters.kit.base import Kit
from adapters.kit.codes import CodesError
from adapters.kit.contract import Adapter
from adapters.kit.dci_wire import CLEAR, Wire
from adapters.kit.egress import Dialler
from adapters.kit.manifest import ManifestError
from adapters.kit.mapping import MappingError
from adapters.kit.transports.dci_registry import declared
from adapters.kit.transports.files import DeclaredFiles
from adapters.kit.transports.hooked import HookedRest, LaterRest
from adapters.kit.transports.rest import DeclaredRest
from adapters.kit.transports.soap import DeclaredSoap
from adapters.kit.transports.sql_view import DeclaredSql

_HERE = Path(__file__).resolve().parent.parent


def open_adapter(
    folder: Path,
    settings: Callable[[str], str],
    dialler: Dialler,
    wire: Wire = CLEAR,
) -> Adapter:
    """Open the adapter of one folder.

    Args:
        settings: value by name (`TAX_URL`); raises LookupError for a missing one. A dict's `__getitem__` will do.
        wire: how DCI messages to the agency are protected.

    Raises:
        ManifestError, MappingError: the folder is wrong.
        NotConfigured: a setting the adapter needs is missing, or its address may not be dialled.
    """
    manifest = manifests.load(folder)
    try:
        codes = code_lists.load(folder)
    except CodesError as error:
        raise MappingError(str(error)) from None
    return build(Kit(folder, manifest, mappings.load(folder, codes), settings, dialler, wire, codes))


def build(kit: Kit) -> Adapter:
    """The adapter of an assembled kit.

    Raises:
        NotConfigured: as `open_adapter`.
    """
    if not (kit.folder / "adapter.py").exists():
        return _declared(kit)
    build = getattr(_module(kit.folder.resolve()), "build", None)
    if build is None:
        raise ManifestError(f"{kit.manifest.id}: adapter.py has no function `build(kit)` that gives an adapter")
    built: Adapter = build(kit)
    return built


def _declared(kit: Kit) -> Adapter:
    kind = kit.manifest.transport.kind
    if kind == "dci":
        return declared(kit)
    if any("rows" in each.extra for each in kit.manifest.services.values()):
        return DeclaredFiles(kit)
    if kind == "sftp":
        raise ManifestError(f"{kit.manifest.id}: over sftp, declare rows and find, or bring an adapter.py")
    if kit.manifest.webhook is not None:
        return LaterRest(kit) if kit.manifest.webhook.answers else HookedRest(kit)
    return {"soap": DeclaredSoap, "sql": DeclaredSql}.get(kind, DeclaredRest)(kit)


def _module(folder: Path) -> ModuleType:
    if folder.parent == _HERE:
        return importlib.import_module(f"adapters.{folder.name}.adapter")
    return _outside_module(folder)


def _outside_module(folder: Path) -> ModuleType:
    """A folder that is not installed, as a package of its own name, so that it can import its own files."""
    package = ModuleType(f"sandhi_adapter_{folder.name}")
    package.__path__ = [str(folder)]
    spec = importlib.util.spec_from_file_location(f"{package.__name__}.adapter", folder / "adapter.py")
    if spec is None or spec.loader is None:
        raise ManifestError(f"{folder}/adapter.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[package.__name__], sys.modules[spec.name] = package, module
    spec.loader.exec_module(module)
    return module
