"""Planted in what the social registry may do for somebody: consent, telephone."""

from dataclasses import replace

from ...person import (
    Person,
)
from .. import scene as on
from ..people import with_tax
from ..registration import ELIGIBILITY, REFERRAL_PURPOSE
from ..scene import Scene


def no_consent_for_one_check(whom: Person, scene: Scene) -> Person:
    """Each block withholds the next check of `ELIGIBILITY`; the person holds the numbers to be asked with."""
    refused = ELIGIBILITY.services[scene.block % len(ELIGIBILITY.services)]
    known = on.knows_tin(replace(whom, tax=with_tax(whom, scene.numbers)))
    return on.without_consent(known, refused)


def no_consent_at_all(whom: Person, scene: Scene) -> Person:
    known = on.knows_tin(replace(whom, tax=with_tax(whom, scene.numbers)))
    return on.registered(known, replace(known.registrations[0], consents=()))


def no_consent_for_referral(whom: Person, _scene: Scene) -> Person:
    record = whom.registrations[0]
    kept = tuple(each for each in record.consents if REFERRAL_PURPOSE not in each.purposes)
    return on.registered(whom, replace(record, consents=kept))


def no_consent_for_alerts(whom: Person, _scene: Scene) -> Person:
    return on.without_consent(whom, "messaging.alert")


def no_phone(whom: Person, _scene: Scene) -> Person:
    return on.registered(whom, replace(whom.registrations[0], phone=None))
