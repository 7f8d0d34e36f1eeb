"""The preset: UCMSC-Exo in acute myeloid leukemia, as registered (NCT06245746, Wuhan Union Hospital)."""

from collections.abc import Sequence

from trialdomain.protocol.trial_protocol import DoseLevel, TrialProtocol
from trialdomain.values.dose import Dose

_LEVELS = 3
_TARGET_RECRUITMENT = 9


def nct06245746(*, doses: Sequence[Dose] | None = None, version: str = "registry") -> TrialProtocol:
    """Build the protocol of NCT06245746.

    Args:
        doses: the amounts of the three levels, lowest first. The registry gives none, and none are made up.
        version: the name of the protocol's version.

    Raises:
        ValueError: a number of doses other than three.
    """
    if doses is not None and len(doses) != _LEVELS:
        raise ValueError(f"NCT06245746 has {_LEVELS} dose levels, but {len(doses)} doses were given")
    return TrialProtocol(
        trial="NCT06245746",
        title="UCMSC-Exo for Chemotherapy-induced Myelosuppression in Acute Myeloid Leukemia",
        version=version,
        zone="Asia/Shanghai",
        levels=tuple(
            DoseLevel(level=level, dose=None if doses is None else doses[level - 1]) for level in range(1, _LEVELS + 1)
        ),
        target_recruitment=_TARGET_RECRUITMENT,
    )
