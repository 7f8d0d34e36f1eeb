"""A protocol in words: each sentence is one that the rules keep, shown at the desk or by the design itself."""

import re
from decimal import Decimal
from functools import partial
from pathlib import Path

import attrs
import pytest
from site_desk import OPEN, Site, judged, refused

from trialdomain import (
    Action,
    Boin,
    Dose,
    I3Plus3,
    Keyboard,
    Mtpi2,
    Relatedness,
    RollingSix,
    TableDesign,
    TableRow,
    TableWord,
    ThreePlusThree,
    TrialProtocol,
    decide,
    nct06245746,
    parse_outcomes,
)
from trialdomain.aggregates.infusions import DoseNotOfLevel, SentinelNotCleared, StaggerNotKept
from trialdomain.aggregates.trial import RecruitmentIsFull
from trialdomain.designs.registry import situation_after
from trialdomain.exchange.toml import protocol_from_toml, read_protocol
from trialdomain.protocol.designs import DESIGNS, DesignSpec
from trialdomain.reports.protocol.dosing import dose_in_words
from trialdomain.reports.protocol.show import protocol_in_words
from trialdomain.values.clinical.ctcae import all_terms
from trialdomain.values.clinical.evaluation import Evaluation

EXAMPLES = Path(__file__).parents[2] / "examples" / "protocols"
HEAD = 'trial = "T1"\ntitle = "A trial"\nversion = "1"\n'
LEVELS = 'levels = [{level = 1, dose = {amount = 10, unit = "mg"}}, {level = 2, dose = {amount = 20, unit = "mg"}}]\n'


def said(protocol: TrialProtocol, title: str) -> tuple[str, ...]:
    return next(one.sentences for one in protocol_in_words(protocol) if one.title == title)


def of(text: str, *, levels: str = LEVELS) -> TrialProtocol:
    return protocol_from_toml(HEAD + levels + text)


class Conducted(Site):
    """A site of a protocol whose first level is 10 mg."""

    def infuse(self, *subjects: str, amount: str = "10", fraction: str = "1", enrolled: bool = False) -> None:
        for subject in subjects:
            if not enrolled:
                self.admit(subject)
            dose = Dose(amount=Decimal(amount), unit="mg")
            self.desk.infuse(subject, level=1, dose=dose, started_at=self.today, fraction=fraction)


def test_every_question_has_an_answer_in_whole_sentences() -> None:
    for path in [*EXAMPLES.glob("*.toml")]:
        for section in protocol_in_words(read_protocol(path)):
            assert section.sentences, section.title
            for sentence in section.sentences:
                assert re.fullmatch(r"[A-Z0-9].*\.", sentence), sentence
                assert not re.search(r"None|  ", sentence), sentence


def test_a_protocol_with_nothing_has_an_answer_to_each_question_as_well() -> None:
    bare = of('dlt = "none"\ndesign = "none"\nzone = "Asia/Tokyo"\n[stopping]\nrelated_grade_5 = false\n')
    assert said(bare, "What a DLT is") == ("There is no rule for a DLT: none is counted.",)
    assert said(bare, "Who is evaluable") == ("Nobody is evaluable: there is no rule for a DLT.",)
    assert said(bare, "How it escalates") == ("The protocol has no escalation design: people decide every step.",)
    assert said(bare, "When it stops") == ("No adverse event suspends the trial.",)
    assert said(bare, "Who takes part") == (
        "Everybody who consents and is screened may be enrolled: there is no criterion.",
    )


