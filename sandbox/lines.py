"""What the sandbox prints about people, one JSON object a line: everything known, or the social registry's intake."""

from .person import Person, Spelling, SrRecord

REGISTERS = ("national_id", "civil_registration", "tax", "pension", "education", "ess")


def everything(person: Person, without: frozenset[str] = frozenset()) -> dict[str, object]:
    """What is so, and what each register holds; `null` where it does not know the person or is left out."""
    held = (person.national_id, person.civil, person.tax, person.pension, person.education, person.ess)
    registers = {name: record for name, record in zip(REGISTERS, held, strict=True) if name not in without}
    return {
        "index": person.index,
        "household": person.household,
        "nic": person.nic,
        "names": [_name(name) for name in person.names],
        "sex": person.sex,
        "birth_date": person.birth_date,
        "gn_division": person.gn_division,
        "ds_division": person.ds_division,
        "district": person.district,
        "world": person.world,
        "registers": registers,
        "social_registry": [registration(record) for record in person.registrations],
    }


def registration(record: SrRecord) -> dict[str, object]:
    """A member record as it was taken in. `declared` says of each number: held, none, or unknown."""
    numbers = (("NIC", record.nic), ("TIN", record.tin), ("LEARNER", record.learner_number))
    return {
        "member_id": record.member_id,
        "household_id": record.household_id,
        "head": record.head,
        "identifiers": [{"type": kind, "value": value} for kind, value in numbers if value is not None],
        "declared": {"TIN": record.tin_state, "LEARNER": record.learner_state},
        "names": [_name(name) for name in record.names],
        "sex": record.sex,
        "birth_date": record.birth_date,
        "employment_status": record.employment_status,
        "language": record.language,
        "channel": record.channel,
        "phone": record.phone,
        "address": record.address,
        "gn_division": record.gn_division,
        "ds_division": record.gn_division[:7],
        "district": record.gn_division[:5],
        "disabled": record.disabled,
        "certificate": record.certificate,
        "public_works": record.public_works,
        "consents": record.consents,
    }


def _name(name: Spelling) -> dict[str, str]:
    return {
        "language": name.language,
        "script": name.script,
        "value": name.full,
        "given": name.given,
        "family": name.family,
    }
