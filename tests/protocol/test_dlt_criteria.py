"""The rows of a DLT rule in a protocol: how they are written, which row decides, and what is refused."""

from decimal import Decimal

import attrs
import pytest

from trialdomain import DltRule, Relatedness, nct06245746
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.protocol.dlt_rule import CytopeniaRule, ExpectedToxicity
from trialdomain.protocol.endpoints.describing import describe
from trialdomain.protocol.faults import ProtocolInvalid

HEAD = 'trial = "T1"\ntitle = "A trial"\nversion = "1"\nlevels = [{level = 1}, {level = 2}]\n'
LOW = Decimal("0.5")


def row(*terms: str, **asked: object) -> DltCriterion:
    return DltCriterion(terms=terms, **asked)  # type: ignore[arg-type]  # each is what its name says


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(ProtocolInvalid) as refused:
        protocol_from_toml(HEAD + text)
    return refused.value.faults


class TestWhatDecides:
    def test_the_default_is_one_row_for_every_grade(self) -> None:
        assert nct06245746().dlt == DltRule() == DltRule(min_grade=1)
        assert DltRule().rows == (DltCriterion(min_grade=1),)
        assert DltRule().row_of("Fever", 1) == (1, DltCriterion())

    def test_the_first_row_that_fits_the_term_and_the_grade(self) -> None:
        rule = DltRule(
            criteria=(row("Nausea", min_grade=4), row(" NAUSEA", longer_than_days=3, min_grade=3), row(min_grade=3))
        )
        found = {grade: rule.row_of("nausea ", grade) for grade in (2, 3, 4)}
        assert found == {2: None, 3: (2, rule.criteria[1]), 4: (1, rule.criteria[0])}
        assert rule.row_of("Vomiting", 3) == (3, rule.criteria[2])

    def test_without_a_last_row_nothing_else_counts(self) -> None:
        assert DltRule(criteria=(row("Fever"),)).row_of("Nausea", 5) is None

    def test_min_grade_is_the_last_row(self) -> None:
        rule = DltRule(min_grade=3, criteria=(row("Nausea", never=True),))
        assert rule.row_of("Nausea", 4) is None
        assert rule.row_of("Fever", 3) == (2, DltCriterion(min_grade=3))
        assert rule.row_of("Fever", 2) is None

    def test_an_expected_toxicity_comes_before_every_row(self) -> None:
        rule = DltRule(
            criteria=(row("Nausea", min_grade=2),),
            expected_with_chemotherapy=(ExpectedToxicity(term="nausea", up_to_grade=3),),
        )
        assert rule.row_of("Nausea", 3) is None
        assert rule.row_of("Nausea", 4) == (1, rule.criteria[0])

    def test_a_category_is_found_by_the_code_of_a_translated_term(self) -> None:
        rule = DltRule(criteria=(DltCriterion(category="gastrointestinal disorders"),))
        assert rule.row_of("Analblutung", 2, code="10055226") == (1, rule.criteria[0])  # anal hemorrhage
        assert rule.row_of("Fever", 2) is None

    def test_a_row_of_counts_fits_no_event(self) -> None:
        rule = DltRule(criteria=(DltCriterion(anc_below=LOW, longer_than_days=7),))
        assert rule.row_of("Neutrophil count decreased", 4) is None
        assert [number for number, _ in rule.count_rows] == [1]


