"""Reasons that a user must give: blank, invisible and filler words are refused before anything is recorded."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from site_desk import OPEN, REASON, Site, day

from trialdomain import Decision, DltRule, WithdrawalScope
from trialdomain.events.participant import Withdrew
from trialdomain.events.trial import RecruitmentSuspended
from trialdomain.values.reason import ReasonMissing

FILLER = ["", "   ", "x", "n/a", "updated", "\u200b\u200b\u200b", "Correction."]


def amended(site: Site, summary: str) -> None:
    protocol = attrs.evolve(OPEN, version="2", dlt=DltRule(min_grade=3))
    site.desk.amend(protocol, effective_on=site.today, summary=summary)


def suspended_then(site: Site, why: str) -> None:
    [entry] = (one for one in site.trial.history().entries() if isinstance(one.fact, RecruitmentSuspended))
    site.desk.correct(entry, why=why, reason=REASON)


ACTS: dict[str, Callable[[Site, str], object]] = {
    "amend": amended,
    "suspend": lambda site, why: site.desk.suspend_recruitment(on=site.today, why=why),
    "resume": lambda site, why: site.desk.resume_recruitment(on=site.today, why=why),
    "close": lambda site, why: site.desk.close(on=site.today, why=why),
    "withdraw": lambda site, why: site.desk.withdraw("S001", on=site.today, scope=WithdrawalScope.TREATMENT, why=why),
    "fail a screening": lambda site, why: site.desk.fail_screening("S009", on=site.today, why=why),
    "reassign": lambda site, why: site.desk.reassign("S008", to_level=1, on=site.today, why=why),
    "export": lambda site, why: site.desk.export("bundle", why=why),
    "decide": lambda site, why: site.desk.decide_escalation(
        on=site.today, decided=Decision.wait(level=1), rationale=why
    ),
    "decide as the rule does": lambda site, why: site.desk.decide_escalation(on=site.today, rationale=why),
    "correct": lambda site, why: site.desk.correct(site.infusion("S001"), lot="7", reason=why),
    "correct what says why": suspended_then,
    "void": lambda site, why: site.desk.void(site.infusion("S001"), reason=why),
    "deviate": lambda site, why: site.desk.infuse("S001", level=1, started_at=site.today, deviation=why),
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    site = Site()
    site.treat("S001")
    site.screened("S009")
    site.admit("S008")
    site.desk.suspend_recruitment(on=site.today, why="a lot was recalled")
    return site


@pytest.mark.shows("AT-05", "K-25")
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
@pytest.mark.parametrize("why", FILLER)
def test_words_that_say_nothing_are_refused_and_nothing_is_recorded(
    site: Site, act: Callable[[Site, str], object], why: str
) -> None:
    before = site.trial.history().position
    with pytest.raises(ReasonMissing, match="says nothing"):
        act(site, why)
    assert site.trial.history().position == before


@pytest.mark.shows("AT-05")
def test_a_withdrawal_needs_no_reason(site: Site) -> None:
    [entry, *_] = site.desk.withdraw("S001", on=day(0), scope=WithdrawalScope.TREATMENT)
    assert isinstance(entry.fact, Withdrew)
    assert entry.fact.why is None


def test_a_summary_may_be_longer_than_the_reason_of_a_correction(site: Site) -> None:
    amended(site, "grade 3 and above; " * 200)
    assert site.trial.history().position
