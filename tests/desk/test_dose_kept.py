"""A dose level keeps its dose once a participant was infused at it: at the desk, and in a log where it changed."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from sdtm_files import study, write
from site_desk import DAY0, INVESTIGATOR, OPEN, REASON, Site, day, refused

from trialdomain import (
    AuditFinding,
    Dose,
    DoseLevel,
    Draft,
    History,
    Severity,
    TrialProtocol,
    Trials,
    findings,
    import_sdtm,
)
from trialdomain.aggregates.trial import AmendmentUnusable
from trialdomain.events.participant import Infused
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.rules.dose_kept import against_redefining

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def ladder(*amounts: str | None, unit: str = "mg", version: str = "registry") -> TrialProtocol:
    """Give the protocol with these amounts from level 1 upwards; None for a level without one."""
    doses = [None if amount is None else Dose(amount=Decimal(amount), unit=unit) for amount in amounts]
    levels = tuple(DoseLevel(level=at, dose=dose) for at, dose in enumerate(doses, start=1))
    return attrs.evolve(OPEN, levels=levels, version=version)


KNOWN, UNKNOWN = ("10", "20", "40"), (None, None, None)


def infused(*amounts: str | None) -> Site:
    """One participant at level 1."""
    site = Site(ladder(*amounts))
    site.treat("S001")
    return site


def amend(site: Site, protocol: TrialProtocol) -> None:
    site.desk.amend(protocol, effective_on=site.today, summary="other doses")


class TestAtTheDesk:
    @pytest.mark.parametrize(
        ("after", "would_be"),
        [
            (ladder("11", "20", "40", version="2"), "11 mg"),
            (ladder("5", "10", "20", "40", version="2"), "5 mg"),  # a dose put in below moves every other
            (ladder("10", "20", "40", unit="ug", version="2"), "10 ug"),
            (ladder("10000", "20000", "40000", unit="ug", version="2"), "10000 ug"),  # as much, in another unit
            (ladder(*UNKNOWN, version="2"), "without an amount"),
        ],
    )
    def test_another_dose_for_a_level_in_use_is_refused(self, after: TrialProtocol, would_be: str) -> None:
        site = infused(*KNOWN)
        with pytest.raises(AmendmentUnusable) as error:
            amend(site, after)
        assert str(error.value) == (
            f"the amendment cannot follow the protocol in force: level 1 would be {would_be}, but a participant was "
            f"infused at it while it was 10 mg: leave its dose as it is, and give another dose a level with a label of "
            "its own"
        )
        assert site.state().protocol == ladder(*KNOWN)

    @pytest.mark.parametrize(
        "after",
        [
            ladder(*KNOWN, version="2"),
            ladder("10.0", "20", "40", version="2"),  # the same number
            ladder("10", "25", "45", version="2"),  # nobody was infused at levels 2 and 3
            ladder("10", "15", "20", "40", version="2"),  # a dose put in above
            ladder(*KNOWN, "80", version="2"),
        ],
    )
    def test_what_leaves_it_as_it_is_is_taken(self, after: TrialProtocol) -> None:
        site = infused(*KNOWN)
        amend(site, after)
        assert site.state().protocol == after

    @pytest.mark.parametrize("before", ["abc", "bac", "cba"])
    @pytest.mark.parametrize("after", ["abc", "bac", "cba"])
    def test_levels_in_use_keep_their_order_whatever_their_labels(self, before: str, after: str) -> None:
        """Levels a and b are in use; their order is their places in the protocol."""
        old, new = (
            attrs.evolve(OPEN, levels=tuple(DoseLevel(level=at, label=one) for at, one in enumerate(order, 1)))
            for order in (before, after)
        )
        same = (before.index("a") < before.index("b")) == (after.index("a") < after.index("b"))
        first, second = sorted("ab", key=before.index)
        expected = f"participants were infused at levels {first}, {second}, in this order of doses: keep their order"
        assert against_redefining(old, new, {"a", "b"}) == (None if same else expected)

    def test_a_level_in_use_is_not_removed(self) -> None:
        site = infused(*KNOWN)
        refused(site, AmendmentUnusable, lambda: amend(site, ladder("10", "20", version="2")), "does not have level 3")

    def test_an_amount_that_was_absent_is_supplied_once(self) -> None:
        site = infused(*UNKNOWN)
        amend(site, ladder(*KNOWN, version="2"))
        refused(site, AmendmentUnusable, lambda: amend(site, ladder("11", "20", "40", version="3")), "would be 11 mg")

    def test_before_anybody_was_infused_any_dose_is_taken(self) -> None:
        site = Site(ladder(*KNOWN))
        site.admit("S001")
        amend(site, ladder("1", "2", "4", unit="ug", version="2"))
        assert site.state().protocol.version == "2"

    def test_an_infusion_that_was_voided_puts_no_level_in_use(self) -> None:
        site = infused(*KNOWN)
        site.desk.void(site.infusion("S001"), reason=REASON)
        amend(site, ladder("11", "20", "40", version="2"))

    def test_the_level_of_the_amount_that_was_given_is_in_use_too(self) -> None:
        site = Site(ladder(*KNOWN))
        site.admit("S001")
        twenty = Dose(amount=Decimal(20), unit="mg")
        site.desk.infuse("S001", level=1, dose=twenty, started_at=DAY0, deviation="the ward drew up 20 mg")
        refused(site, AmendmentUnusable, lambda: amend(site, ladder("10", "30", "40", version="2")), "level 2 would be")
        refused(site, AmendmentUnusable, lambda: amend(site, ladder("11", "20", "40", version="2")), "level 1 would be")

    def test_without_a_design_it_is_the_same(self) -> None:
        site = Site(attrs.evolve(ladder(*KNOWN), design=None))
        site.screened("S001")
        site.desk.enroll("S001", on=DAY0, level=1)
        site.desk.infuse("S001", level=1, started_at=DAY0)
        changed = attrs.evolve(ladder("11", "20", "40", version="2"), design=None)
        refused(site, AmendmentUnusable, lambda: amend(site, changed), "level 1 would be 11 mg")

    def test_an_imported_infusion_puts_its_level_in_use(self, tmp_path: Path) -> None:
        import_sdtm(write(tmp_path / "study", study()), tmp_path / "log.db", clock=lambda: NOW)
        with Trials.open(tmp_path / "log.db", clock=lambda: NOW) as trials:
            [trial] = (trials.trial(name) for name in ("STUDY1",))
            old = next(e.fact.protocol for e in trial.history().entries() if isinstance(e.fact, TrialRegistered))
            used = {e.fact.level for e in trial.history().entries() if isinstance(e.fact, Infused)}
            new = tuple(
                attrs.evolve(one, dose=Dose(amount=one.dose.amount + 1, unit=one.dose.unit)) if one.dose else one
                for one in old.levels
            )
            assert used
            assert all(old.level(level).dose is not None for level in used)
            desk = trial.acting(INVESTIGATOR)
            changed = attrs.evolve(old, version="2", levels=new)
            with pytest.raises(AmendmentUnusable, match=f"level {min(used)} would be"):
                desk.amend(changed, effective_on=NOW.date(), summary="other doses")


def redefined(made: Site | History) -> list[AuditFinding]:
    history = made.trial.history() if isinstance(made, Site) else made
    return [one for one in findings(history).found if one.check == "dose-redefined"]


class TestInTheAudit:
    def test_a_log_that_has_such_an_amendment_all_the_same(self) -> None:
        site = infused(*KNOWN)
        amend(site, ladder("10", "25", "40", version="2"))
        [found] = redefined(other_software(site, ladder("12", "25", "40", version="2")))
        assert found.severity is Severity.CRITICAL
        assert found.sentence == (
            "level 1 was 10 mg when S001 was infused at it on 2026-03-02, and is 12 mg by version 2 of the protocol"
        )
        assert found.subject == "S001"
        assert len(found.evidence) == 2

    def test_an_amount_that_is_gone(self) -> None:
        site = infused(*KNOWN)
        amend(site, ladder(*KNOWN, version="2"))
        [found] = redefined(other_software(site, ladder(*UNKNOWN, version="2")))
        assert "level 1 was 10 mg" in found.sentence
        assert "is without an amount by version 2" in found.sentence

    def test_a_level_that_is_gone(self) -> None:
        site = Site(ladder(*KNOWN))
        site.admit("S001")
        site.desk.infuse("S001", level=2, started_at=DAY0, deviation="as the ward had it")
        amend(site, ladder(*KNOWN, version="2"))
        [found] = redefined(other_software(site, ladder("10", version="2")))
        assert found.sentence == (
            "level 2 was 20 mg when S001 was infused at it on 2026-03-02, and is gone by version 2 of the protocol"
        )

    def test_a_correction_of_the_registration_is_recorded_and_found(self) -> None:
        site = infused(*KNOWN)
        site.treat("S002")
        registered = next(e for e in site.trial.history().entries() if isinstance(e.fact, TrialRegistered))
        corrected = site.desk.correct(registered, protocol=ladder("12", "20", "40"), reason=REASON)
        [found] = redefined(site)
        assert found.sentence == (
            "level 1 was 10 mg when S001, the first of 2, was infused at it on 2026-03-02, and is 12 mg "
            "by version registry of the protocol"
        )
        assert found.subject is None
        infusions = [site.infusion(subject).position for subject in ("S001", "S002")]
        assert found.evidence == (*sorted(infusions), corrected[0].position)

    def test_one_that_is_mended_by_another_correction_is_none(self) -> None:
        site = infused(*KNOWN)
        registered = next(e for e in site.trial.history().entries() if isinstance(e.fact, TrialRegistered))
        [changed, *_] = site.desk.correct(registered, protocol=ladder("12", "20", "40"), reason=REASON)
        site.desk.correct(changed, protocol=ladder(*KNOWN), reason=REASON)
        assert redefined(site) == []

    def test_a_correction_of_an_amendment(self) -> None:
        site = Site(ladder(*UNKNOWN))
        amend(site, ladder(*KNOWN, version="2"))
        site.treat("S001")
        amended = next(e for e in site.trial.history().entries() if isinstance(e.fact, ProtocolAmended))
        site.desk.correct(amended, protocol=ladder("12", "20", "40", version="2"), reason=REASON)
        [found] = redefined(site)
        assert "was 10 mg when S001" in found.sentence
        assert "is 12 mg by version 2" in found.sentence

    def test_an_amendment_voided_after_somebody_was_infused_by_it(self) -> None:
        site = Site(ladder(*KNOWN))
        amend(site, ladder("12", "20", "40", version="2"))
        site.treat("S001")
        assert redefined(site) == []
        amended = next(e for e in site.trial.history().entries() if isinstance(e.fact, ProtocolAmended))
        site.desk.void(amended, reason=REASON)
        [found] = redefined(site)
        assert "was 12 mg when S001" in found.sentence
        assert "is 10 mg by version registry" in found.sentence

    def test_an_infusion_of_an_earlier_day_that_was_recorded_after_the_amendment(self) -> None:
        site = Site(ladder(*KNOWN))
        site.admit("S001")
        site.on(5)
        amend(site, ladder("12", "20", "40", version="2"))
        site.desk.infuse("S001", level=1, started_at=day(1))
        [found] = redefined(site)
        assert "was 10 mg when S001 was infused at it on 2026-03-03" in found.sentence

    def test_an_amount_supplied_and_then_changed_by_a_correction(self) -> None:
        site = infused(*UNKNOWN)
        site.on(1)
        amend(site, ladder(*KNOWN, version="2"))
        assert redefined(site) == []
        amended = next(e for e in site.trial.history().entries() if isinstance(e.fact, ProtocolAmended))
        site.desk.correct(amended, protocol=ladder("12", "20", "40", version="2"), reason=REASON)
        [found] = redefined(site)
        assert "was 10 mg when S001" in found.sentence

    @pytest.mark.parametrize("after", [ladder(*KNOWN, version="2"), ladder("10.0", "25", "40", version="2")])
    def test_nothing_where_the_dose_was_kept(self, after: TrialProtocol) -> None:
        site = infused(*KNOWN)
        amend(site, after)
        assert redefined(site) == []


def other_software(site: Site, amended: TrialProtocol) -> History:
    """Give the log with another protocol in its amendment, as a program of other rules would have written it."""

    def edit(fact: object) -> object:
        return attrs.evolve(fact, protocol=amended) if isinstance(fact, ProtocolAmended) else fact

    entries = sorted(site.trial.history().entries(), key=lambda e: e.position)
    return History.of([Draft(stream=e.stream, fact=edit(e.fact), caused_by=e.meta.caused_by) for e in entries])
