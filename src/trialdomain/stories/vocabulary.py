"""The vocabulary of stories: one verb for each kind of fact, with what can be said about it.

The parser, the writer and the documentation read this table; a test compares it with the catalogue of facts. Facts that
follow from others (a DLT is attributed, a level closes) are no acts: a line with ``so`` says that they followed.
"""

from collections.abc import Iterator

import attrs

from trialdomain.events.access import AccessRefused
from trialdomain.events.cohort import (
    CohortEntryVoided,
    CohortExpanded,
    CohortOpened,
    EnrollmentResumed,
    EnrollmentStopped,
    EscalationDecided,
)
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    AntiInfectiveGiven,
    BodySite,
    ChemotherapyGiven,
    ChemotherapyStarted,
    Comparator,
    CompletedFollowUp,
    ConcomitantMedicationGiven,
    Consented,
    CriteriaAnswered,
    Died,
    DltWindowAssessed,
    Enrolled,
    ImportedScreening,
    Infused,
    LabRecorded,
    LevelReassigned,
    LostToFollowUp,
    NewTherapyStarted,
    ParticipantEntryVoided,
    Relapsed,
    Screened,
    ScreenFailed,
    Signer,
    Transfused,
    VitalSign,
    VitalSignRecorded,
    WindowResult,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.events.recorded import Fact
from trialdomain.events.registry import NAMES
from trialdomain.events.trial import (
    DoseRecommended,
    MtdDeclared,
    MtdNotEstablished,
    NotEstablished,
    ProtocolAmended,
    RecruitmentResumed,
    RecruitmentSuspended,
    TrialClosed,
    TrialEntryVoided,
    TrialExported,
    TrialRegistered,
)
from trialdomain.stories.values import (
    DAY,
    DOSE,
    LEVEL,
    LEVELS,
    NAME,
    NUMBER,
    SCALE,
    SERIOUS,
    TEXT,
    TEXTS,
    UNIT,
    WHEN,
    WHOLE,
    YES,
    ValueKind,
    word,
)
from trialdomain.values.clinical.screening import Gate
from trialdomain.values.clinical.toxicity import Outcome
from trialdomain.values.clinical.treatment import BloodProduct, Intent, MedicationClass


@attrs.frozen
class Slot:
    """One value that a verb takes, stored in a field of its fact."""

    field: str
    kind: ValueKind
    keyword: tuple[str, ...]
    """The words before the value. A value with a place needs them in corrections alone."""
    placed: bool = attrs.field(default=False, kw_only=True)
    """Whether the value comes right after the verb, without its keyword."""
    required: bool = attrs.field(default=False, kw_only=True)
    usual: object = attrs.field(default=None, kw_only=True)
    """The value that a desk takes where none is given, if the fact itself has no default."""
    given: bool = attrs.field(default=True, kw_only=True)
    """Whether people give it at a desk; otherwise it follows there, and only a correction or an import says it."""


@attrs.frozen(kw_only=True)
class Verb:
    """One verb: its words, the kind of fact that it records, and the values that it takes."""

    head: tuple[str, ...]
    kind: type[Fact]
    noun: str
    """The name of such an entry in a correction or a void: ``correct lab 2 of S001``."""
    slots: tuple[Slot, ...] = ()
    happened: str | None = None
    """The field with the day on which it happened; by default the day of the line."""
    of_trial: bool = False
    """Whether it is an act on the whole trial, and no subject stands before it."""
    judges: bool = False
    """Whether judgements of relatedness may follow: ``infusion likely``."""
    answers: bool = False
    """Whether answers to criteria may follow."""
    example: str

    @property
    def name(self) -> str:
        """The words of the verb."""
        return " ".join(self.head)

    def slot(self, field: str) -> Slot | None:
        """Return the slot of a field; None if the verb has none."""
        return next((slot for slot in self.slots if slot.field == field), None)


def _placed(field: str, kind: ValueKind, keyword: str | None = None) -> Slot:
    return Slot(field, kind, tuple((keyword or field).split()), placed=True, required=True)


def _slot(
    field: str, kind: ValueKind, keyword: str | None = None, *, required: bool = False, usual: object = None
) -> Slot:
    return Slot(field, kind, tuple((keyword or field).split()), required=required, usual=usual)


def _follows_at_a_desk(field: str, kind: ValueKind, keyword: str) -> Slot:
    return Slot(field, kind, tuple(keyword.split()), given=False)


_WHY = _slot("why", TEXT, "because", required=True)
_OPTIONAL_WHY = _slot("why", TEXT, "because")
_FROM, _TO = _slot("started_on", WHEN, "from"), _slot("ended_on", WHEN, "to")