class TestDoses:
    def test_units_are_read_out(self) -> None:
        words = [
            dose_in_words(Dose(amount=Decimal(amount), unit=unit))
            for amount, unit in (
                ("3", "10^6 {cells}/kg"),
                ("2.5", "mg/m2"),
                ("5", "[iU]"),
                ("1", "10*9{particles}"),
                ("10000000", "ug{protein}"),
            )
        ]
        assert words == [
            "3 x 10^6 cells per kg",
            "2.5 mg per m2",
            "5 IU",
            "1 x 10^9 particles",
            "10000000 ug of protein",
        ]

    def test_labels_stand_with_their_doses_from_the_lowest(self) -> None:
        sentences = said(read_protocol(EXAMPLES / "level-minus-one.toml"), "How it doses")
        assert sentences[0] == "3 dose levels, from the lowest: -1 (5 mg per m2), 1 (10 mg per m2), 2 (20 mg per m2)."
        assert "The first participant is treated at level 1, number 2 from the lowest." in sentences

    def test_an_amount_belongs_to_a_level_within_the_tolerance(self) -> None:
        protocol = of("dose_tolerance = 0.25\n")
        assert ("An infusion belongs to a level if its amount differs from the level's dose by at most 25 %.") in said(
            protocol, "How it doses"
        )
        site = Conducted(protocol)
        site.infuse("S1", amount="12.5")  # 10 + 25 %
        site.admit("S2")
        refused(
            site, DoseNotOfLevel, lambda: site.infuse("S2", amount="12.6", enrolled=True), "belongs to no dose level"
        )

    @pytest.mark.parametrize(
        ("stagger", "sentences", "waits"),
        [
            (
                "first_to_second_days = 7",
                ("At a level, the second infusion comes at least 7 days after the first.",),
                (7, 0),
            ),
            ("between_days = 3", ("At a level, an infusion comes at least 3 days after the one before.",), (3, 3)),
            (
                "first_to_second_days = 7\nbetween_days = 1",
                (
                    "At a level, the second infusion comes at least 7 days after the first.",
                    "Each later infusion at a level comes at least 1 day after the one before.",
                ),
                (7, 1),
            ),
        ],
    )
    def test_days_between_infusions(self, stagger: str, sentences: tuple[str, ...], waits: tuple[int, int]) -> None:
        protocol = of(f"[stagger]\n{stagger}\n")
        assert set(sentences) <= set(said(protocol, "How it doses"))
        site, when = Conducted(protocol), 0
        site.infuse("S1")
        for subject, wait in zip(("S2", "S3"), waits, strict=True):
            site.admit(subject)
            if wait:
                site.on(when + wait - 1)
                refused(site, StaggerNotKept, partial(site.infuse, subject, enrolled=True), "is not before")
            when += wait
            site.on(when)
            site.infuse(subject, enrolled=True)

    def test_without_days_between_infusions_nothing_is_said_of_them(self) -> None:
        assert not [one for one in said(of(""), "How it doses") if "comes at least" in one]

    def test_a_sentinel(self) -> None:
        protocol = of('[stagger.sentinel]\nobservation_days = 5\nrequires = ["no-dlt"]\n')
        sentences = said(protocol, "How it doses")
        first = "The first participant infused at a level is its sentinel: nobody else is infused there before 5 days "
        assert f"{first}later." in sentences
        assert (
            "If the sentinel has a DLT, on any day, the next infusion there waits until people decide to treat at the "
            "level."
        ) in sentences
        assert not [one for one in sentences if "is seen on" in one]
        site = Conducted(protocol)
        site.infuse("S1")
        site.admit("S2")
        site.on(4)
        refused(site, SentinelNotCleared, lambda: site.infuse("S2", enrolled=True), "not before")
        site.on(5)
        site.infuse("S2", enrolled=True)
        site.toxicity("S1")
        site.admit("S3")
        refused(site, SentinelNotCleared, lambda: site.infuse("S3", enrolled=True), "until people decide")

    def test_the_most_participants(self) -> None:
        protocol = of("max_infused = 1\ntarget_recruitment = 1\n")
        sentences = said(protocol, "How it doses")
        assert "At most 1 participant is infused." in sentences
        assert "The target is 1 infused participant; more give a warning." in sentences
        assert ("Enrollment is refused once 1 participant is infused, or enrolled to be infused.") in said(
            protocol, "When it stops"
        )
        site = Conducted(protocol)
        site.admit("S1")
        site.screened("S2")
        refused(site, RecruitmentIsFull, lambda: site.desk.enroll("S2", on=site.today), "1")

    def test_a_maximum_below_the_target_is_told_and_not_refused(self) -> None:
        """A target is a plan, and a maximum a limit, which an amendment may set below it."""
        limited = attrs.evolve(nct06245746(), target_recruitment=9, max_infused=5)
        sentences = said(limited, "How it doses")
        assert "At most 5 participants are infused, so the target of 9 cannot be reached." in sentences
        reached = said(attrs.evolve(limited, max_infused=9), "How it doses")
        assert "At most 9 participants are infused." in reached

    def test_sites_have_their_days(self) -> None:
        sentences = said(read_protocol(EXAMPLES / "two-sites.toml"), "How it doses")
        assert (
            "The days of a participant are those of their site: B (Europe/Berlin), S (Australia/Sydney)." in sentences
        )


