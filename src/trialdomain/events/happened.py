"""The clinical time of a participant's fact, as far as the fact has one.

The field ``on`` has it, or the field that the class of the fact marks with the metadata :data:`HAPPENED`.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import attrs

from trialdomain.values.clinical_time import ClinicalTime

_KEY = "happened"
HAPPENED: Mapping[str, bool] = {_KEY: True}
"""The metadata of the field with the clinical time from which a fact counts, if its name is not ``on``."""
UNDATED: Mapping[str, bool] = {_KEY: False}
"""The metadata of a field of a fact that has no clinical time, such as a void."""


def happened(fact: Any) -> ClinicalTime | None:  # noqa: ANN401 - any fact of a participant
    """Return the clinical time from which a participant's fact counts; None for a void, which has none."""
    return getter_of(type(fact))(fact)


_Getter = Callable[[Any], ClinicalTime | None]
_GETTERS: dict[type[Any], _Getter] = {}
"""Those that were looked up already; a replay asks for each type and participant."""


def getter_of(kind: type[Any]) -> _Getter:
    """Return the function that reads the clinical time from facts of one type.

    Raises:
        TypeError: the type does not say which of its fields has the clinical time.
    """
    found = _GETTERS.get(kind)
    if found is None:
        found = _GETTERS[kind] = _getter(kind)
    return found


def _getter(kind: type[Any]) -> _Getter:
    fields = attrs.fields(kind)
    marked = [field for field in fields if _KEY in field.metadata] or [field for field in fields if field.name == "on"]
    if len(marked) != 1:
        raise TypeError(f"{kind.__name__} needs one field named 'on', or one with the metadata HAPPENED or UNDATED")
    (field,) = marked
    if field.metadata.get(_KEY, True):
        return attrgetter(field.name)
    return lambda _: None
