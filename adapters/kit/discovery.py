"""Find the adapter folders: those beside the kit, and those of installed packages.

An installed package offers a folder through the entry point group `sandhi.adapters`: `levy = "acme_adapters.levy"`
names the adapter, and the package whose folder holds the manifest. Nothing of it is imported to find it, no parent
either.
"""

import importlib.util
from importlib.metadata import entry_points
from pathlib import Path

GROUP = "sandhi.adapters"
_HERE = Path(__file__).resolve().parent.parent
SECOND_WIRES = _HERE / "second_wires"


class DiscoveryError(Exception):
    """Two folders claim one id, or an entry point leads nowhere."""


def discover(root: Path = _HERE) -> dict[str, Path]:
    """Adapter id -> folder, sorted by id.

    Raises:
        DiscoveryError: an id twice, or an entry point without a folder.
    """
    found = {folder.name: folder for folder in root.iterdir() if (folder / "manifest.toml").is_file()}
    for point in entry_points(group=GROUP):
        top, *below = point.module.split(".")
        spec = importlib.util.find_spec(top)  # of a package below another it would import the other
        places = [Path(each, *below) for each in (spec.submodule_search_locations or () if spec else ())]
        locations = [each for each in places if each.is_dir()]
        if not locations:
            raise DiscoveryError(f"entry point {point.name}: {point.module} is not an installed package")
        if point.name in found:
            raise DiscoveryError(f"two adapters are called {point.name}; rename one folder")
        found[point.name] = locations[0]
    return dict(sorted(found.items()))


def second_wires(root: Path = SECOND_WIRES) -> dict[str, Path]:
    """Adapter id -> folder of its second wire, by id: what `SANDHI_ADAPTERS_DIR` may put in a first one's place."""
    return {folder.name: folder for folder in sorted(root.iterdir()) if (folder / "manifest.toml").is_file()}
