"""Facts about refusals of access; no decision reads them."""

from typing import TypeAlias

import attrs

from trialdomain.values.given.text import plain_text
from trialdomain.values.role import Role


@attrs.frozen(kw_only=True)
class AccessRefused:
    """A user asked for a use case that the protocol does not grant to their role."""

    use_case: str = attrs.field(validator=plain_text)
    role: Role
    why: str = attrs.field(validator=plain_text)


AccessFact: TypeAlias = AccessRefused
