"""The laboratory endpoints of CDISCPILOT01, from the first administration, compared with the files themselves.

The real trial has results every two weeks and healthy counts, so the default definitions observe no subject closely
enough. The tests use wider definitions: results at most 30 days apart, platelets below 140, hemoglobin below 120 g/L.
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from trialdomain import EndpointRules, Endpoints, Imported, Recovery, Status, read_log
from trialdomain.protocol.endpoints.parts import Anchor

WIDE = EndpointRules(
    anchor=Anchor.INFUSION,
    max_gap_days=30,
    platelets=Recovery(threshold=Decimal(140), transfusion_free_days=7),
    hemoglobin=Recovery(threshold=Decimal(120), transfusion_free_days=7),
    hemoglobin_mmol=None,
)
Values = Mapping[str, Sequence[tuple[date, Decimal]]]
"""By subject: the days and values of one test."""


@pytest.fixture(scope="module")
def outcomes(imported_pilot: Imported) -> Endpoints:
    with read_log(imported_pilot.log) as log:
        history = log["CDISCPILOT01"].history()
        return history.endpoints(on=history.last_day(), rules=WIDE)


@pytest.fixture(scope="module")
def people(shared: Path) -> Mapping[str, tuple[date, date]]:
    """Of each subject the first administration, and the disposition that ended their observation, by the files."""
    first: dict[str, date] = {}
    for row in rows(shared, "ex"):
        day = date.fromisoformat(row["EXSTDTC"][:10])
        first[row["USUBJID"]] = min(day, first.get(row["USUBJID"], day))
    ended: dict[str, date] = {}
    for row in rows(shared, "ds"):
        if row["DSDECOD"] in {"COMPLETED", "DEATH", "LOST TO FOLLOW-UP"} and row["DSSTDTC"]:
            day = date.fromisoformat(row["DSSTDTC"][:10])
            ended[row["USUBJID"]] = min(day, ended.get(row["USUBJID"], day))
    return {subject: (day, ended.get(subject, date.max)) for subject, day in first.items()}


def rows(shared: Path, file: str) -> list[dict[str, str]]:
    with (shared / "sdtm" / f"{file}.csv").open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def results(shared: Path) -> Mapping[str, Values]:
    """Every result of the two tests that has a number, by test and subject."""
    found: dict[str, dict[str, list[tuple[date, Decimal]]]] = {"PLAT": {}, "HGB": {}}
    for row in rows(shared, "lb"):
        if row["LBTESTCD"] in found and row["LBORRES"].replace(".", "").isdigit():
            of_subject = found[row["LBTESTCD"]].setdefault(row["USUBJID"], [])
            of_subject.append((date.fromisoformat(row["LBDTC"][:10]), Decimal(row["LBORRES"])))
    return found


@pytest.mark.parametrize("asked", [("S8", "PLAT", Decimal(140)), ("S10", "HGB", Decimal(12))])
def test_severe_counts_of_everybody(
    outcomes: Endpoints,
    results: Mapping[str, Values],
    people: Mapping[str, tuple[date, date]],
    asked: tuple[str, str, Decimal],
) -> None:
    """Each of the 254, by a computation of its own from the files: prevalent, severe since, never, or not observed."""
    outcome, test, limit = asked
    found: dict[str, tuple[Status, object, date | None]] = {}
    for subject, (start, left) in people.items():
        end = min(start + timedelta(days=42), left)
        of_subject = results[test].get(subject, ())
        lowest: dict[date, Decimal] = {}
        for day, value in of_subject:
            lowest[day] = min(value, lowest.get(day, value))
        before = [day for day in sorted(lowest) if timedelta(0) < start - day <= timedelta(days=7)]
        within = [day for day in sorted(lowest) if start <= day <= end]
        severe = [day for day in within if lowest[day] < limit]
        points = [start, *within, end]
        gaps = [(other - one).days for one, other in pairwise(points)]
        if before and lowest[before[-1]] < limit:
            found[subject] = (Status.PREVALENT, None, None)
        elif severe:
            found[subject] = (Status.OBSERVED, True, severe[0])
        elif within and max(gaps) <= 30:
            found[subject] = (Status.OBSERVED, False, None)
        else:
            found[subject] = (Status.NOT_OBSERVED, None, None)
    values = {subject: outcomes.value(outcome, subject) for subject in found}
    assert len(found) == 254
    assert {subject: (value.status, value.value, value.on) for subject, value in values.items()} == found


class TestByHand:
    """A few people, read in the files with one's own eyes."""

    def test_platelets_that_were_low_before(self, outcomes: Endpoints) -> None:
        """01-708-1032: first patch 2013-02-09; 119 a week before, on 2013-02-02, and 121 on 2013-03-09."""
        incidence, time = outcomes.value("S8", "01-708-1032"), outcomes.value("S9", "01-708-1032")
        assert incidence.status is Status.PREVALENT
        assert (time.status, time.first) == (Status.CENSORED, date(2013, 2, 9))

    def test_platelets_that_fell(self, outcomes: Endpoints) -> None:
        """01-705-1349: first patch 2013-03-10; 147 two weeks before, 135 on 2013-03-24."""
        found = outcomes.value("S8", "01-705-1349")
        assert (found.value, found.on) == (True, date(2013, 3, 24))
        assert len(found.evidence) == 2  # the first patch, and the result

    def test_platelets_that_fell_late(self, outcomes: Endpoints) -> None:
        """01-710-1154: first patch 2014-03-29; 158 on 2014-04-12, 135 on 2014-05-09, day 41."""
        found = outcomes.value("S8", "01-710-1154")
        assert (found.value, found.on) == (True, date(2014, 5, 9))


def test_by_the_default_definitions_nobody_was_followed_closely_enough(imported_pilot: Imported) -> None:
    with read_log(imported_pilot.log) as log:
        history = log["CDISCPILOT01"].history()
        found = history.endpoints(on=history.last_day())
    for outcome in ("S8", "S10"):
        statuses = [value.status for value in found.values(outcome)]
        assert statuses.count(Status.NOT_OBSERVED) == 254
        assert statuses.count(Status.OUTSIDE) == 52
