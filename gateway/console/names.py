"""What the ids in sentences are called: systems, members and purposes, as far as they are registered."""

from collections.abc import Mapping

from ..trust import register
from ..wiring import Services


async def names_of(here: Services) -> Mapping[str, str]:
    """Id or code -> name, for the `names` of `_phrase` in templates."""
    systems = (await here.trust.register()).systems
    async with here.db.read() as connection:
        members = {each.id: each.name for each in await register.members(connection)}
    return {**here.profile.purposes, **members, **{each.id: each.name for each in systems.values()}}
