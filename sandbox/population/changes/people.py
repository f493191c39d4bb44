"""Planted in who somebody is: deaths, other people, numbers, names, dates of birth, capacity."""

from dataclasses import replace
from datetime import date, timedelta

from ...nic import old_form
from ...person import (
    CapacityCertificate,
    Enrolment,
    Person,
    Spelling,
)
from .. import scene as on
from ..names import another_given, spellings
from ..numbers import planted_nic
from ..registration import household_id, member_id
from ..scene import Scene
from ..school import PRIMARY, SECONDARY

TWIN, LOOK_ALIKE, DEAD_LOOK_ALIKE, BURIED_LOOK_ALIKE = 0, 1, 2, 3  # kinds of planted NIC numbers
SPARE_POSITION = 20  # of a second registration in somebody else's household


# Deaths.


def death_known_to_national_id_only(whom: Person, scene: Scene) -> Person:
    return on.dead_for_national_id(whom, scene.months_ago(4))


def death_known_to_civil_registration_only(whom: Person, scene: Scene) -> Person:
    return on.dead_for_civil_registration(whom, scene.months_ago(5))


def death_known_to_both(whom: Person, scene: Scene) -> Person:
    death = scene.months_ago(3)
    return on.dead_for_national_id(on.dead_for_civil_registration(whom, death), death)


def death_by_name_and_date_only(whom: Person, scene: Scene) -> Person:
    return on.dead_for_civil_registration(whom, scene.months_ago(6), with_nic=False)


def contribution_after_death(whom: Person, scene: Scene) -> Person:
    paid = on.contributing(whom, scene, scene.closed - 20, scene.closed)
    return on.dead_for_civil_registration(paid, scene.months_ago(4))


def contribution_in_month_of_death(whom: Person, scene: Scene) -> Person:
    paid = on.contributing(whom, scene, scene.closed - 20, scene.closed - 3)
    return on.dead_for_civil_registration(paid, scene.months_ago(4))


# Two people, or one person twice.


def twin_died(whom: Person, scene: Scene) -> Person:
    family = (whom.names[0].family, whom.names[1].family, whom.names[2].family)
    own = another_given(whom.names[0].given, whom.sex, scene.random)
    twin = _counterpart(whom, scene, TWIN, named=replace(whom, names=spellings(own, family)))
    scene.other = on.dead_for_civil_registration(twin, scene.months_ago(7), with_nic=False)
    return whom


def look_alike_works(whom: Person, scene: Scene) -> Person:
    other = _counterpart(whom, scene, LOOK_ALIKE, named=whom)
    other = on.contributing(other, scene, scene.closed - 7, scene.closed)
    scene.other = on.working(other)
    return whom


def look_alike_died(whom: Person, scene: Scene) -> Person:
    other = _counterpart(whom, scene, DEAD_LOOK_ALIKE, named=whom)
    scene.other = on.dead_for_civil_registration(other, scene.months_ago(7), with_nic=False)
    return whom


def look_alike_died_with_number(whom: Person, scene: Scene) -> Person:
    other = _counterpart(whom, scene, BURIED_LOOK_ALIKE, named=whom)
    scene.other = on.dead_for_civil_registration(other, scene.months_ago(7))
    return whom


def registered_twice(whom: Person, scene: Scene) -> Person:
    record = whom.registrations[0]
    again = replace(
        record,
        member_id=member_id(scene.elsewhere, SPARE_POSITION),
        household_id=household_id(scene.elsewhere),
        head=False,
        nic=old_form(whom.nic),
    )
    return replace(whom, registrations=(record, again))


# Numbers and names.


def old_nic_in_registry(whom: Person, scene: Scene) -> Person:
    paid = on.working(on.contributing(whom, scene, scene.closed - 9, scene.closed))
    return on.registered(paid, replace(paid.registrations[0], nic=old_form(whom.nic)))


def old_nic_in_fund(whom: Person, scene: Scene) -> Person:
    paid = on.working(on.contributing(whom, scene, scene.closed - 9, scene.closed))
    assert paid.pension
    return replace(paid, pension=replace(paid.pension, nic=old_form(whom.nic)))


def name_differs_in_national_id(whom: Person, _scene: Scene) -> Person:
    """One letter in one script."""
    assert whom.national_id
    names = tuple(_misspelt(name) if name.language == "eng" else name for name in whom.names)
    return replace(whom, national_id=replace(whom.national_id, names=names))


