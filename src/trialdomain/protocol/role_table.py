"""The table of roles of a protocol, checked before it comes into force: by the desk, and where a file is read."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from trialdomain.protocol.conduct_rules import Grant
from trialdomain.protocol.in_part import having, is_whole
from trialdomain.values.given.chosen import wrong_kind
from trialdomain.values.given.text import has_visible
from trialdomain.values.use_case import UseCase

LOCKS_OUT = "roles: this table grants 'amend' to no role, so no user could change it again: grant 'amend' to a role"
_KNOWN = tuple(use_case.value for use_case in UseCase)


def unknown_use_cases(grant: Grant) -> Iterator[str]:
    """Yield the names of a grant that are no use cases."""
    yield from (name for name in grant.use_cases if name not in _KNOWN)


def locks_out(roles: Sequence[Grant]) -> bool:
    """Return whether a table grants 'amend' to no role; an empty table grants everything."""
    return bool(roles) and not any(UseCase.AMEND.value in grant.use_cases for grant in roles)


def table_faults(roles: Sequence[Grant]) -> Iterator[str]:
    """Yield a fault for each unknown use case of a table, and for a table that lets no user amend.

    A name that is blank, or near to 'amend', may be it: then the table is not said to lack it.
    """
    near_amend = not all(has_visible(name) for grant in having(roles, "use_cases") for name in grant.use_cases)
    for number, grant in enumerate(roles, start=1):
        for one in having([grant], "use_cases"):
            for name in filter(has_visible, unknown_use_cases(one)):
                yield wrong_kind(f"roles[{number}].use_cases", UseCase, name)
                near_amend = near_amend or get_close_matches(name.lower(), _KNOWN, 1) == [UseCase.AMEND.value]
    if is_whole(tuple(roles)) and not near_amend and locks_out(roles):
        yield LOCKS_OUT
