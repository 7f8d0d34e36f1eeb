"""Access control: the protocol's table of roles, the hook of the service, and the record of refusals."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from runpy import run_path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest
from sdtm_files import study, write
from site_desk import INVESTIGATOR, OPEN, REASON, Site, day

from trialdomain import (
    USUAL_ROLES,
    AccessRequest,
    CommandRefused,
    Entry,
    Gate,
    Grant,
    InputInvalid,
    NotPermitted,
    Role,
    Trials,
    UseCase,
    User,
    import_sdtm,
    lab,
    nct06245746,
    vital_sign,
)
from trialdomain.commands.access import TableLocksOut, UseCaseUnknown, needed_to_change
from trialdomain.desk import Desk
from trialdomain.events.access import AccessRefused
from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.participant import VitalSign, WithdrawalScope
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import NotEstablished, RecruitmentSuspended, TrialRegistered
from trialdomain.projections.trail import Asked
from trialdomain.protocol.presets import roles
from trialdomain.values.clinical.treatment import BloodProduct, MedicationClass
from trialdomain.values.word import Word


def _export(desk: Desk, _: Entry) -> object:
    with TemporaryDirectory() as folder:
        return desk.export(Path(folder) / "bundle", why="inspection 12")


_ACTS: dict[UseCase, Callable[[Desk, Entry], object]] = {
    UseCase.REGISTER: lambda desk, _: desk.register(OPEN),
    UseCase.CONSENT: lambda desk, _: desk.consent("S002", signed_on=day(0), form_version="1"),
    UseCase.SCREEN: lambda desk, _: desk.screen("S001", on=day(0)),
    UseCase.FAIL_SCREENING: lambda desk, _: desk.fail_screening("S001", on=day(0), why="not eligible"),
    UseCase.ANSWER_CRITERIA: lambda desk, _: desk.answer_criteria("S001", gate=Gate.INFUSION, on=day(0)),
    UseCase.ENROLL: lambda desk, _: desk.enroll("S001", on=day(0)),
    UseCase.REASSIGN: lambda desk, _: desk.reassign("S001", to_level=2, on=day(0), why="the level closed"),
    UseCase.START_CHEMOTHERAPY: lambda desk, _: desk.start_chemotherapy("S001", on=day(0), regimen="cytarabine"),
    UseCase.GIVE_CHEMOTHERAPY: lambda desk, _: desk.give_chemotherapy(
        "S001", regimen="cytarabine", agents=("cytarabine",), started_on=day(0)
    ),
    UseCase.INFUSE: lambda desk, _: desk.infuse("S001", level=1, started_at=day(0)),
    UseCase.RECORD_LABS: lambda desk, _: desk.record_labs(
        "S001", [lab("ANC", "1", "10*9/L", collected_at=day(0).isoformat())]
    ),
    UseCase.RECORD_VITAL_SIGNS: lambda desk, _: desk.record_vital_signs(
        "S001", [vital_sign(VitalSign.TEMPERATURE, "37", "Cel", measured_at=day(0))]
    ),
    UseCase.TRANSFUSE: lambda desk, _: desk.transfuse("S001", on=day(0), product=BloodProduct.PLATELETS),
    UseCase.GIVE_ANTI_INFECTIVE: lambda desk, _: desk.give_anti_infective(
        "S001", agent="cefepime", route="intravenous", started_on=day(0)
    ),
    UseCase.GIVE_MEDICATION: lambda desk, _: desk.give_medication(
        "S001", agent="filgrastim", medication_class=MedicationClass.G_CSF, route="subcutaneous", started_on=day(0)
    ),
    UseCase.RECORD_RELAPSE: lambda desk, _: desk.record_relapse("S001", on=day(0)),
    UseCase.START_NEW_THERAPY: lambda desk, _: desk.start_new_therapy("S001", on=day(0), kind="transplantation"),
    UseCase.REPORT_ADVERSE_EVENT: lambda desk, _: desk.report_adverse_event(
        "S001", event="AE2", term="Fever", grade=1, onset=day(0)
    ),
    UseCase.FOLLOW_UP_ADVERSE_EVENT: lambda desk, _: desk.follow_up_adverse_event(
        "S001", event="AE1", on=day(0), grade=2
    ),
    UseCase.ASSESS_DLT_WINDOW: lambda desk, _: desk.assess_dlt_window("S001", on=day(0)),
    UseCase.WITHDRAW: lambda desk, _: desk.withdraw("S001", on=day(0), scope=WithdrawalScope.TREATMENT),
    UseCase.LOSE_TO_FOLLOW_UP: lambda desk, _: desk.lose_to_follow_up("S001", on=day(0), last_contact=day(0)),
    UseCase.RECORD_DEATH: lambda desk, _: desk.record_death("S001", on=day(0)),
    UseCase.COMPLETE_FOLLOW_UP: lambda desk, _: desk.complete_follow_up("S001", on=day(0)),
    UseCase.DECIDE_ESCALATION: lambda desk, _: desk.decide_escalation(on=day(0)),
    UseCase.SUSPEND_RECRUITMENT: lambda desk, _: desk.suspend_recruitment(on=day(0), why="a lot was recalled"),
    UseCase.RESUME_RECRUITMENT: lambda desk, _: desk.resume_recruitment(on=day(0), why="a new lot came"),
    UseCase.CLOSE: lambda desk, _: desk.close(on=day(0), why="the target is reached"),
    UseCase.AMEND: lambda desk, _: desk.amend(attrs.evolve(OPEN, version="2"), effective_on=day(0), summary="a word"),
    UseCase.DECLARE_MTD: lambda desk, _: desk.declare_mtd(level=1, on=day(0)),
    UseCase.DECLARE_NO_MTD: lambda desk, _: desk.declare_no_mtd(why=NotEstablished.STOPPED, on=day(0)),
    UseCase.RECOMMEND_DOSE: lambda desk, _: desk.recommend_dose(
        level=1, purpose="phase II", rationale="no DLT in three", on=day(0)
    ),
    UseCase.EXPORT: _export,
    UseCase.CORRECT: lambda desk, entry: desk.correct(entry, grade=3, reason=REASON),
    UseCase.VOID: lambda desk, entry: desk.void(entry, reason=REASON),
}
"""How each use case is asked for; an import makes a log of its own."""
_AT_THE_SITE = (
    "consent screen fail-screening answer-criteria enroll reassign start-chemotherapy give-chemotherapy infuse "
    "record-relapse start-new-therapy report-adverse-event follow-up-adverse-event withdraw lose-to-follow-up "
    "record-death complete-follow-up"
)
_DATA = "record-labs record-vital-signs transfuse give-anti-infective give-medication correct void"
_DECISIONS = "decide-escalation declare-mtd declare-no-mtd recommend-dose suspend-recruitment resume-recruitment"
_MAY = {
    Role.INVESTIGATOR: " ".join(use_case.value for use_case in UseCase),
    Role.COORDINATOR: f"{_AT_THE_SITE} {_DATA}",
    Role.DATA_MANAGER: f"{_DATA} import export",
    Role.MONITOR: "export",
    Role.SAFETY_COMMITTEE: f"{_DECISIONS} export",
    Role.SPONSOR: f"{_DECISIONS} register amend close import export",
    Role.SOFTWARE: "register import",
}
"""The table as docs/explanation/access.md has it."""


def somebody(role: Role) -> User:
    return User(id=f"a-{role.value}", name="Zhou Min", role=role, organization="Union Hospital")


class _BrokenRule(Exception):
    """Another rule than the table's stood in the way."""


