"""The parameters of 3+3 and of its published variants."""

from typing import Literal

import attrs
from typing_extensions import override

from trialdomain.protocol.designs.spec import DesignSpec, start_fault
from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.protocol.in_part import Check, faults_of

SIX = "The highest dose level with a DLT in no more than 1/6 of at least 6 evaluable participants"
NO_FEWER = "no MTD is found with fewer than 6 evaluable participants at its level"
_MOST_DLTS = (1, 2)
_EVALUABLE = (3, 6)


@attrs.frozen(kw_only=True)
class ThreePlusThree(DesignSpec):
    """3+3 with at least 6 evaluable participants before a dose may be the MTD (NCT06245746; Storer 1989).

    The variants are those of the A+B designs with A = B = 3 and C = D = 1 (Lin and Shih 2001, Biostatistics 2:203):
    ``most_dlts_in_six`` is their E. With ``evaluable_for_mtd = 3`` the MTD is the level below the closed one, without
    three more participants there: their design without dose de-escalation (Le Tourneau et al. 2009, J Natl Cancer Inst
    101:708).
    """

    known_as = "3+3"
    revision = 1

    name: Literal["three-plus-three"] = "three-plus-three"
    start_level: int = 1
    """The level of the first participant. Levels below it are treated only once it is closed."""
    most_dlts_in_six: int = 1
    """The most DLTs in 6 evaluable with which a level is tolerated: 1 or 2. A second DLT in the first 3 closes a level
    in each variant."""
    evaluable_for_mtd: int = 6
    """The evaluable participants that the MTD must have: 6, or 3 where no DLT in 3 is enough."""

    def __attrs_post_init__(self) -> None:
        """Refuse parameters of no published variant."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the parameters."""
        return (
            lambda: at_least("design.start_level", self.start_level, 1),
            lambda: _one_of("design.most_dlts_in_six", self.most_dlts_in_six, _MOST_DLTS),
            lambda: _one_of("design.evaluable_for_mtd", self.evaluable_for_mtd, _EVALUABLE),
        )

    @property
    @override
    def mtd_means(self) -> str:
        """Return the registry's words, with the numbers of the variant."""
        return f"{self._tolerated}, as 3+3 ({self.identity}) finds it"

    @property
    def _tolerated(self) -> str:
        most = self.most_dlts_in_six
        if self.evaluable_for_mtd == _EVALUABLE[-1]:
            return SIX.replace("1/6", f"{most}/6")
        return (
            f"The highest dose level with no DLT in at least 3 evaluable participants, or in no more than {most}/6 of 6"
        )

    @property
    @override
    def choices(self) -> tuple[str, ...]:
        if self.most_dlts_in_six == 1:
            closes = "two DLTs close a level and all above it"
        else:
            closes = "two DLTs in the first 3, or three in 6, close a level and all above it"
        walk = f"3 at a level, 6 where one of them has a DLT; {closes}"
        return (walk, NO_FEWER) if self.evaluable_for_mtd == _EVALUABLE[-1] else (walk,)

    @override
    def unfit(self, levels: int) -> str | None:
        """Say that the trial would begin above its highest level."""
        return start_fault(self.start_level, levels)


def _one_of(name: str, value: object, accepted: tuple[int, ...]) -> str | None:
    fits = type(value) is int and value in accepted
    return unless(fits, f"{name} must be {' or '.join(map(str, accepted))}, got {str(value)[:20]}")