class TestOutcomes:
    @pytest.mark.parametrize("days", [0, 1, 10])
    def test_the_window(self, days: int) -> None:
        protocol = of(f"[dlt]\nwindow_days = {days}\nmin_grade = 2\n")
        told = f" and the {days} day{'' if days == 1 else 's'} after it" if days else ""
        assert said(protocol, "What a DLT is")[0] == f"The window is the day of the first infusion{told}."
        for last, counts in ((days, True), (days + 1, False)):
            site = Conducted(protocol)
            site.infuse("S1")
            site.on(last).toxicity("S1", grade=2)
            assert (site.evaluation("S1") is Evaluation.EVALUABLE) is counts

    def test_relatedness(self) -> None:
        protocol = of('[dlt]\nrelated = ["likely", "definitely"]\n')
        assert ("An adverse event counts only if it is likely or definitely related to the infusion.") in said(
            protocol, "What a DLT is"
        )
        for relatedness, dlts in ((Relatedness.POSSIBLY, 0), (Relatedness.LIKELY, 1)):
            site = Conducted(protocol)
            site.infuse("S1")
            site.toxicity("S1", attributions=judged(relatedness))
            assert site.dlts() == dlts

    @pytest.mark.parametrize(
        ("grade", "sentence"),
        [
            (1, "A DLT is any event of any grade, with its onset in the window."),
            (3, "A DLT is any event of grade 3 or more, with its onset in the window."),
            (5, "A DLT is any event of grade 5, with its onset in the window."),
        ],
    )
    def test_one_grade(self, grade: int, sentence: str) -> None:
        sentences = said(of(f"[dlt]\nmin_grade = {grade}\n"), "What a DLT is")
        assert sentence in sentences
        assert ("Any other event is no DLT." in sentences) is (grade > 1)

    def test_rows_in_their_order(self) -> None:
        sentences = said(read_protocol(EXAMPLES / "dlt-table.toml"), "What a DLT is")
        at = sentences.index("Row 1: Neutrophil count decreased of grade 4 or more for longer than 7 days.")
        assert sentences[at - 1 : at + 6] == (
            "An event is judged by the first of these rows that fits its term and grade, with its onset in the window.",
            "Row 1: Neutrophil count decreased of grade 4 or more for longer than 7 days.",
            "Row 2: Neutrophil count decreased or Alopecia of any grade never counts.",
            "Row 3: Nausea, Vomiting or Diarrhea of grade 3 or more for longer than 3 days.",
            (
                "Row 4: Alanine aminotransferase increased of grade 3 or more together with Blood bilirubin increased "
                "of grade 2 or more (whatever caused the latter, and also if it began before the infusion)."
            ),
            "Row 5: any other event of grade 3 or more.",
            "An event that no row fits is no DLT.",
        )

    def test_expected_terms_and_cytopenias(self) -> None:
        sentences = said(
            of(
                '[dlt]\nexpected_with_chemotherapy = [{term = "Nausea", up_to_grade = 2}]\n'
                "[dlt.cytopenia]\nanc_below = 0.5\nplatelets_below = 25\nbeyond_day = 30\n"
            ),
            "What a DLT is",
        )
        assert "Nausea never counts up to grade 2." in sentences
        assert (
            "Neutrophils below 0.5 10*9/L or platelets below 25 10*9/L are a DLT if the first count after day 30 is "
            "low, and the last one up to it was low or is missing."
        ) in sentences

    @pytest.mark.parametrize(
        ("worsening", "sentence", "dlts"),
        [
            (
                "true",
                "An event that began before the infusion counts from the day on which it became worse, or came back.",
                1,
            ),
            ("false", "An event that began before the infusion does not count, also if it becomes worse.", 0),
        ],
    )
    def test_worsening(self, worsening: str, sentence: str, dlts: int) -> None:
        protocol = of(f"[dlt]\nmin_grade = 3\nworsening = {worsening}\n")
        assert sentence in said(protocol, "What a DLT is")
        site = Conducted(protocol)
        site.admit("S1")
        site.toxicity("S1", grade=1)
        site.on(1)
        site.infuse("S1", enrolled=True)
        site.on(2).desk.follow_up_adverse_event("S1", event="AE1", on=site.today, grade=3)
        assert site.dlts() == dlts

    def test_an_assessment_makes_evaluable_from_the_last_day_of_the_window(self) -> None:
        protocol = of("[dlt]\nwindow_days = 10\n")
        assert ("A participant without a DLT is evaluable once an assessment of day 10 or later finds none.") in said(
            protocol, "Who is evaluable"
        )
        for number, evaluation in ((9, Evaluation.PENDING), (10, Evaluation.EVALUABLE)):
            site = Conducted(protocol)
            site.infuse("S1")
            site.on(number).assess("S1")
            assert site.on(30).evaluation("S1") is evaluation

    def test_without_assessments_the_end_of_the_window_is_enough(self) -> None:
        protocol = of("[dlt]\nwindow_days = 10\n[evaluable]\nrequires_assessment = false\n")
        assert (
            "A participant without a DLT is evaluable once an assessment of day 10 or later finds none, or once day 10 "
            "is over."
        ) in said(protocol, "Who is evaluable")
        site = Conducted(protocol)
        site.infuse("S1")
        assert site.on(10).evaluation("S1") is Evaluation.PENDING
        assert site.on(11).evaluation("S1") is Evaluation.EVALUABLE

    def test_a_part_of_the_infusion(self) -> None:
        protocol = of("[evaluable]\nmin_fraction = 0.75\nrequires_assessment = false\n[dlt]\nwindow_days = 1\n")
        assert ("Without a DLT, a participant who had less than 75 % of the infusion is not evaluable.") in said(
            protocol, "Who is evaluable"
        )
        for fraction, evaluation in (("0.74", Evaluation.NOT_EVALUABLE), ("0.75", Evaluation.EVALUABLE)):
            site = Conducted(protocol)
            site.infuse("S1", fraction=fraction)
            assert site.on(5).evaluation("S1") is evaluation

    def test_leaving_and_dying_in_the_window(self) -> None:
        protocol = of("[dlt]\nwindow_days = 10\n")
        assert ("Without a DLT, a participant who left before day 10, or died up to it, is not evaluable.") in said(
            protocol, "Who is evaluable"
        )
        assert "A death up to day 10 that no event explains leaves the outcome pending." in said(
            protocol, "Who is evaluable"
        )

        def left(number: int) -> Evaluation:
            site = Conducted(protocol)
            site.infuse("S1")
            site.on(number).desk.lose_to_follow_up("S1", on=site.today, last_contact=site.today)
            return site.on(30).evaluation("S1")

        def died(number: int, *, explained: bool) -> Evaluation:
            site = Conducted(protocol)
            site.infuse("S1")
            site.on(number)
            if explained:
                site.toxicity("S1", grade=5, attributions=judged(Relatedness.UNRELATED))
            site.desk.record_death("S1", on=site.today, event="AE1" if explained else None)
            return site.on(30).evaluation("S1")

        assert (left(9), left(10)) == (Evaluation.NOT_EVALUABLE, Evaluation.PENDING)
        assert (died(10, explained=True), died(11, explained=True)) == (Evaluation.NOT_EVALUABLE, Evaluation.PENDING)
        assert died(10, explained=False) is Evaluation.PENDING