def _ask(site: Site, user: User, use_case: UseCase, event: Entry) -> None:
    """Ask for a use case; rules of conduct may stand in its way, but not the table."""
    try:
        _ACTS[use_case](site.trial.acting(user), event)
    except NotPermitted:
        raise
    except CommandRefused as error:
        raise _BrokenRule from error


def refusals(site: Site) -> list[Recorded[AccessRefused]]:
    entries = site.trial.history().entries()
    return [e for e in entries if isinstance(e.fact, AccessRefused)]  # type: ignore[misc]  # as it is asked for


@pytest.fixture
def site() -> Site:
    site = Site()
    site.admit("S001")
    return site


@pytest.fixture
def event(site: Site) -> Entry:
    return site.toxicity("S001", grade=2)


class TestTable:
    def test_a_new_use_case_is_granted_to_no_role_until_the_preset_names_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        of_words: Any = Word  # mypy knows no enumeration that is made of a mapping
        later = of_words("UseCase", {**{one.name: one.value for one in UseCase}, "UNBLIND": "unblind"})
        monkeypatch.setattr("trialdomain.values.use_case.UseCase", later)
        table = run_path(str(roles.__file__))["USUAL_ROLES"]
        assert [grant.use_cases for grant in table] == [grant.use_cases for grant in USUAL_ROLES]
        assert not any("unblind" in grant.use_cases for grant in table)

    def test_each_use_case_is_granted_to_a_role(self) -> None:
        assert {name for grant in USUAL_ROLES for name in grant.use_cases} == {one.value for one in UseCase}

    def test_every_use_case_but_the_import_is_a_method_of_a_desk(self) -> None:
        methods = {name for name in dir(Desk) if not name.startswith("_") and callable(getattr(Desk, name))}
        assert {use_case.value.replace("-", "_") for use_case in _ACTS} == methods
        assert set(UseCase) - set(_ACTS) == {UseCase.IMPORT}

    @pytest.mark.parametrize("use_case", _ACTS)
    def test_a_method_asks_for_its_use_case_alone(self, use_case: UseCase) -> None:
        asked: list[AccessRequest] = []
        closed = False

        def permit(request: AccessRequest) -> str | None:
            if not closed:
                return None
            asked.append(request)
            return "the service closed"

        site = Site(permit=permit)
        site.admit("S001")
        event = site.toxicity("S001", grade=2)
        closed = True
        with pytest.raises(NotPermitted, match="the service closed"):
            _ACTS[use_case](site.desk, event)
        assert [request.use_case for request in asked] == [use_case]

    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("use_case", _ACTS)
    def test_the_preset_table(self, site: Site, event: Entry, role: Role, use_case: UseCase) -> None:
        user = somebody(role)
        before = site.trial.history().position
        may = use_case.value in _MAY[role].split()
        if may:
            with suppress(_BrokenRule):
                _ask(site, user, use_case, event)
            assert refusals(site) == []
            return
        with pytest.raises(NotPermitted) as caught:
            _ask(site, user, use_case, event)
        assert (caught.value.request.use_case, caught.value.request.role) == (use_case, role)
        [last] = refusals(site)
        assert site.trial.history().position == before + 1
        assert (last.stream, last.position) == ("NCT06245746/access", before + 1)
        assert (last.fact.use_case, last.fact.role) == (use_case.value, role)

    def test_no_table_lets_everybody(self) -> None:
        site = Site(attrs.evolve(OPEN, roles=()))
        site.trial.acting(somebody(Role.MONITOR)).consent("S001", signed_on=day(0), form_version="1")
        assert refusals(site) == []

    def test_grants_of_one_role_add_up(self) -> None:
        grants = [Grant(role=Role.MONITOR, use_cases=(name,)) for name in ("consent", "screen")]
        site = Site(attrs.evolve(OPEN, roles=(*USUAL_ROLES, *grants)))
        desk = site.trial.acting(somebody(Role.MONITOR))
        desk.consent("S001", signed_on=day(0), form_version="1")
        desk.screen("S001", on=day(0))
        with pytest.raises(NotPermitted):
            desk.enroll("S001", on=day(0))

    def test_the_table_in_force_counts(self, site: Site) -> None:
        only = Grant(role=Role.INVESTIGATOR, use_cases=("amend",))
        site.desk.amend(attrs.evolve(OPEN, version="2", roles=(only,)), effective_on=day(0), summary="fewer rights")
        with pytest.raises(NotPermitted, match="protocol version 2 does not grant it to the role investigator"):
            site.admit("S002")

    @pytest.mark.parametrize("act", ["register", "amend"])
    def test_a_table_that_grants_what_there_is_not_comes_into_no_force(self, site: Site, act: str) -> None:
        table = (Grant(role=Role.MONITOR, use_cases=("enrol",)),)
        protocol = attrs.evolve(OPEN, version="2", roles=table)
        acts: dict[str, Callable[[], object]] = {
            "register": lambda: Site(protocol),
            "amend": lambda: site.desk.amend(protocol, effective_on=day(0), summary="a misspelt right"),
        }
        with pytest.raises(UseCaseUnknown, match="'enrol' of monitor is not a use case; there are register, consent"):
            acts[act]()

    def test_a_correction_of_the_protocol_brings_no_such_table_either(self, site: Site) -> None:
        registered = next(iter(site.trial.history().entries()))
        for table in (
            (Grant(role=Role.INVESTIGATOR, use_cases=("enrol",)),),
            (Grant(role=Role.MONITOR, use_cases=()),),
        ):
            with pytest.raises((UseCaseUnknown, TableLocksOut)):
                site.desk.correct(registered, protocol=attrs.evolve(OPEN, roles=table), reason=REASON)

    def test_a_table_by_which_nobody_could_amend_it_is_refused(self, site: Site) -> None:
        protocol = attrs.evolve(OPEN, version="2", roles=(Grant(role=Role.MONITOR, use_cases=("consent",)),))
        with pytest.raises(TableLocksOut, match="grant 'amend' to a role"):
            site.desk.amend(protocol, effective_on=day(0), summary="a monitor alone")

    def test_a_data_manager_imports(self, tmp_path: Path) -> None:
        write(tmp_path / "study", study())
        protocol = attrs.evolve(OPEN, design=None)
        import_sdtm(tmp_path / "study", tmp_path / "log.db", protocol=protocol, by=somebody(Role.DATA_MANAGER))
        assert (tmp_path / "log.db").exists()

    def test_nobody_registers_a_trial_who_may_not(self) -> None:
        with Trials.open("memory:") as trials:
            with pytest.raises(NotPermitted, match="does not grant it to the role monitor"):
                trials.register(nct06245746(), by=somebody(Role.MONITOR))
            trials.register(nct06245746(), by=somebody(Role.SPONSOR))  # nothing stands in its way

    def test_nobody_imports_a_trial_who_may_not(self, tmp_path: Path) -> None:
        write(tmp_path / "study", study())
        log = tmp_path / "log.db"
        with pytest.raises(NotPermitted, match="may not use import"):
            import_sdtm(tmp_path / "study", log, protocol=attrs.evolve(OPEN, design=None), by=somebody(Role.MONITOR))
        assert not log.exists()
        with pytest.raises(NotPermitted, match="not from here"):
            import_sdtm(tmp_path / "study", log, permit=lambda _: "not from here")
        assert not log.exists()


