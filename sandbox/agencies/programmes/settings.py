"""The programmes: what tells them apart, and each one's addresses, partner and credentials."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.dci_agency import Registered
from sandbox.kept import Kept

GATEWAY = "LK.GOV.SANDHI.GATEWAY"


@dataclass(frozen=True, slots=True)
class Programme:
    """One programme by its rules.

    Attributes:
        id: of the adapter folder; also the code of the programme in every message.
        own_id: DCI id of its system.
        unit: DCI AssistanceUnit: 1 a person, 2 a household.
        places: beneficiaries in one DS division; the next ones wait.
        certificate: category of the medical certificate it wants; empty: none.
        confirmations: kinds of confirmation it takes; without a recent one a beneficiary is suspended.
    """

    id: str
    name: str
    own_id: str
    unit: str
    places: int
    certificate: str = ""
    confirmations: frozenset[str] = frozenset()


PROGRAMMES = {
    each.id: each
    for each in (
        Programme("samurdhi", "Samurdhi", "LK.GOV.MSE.SAMURDHI", "2", 40),
        Programme(
            "elders", "Elders' allowance", "LK.GOV.MSE.ELDERS", "1", 30, confirmations=frozenset({"life_certificate"})
        ),
        Programme("disability", "Disability allowance", "LK.GOV.MSE.DISABILITY", "1", 20, certificate="disability"),
        Programme(
            "kidney",
            "Kidney patients' allowance",
            "LK.GOV.MSE.KIDNEY",
            "1",
            20,
            certificate="kidney",
            confirmations=frozenset({"monthly", "nominee"}),
        ),
        Programme("public_works", "Public works", "LK.GOV.RDD.WORKS", "2", 60),
    )
}


@dataclass(frozen=True, slots=True)
class ProgrammeSettings:
    """Everything made at the first start and kept.

    Attributes:
        registry: DCI id of the social registry's system for programmes.
        store: SQLite file of everything the programme knows.
    """

    programme: Programme
    url: str
    registered: Registered
    registry: str
    store: Path

    def exported(self) -> dict[str, str]:
        """What the partner is given, by the names of the sandbox settings file."""
        prefix, own = self.programme.id.upper(), self.registered
        return {
            f"{prefix}_URL": self.url,
            f"{prefix}_CLIENT_ID": own.partner_client,
            f"{prefix}_CLIENT_SECRET": own.partner_secret,
            f"{prefix}_SENDER_ID": own.sender_id,
            f"{prefix}_RECEIVER_ID": own.own_id,
        }


def make_settings(programme: Programme, base_url: str, data_dir: Path, *, gateway: str) -> ProgrammeSettings:
    """Make or read the settings of one programme.

    Args:
        base_url: where the agency is reached, without a slash at the end.
        data_dir: the agency's own folder.
        gateway: base URL of the gateway.
    """
    kept = Kept(data_dir)
    registered = Registered(
        name=programme.id,
        schema="dci/ibr.json",
        own_id=programme.own_id,
        client=programme.id.replace("_", "-"),
        sender_id=GATEWAY,
        partner_client="sandhi-gateway",
        partner_secret=kept.secret("partner_secret"),
        token_secret=kept.secret("token_secret"),
        partner_callback=f"{gateway.rstrip('/')}/dci/registry/on-subscribe",
    )
    return ProgrammeSettings(programme, base_url, registered, "LK.GOV.WBB.SR", data_dir / f"{programme.id}.db")
