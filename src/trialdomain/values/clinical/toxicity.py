"""The judgements of an adverse event: relatedness to an agent, assessor, seriousness, outcome."""

import attrs

from trialdomain.values.given.chosen import word_of
from trialdomain.values.word import Word

FATAL_GRADE = 5
GRADES = range(1, FATAL_GRADE + 1)


class Relatedness(Word):
    """The likelihood that an agent caused the event, from least to most."""

    UNRELATED = "unrelated"
    UNLIKELY = "unlikely"
    POSSIBLY = "possibly"
    LIKELY = "likely"
    DEFINITELY = "definitely"
    NOT_ASSESSED = "not-assessed"


RELATED = (Relatedness.POSSIBLY, Relatedness.LIKELY, Relatedness.DEFINITELY)
"""The default values that count as related (registry: possibly, likely or definitely)."""


class Agent(Word):
    """An agent to which an event may be related."""

    INFUSION = "infusion"
    CHEMOTHERAPY = "chemotherapy"
    DISEASE = "disease"


class Assessor(Word):
    """Who judged."""

    INVESTIGATOR = "investigator"
    SPONSOR = "sponsor"


def _agent(given: Agent | str) -> Agent:
    return word_of("agent", Agent, given)


def _assessor(given: Assessor | str) -> Assessor:
    return word_of("assessor", Assessor, given)


def _relatedness(given: Relatedness | str) -> Relatedness:
    return word_of("relatedness", Relatedness, given)


@attrs.frozen(kw_only=True)
class Attribution:
    """One assessor's judgement of one agent."""

    agent: Agent = attrs.field(converter=_agent)
    assessor: Assessor = attrs.field(converter=_assessor)
    relatedness: Relatedness = attrs.field(converter=_relatedness)


class Seriousness(Word):
    """A criterion that makes an event serious (ICH E2A; SDTM AESDTH, AESLIFE, AESHOSP, AESDISAB, AESCONG, AESMIE)."""

    DEATH = "death"
    LIFE_THREATENING = "life-threatening"
    HOSPITALIZATION = "hospitalization"
    DISABILITY = "disability"
    CONGENITAL_ANOMALY = "congenital-anomaly"
    OTHER = "other-medically-important"


class Outcome(Word):
    """The outcome of an adverse event (SDTM AEOUT)."""

    RECOVERED = "recovered"
    RECOVERING = "recovering"
    RECOVERED_WITH_SEQUELAE = "recovered-with-sequelae"
    NOT_RECOVERED = "not-recovered"
    FATAL = "fatal"
    UNKNOWN = "unknown"