def name_written_otherwise(whom: Person, _scene: Scene) -> Person:
    """Capitals and two spaces, which are no difference."""
    record = whom.registrations[0]
    names = tuple(
        Spelling(name.language, name.script, name.given.upper(), f" {name.family.upper()}") for name in record.names
    )
    return on.registered(whom, replace(record, names=names, tin=None, tin_state="none"))


def name_differs_in_tax(whom: Person, scene: Scene) -> Person:
    """The first letter of the first name, on which the tax office matches."""
    paid = on.taxed(whom, scene, scene.closed - 30, scene.closed - 12, open_job=False)
    assert paid.tax
    return replace(paid, tax=replace(paid.tax, first_name=_other_letter(paid.tax.first_name)))


def unknown_to_national_id(whom: Person, _scene: Scene) -> Person:
    return replace(whom, national_id=None)


def deactivated_in_national_id(whom: Person, _scene: Scene) -> Person:
    assert whom.national_id
    return replace(whom, national_id=replace(whom.national_id, deactivated=True))


def unknown_to_civil_registration(whom: Person, _scene: Scene) -> Person:
    return replace(whom, civil=None)


# Dates of birth.


def birth_dates_disagree(whom: Person, _scene: Scene) -> Person:
    """The social registry has somebody as past the age limit whom the other registers have as below it."""
    record = whom.registrations[0]
    earlier = on.years_earlier(record.birth_date, 7)
    return on.registered(whom, replace(record, birth_date=earlier, tin=None, tin_state="none"))


def birth_dates_differ_within_bounds(whom: Person, _scene: Scene) -> Person:
    record = whom.registrations[0]
    earlier = record.birth_date - timedelta(days=31)
    return on.registered(whom, replace(record, birth_date=earlier, tin=None, tin_state="none"))


def eighteen_today(whom: Person, scene: Scene) -> Person:
    birth_date = on.years_earlier(scene.day, 18)
    assert whom.education
    school = tuple(
        Enrolment(
            level, "full_time", date(birth_date.year + start, 1, 1), date(birth_date.year + end, 12, 10), "completed"
        )
        for level, start, end in (PRIMARY, SECONDARY)
    )
    education = replace(whom.education, enrolments=school, qualifications=())
    young = replace(whom, tax=None, pension=None, education=education)
    young = on.registered(young, replace(young.registrations[0], tin=None, tin_state="none"))
    return on.born(young, birth_date, planted_nic(birth_date, whom.sex, scene.block, TWIN))


def sixty_today(whom: Person, scene: Scene) -> Person:
    birth_date = on.years_earlier(scene.day, 60)
    return on.born(whom, birth_date, planted_nic(birth_date, whom.sex, scene.block, TWIN))


# Capacity.


def certificate_missing(whom: Person, _scene: Scene) -> Person:
    return on.registered(whom, replace(whom.registrations[0], disabled=True, certificate=None))


def certificate_no_capacity(whom: Person, scene: Scene) -> Person:
    disabled = _certified(whom, scene, "no_capacity", until=200)
    return replace(disabled, world=replace(disabled.world, able=False, working=False))


def certificate_expired(whom: Person, scene: Scene) -> Person:
    return _certified(whom, scene, "no_capacity", until=-1)


def certificate_partial_capacity(whom: Person, scene: Scene) -> Person:
    return _certified(whom, scene, "partial_capacity", until=200)


def _counterpart(whom: Person, scene: Scene, kind: int, *, named: Person) -> Person:
    """The block's other person, alive, born on the same day as `whom`, called as `named` is, in no register of work."""
    nic = planted_nic(whom.birth_date, scene.other.sex, scene.block, kind)
    identity = scene.other.national_id
    plain = replace(
        scene.other,
        national_id=identity and replace(identity, death_date=None),
        civil=None,
        tax=None,
        pension=None,
        ess=None,
        world=replace(scene.other.world, alive=True),
    )
    return on.named_as(on.born(plain, whom.birth_date, nic), named)


def _misspelt(name: Spelling) -> Spelling:
    family = name.family
    return replace(name, family=f"{family[:-1]}{'e' if family[-1] != 'e' else 'a'}")


def _other_letter(name: str) -> str:
    return ("B" if name[0] != "B" else "V") + name[1:]


def _certified(whom: Person, scene: Scene, finding: str, *, until: int) -> Person:
    start = scene.day - timedelta(days=500)
    certificate = CapacityCertificate(finding, start, scene.day + timedelta(days=until))
    return on.registered(whom, replace(whom.registrations[0], disabled=True, certificate=certificate))