class TestChanges:
    """What people decided is changed by nobody who could not have decided it."""

    def test_a_coordinator_corrects_an_observation(self, site: Site, event: Entry) -> None:
        site.trial.acting(somebody(Role.COORDINATOR)).correct(event, grade=1, reason=REASON)
        assert refusals(site) == []

    @pytest.mark.parametrize(
        ("kind", "needed"),
        [
            ("EscalationDecided", "decide-escalation"),
            ("CohortOpened", "decide-escalation"),
            ("TrialRegistered", "register"),
            ("UserRegistered", "amend"),
            ("DltWindowAssessed", "assess-dlt-window"),
        ],
    )
    def test_a_data_manager_changes_no_decision(self, site: Site, kind: str, needed: str) -> None:
        site.desk.infuse("S001", level=1, started_at=day(0))
        site.on(15).assess("S001")
        site.decide()
        entry = next(e for e in site.trial.history().entries() if type(e.fact).__name__ == kind)
        desk = site.trial.acting(somebody(Role.DATA_MANAGER))
        with pytest.raises(NotPermitted, match=f"may not use {needed}"):
            desk.correct(entry, reason=REASON)
        with pytest.raises(NotPermitted, match=f"may not use {needed}"):
            desk.void(entry, reason=REASON)
        assert [one.fact.use_case for one in refusals(site)] == [needed, needed]

    def test_what_an_entry_is_stands_in_the_log_and_not_in_what_is_given(self, site: Site, event: Entry) -> None:
        site.decide()
        decision = next(e for e in site.trial.history().entries() if isinstance(e.fact, EscalationDecided))
        disguised = attrs.evolve(decision, fact=event.fact)
        assert needed_to_change(disguised.fact) == ()
        with pytest.raises(NotPermitted, match="may not use decide-escalation"):
            site.trial.acting(somebody(Role.DATA_MANAGER)).void(disguised, reason=REASON)

    def test_who_may_register_and_correct_may_not_rewrite_the_table(self) -> None:
        some = Grant(role=Role.DATA_MANAGER, use_cases=("register", "correct"))
        site = Site(attrs.evolve(OPEN, roles=(*USUAL_ROLES[:1], some)))
        registration = next(e for e in site.trial.history().entries() if isinstance(e.fact, TrialRegistered))
        with pytest.raises(NotPermitted, match="may not use amend"):
            site.trial.acting(somebody(Role.DATA_MANAGER)).correct(
                registration, protocol=attrs.evolve(OPEN, roles=()), reason=REASON
            )
        assert site.trial.history().casebook(on=site.today).protocol.roles

    def test_to_withdraw_a_suspension_is_to_resume(self) -> None:
        some = Grant(role=Role.DATA_MANAGER, use_cases=("suspend-recruitment", "void", "correct"))
        site = Site(attrs.evolve(OPEN, roles=(*USUAL_ROLES[:1], some)))
        desk = site.trial.acting(somebody(Role.DATA_MANAGER))
        desk.suspend_recruitment(on=day(0), why="a lot was recalled", infusion=True)
        suspension = next(e for e in site.trial.history().entries() if isinstance(e.fact, RecruitmentSuspended))
        with pytest.raises(NotPermitted, match="may not use resume-recruitment"):
            desk.void(suspension, reason=REASON)
        with pytest.raises(NotPermitted, match="may not use resume-recruitment"):
            desk.correct(suspension, infusion=False, reason=REASON)

    @pytest.mark.parametrize("stream", ["T1/participant/" + "x" * 20_000, "NCT06245746/participant/\ud800", "\x1b"])
    def test_an_entry_of_a_stream_that_no_log_has_is_refused_before_anybody_is_asked(
        self, site: Site, event: Entry, stream: str
    ) -> None:
        monitor = site.trial.acting(somebody(Role.MONITOR))
        with pytest.raises(InputInvalid, match="of no stream that a log has"):
            monitor.correct(attrs.evolve(event, stream=stream), grade=3, reason=REASON)

    def test_an_entry_of_another_trial_takes_no_name_from_there(self, site: Site, event: Entry) -> None:
        monitor = site.trial.acting(somebody(Role.MONITOR))
        with pytest.raises(NotPermitted):
            monitor.void(attrs.evolve(event, stream="T2/participant/S777"), reason=REASON)
        assert "S777" not in str(refusals(site)[0].fact)


