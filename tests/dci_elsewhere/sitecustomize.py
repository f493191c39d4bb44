"""Loaded by every Python that a test starts, before anything else (`PYTHONPATH`): a gateway there judges its own DCI
messages as one in the test's process does, and writes what it found to `DCI_ELSEWHERE`, for the test run to read."""

import importlib.machinery
import os
import sys
from pathlib import Path
from typing import Any

WANTED = {"gateway.edges.dci.routes", "gateway.wires"}  # both have to be there before anything can be listened to


class _Watching:
    """Waits until a gateway is loaded; most processes never load one."""

    heard: Any = None

    def find_spec(self, name: str, path: Any, _target: Any = None) -> Any:
        """As import asks a finder; the usual one finds, and we learn when it is done."""
        if name not in WANTED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        loader: Any = spec.loader if spec else None
        run = loader.exec_module

        def exec_module(module: Any) -> None:
            run(module)
            WANTED.discard(name)
            if not WANTED:
                sys.meta_path.remove(watching)
                _listen()

        loader.exec_module = exec_module
        return spec


def _listen() -> None:
    sys.path.append(str(Path(__file__).parents[2]))
    from tests.dci_recorded import Written, listen

    watching.heard = Written(Path(os.environ["DCI_ELSEWHERE"]))
    listen(watching.heard)


watching: Any = _Watching()
if os.environ.get("DCI_ELSEWHERE"):
    sys.meta_path.insert(0, watching)
