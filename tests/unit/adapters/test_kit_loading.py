"""What a command loads that knows every agency."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_ssh_is_loaded_for_who_exchanges_files_and_for_no_command_that_only_knows_who_does() -> None:
    told = (
        "import sys; from pathlib import Path; from adapters.kit.opening import _module\n"
        "for each in Path('adapters').glob('*/adapter.py'): _module(each.parent.resolve())\n"
        "print('adapters.kit.transports.sftp' in sys.modules, 'asyncssh' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
