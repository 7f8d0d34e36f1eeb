"""Dispositions of subjects: enrolled, failed the screening, left the treatment, left the study, or completed it.

Source: CDISC SDTMIG 6.2.3: a row of ds is about what DSSCAT names, else about its EPOCH. Only the end of study
participation, or of the last epoch, ends observation; the end of a treatment ends treatment alone.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeGuard

import attrs

from trialdomain.events.participant import (
    CompletedFollowUp,
    LostToFollowUp,
    ParticipantFact,
    ScreenFailed,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.exchange.sdtm.cells import Cells
from trialdomain.exchange.sdtm.rows import NotRecorded, Row
from trialdomain.exchange.sdtm.terms import Disposition, Terms, key_of
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import FreeText
from trialdomain.values.word import Word

_CATEGORIES = {"PROTOCOL MILESTONE", "DISPOSITION EVENT", ""}
_TREATMENT = ("TREATMENT", "EXPOSURE", "DOSING", "STUDY DRUG", "THERAPY", "INDUCTION", "CONSOLIDATION", "MAINTENANCE")
_STUDY = ("PARTICIPATION", "STUDY", "TRIAL")
_END_OF_STUDY = ("END OF STUDY", "END OF TRIAL", "STUDY COMPLETION", "STUDY EXIT", "STUDY TERMINATION")
"""Names of an epoch that is the end of the study; for DSSCAT, it is enough that it names the study."""
_AFTER_TREATMENT = re.compile(r"\b(?:POST|AFTER|OFF)[ -]*(?:STUDY )?(?:TREATMENT|EXPOSURE|DOSING|DRUG|THERAPY)\b")
_LATER = ("FOLLOW-UP", "FOLLOW UP", "FOLLOWUP", "OBSERVATION")


class About(Word):
    """The subject matter of a row of ds."""

    NOT_SAID = "not-said"
    SCREENING = "screening"
    TREATMENT = "treatment"
    EPOCH = "epoch"
    """The end of an epoch that is not the last one."""
    STUDY = "study"
    """The end of study participation, or of the last epoch."""


def meaning_of(row: Row, terms: Terms) -> Disposition | None:
    """Return the disposition in a row of ds; None if its word is unknown."""
    return terms.disposition.get(key_of(row["DSDECOD"]))


def about(row: Row, *, ended_early: frozenset[str]) -> About:
    """Return the subject matter of a row: by DSSCAT, or else by its EPOCH.

    Args:
        row: a row of ds.
        ended_early: the epochs, in capitals, that are followed by another epoch.
    """
    said, by_epoch = key_of(row["DSSCAT"]), key_of(row["EPOCH"])
    text = said or by_epoch
    if not text:
        return About.NOT_SAID
    if "SCREEN" in text:
        return About.SCREENING
    if any(word in text for word in _LATER) or _AFTER_TREATMENT.search(text):
        return About.EPOCH if not said and text in ended_early else About.STUDY
    if any(word in text for word in _TREATMENT):
        return About.TREATMENT
    if any(word in text for word in (_STUDY if said else _END_OF_STUDY)):
        return About.STUDY
    return About.EPOCH


def ended_early(subjects: Iterable[Sequence[Row]], terms: Terms) -> frozenset[str]:
    """Return the epochs that are followed by the end of another epoch in the rows of any subject.

    Args:
        subjects: the rows of ds of each subject.
        terms: the meanings of words.
    """
    found: set[str] = set()
    for rows in subjects:
        ends = [
            (row["DSSTDTC"], key_of(row["EPOCH"]))
            for row in rows
            if row["EPOCH"] and not row["DSSCAT"] and meaning_of(row, terms) in _ENDS
        ]
        found |= {epoch for on, epoch in ends if any(later > on and other != epoch for later, other in ends)}
    return frozenset(found)


_ENDS = (Disposition.COMPLETED, Disposition.WITHDREW, Disposition.LOST)


@attrs.frozen(kw_only=True)
class Person:
    """The context for reading the dispositions of one subject."""

    ended_early: frozenset[str]
    """The epochs that are followed by another epoch."""
    last_contact: ClinicalTime | None
    """The end of participation, from the subject's row of dm (RFPENDTC)."""
    consent: str
    """The record with the day of the consent; empty if there is none."""
    enrolled: bool


def disposed(cells: Cells, what: Disposition, person: Person) -> ParticipantFact:
    """Return the fact of a row that is neither an enrollment nor a death.

    Raises:
        NotRecorded: there is not a fact for the row.
    """
    decode, term = cells["DSDECOD"], cells["DSTERM"]
    shown = f"{decode[:40]!r} in {cells['DSSCAT'][:40] or cells['EPOCH'][:40] or cells['DSCAT'][:40]!r}"
    scope = about(cells.row, ended_early=person.ended_early)
    if key_of(cells["DSCAT"]) not in _CATEGORIES:
        raise NotRecorded(f"there is not a fact for {decode[:40]!r} in {cells['DSCAT'][:40]!r}")
    on = cells.dated("DSSTDTC")
    why = FreeText.of(decode if term in {"", decode} else f"{decode}: {term}")
    match what, scope:
        case Disposition.CONSENTED, _:
            raise NotRecorded(_no_consent(person))
        case Disposition.SCREEN_FAILED, _:
            return ScreenFailed(on=on, why=why)
        case ((Disposition.WITHDREW | Disposition.LOST), About.SCREENING) if not person.enrolled:
            return ScreenFailed(on=on, why=why)
        case (Disposition.COMPLETED, About.STUDY | About.NOT_SAID):
            return CompletedFollowUp(on=on)
        case (Disposition.LOST, About.STUDY | About.NOT_SAID):
            return LostToFollowUp(on=on, last_contact=_last_contact(on, person))
        case Disposition.WITHDREW, About.STUDY:
            return Withdrew(on=on, scope=WithdrawalScope.FOLLOW_UP, why=why)
        case (Disposition.WITHDREW | Disposition.LOST, _):
            return Withdrew(on=on, scope=WithdrawalScope.TREATMENT, why=why)
        case _:
            raise NotRecorded(f"there is not a fact for {shown}")


def list_early_ends(rows: Sequence[Cells]) -> None:
    """List as not recorded the completions that are not the end of observation, because a later row is.

    Args:
        rows: the rows of ds of one subject, with their facts.
    """
    ends = [(cells, fact) for cells in rows for fact in cells.read.facts if _ends_observation(fact)]
    for cells, fact in ends:
        later = next((other for other, end in ends if fact.on.precedes(end.on)), None)
        if isinstance(fact, CompletedFollowUp) and later is not None:
            cells.read.facts = ()
            cells.read.leave_out(NotRecorded(f"the observation went on: it ends with {later.row.record}"))


def _ends_observation(fact: ParticipantFact) -> TypeGuard[CompletedFollowUp | LostToFollowUp | Withdrew]:
    if isinstance(fact, Withdrew):
        return fact.scope is WithdrawalScope.FOLLOW_UP
    return isinstance(fact, CompletedFollowUp | LostToFollowUp)


def _no_consent(person: Person) -> str:
    if person.consent:
        return f"the consent is recorded with {person.consent}"
    return "a consent needs the versions of its form and of the protocol, and SDTM has neither"


def _last_contact(on: ClinicalTime, person: Person) -> ClinicalTime:
    """Return the end of participation, which SDTM defines as the last known contact; or else the day of the loss."""
    last = person.last_contact
    return on if last is None or on.precedes(last) else last