class TestTheFile:
    def test_a_last_row_in_the_file_leaves_no_other_one(self) -> None:
        protocol = protocol_from_toml(HEAD + "[[dlt.criteria]]\nmin_grade = 3\n")
        assert protocol.dlt == DltRule(criteria=(DltCriterion(min_grade=3),))
        assert protocol.dlt.min_grade is None

    def test_min_grade_beside_rows_is_the_last_one(self) -> None:
        protocol = protocol_from_toml(
            HEAD + '[dlt]\nmin_grade = 3\n[[dlt.criteria]]\nterms = ["Fever"]\nnever = true\n'
        )
        assert protocol.dlt == DltRule(min_grade=3, criteria=(row("Fever", never=True),))
        assert protocol_from_toml(protocol_to_toml(protocol)) == protocol

    def test_every_kind_of_row_comes_back(self) -> None:
        rule = DltRule(
            criteria=(
                row("Fever", "Chills", min_grade=4, longer_than_days=2),
                row("Fever", min_grade=3, together_with=DltCompanion(category="Vascular disorders", min_grade=2)),
                DltCriterion(category="Eye disorders", never=True),
                DltCriterion(anc_below=LOW, platelets_below=Decimal(25), longer_than_days=7),
                row(min_grade=3),
            ),
        )
        protocol = attrs.evolve(nct06245746(), dlt=rule)
        assert protocol_from_toml(protocol_to_toml(protocol)) == protocol

    def test_every_fault_of_a_row_is_named_with_its_place(self) -> None:
        found = faults(
            "[[dlt.criteria]]\nmin_grade = 6\nlonger_than_days = 0\n"
            '[[dlt.criteria]]\nterms = [" "]\ncategory = "Heart"\n'
            '[[dlt.criteria]]\nterms = ["Fever"]\ntogether_with = {min_grade = 2}\nlonger_then_days = 3\n'
        )
        assert "dlt.criteria[1]: min_grade must be from 1 to 5, got 6" in found
        assert (
            "dlt.criteria[1]: longer_than_days must be a whole number of at least 1, and at most 36500, got 0" in found
        )
        assert "dlt.criteria[2]: terms has a blank term" in found
        assert "dlt.criteria[2]: terms and category are both given: choose one" in found
        assert any("category 'Heart' is no system organ class" in one and "Vascular disorders" in one for one in found)
        assert "dlt.criteria[3].together_with: a companion names no event: give its terms or its category" in found
        assert "dlt.criteria[3].longer_then_days: there is no such parameter: did you mean longer_than_days?" in found


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("made", "sentence"),
        [
            (
                lambda: row("Fever", never=True, longer_than_days=3),
                "never says that nothing of the row counts: leave out longer_than_days and together_with",
            ),
            (lambda: DltCriterion(anc_below=LOW), "a row of blood counts needs longer_than_days"),
            (
                lambda: row("Fever", anc_below=LOW, longer_than_days=3),
                "a row of blood counts has no terms, category, min_grade, together_with or never: write two rows",
            ),
            (
                lambda: DltCriterion(platelets_below=Decimal(0), longer_than_days=3),
                "a threshold of blood counts must be above 0 with at most 15 digits",
            ),
        ],
    )
    def test_a_row_that_cannot_decide(self, made: object, sentence: str) -> None:
        assert callable(made)
        with pytest.raises(ProtocolInvalid) as refused:
            made()
        assert refused.value.faults == (sentence,)

    @pytest.mark.parametrize(
        ("rows", "sentence"),
        [
            (  # an earlier row fits everything
                (row(min_grade=3), row("Nausea", min_grade=3, longer_than_days=3)),
                (
                    "dlt.criteria[2] is never reached for 'Nausea': dlt.criteria[1] decides first, on any other event "
                    "of grade 3 or more: leave one of them out, or put dlt.criteria[2] before it"
                ),
            ),
            (  # a longer duration at a lower grade takes the higher grade too
                (row("Nausea", min_grade=2, longer_than_days=7), row("nausea", min_grade=3)),
                (
                    "dlt.criteria[2] is never reached for 'nausea': dlt.criteria[1] decides first, on Nausea of grade "
                    "2 or more for longer than 7 days: leave one of them out, or put dlt.criteria[2] before it"
                ),
            ),
            (  # the same term never counts, and counts
                (row("Nausea", min_grade=3, never=True), row("Vomiting", "Nausea", min_grade=3)),
                (
                    "dlt.criteria[1] never counts 'Nausea' of grade 3 or more, and dlt.criteria[2] counts it: leave "
                    "one of them out, or give them different grades"
                ),
            ),
            (
                (row("Nausea"), row("Nausea", never=True)),
                (
                    "dlt.criteria[1] counts 'Nausea' of any grade, and dlt.criteria[2] never counts it: leave one of "
                    "them out, or give them different grades"
                ),
            ),
            (  # a class fits its terms
                (DltCriterion(category="Infections and infestations", never=True), row("Sepsis", min_grade=3)),
                (
                    "dlt.criteria[1] never counts 'Sepsis' of grade 3 or more, and dlt.criteria[2] counts it: leave "
                    "one of them out, or give them different grades"
                ),
            ),
            (
                (DltCriterion(category="Eye disorders"), DltCriterion(category="EYE disorders", longer_than_days=3)),
                (
                    "dlt.criteria[2] is never reached for any event of the class EYE disorders: dlt.criteria[1] "
                    "decides first, on any event of the class Eye disorders of any grade: leave one of them out, or "
                    "put dlt.criteria[2] before it"
                ),
            ),
            (
                (row(min_grade=3), row(min_grade=2)),
                (
                    "dlt.criteria[1] and dlt.criteria[2] both count every event, from grade 3 and from grade 2: give "
                    "one of them (min_grade none leaves the last row out)"
                ),
            ),
            (
                (row("Fever", never=True),),
                (
                    "dlt.criteria has only rows that never count: add the row that counts, such as "
                    "one with min_grade alone"
                ),
            ),
            (
                (
                    DltCriterion(anc_below=Decimal(1), longer_than_days=7),
                    DltCriterion(anc_below=LOW, longer_than_days=14),
                ),
                (
                    "dlt.criteria[2] counts no low neutrophils that dlt.criteria[1] does not count, neutrophils below "
                    "1 10*9/L for longer than 7 days: leave it out"
                ),
            ),
        ],
    )
    def test_rows_that_contradict_each_other(self, rows: tuple[DltCriterion, ...], sentence: str) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            DltRule(criteria=rows)
        assert refused.value.faults == (sentence,)

    def test_min_grade_that_no_event_reaches(self) -> None:
        with pytest.raises(ProtocolInvalid, match=r"dlt.min_grade is never reached for any event: dlt.criteria\[1\]"):
            DltRule(min_grade=3, criteria=(row(min_grade=2, longer_than_days=3),))

    def test_an_expected_toxicity_that_a_row_counts(self) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            DltRule(
                criteria=(row("Nausea"),),
                expected_with_chemotherapy=(ExpectedToxicity(term="nausea", up_to_grade=5),),
            )
        assert refused.value.faults == (
            (
                "dlt.expected_with_chemotherapy never counts 'Nausea' of any grade, and dlt.criteria[1] counts it: "
                "leave one of them out"
            ),
        )

    @pytest.mark.parametrize(
        "rows",
        [
            (row("Nausea", min_grade=4), row("Nausea", min_grade=3, longer_than_days=3), row(min_grade=3)),
            (row("Nausea", min_grade=3), row("Nausea", never=True), row(min_grade=2)),
            (row(min_grade=4), row(min_grade=3, longer_than_days=7), row("Nausea", min_grade=2)),
            (DltCriterion(category="Eye disorders", min_grade=2), row("Fever")),
            (
                DltCriterion(anc_below=LOW, longer_than_days=7),
                DltCriterion(anc_below=Decimal(1), longer_than_days=21),
                DltCriterion(platelets_below=Decimal(25), longer_than_days=7),
            ),
        ],
    )
    def test_rows_that_agree(self, rows: tuple[DltCriterion, ...]) -> None:
        assert DltRule(criteria=rows).criteria == rows

    def test_unrelated_is_no_relatedness_of_a_dlt(self) -> None:
        (fault,) = faults('[dlt]\nrelated = ["unrelated"]\n')
        assert fault == (
            "dlt: dlt.related cannot name unrelated: an event that the infusion did not cause is no toxicity of it; "
            "name those that count, such as possibly, likely and definitely"
        )
        with pytest.raises(ProtocolInvalid):
            DltRule(related=(*Relatedness,))

    def test_a_companion_beyond_the_scale(self) -> None:
        text = 'grading = "FDA 2007"\n[[dlt.criteria]]\nterms = ["Nausea"]\n'
        (fault,) = faults(text + 'together_with = {terms = ["Fever"], min_grade = 5}\n')
        # The scale of a vaccine trial has no grade 5 (docs/explanation/grading-scales.md).
        assert fault == (
            "dlt.criteria[1].together_with.min_grade is 5, but grading FDA 2007 has grades 1 to 4: lower it"
        )

    @pytest.mark.parametrize(
        ("related", "named", "left_out"),
        [
            ('["possibly"]', "possibly", "likely and definitely, which are"),
            ('["possibly", "likely"]', "possibly and likely", "definitely, which is"),
            ('["definitely", "unlikely"]', "unlikely", "possibly and likely, which are"),
            ('["possibly", "definitely"]', "possibly", "likely, which is"),
        ],
    )
    def test_a_judgement_counts_only_with_every_stronger_one(self, related: str, named: str, left_out: str) -> None:
        # The order is that of domain.md: definitely, likely, possibly, unlikely.
        assert faults(f"[dlt]\nrelated = {related}\n") == (
            (
                f"dlt: dlt.related names {named} and leaves out {left_out} stronger: an event would count, and one "
                f"that is more surely related would not; name the stronger ones too"
            ),
        )

    @pytest.mark.parametrize(
        "related",
        [
            '["definitely"]',
            '["likely", "definitely"]',
            '["definitely", "possibly", "likely"]',
            '["unlikely", "possibly", "likely", "definitely"]',
        ],
    )
    def test_a_judgement_with_every_stronger_one_is_taken(self, related: str) -> None:
        assert protocol_from_toml(f"{HEAD}[dlt]\nrelated = {related}\n").dlt is not None

    def test_a_judgement_that_cannot_be_read_is_not_left_out(self) -> None:
        (fault,) = faults('[dlt]\nrelated = ["possibly", "likly", "definitely"]\n')
        assert fault.startswith("dlt.related[2] must be one of unrelated, unlikely, possibly, likely, definitely")

    def test_only_never_beside_a_cytopenia_counts_something(self) -> None:
        rule = DltRule(criteria=(row("Fever", never=True),), cytopenia=CytopeniaRule(anc_below=LOW))
        assert rule.cytopenia is not None


