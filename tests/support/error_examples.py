"""Every error class of the package, with instances made from examples of its constructor arguments."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import Enum
from importlib import import_module
from itertools import product
from pathlib import Path
from pkgutil import walk_packages
from types import UnionType
from typing import Any, Union, get_args, get_origin

import trialdomain
from trialdomain import AccessRequest, ClinicalTime, Decision, Meta, Recorded, Role, UseCase
from trialdomain.events.participant import Died
from trialdomain.events.trial import RecruitmentSuspended, TrialClosed
from trialdomain.exchange.bundle import BundleFile, Exporter, Manifest
from trialdomain.values.clinical.screening import CriterionAssessment, CriterionStatus
from trialdomain.values.given.text import FreeText

_DAY = ClinicalTime("2026-03-02")
_WHY = FreeText(plain="related death")
_META = Meta(recorded_at=datetime(2026, 3, 2, 8, 30, tzinfo=UTC), user="u1", command="c1", part=1, parts=1)
_EXAMPLES: Mapping[object, Sequence[object]] = {
    AccessRequest: (
        AccessRequest(
            trial="T1", user="u1", name="N", role=Role.MONITOR, organization="O", use_case=UseCase.ENROLL, subject="S"
        ),
    ),
    ClinicalTime: (_DAY, ClinicalTime("2026"), ClinicalTime("2026-03-02T10:15+08:00")),
    CriterionAssessment: (CriterionAssessment(criterion="I7a", status=CriterionStatus.UNMET, why="90 % is too low"),),
    Decision: (Decision.escalate(to=2), Decision.none_tolerated()),
    Manifest: (
        Manifest(
            format="trialdomain-bundle/1",
            trial="T1",
            size=9,
            root="0" * 64,
            participants=None,
            entries=9,
            on="2026-03-02",
            zone="UTC",
            protocol="1",
            software="0.1.0",
            at="2026-03-02T08:30:00Z",
            why="an inspection",
            by=Exporter(user="u1", name="N", role="monitor", organization="O"),
            recorded=10,
            files={"events.jsonl": BundleFile(bytes=10, sha256="0" * 64)},
        ),
    ),
    Path: (Path("log.jsonl"),),
    RecruitmentSuspended: (RecruitmentSuspended(on=_DAY, why=_WHY, infusion=True),),
    Recorded: (Recorded(trial="T1", position=9, stream="T1/participant/S", version=4, meta=_META, fact=Died(on=_DAY)),),
    TrialClosed: (TrialClosed(on=_DAY, why=_WHY),),
    bool: (True, False),
    date: (date(2026, 3, 2),),
    datetime: (datetime(2026, 3, 2, 8, 30, tzinfo=UTC),),
    int: (1, 3),
    object: ("2.3.2026", 20260302, None, date(2026, 3, 2)),
    str: ("one", "a sentence; with 'quotes', line\nends, and Unicode: 試驗"),
    type(None): (None,),
}
"""By the type of a parameter: what may be given for it. A type that is missing here is a red light, on purpose."""


RETIRED = frozenset({"tables-unavailable"})
"""Codes of errors that cannot come up any more; no other error ever has them."""


def error_classes() -> list[type[BaseException]]:
    """Find every class of an exception that any module of the package defines."""
    for module in walk_packages(trialdomain.__path__, "trialdomain."):
        import_module(module.name)
    found = {kind for kind in _derived(BaseException) if kind.__module__.partition(".")[0] == "trialdomain"}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


def parameters_of(kind: type[BaseException]) -> dict[str, object] | None:
    """Name what the constructor of a class takes, each with its type; None where it is Exception's own."""
    constructor: Callable[..., None] = kind.__init__
    if not inspect.isfunction(constructor):
        return None
    taken = list(inspect.signature(constructor, eval_str=True).parameters.values())[1:]
    return {parameter.name: parameter.annotation for parameter in taken}


def examples_of(kind: type[BaseException]) -> list[tuple[BaseException, dict[str, object]]]:
    """Make errors of a class, each with what its constructor was given."""
    parameters = parameters_of(kind)
    if parameters is None:
        return [(kind("what, where, and what next"), {}), (kind(), {})]
    values = [_examples(annotation) for annotation in parameters.values()]
    made = []
    for number in range(max((len(some) for some in values), default=1)):
        given = {name: some[number % len(some)] for name, some in zip(parameters, values, strict=True)}
        made.append((kind(**given), given))
    return made


def _derived(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for derived in type.__subclasses__(kind):
        yield derived
        yield from _derived(derived)


def _examples(annotation: object) -> list[Any]:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return [value for one in get_args(annotation) for value in _examples(one)]
    if origin is tuple:
        return list(product(*(_examples(one) for one in get_args(annotation))))
    if origin in (Sequence, Iterable):
        few = _examples(get_args(annotation)[0])
        return [tuple(few), tuple(few[:1])]
    if origin is not None:
        return _examples(origin)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return list(annotation)
    if annotation not in _EXAMPLES:
        raise LookupError(f"there is no example of {annotation}: add one to the table in error_examples.py")
    return list(_EXAMPLES[annotation])
