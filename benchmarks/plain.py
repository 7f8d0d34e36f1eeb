"""The peer of the benchmarks: the same information, recorded with plain ``eventsourcing`` as in its documentation.

The peer is an aggregate with ``@event`` methods. Every field of the envelope and of the fact is a keyword argument, and
``eventsourcing`` provides the mapper, the JSON transcoder and the SQLite recorder.
"""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

_SITE = timezone(timedelta(hours=8))
_HEMOGLOBIN = 2
"""The index of hemoglobin among the four counts of a visit."""


class PlainParticipant(Aggregate):
    """A participant with recorded laboratory results."""

    def __init__(self, *, trial: str, subject: str) -> None:
        self.trial, self.subject = trial, subject
        self.results = 0
        self.last: Decimal | None = None

    @event("LabRecorded")
    def record_lab(
        self,
        *,
        analyte: str,
        value: Decimal,
        comparator: str | None,
        unit: str | None,
        collected_at: datetime,
        lower_limit: Decimal | None,
        upper_limit: Decimal | None,
        laboratory: str | None,
        trial: str,
        stream: str,
        position: int,
        recorded_at: datetime,
        user: str,
        command: str,
        part: int,
        parts: int,
        caused_by: str | None,
        corrects: int | None,
        reason: str | None,
        deviation: str | None,
        source: str | None,
    ) -> None:
        """Record one result with its envelope."""
        self.results += 1
        self.last = value


class PlainTrials(Application[UUID]):
    """The application that saves and loads participants."""


def opened(path: str) -> PlainTrials:
    """Open an application on a SQLite file."""
    return PlainTrials(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": path})


def result(number: int) -> dict[str, Any]:
    """Return the arguments of one result: the fields of the fact and of its envelope."""
    return {
        "analyte": ("ANC", "PLT", "HGB", "WBC")[number % 4],
        "value": Decimal(number % 90) / 10,
        "comparator": None,
        "unit": "g/dL" if number % 4 == _HEMOGLOBIN else "10*9/L",
        "collected_at": datetime(2026, 3, number // 4 % 28 + 2, 8, 30, tzinfo=_SITE),
        "lower_limit": Decimal("1.8"),
        "upper_limit": Decimal("6.3"),
        "laboratory": "central",
        "trial": "NCT06245746",
        "stream": "NCT06245746/participant/S001",
        "position": number,
        "recorded_at": datetime(2026, 3, 30, 6, tzinfo=UTC),
        "user": "investigator",
        "command": f"command-{number}",
        "part": 1,
        "parts": 1,
        "caused_by": None,
        "corrects": None,
        "reason": None,
        "deviation": None,
        "source": None,
    }