SPECS: dict[str, DesignSpec] = {
    "three-plus-three": ThreePlusThree(),
    "3+3, two DLTs in six": ThreePlusThree(most_dlts_in_six=2),
    "rolling-six": RollingSix(),
    "table": TableDesign(
        rows=tuple(
            TableRow(n=n, dlt=dlt, decision=word)
            for n, words in (
                (2, "escalate stay eliminate"),
                (4, "escalate stay de-escalate eliminate eliminate"),
            )
            for dlt, word in enumerate(map(TableWord, words.split()))
        ),
        cohort_size=2,
    ),
    "boin": Boin(target=Decimal("0.3"), max_n=30),
    "keyboard": Keyboard(target=Decimal("0.2"), cohort_size=2),
    "mtpi-2": Mtpi2(target=Decimal("0.3")),
    "i3+3": I3Plus3(target=Decimal("0.25")),
}
WORDS = {"go up": 1, "stay at the level": 0, "go down": -1, "close the level and all above it": -2}


def under(spec: DesignSpec) -> TrialProtocol:
    return attrs.evolve(OPEN, design=spec)


def test_every_design_is_told() -> None:
    assert {getattr(spec, "name", "") for spec in SPECS.values()} == DESIGNS.keys()


@pytest.mark.parametrize("name", SPECS)
def test_the_decisions_that_are_told_are_those_of_the_design(name: str) -> None:
    """Each number of DLTs at the middle one of three levels: the level that ``decide`` treats next, or closes."""
    spec, told = SPECS[name], 0
    for sentence in said(under(spec), "How it escalates"):
        if (match := re.fullmatch(r"With (\d+) evaluable at the level: (.*)\.", sentence)) is None:
            continue
        n = int(match[1])
        for run in match[2].split("; "):
            counts, word = run.split(", ", 1)
            numbers = [int(one) for one in re.findall(r"\d+", counts)]
            for dlts in range(numbers[0], numbers[-1] + 1):
                assert _way(spec, n, dlts) == WORDS[word], (sentence, dlts)
                told += 1
    assert told >= 3 + 4


