"""Gateways of several ministries that witness each other, for tests: logs, witness roles, and the net between them."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import FileMemory, Log, Signer
from audit.cosignature import Cosigner
from audit.errors import Unreachable
from audit.note import Verifier
from audit.policy import Policy
from audit.tables import metadata
from audit.watching import Reply
from audit.witness import WitnessRole
from gateway.db import Database


@dataclass(slots=True)
class Gateway:
    """A gateway of one ministry: its log, and its witness role for others."""

    db: Database
    log: Log
    key: Ed25519PrivateKey
    cosigner: Cosigner
    role: WitnessRole | None = None

    def watches(self, *others: "Gateway") -> None:
        """Take the witness role for these logs."""
        logs = {each.log.origin: [Verifier.from_vkey(each.log.shard.signer.vkey)] for each in others}
        self.role = WitnessRole(self.cosigner, self.log.store, logs)


async def gateway(url: str, folder: Path, name: str) -> Gateway:
    """Open one on a fresh database."""
    db = Database(url)
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    key = Ed25519PrivateKey.generate()

    def signer_of(origin: str) -> Signer:
        return Signer(origin, key, FileMemory(folder / f"{origin.replace('/', '_')}.signed"))

    log = await Log.open(db.engine, signer_of(f"{name}.example/log"), db.write_lock, signer_of=signer_of)
    return Gateway(db, log, key, Cosigner(f"{name}.example/witness", Ed25519PrivateKey.generate()))


class Net:
    """Carries requests to the witness roles; `down` holds names that do not answer."""

    def __init__(self, peers: list[Gateway]) -> None:
        self.roles = {f"http://{each.log.origin}/witness": each for each in peers}
        self.down: set[str] = set()
        self.asked = 0

    async def post(self, url: str, body: bytes, content_type: str) -> Reply:
        """What `audit.watching.Post` promises."""
        self.asked += 1
        peer = self.roles[url.removesuffix("/add-checkpoint")]
        if peer.log.origin.split(".")[0] in self.down or peer.role is None:
            raise Unreachable("nobody listens there")
        answer = await peer.role.add_checkpoint(body)
        return Reply(answer.status, answer.body.encode())


def two_of_three(peers: list[Gateway]) -> Policy:
    """Any two of three witnesses."""
    lines = [
        f"witness w{n} {each.cosigner.witness.vkey} http://{each.log.origin}/witness" for n, each in enumerate(peers)
    ]
    return Policy.from_text("\n".join([*lines, "group g 2 w0 w1 w2", "quorum g"]))
