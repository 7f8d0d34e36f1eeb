"""Expected toxicity of chemotherapy never counts, up to a grade: terms are compared by their words alone."""

import attrs
import pytest
from site_desk import OPEN, RELATED, Site

from trialdomain.events.participant import AdverseEventReported
from trialdomain.protocol.dlt_rule import DltRule, ExpectedToxicity
from trialdomain.protocol.faults import ProtocolInvalid


def expecting(*terms: tuple[str, int]) -> DltRule:
    return DltRule(
        expected_with_chemotherapy=tuple(ExpectedToxicity(term=term, up_to_grade=grade) for term, grade in terms)
    )


@pytest.mark.parametrize("named", ["Nausea", "Nausea ", " nausea", "NAUSEA"])
@pytest.mark.parametrize(("term", "listed"), [("Nausea", True), ("nausea ", True), ("Vomiting", False)])
def test_blanks_and_capitals_make_no_difference(named: str, term: str, listed: bool) -> None:
    site = Site(attrs.evolve(OPEN, dlt=expecting((named, 2))))
    site.treat("S001")
    site.desk.report_adverse_event("S001", event="AE1", term=term, grade=2, onset=site.today, attributions=RELATED)
    assert site.dlts() == (0 if listed else 1)


@pytest.mark.parametrize("named", ["Chemo  brain", "chemo brain "])
def test_nor_do_they_for_a_term_outside_the_table(named: str) -> None:
    site = Site(attrs.evolve(OPEN, dlt=expecting((named, 2))))
    site.treat("S001")
    (entry, *_) = site.desk.report_adverse_event(
        "S001", event="AE1", term=" Chemo brain", grade=2, onset=site.today, attributions=RELATED
    )
    assert isinstance(entry.fact, AdverseEventReported)
    assert (entry.fact.term, site.dlts()) == (" Chemo brain", 0)


def test_a_term_that_stands_twice_with_different_grades_is_refused() -> None:
    with pytest.raises(ProtocolInvalid, match="names 'nausea' up to grade 1 and 2: name it once"):
        expecting(("Nausea", 2), ("nausea ", 1))


def test_one_that_stands_twice_with_the_same_grade_is_the_same() -> None:
    assert expecting(("Nausea", 2), ("nausea ", 2)).expected_up_to("NAUSEA") == 2