def _way(spec: DesignSpec, n: int, dlts: int) -> int:
    """Say which way a trial goes at level 2 of 3: whole cohorts without a DLT at level 1 first, as many as needed."""
    size = 3 if isinstance(spec, ThreePlusThree | RollingSix) else spec.cohort_size  # type: ignore[attr-defined]
    below = "N" * size
    # The DLTs come last, so that a level is closed by all of them together, and not before the last cohort.
    outcomes = "N" * (n - dlts) + "T" * dlts
    groups = [outcomes[at : at + size] for at in range(0, n, size)] if not isinstance(spec, RollingSix) else [outcomes]
    treated = parse_outcomes(f"1{below} " + " ".join(f"2{group}" for group in groups), levels=3)
    decision = decide(situation_after(treated, levels=3, design=spec), design=spec, forecasting=False)
    if 2 in decision.closed_levels:
        return -2
    return {Action.ESCALATE: 1, Action.DE_ESCALATE: -1}.get(decision.action, 0)


class TestOddRules:
    """Sentences that must not be read wrongly, each beside what the rule does."""

    def test_a_rule_of_nothing_but_never(self) -> None:
        text = '[dlt]\nmin_grade = "none"\n[dlt.cytopenia]\nanc_below = 0.5\n'
        text += '[[dlt.criteria]]\nterms = ["Alopecia"]\nnever = true\n'
        sentences = said(of(text), "What a DLT is")
        assert "No adverse event is a DLT." in sentences
        assert not [one for one in sentences if "Alopecia" in one]
        assert (
            "Blood counts below a threshold make a DLT whatever caused them: nobody judges whether they are related."
        ) in sentences
        assert "and not before day 42 is over." in said(of(text), "Who is evaluable")[2]

    def test_a_death_counts_whenever_its_event_began(self) -> None:
        protocol = of("[dlt]\nmin_grade = 3\nworsening = false\n")
        assert ("A death in the window that such an event explains is a DLT, whenever the event began.") in said(
            protocol, "What a DLT is"
        )
        site = Conducted(protocol)
        site.admit("S1")
        site.toxicity("S1", grade=2)
        site.on(1)
        site.infuse("S1", enrolled=True)
        site.on(3).desk.record_death("S1", on=site.today, event="AE1")
        assert site.dlts() == 1

    def test_a_row_for_every_event_before_others(self) -> None:
        text = '[dlt]\nmin_grade = "none"\n[[dlt.criteria]]\nmin_grade = 4\n'
        text += '[[dlt.criteria]]\nterms = ["Nausea"]\nmin_grade = 3\n'
        assert "Row 1: any event, also of the rows below, of grade 4 or more." in said(of(text), "What a DLT is")

    def test_a_category_says_how_many_of_its_terms_are_known(self) -> None:
        text = '[[dlt.criteria]]\ncategory = "Gastrointestinal disorders"\nmin_grade = 3\n'
        [row] = [one for one in said(of(text), "What a DLT is") if "Gastrointestinal" in one]
        known = sum(term.organ_class == "Gastrointestinal disorders" for term in all_terms())
        assert f"(by the {known} term{'' if known == 1 else 's'} of it that this library knows)" in row

    def test_a_variant_in_which_three_are_enough(self) -> None:
        spec = ThreePlusThree(evaluable_for_mtd=3)
        assert (
            "The rule ends when 3 or more are evaluable at the highest level that is not closed without a DLT, or 6 "
            "with at most 1 DLT, and it is the MTD."
        ) in said(under(spec), "When it stops")
        for outcomes, action in (("1NNN 2TTN", Action.STOP), ("1NNT 2TTN", Action.DE_ESCALATE)):
            situation = situation_after(parse_outcomes(outcomes, levels=3), levels=3, design=spec)
            assert decide(situation, design=spec, forecasting=False).action is action

    def test_a_limit_on_the_mtd(self) -> None:
        plain, bound = Boin(target=Decimal("0.3")), Boin(target=Decimal("0.3"), bound_mtd=True)
        limit = "only a level whose estimated rate is below 0.3585, else none is tolerated"
        assert not [one for one in said(under(plain), "How it escalates") if limit in one]
        assert [one for one in said(under(bound), "How it escalates") if limit in one]

    @pytest.mark.parametrize(("kind", "word"), [("inclusion", "and"), ("exclusion", "or")])
    def test_the_tests_of_a_criterion(self, kind: str, word: str) -> None:
        tests = ", ".join(
            f'{{finding = "{name}", comparison = "at-least", number = {number}}}'
            for name, number in (("alt", 1), ("ast", 2))
        )
        text = f'[[criteria]]\nid = "C1"\nkind = "{kind}"\nmeaning = "m"\nanswer = "facts"\ntests = [{tests}]\n'
        assert f"[alt at least 1 {word} ast at least 2]" in said(of(text), "Who takes part")[1]