def test_the_rule_in_words() -> None:
    rule = DltRule(
        min_grade=3,
        criteria=(
            row("Nausea", "Vomiting", "Diarrhea", min_grade=3, longer_than_days=3),
            row("ALT increased", min_grade=3, together_with=DltCompanion(terms=("Bilirubin",), min_grade=2)),
            row("Alopecia", never=True),
            DltCriterion(anc_below=LOW, platelets_below=Decimal(25), longer_than_days=7),
        ),
        expected_with_chemotherapy=(ExpectedToxicity(term="Fatigue", up_to_grade=2),),
    )
    protocol = attrs.evolve(nct06245746(), dlt=rule)
    (p2,) = [one for one in protocol.endpoints.derived if one.id == "P2"]
    assert describe(p2, protocol).meaning.endswith(
        "The rows: Fatigue up to grade 2 never counts; (1) Nausea, Vomiting or Diarrhea of grade 3 or more for longer "
        "than 3 days; (2) ALT increased of grade 3 or more together with Bilirubin of grade 2 or more; (3) Alopecia of "
        "any grade never counts; (4) neutrophils below 0.5 10*9/L or platelets below 25 10*9/L for longer than 7 days; "
        "(5) any other event of grade 3 or more; an event that no row fits is no DLT."
    )
