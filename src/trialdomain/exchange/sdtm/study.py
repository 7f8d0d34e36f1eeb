"""A study in SDTM files: its arms, the protocol that they amount to, and the facts of each subject."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import attrs

from trialdomain.events.participant import ImportedScreening, ParticipantFact
from trialdomain.exchange.sdtm.columns import DM, DOMAINS, DS, EX, without_field
from trialdomain.exchange.sdtm.mapping import NotRecorded, Person, dose_of, fact_of
from trialdomain.exchange.sdtm.staging import Row, RowMalformed, Staging, StudyUnusable
from trialdomain.protocol.endpoint_rules import Anchor, EndpointRules
from trialdomain.protocol.trial_protocol import DoseLevel, TallyBy, TrialProtocol
from trialdomain.values.dose import Dose
from trialdomain.values.ids import CodeInvalid, check_id
from trialdomain.values.progress import Progress, unheard
from trialdomain.values.ranges import ValueImpossible

__all__ = ["RowMalformed", "RowRead", "Study", "StudyUnusable"]

_RANDOMIZED = "RANDOMIZED"
_SCREEN_FAILURE = "SCREEN FAILURE"


@attrs.frozen(kw_only=True)
class RowRead:
    """One row and what becomes of it: a fact, or the reason why there is none."""

    row: Row
    fact: ParticipantFact | None = None
    reason: str = ""


class Study:
    """A folder of SDTM files, read subject by subject; close it, or use it in a ``with`` statement.

    Args:
        folder: holds ``dm.csv``, ``ds.csv``, ``ex.csv``, ``ae.csv``, ``lb.csv`` and ``vs.csv``.
        progress: told how much of the files has been read.

    Raises:
        StudyUnusable: a file or a column is missing, or the arms cannot be put in order.
        RowMalformed: a row cannot be; it is named by file and line.
    """

    def __init__(self, folder: Path, *, progress: Progress = unheard) -> None:
        self._staging = Staging(folder, progress=progress)
        try:
            self.arms = _arms(self._staging)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was staged."""
        self._staging.__exit__()

    @property
    def name(self) -> str:
        """The study, as its rows name it."""
        return self._staging.study

    @property
    def counts(self) -> Mapping[str, int]:
        """The rows of each file."""
        return {domain.file: self._staging.counts[domain.file] for domain in DOMAINS}

    @property
    def columns_without_field(self) -> Mapping[str, tuple[str, ...]]:
        """By file: the columns that no fact takes."""
        return {domain.file: without_field(domain, self._staging.columns[domain.file]) for domain in DOMAINS}

    def protocol(self, *, zone: str | None = None) -> TrialProtocol:
        """Derive a protocol from the arms: no criteria, no DLT rule and no design, for the files have none.

        Raises:
            ProtocolInvalid: the study's name is no code, or the zone is unknown.
        """
        try:
            check_id("trial", self.name)
        except CodeInvalid as error:
            raise StudyUnusable(f"STUDYID names the trial, but {error}; or give a protocol with a code") from None
        return TrialProtocol(
            trial=self.name,
            title=f"{self.name}, imported from SDTM",
            version="SDTM",
            levels=tuple(DoseLevel(level=arm.level, dose=arm.dose) for arm in self.arms.values()),
            zone=zone,
            design=None,
            administrations=self._most_administrations(),
            tally_by=TallyBy.ASSIGNED,
            dlt=None,
            endpoints=EndpointRules(anchor=Anchor.INFUSION),
        )

    def _most_administrations(self) -> int | None:
        most = count = 0
        subject = None
        for row in self._staging.of_kind(EX):
            count = count + 1 if row.subject == subject else 1
            subject = row.subject
            most = max(most, count)
        return most or None

    def subjects(self, *, zone: str | None) -> Iterator[tuple[str, Sequence[RowRead]]]:
        """Yield each subject with their rows, in the order of the files.

        Args:
            zone: the site's; a time without an offset gets the one of this zone. None leaves times as they stand.

        Raises:
            RowMalformed: a row cannot be.
        """
        place = ZoneInfo(zone) if zone else None
        for subject in self._staging.subjects():
            rows = self._staging.rows(subject)
            person = self._person(rows, place)
            yield subject, [_read(row, person) for row in rows]

    def _person(self, rows: Sequence[Row], zone: ZoneInfo | None) -> Person:
        own = rows[0]
        try:
            check_id("subject", own.subject)
        except CodeInvalid as error:
            raise own.malformed(str(error)) from None
        decodes = {row["DSDECOD"] for row in rows if row.domain is DS}
        if _RANDOMIZED in decodes:
            level, became = self.arms[own["ARM"]].level, ImportedScreening.ENROLLED
            return Person(level=level, became=became, last_contact=own["RFPENDTC"], zone=zone)
        failed = _SCREEN_FAILURE in {*decodes, own["ARM"].upper()}
        became_of = ImportedScreening.SCREEN_FAILURE if failed else None
        return Person(level=None, became=became_of, last_contact=own["RFPENDTC"], zone=zone)


@attrs.frozen(kw_only=True)
class Arm:
    """A planned arm as a dose level."""

    level: int
    dose: Dose


def _arms(staging: Staging) -> dict[str, Arm]:
    """Put the planned arms in the order of their doses; an arm's dose is the highest that anybody of it received."""
    planned = _planned(staging)
    doses = _highest_doses(staging, planned)
    untreated = sorted(set(planned.values()) - set(doses))
    if untreated:
        raise StudyUnusable(
            f"nobody of arm {', '.join(untreated)} received a dose, so it has no place among the levels"
        )
    if len({dose.amount for dose in doses.values()}) < len(doses):
        raise StudyUnusable(f"arms {', '.join(sorted(doses))} have one dose in common, so the levels have no order")
    if not doses:
        raise StudyUnusable(f"{DS.file} randomizes nobody: without arms there are no dose levels")
    ordered = sorted(doses.items(), key=lambda one: one[1].amount)
    return {arm: Arm(level=level, dose=dose) for level, (arm, dose) in enumerate(ordered, start=1)}


def _planned(staging: Staging) -> dict[str, str]:
    """Give the planned arm of everybody who was randomized."""
    randomized = {row.subject for row in staging.of_kind(DS) if row["DSDECOD"] == _RANDOMIZED}
    planned = {}
    for row in staging.of_kind(DM):
        if row.subject in randomized:
            if not row["ARM"]:
                raise row.malformed("ARM is blank, but the subject was randomized")
            planned[row.subject] = row["ARM"]
    return planned


def _highest_doses(staging: Staging, planned: Mapping[str, str]) -> dict[str, Dose]:
    doses: dict[str, Dose] = {}
    for row in staging.of_kind(EX):
        arm, given = planned.get(row.subject), _dose(row)
        if arm is None:
            raise row.malformed("a dose was given to a subject who was not randomized: there is no arm to count it at")
        if given is None:
            continue
        known = doses.setdefault(arm, given)
        if given.unit != known.unit:
            raise row.malformed(f"arm {arm[:40]!r} received doses in {known.unit} and in {given.unit}")
        if given.amount > known.amount:
            doses[arm] = given
    return doses


def _dose(row: Row) -> Dose | None:
    try:
        return dose_of(row)
    except ValueError as error:
        raise row.malformed(f"it has no dose: {error}") from None


def _read(row: Row, person: Person) -> RowRead:
    try:
        return RowRead(row=row, fact=fact_of(row, person))
    except (NotRecorded, ValueImpossible) as reason:
        return RowRead(row=row, reason=str(reason))
    except (ValueError, ArithmeticError) as error:
        raise row.malformed(str(error)) from None