class TestHook:
    def test_the_service_refuses_what_the_table_allows(self) -> None:
        site = Site(permit=lambda request: "not on the delegation log" if request.subject == "S002" else None)
        site.admit("S001")
        with pytest.raises(NotPermitted, match="investigator may not use consent: not on the delegation log"):
            site.admit("S002")
        [last] = refusals(site)
        assert last.fact.why == "Investigator, Site, about S002: not on the delegation log"

    def test_it_does_not_allow_what_the_table_refuses(self) -> None:
        only = Grant(role=Role.INVESTIGATOR, use_cases=("register", "amend"))
        site = Site(attrs.evolve(OPEN, roles=(only,)), permit=lambda _: None)
        with pytest.raises(NotPermitted, match="does not grant it"):
            site.admit("S001")

    @pytest.mark.parametrize("answer", [True, False, "", "  "])
    def test_anything_but_none_refuses(self, answer: object) -> None:
        with pytest.raises(NotPermitted, match=r"may not use register: the service refuses it$"):
            Site(permit=lambda _: answer)  # type: ignore[arg-type, return-value]  # what a service might give

    def test_it_is_told_who_asks_for_what_about_whom(self) -> None:
        asked: list[AccessRequest] = []
        site = Site(permit=asked.append)  # which gives None
        site.screened("S001")
        assert asked[1] == AccessRequest(
            trial="NCT06245746",
            user="investigator",
            name="Investigator",
            role=Role.INVESTIGATOR,
            organization="Site",
            use_case=UseCase.CONSENT,
            subject="S001",
        )

    def test_a_log_is_opened_with_it(self, tmp_path: Path) -> None:
        address = tmp_path / "log.db"
        with Trials.open(address) as trials:
            trials.register(OPEN, by=INVESTIGATOR)
        with Trials.open(address, permit=lambda _: "after hours") as trials:
            desk = trials.trial("NCT06245746").acting(INVESTIGATOR)
            with pytest.raises(NotPermitted, match="after hours"):
                desk.suspend_recruitment(on=day(0), why="a recall")
            with pytest.raises(NotPermitted, match="after hours"):
                trials.register(attrs.evolve(OPEN, trial="T2"), by=INVESTIGATOR)

    def test_a_repeated_request_is_asked_about_again(self) -> None:
        allowed = True
        site = Site(permit=lambda _: None if allowed else "no longer on the study")
        first = site.desk.consent("S001", signed_on=day(0), form_version="1", command_id="c1")
        again = site.desk.consent("S001", signed_on=day(0), form_version="1", command_id="c1")
        assert first == again
        allowed = False
        with pytest.raises(NotPermitted):
            site.desk.consent("S001", signed_on=day(0), form_version="1", command_id="c1")

    def test_a_refused_request_may_be_made_again_under_its_id(self) -> None:
        allowed = True
        site = Site(permit=lambda _: None if allowed else "training is missing")
        allowed = False
        with pytest.raises(NotPermitted):
            site.desk.consent("S001", signed_on=day(0), form_version="1", command_id="c1")
        allowed = True
        assert site.desk.consent("S001", signed_on=day(0), form_version="1", command_id="c1")


