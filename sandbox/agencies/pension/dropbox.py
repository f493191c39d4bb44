"""The fund's folders, and the names of section 2, which are all that a sender may use in `/in` and `/out`."""

import re
from collections.abc import Callable
from pathlib import Path

from sandbox.sftp_server import Channel, Session

NUMBER = r"[A-Z0-9]{2,12}-[0-9]{8}-(?!0000)[0-9]{4}"
REQUEST = re.compile(rf"REQ-({NUMBER})\.(txt|mft)(\.part)?")
ANSWER = re.compile(rf"(ANS-{NUMBER}(-[CSP]\.txt|\.mft)|(ERR|LATE)-{NUMBER}\.txt)")


class Shelf:
    """One sender's folders: `drop` is the root it sees; `work` and `used` are the fund's own."""

    def __init__(self, root: Path) -> None:
        self.drop, self.work, self.used = root / "drop", root / "work", root / "used"
        for folder in (self.drop / "in", self.drop / "out", self.work, self.used):
            folder.mkdir(parents=True, exist_ok=True)

    def taken(self, number: str) -> None:
        """Move a request out of the sender's sight and remember its number."""
        (self.used / number).touch()
        for ending in ("txt", "mft"):
            path = self.drop / "in" / f"REQ-{number}.{ending}"
            if path.exists():
                path.replace(self.work / path.name)

    def waiting(self) -> list[str]:
        """Numbers with a manifest in `/in`, or begun before a restart."""
        found = [*(self.drop / "in").glob("REQ-*.mft"), *self.work.glob("REQ-*.mft")]
        return sorted({path.stem.removeprefix("REQ-") for path in found})

    def request(self, number: str, ending: str) -> Path:
        """A file of a request that was taken."""
        return self.work / f"REQ-{number}.{ending}"

    def done(self, number: str) -> None:
        """Answered: the fund keeps nothing of the request but its number."""
        for ending in ("mft", "txt"):
            self.request(number, ending).unlink(missing_ok=True)


class Dropbox(Session):
    """One SFTP session of one sender."""

    def __init__(self, chan: Channel, shelf: Shelf, begun: Callable[[str], None]) -> None:
        super().__init__(chan, shelf.drop)
        self._shelf = shelf
        self._begun = begun

    def fits(self, folder: str, name: str) -> bool:
        """The names of section 2."""
        return bool((REQUEST if folder == "in" else ANSWER).fullmatch(name))

    def was_used(self, name: str) -> bool:
        """A number is used up by whatever came under it."""
        return (self._shelf.used / _number(name)).exists()

    def begin(self, name: str) -> None:
        """The manifest comes last, and with it the work."""
        if name.endswith(".mft"):
            self._begun(_number(name))


def _number(name: str) -> str:
    found = REQUEST.fullmatch(name)
    assert found is not None, "map_path let a name through that is not of the profile"
    return found[1]
