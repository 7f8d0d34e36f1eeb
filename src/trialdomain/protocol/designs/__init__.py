"""The parameters of the escalation designs that a protocol can name, as data.

The rules of the designs are in ``trialdomain.designs``. This package has the stored parameters, which are the table
``[design]`` of a protocol file: its ``name`` and the parameters. Other modules import from here.
"""

from typing import TypeAlias

import attrs
from typing_extensions import TypeIs

from trialdomain.protocol.designs.bounds import TableBounds as TableBounds
from trialdomain.protocol.designs.interval import MOST_IN_INTERVAL as MOST_IN_INTERVAL
from trialdomain.protocol.designs.interval import Boin as Boin
from trialdomain.protocol.designs.interval import I3Plus3 as I3Plus3
from trialdomain.protocol.designs.interval import IntervalSpec as IntervalSpec
from trialdomain.protocol.designs.interval import Keyboard as Keyboard
from trialdomain.protocol.designs.interval import Mtpi2 as Mtpi2
from trialdomain.protocol.designs.rolling_six import ROLLING_SIX as ROLLING_SIX
from trialdomain.protocol.designs.rolling_six import RollingSix as RollingSix
from trialdomain.protocol.designs.rolling_six import StateAnswer as StateAnswer
from trialdomain.protocol.designs.rolling_six import StateRow as StateRow
from trialdomain.protocol.designs.rolling_six import published_state as published_state
from trialdomain.protocol.designs.spec import CLOSING_DLTS as CLOSING_DLTS
from trialdomain.protocol.designs.spec import MOST_LEVELS as MOST_LEVELS
from trialdomain.protocol.designs.spec import DesignSpec as DesignSpec
from trialdomain.protocol.designs.table import TableDesign as TableDesign
from trialdomain.protocol.designs.table import TableRow as TableRow
from trialdomain.protocol.designs.table import TableWord as TableWord
from trialdomain.protocol.designs.three_plus_three import ThreePlusThree as ThreePlusThree

KnownSpec: TypeAlias = ThreePlusThree | RollingSix | TableDesign | Boin | Keyboard | Mtpi2 | I3Plus3
"""All designs. The type checker reports a design that is added here but not in ``design_of``."""
DESIGNS: dict[str, type[KnownSpec]] = {
    str(attrs.fields_dict(kind)["name"].default): kind
    for kind in (ThreePlusThree, RollingSix, TableDesign, Boin, Keyboard, Mtpi2, I3Plus3)
}
"""By name of the design: the class of its parameters."""
DEFAULT_DESIGN: DesignSpec = ThreePlusThree()
"""The default design (NCT06245746)."""


def is_known(spec: DesignSpec) -> TypeIs[KnownSpec]:
    """Return whether the parameters are those of a design of this library."""
    return type(spec) in DESIGNS.values() and DESIGNS.get(getattr(spec, "name", "")) is type(spec)