VERBS: tuple[Verb, ...] = (
    Verb(
        head=("consented",),
        kind=Consented,
        noun="consent",
        happened="signed_on",
        slots=(
            _slot("age", WHOLE),
            _slot("signer", word(Signer), usual=Signer.PARTICIPANT),
            _slot("form_version", TEXT, "form"),
            _slot("site", NAME),
            _follows_at_a_desk("protocol_version", TEXT, "protocol version"),
        ),
        example="S001 consented age 42",
    ),
    Verb(
        head=("screened",),
        kind=Screened,
        noun="screening",
        happened="on",
        answers=True,
        slots=(_follows_at_a_desk("imported", word(ImportedScreening), "imported as"),),
        example="S001 screened eligible, finding lvef 40 %, attested E1 no",
    ),
    Verb(
        head=("failed", "screening"),
        kind=ScreenFailed,
        noun="screen-failure",
        happened="on",
        slots=(_WHY,),
        example='S001 failed screening because "ejection fraction 40 %"',
    ),
    Verb(
        head=("answered", "criteria"),
        kind=CriteriaAnswered,
        noun="answers",
        happened="on",
        answers=True,
        slots=(Slot("gate", word(Gate), ("for",), required=True),),
        example="S001 answered criteria for infusion, attested E15 no",
    ),
    Verb(
        head=("enrolled",),
        kind=Enrolled,
        noun="enrollment",
        happened="on",
        slots=(_slot("level", LEVEL, "at level"),),
        example="S001 enrolled at level 1",
    ),
    Verb(
        head=("reassigned",),
        kind=LevelReassigned,
        noun="reassignment",
        happened="on",
        slots=(
            _slot("to_level", LEVEL, "to level", required=True),
            _follows_at_a_desk("from_level", LEVEL, "from level"),
            _WHY,
        ),
        example='S001 reassigned to level 1 because "level 2 closed"',
    ),
    Verb(
        head=("started", "chemotherapy"),
        kind=ChemotherapyStarted,
        noun="chemotherapy-start",
        happened="on",
        slots=(_slot("regimen", TEXT), _slot("cycle", WHOLE), _slot("ecog", WHOLE)),
        example='S001 started chemotherapy regimen "high-dose cytarabine" ecog 1',
    ),
    Verb(
        head=("had", "chemotherapy"),
        kind=ChemotherapyGiven,
        noun="chemotherapy",
        happened="started_on",
        slots=(
            _placed("regimen", TEXT),
            _slot("agents", TEXTS, "of", required=True),
            _slot("cycle", WHOLE),
            _FROM,
            _TO,
        ),
        example='S001 had chemotherapy "high-dose" of "cytarabine" cycle 1 from 2026-03-02 to 2026-03-05',
    ),
    Verb(
        head=("infused",),
        kind=Infused,
        noun="infusion",
        happened="started_at",
        slots=(
            _slot("level", LEVEL, "at level"),
            _slot("dose", DOSE),
            _slot("body_weight_kg", NUMBER, "weight"),
            _slot("bsa_m2", NUMBER, "surface"),
            _slot("ended_at", WHEN, "ended"),
            _slot("fraction", NUMBER),
            _slot("route", TEXT),
            _slot("lot", TEXT),
        ),
        example="S001 infused dose 70 10*6{cells} weight 70",
    ),
    Verb(
        head=("lab",),
        kind=LabRecorded,
        noun="lab",
        happened="collected_at",
        slots=(
            _placed("analyte", NAME),
            _slot("comparator", word(Comparator)),
            _placed("value", NUMBER),
            _placed("unit", UNIT),
            _slot("lower_limit", NUMBER, "lower limit"),
            _slot("upper_limit", NUMBER, "upper limit"),
            _slot("laboratory", TEXT, "of laboratory"),
            _slot("specimen", TEXT),
        ),
        example="S001 lab ANC 0.4 10*9/L",
    ),
    Verb(
        head=("vital", "sign"),
        kind=VitalSignRecorded,
        noun="vital-sign",
        happened="measured_at",
        slots=(
            _placed("sign", word(VitalSign)),
            _placed("value", NUMBER),
            _placed("unit", UNIT),
            _slot("site", word(BodySite)),
            _slot("room_air", YES, "on room air"),
        ),
        example="S001 vital sign temperature 38.5 Cel site axillary",
    ),
    Verb(
        head=("event",),
        kind=AdverseEventReported,
        noun="event",
        happened="onset",
        judges=True,
        slots=(
            _placed("event", NAME, "id"),
            _placed("term", TEXT),
            _slot("grade", WHOLE, required=True),
            _slot("seriousness", SERIOUS, "serious"),
            _slot("expected", YES),
            _slot("ended", WHEN),
            _slot("outcome", word(Outcome)),
            _slot("aware_on", WHEN, "aware"),
            _slot("scale", SCALE),
            _follows_at_a_desk("ctcae_code", TEXT, "ctcae code"),
            _follows_at_a_desk("unchecked", YES, "unchecked"),
            _follows_at_a_desk("grade_mapped", YES, "grade mapped"),
            _follows_at_a_desk("linked_to", TEXT, "linked to"),
        ),
        example='S001 event E1 "Alanine aminotransferase increased" grade 3, infusion likely',
    ),
    Verb(
        head=("follow-up", "of"),
        kind=AdverseEventFollowedUp,
        noun="follow-up",
        happened="on",
        judges=True,
        slots=(
            _placed("event", NAME, "id"),
            _slot("grade", WHOLE),
            _slot("seriousness", SERIOUS, "serious"),
            _slot("ended", WHEN),
            _slot("outcome", word(Outcome)),
            _slot("aware_on", WHEN, "aware"),
        ),
        example="S001 follow-up of E1: grade 1, outcome recovering",
    ),
    Verb(
        head=("window", "assessed"),
        kind=DltWindowAssessed,
        noun="assessment",
        happened="on",
        slots=(
            _placed("result", word(WindowResult, guesses=False)),
            _slot("missed", TEXT),
            _OPTIONAL_WHY,
            _follows_at_a_desk("by", TEXT, "assessed by"),
        ),
        example="S001, S003 window assessed: no DLT",
    ),
    Verb(
        head=("transfused",),
        kind=Transfused,
        noun="transfusion",
        happened="on",
        slots=(_placed("product", word(BloodProduct)), _slot("units", NUMBER, usual=1)),
        example="S001 transfused platelets units 2",
    ),
    Verb(
        head=("anti-infective",),
        kind=AntiInfectiveGiven,
        noun="anti-infective",
        happened="started_on",
        slots=(
            _placed("agent", TEXT),
            _slot("atc_code", NAME, "code"),
            _slot("route", TEXT),
            _slot("intent", word(Intent)),
            _FROM,
            _TO,
        ),
        example='S001 anti-infective "meropenem" code J01DH02 route "intravenous" intent treatment',
    ),
    Verb(
        head=("medication",),
        kind=ConcomitantMedicationGiven,
        noun="medication",
        happened="started_on",
        slots=(
            _placed("agent", TEXT),
            _slot("medication_class", word(MedicationClass), "class"),
            _slot("route", TEXT),
            _FROM,
            _TO,
        ),
        example='S001 medication "filgrastim" class g-csf route "subcutaneous"',
    ),
    Verb(head=("relapsed",), kind=Relapsed, noun="relapse", happened="on", example="S001 relapsed"),
    Verb(
        head=("started", "new", "therapy"),
        kind=NewTherapyStarted,
        noun="new-therapy",
        happened="on",
        slots=(_placed("kind", TEXT),),
        example='S001 started new therapy "azacitidine"',
    ),
    Verb(
        head=("withdrew", "from"),
        kind=Withdrew,
        noun="withdrawal",
        happened="on",
        slots=(_placed("scope", word(WithdrawalScope)), _slot("last_contact", WHEN, "last contact"), _OPTIONAL_WHY),
        example='S001 withdrew from follow-up because "moved away"',
    ),
    Verb(
        head=("lost", "to", "follow-up"),
        kind=LostToFollowUp,
        noun="loss",
        happened="on",
        slots=(_slot("last_contact", WHEN, "last contact", required=True),),
        example="S001 lost to follow-up, last contact 2026-03-20",
    ),
    Verb(
        head=("died",),
        kind=Died,
        noun="death",
        happened="on",
        slots=(_slot("event", NAME, "of"),),
        example="S001 died of E1",
    ),
    Verb(
        head=("completed", "follow-up"),
        kind=CompletedFollowUp,
        noun="completion",
        happened="on",
        example="S001 completed follow-up",
    ),
    Verb(
        head=("suspend", "recruitment"),
        kind=RecruitmentSuspended,
        noun="suspension",
        happened="on",
        of_trial=True,
        slots=(_slot("infusion", YES, "infusions too"), _WHY),
        example='suspend recruitment infusions too yes because "a safety signal"',
    ),
    Verb(
        head=("resume", "recruitment"),
        kind=RecruitmentResumed,
        noun="resumption",
        happened="on",
        of_trial=True,
        slots=(_WHY,),
        example='resume recruitment because "the board agreed"',
    ),
    Verb(
        head=("close", "recruitment"),
        kind=TrialClosed,
        noun="closing",
        happened="on",
        of_trial=True,
        slots=(_WHY,),
        example='close recruitment because "the design has its answer"',
    ),
    Verb(
        head=("decide",),
        kind=EscalationDecided,
        noun="decision",
        of_trial=True,
        slots=(_slot("rationale", TEXT, "because"), _follows_at_a_desk("by", TEXT, "decided by")),
        example="decide expand level 1",
    ),
    Verb(
        head=("declare", "mtd"),
        kind=MtdDeclared,
        noun="mtd",
        of_trial=True,
        slots=(_slot("level", LEVEL, required=True), _follows_at_a_desk("bounded_above", YES, "bounded above")),
        example="declare mtd level 1",
    ),
    Verb(
        head=("declare", "no", "mtd"),
        kind=MtdNotEstablished,
        noun="no-mtd",
        of_trial=True,
        slots=(_placed("why", word(NotEstablished)), _slot("candidate", LEVEL), _slot("note", TEXT)),
        example="declare no mtd: none tolerated",
    ),
    Verb(
        head=("recommend",),
        kind=DoseRecommended,
        noun="recommendation",
        of_trial=True,
        slots=(
            _slot("level", LEVEL, required=True),
            _slot("purpose", TEXT, "for", required=True),
            _slot("rationale", TEXT, "because", required=True),
        ),
        example='recommend level 1 for "phase II" because "no DLT in six"',
    ),
    Verb(
        head=("amend",),
        kind=ProtocolAmended,
        noun="amendment",
        of_trial=True,
        slots=(
            _slot("reopens", LEVELS),
            _slot("summary", TEXT, "because"),
            _follows_at_a_desk("effective_on", DAY, "effective on"),
        ),
        example='amend version-2.toml because "a lower dose"',
    ),
    Verb(
        head=("attempt",),
        kind=AccessRefused,
        noun="attempt",
        of_trial=True,
        slots=(_placed("use_case", NAME),),
        example="attempt amend by monitor refused: not-permitted",
    ),
    Verb(
        head=("export",),
        kind=TrialExported,
        noun="export",
        of_trial=True,
        slots=(_WHY, _follows_at_a_desk("what", TEXT, "what"), _follows_at_a_desk("root", TEXT, "root")),
        example='export because "asked for by the inspector"',
    ),
)
"""The verbs of acts, in the order of the documentation."""