class TestRecord:
    @pytest.mark.shows("AT-02")
    def test_the_trail_says_who_was_refused_what_and_why(self, site: Site) -> None:
        with pytest.raises(NotPermitted):
            site.trial.acting(somebody(Role.MONITOR)).enroll("S001", on=day(0))
        [told] = site.trial.history().trail("access", asked=Asked(by="a-monitor"))
        said = {change.field: change.new for change in told.changes}
        assert (said["use_case"], said["role"]) == ("enroll", "monitor")
        assert said["why"] == (
            "Zhou Min, Union Hospital, about S001: protocol version registry does not grant it to the role monitor; "
            "ask a user whose role has it, or amend the protocol's roles"
        )

    def test_no_decision_reads_it(self) -> None:
        """Who is refused while an amendment reads everything does not make it be decided again."""
        asked: list[UseCase] = []

        def permit(request: AccessRequest) -> str | None:
            if request.use_case is UseCase.AMEND:
                asked.append(request.use_case)
                with pytest.raises(NotPermitted):
                    made.trial.acting(somebody(Role.MONITOR)).close(on=day(0), why="curiosity")
            return None

        made = Site(permit=permit)
        made.admit("S001")
        made.desk.amend(attrs.evolve(OPEN, version="2"), effective_on=day(0), summary="a word")
        assert asked == [UseCase.AMEND]
        assert len(refusals(made)) == 1

    def test_no_answer_changes_by_it(self, site: Site) -> None:
        answers = site.trial.history().answers(on=site.today)
        with pytest.raises(NotPermitted):
            site.trial.acting(somebody(Role.MONITOR)).close(on=day(0), why="curiosity")
        assert site.trial.history().answers(on=site.today) == answers

    def test_a_refusal_is_corrected_or_voided_by_nobody(self, site: Site) -> None:
        with pytest.raises(NotPermitted):
            site.trial.acting(somebody(Role.MONITOR)).close(on=day(0), why="curiosity")
        [entry] = refusals(site)
        with pytest.raises(CommandRefused, match="it says what the system did"):
            site.desk.void(entry, reason=REASON)

    def test_nor_by_an_entry_in_disguise(self, site: Site) -> None:
        with pytest.raises(NotPermitted):
            site.trial.acting(somebody(Role.MONITOR)).close(on=day(0), why="curiosity")
        [entry] = refusals(site)
        disguised: Recorded[Any] = attrs.evolve(site.toxicity("S001"), stream=entry.stream, version=entry.version)
        with pytest.raises(CommandRefused, match="it says what the system did"):
            site.desk.void(disguised, reason=REASON)
        with pytest.raises(CommandRefused, match="it says what the system did"):
            site.desk.correct(disguised, role=Role.SPONSOR, why="nothing of the kind", reason=REASON)
        assert [type(one.fact) for one in refusals(site)] == [AccessRefused]

    @pytest.mark.parametrize("words", ["\x00", "\x1b[2J", "a\rb", "\ud800", "x" * 50_000])
    def test_whatever_the_service_says_is_recorded(self, words: str) -> None:
        closed = False
        site = Site(permit=lambda _: words if closed else None)
        closed = True
        with pytest.raises(NotPermitted):
            site.screened("S001")
        [last] = refusals(site)
        assert len(last.fact.why) < 3_000

    def test_a_user_of_a_long_name_is_recorded_as_well(self, site: Site) -> None:
        user = attrs.evolve(somebody(Role.MONITOR), name="Z" * 9_000, organization="O" * 9_000)
        with pytest.raises(NotPermitted):
            site.trial.acting(user).close(on=day(0), why="curiosity")
        assert len(refusals(site)) == 1

    def test_refusals_of_many_at_once_are_all_recorded(self, tmp_path: Path) -> None:
        site = Site(address=f"sqlite:///{tmp_path / 'log.db'}")

        def ask(number: int) -> None:
            user = attrs.evolve(somebody(Role.MONITOR), id=f"m{number}")
            for _ in range(10):
                with pytest.raises(NotPermitted):
                    site.trial.acting(user).close(on=day(0), why="curiosity")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(8)))
        assert len(refusals(site)) == 80

    def test_last_day_is_of_what_happened(self, site: Site) -> None:
        last = site.trial.history().last_day()
        site.on(9)
        with pytest.raises(NotPermitted):
            site.trial.acting(somebody(Role.MONITOR)).close(on=day(0), why="curiosity")
        assert site.trial.history().last_day() == last