class TestEnds:
    def test_numbers_of_participants(self) -> None:
        spec = Boin(target=Decimal("0.3"), max_n=9, n_earlystop=6)
        sentences = said(under(spec), "When it stops")
        assert "The rule ends when 9 participants are evaluable in all; the last cohort is cut to fit." in sentences
        assert (
            "The rule ends when 6 or more are evaluable at the level treated last, and the answer is to stay there."
        ) in sentences
        for outcomes, action in (
            ("1NNN 2NNN", Action.ESCALATE),
            ("1NNN 2NNN 3NNN", Action.STOP),
            ("1NNT 1NNT", Action.STOP),
        ):
            situation = situation_after(parse_outcomes(outcomes, levels=3), levels=3, design=spec)
            assert decide(situation, design=spec, forecasting=False).action is action

    def test_a_table_that_ends_at_a_level(self) -> None:
        [end] = [one for one in said(under(SPECS["mtpi-2"]), "When it stops") if "or more are" in one]
        assert "60 or more" in end

    def test_extra_safety_names_its_numbers(self) -> None:
        plain, safe = Boin(target=Decimal("0.3")), Boin(target=Decimal("0.3"), extra_safety=True)
        assert not [one for one in said(under(plain), "When it stops") if "extra safety" in one]
        [sentence] = [one for one in said(under(safe), "When it stops") if "extra safety" in one]
        # 1 - pbeta(0.3, 1 + 2, 1 + 1) = 0.9163 is above 0.95 - 0.05
        assert "(2 of 3, " in sentence
        situation = situation_after(parse_outcomes("1NTT", levels=3), levels=3, design=safe)
        assert decide(situation, design=safe, forecasting=False).action is Action.STOP

    @pytest.mark.parametrize(("text", "suspends"), [("", True), ("[stopping]\nrelated_grade_5 = false\n", False)])
    def test_a_related_death(self, text: str, suspends: bool) -> None:
        protocol = of(text)
        sentence = (
            "A death that is judged possibly, likely or definitely related to the infusion, at any time, suspends "
            "recruitment and infusions until people resume them."
        )
        assert (sentence in said(protocol, "When it stops")) is suspends
        site = Conducted(protocol)
        site.infuse("S1")
        site.toxicity("S1", grade=5)
        kinds = {type(entry.fact).__name__ for entry in site.trial.history().entries()}
        assert ("RecruitmentSuspended" in kinds) is suspends


