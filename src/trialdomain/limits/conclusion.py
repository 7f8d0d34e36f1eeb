"""The limit on conclusions about the MTD.

Source: NCT06245746, primary outcome MTD. It is this library's choice that only people declare a candidate, and that
they cannot declare an MTD that the design does not give.
"""

from collections.abc import Iterator

from trialdomain.designs.design import Design
from trialdomain.errors import CommandRefused
from trialdomain.events.basis import Basis
from trialdomain.events.trial import MtdDeclared, MtdNotEstablished, NotEstablished
from trialdomain.values.clinical.decision import Mtd, MtdStatus
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many


class MtdNotGiven(CommandRefused):
    """A declaration about the MTD that the design does not support."""

    code = "mtd-not-given"

    def __init__(self, *, status: MtdStatus, wanted: str) -> None:
        super().__init__(f"{wanted} cannot be declared: the answer of the design is {status.value}")
        self.status, self.wanted = status, wanted


def against_conclusion(
    fact: MtdDeclared | MtdNotEstablished, mtd: Mtd, *, design: Design, recruitment_ended: bool
) -> Iterator[CommandRefused]:
    """Yield each rule that a conclusion would break.

    Args:
        fact: the conclusion that people declare.
        mtd: the MTD by the design.
        design: the design, which tells the candidate levels.
        recruitment_ended: whether recruitment was closed.
    """
    match fact:
        case MtdDeclared(level=level) if mtd.level != level:
            yield MtdNotGiven(status=mtd.status, wanted=f"level {level} as the MTD")
        case MtdDeclared(level=level, bounded_above=bounded) if mtd.bounded_above is not bounded:
            above = "with" if bounded else "without"
            yield MtdNotGiven(status=mtd.status, wanted=f"level {level} as the MTD {above} a closed level above it")
        case MtdNotEstablished(why=NotEstablished.NONE_TOLERATED) if mtd.status is not MtdStatus.NONE_TOLERATED:
            yield MtdNotGiven(status=mtd.status, wanted="that no level is tolerated")
        case MtdNotEstablished(why=NotEstablished.RECRUITMENT_ENDED) if not recruitment_ended:
            yield MtdNotGiven(status=mtd.status, wanted="that recruitment has ended, while it goes on,")
        case MtdNotEstablished(candidate=level) if level is not None and not _is_candidate(level, fact.basis, design):
            yield MtdNotGiven(
                status=mtd.status, wanted=f"level {level} as a candidate, with {_counts(level, fact.basis)},"
            )
        case MtdNotEstablished() if mtd.status is MtdStatus.ESTABLISHED:
            yield MtdNotGiven(status=mtd.status, wanted="that there is no MTD")
        case _:
            pass


def _is_candidate(level: Label, basis: Basis, design: Design) -> bool:
    tally = _tally(level, basis)
    return tally is not None and design.candidate(tally)


def _counts(level: Label, basis: Basis) -> str:
    tally = _tally(level, basis)
    return "nobody" if tally is None else f"{how_many(tally.dlts, 'DLT')} in {tally.evaluable} evaluable"


def _tally(level: Label, basis: Basis) -> Tally | None:
    return next((tally for tally in basis.tallies if tally.level == level), None)