BEYOND_VERBS: dict[str, tuple[type[Fact], ...]] = {
    "protocol": (TrialRegistered,),
    "void": (TrialEntryVoided, CohortEntryVoided, ParticipantEntryVoided),
}
"""Facts that other lines record: the first line of a story, and ``void E1 of S001 because "..."``."""

_NAMED: dict[type[Fact], str] = {
    CohortOpened: "level opened",
    CohortExpanded: "level expanded",
    EnrollmentStopped: "level closed",
    EnrollmentResumed: "level reopened",
}


def _follows() -> Iterator[tuple[str, type[Fact]]]:
    """Yield every kind of fact by its words: those above, or else its stored name."""
    for kind, stored in NAMES.items():
        of, name, _ = stored.split(".")
        words = name.replace("-", " ").replace("dlt", "DLT")
        alone = kind not in BEYOND_VERBS["void"] and of != "access"
        yield _NAMED.get(kind, words if alone else f"{of} {words}"), kind


FOLLOWS: dict[str, type[Fact]] = dict(_follows())
"""By its words in a line with ``so``: each kind of fact. Such a line says that the last act recorded one."""
BY_KIND: dict[type[Fact], Verb] = {verb.kind: verb for verb in VERBS}


def is_of_participant(kind: type[Fact]) -> bool:
    """Return whether a fact is of one participant."""
    return NAMES[kind].startswith("participant.")


def _nouns() -> Iterator[tuple[str, type[Fact]]]:
    """Yield what each kind of entry is called in a correction or a void; a void and a refusal are neither."""
    yield from ((verb.noun, verb.kind) for verb in VERBS)
    yield "registration", TrialRegistered
    for name, kind in FOLLOWS.items():
        if kind not in BY_KIND and not any(kind in kinds for kinds in BEYOND_VERBS.values()):
            yield name.casefold().replace(" ", "-"), kind


NOUNS: dict[str, type[Fact]] = dict(_nouns())
"""By what it is called in a correction or a void: each kind of entry that people, or the software, record."""
NOUN_OF: dict[type[Fact], str] = {kind: noun for noun, kind in NOUNS.items()}
SEVERAL: tuple[type[Fact], ...] = (LabRecorded, VitalSignRecorded)
"""The kinds of which one command records several."""