class TestSilences:
    def test_a_default_is_named_until_it_is_replaced(self) -> None:
        [named] = [one for one in said(of(""), "Where it is silent") if "defaults of this library" in one]
        assert "dlt.window_days = 14" in named
        [named] = [one for one in said(of("[dlt]\nwindow_days = 21\n"), "Where it is silent") if "defaults" in one]
        assert "dlt.window_days" not in named

    def test_what_the_registry_leaves_open(self) -> None:
        sentences = said(nct06245746(), "Where it is silent")
        assert (
            "The dose levels have no amounts: an infusion is believed to be of the level that was meant." in sentences
        )
        assert "No grade is too low for a DLT: any related grade counts, grade 1 included." in sentences

    def test_nothing_is_said_that_is_not_so(self) -> None:
        sentences = said(
            of('zone = "Asia/Tokyo"\n[stagger]\nbetween_days = 1\n[dlt]\nmin_grade = 3\n'), "Where it is silent"
        )
        assert not [one for one in sentences if "time zone" in one or "stagger" in one or "amounts" in one]


def test_the_criteria_of_the_registry_are_all_there() -> None:
    sentences = said(nct06245746(), "Who takes part")
    told = [re.match(r"(?:Inclusion|Exclusion) (\w+)", one) for one in sentences]
    assert [match[1] for match in told if match] == [one.id for one in nct06245746().criteria]
    assert "Inclusion I1: aged 18 to 60 completed years at consent [age at least 18 and age at most 60]." in sentences


def test_the_endpoints_are_all_there() -> None:
    sentences = said(nct06245746(), "What is derived")
    assert [one.partition(",")[0] for one in sentences] == [one.id for one in nct06245746().endpoints.derived]
