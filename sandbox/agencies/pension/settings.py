"""Keys, address and closed month of the fund."""

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from sandbox.kept import Kept
from sandbox.sftp_server import exported, new_key


@dataclass(frozen=True, slots=True)
class PensionSettings:
    """Everything made at the first start and kept.

    Attributes:
        port: 0 takes a free one; `Fund.settings` has the one taken.
        closed_month: the last month the fund has closed, `YYYY-MM`.
        host_key, client_key: OpenSSH private keys; the client gets its own and the public half of the host's.
        folder: the fund's own; the drop boxes are in it.
        locked: members (new form of the NIC) the fund may not answer about.
    """

    host: str
    port: int
    user: str
    sender: str
    closed_month: str
    host_key: str
    client_key: str
    folder: Path
    locked: Container[str] = frozenset()

    def exported(self) -> dict[str, str]:
        """What the sender is given, by the names of the sandbox settings file."""
        return exported(self, "PENSION") | {"PENSION_SENDER": self.sender}


def make_settings(
    data_dir: Path, *, closed_month: str, host: str = "127.0.0.1", port: int = 0, locked: Container[str] = frozenset()
) -> PensionSettings:
    """Make or read the settings; `data_dir` is the agency's own folder."""
    kept = Kept(data_dir)
    host_key, client_key = kept.text("host_key", new_key), kept.text("client_key", new_key)
    return PensionSettings(host, port, "sandhi", "SANDHI", closed_month, host_key, client_key, data_dir, locked)
