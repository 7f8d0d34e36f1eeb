"""How a protocol escalates, and when it stops, in clauses; the design itself is asked for its decisions."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from trialdomain.designs.design import DecisionTable
from trialdomain.designs.registry import design_of
from trialdomain.protocol.designs import MOST_IN_INTERVAL, TableRow, TableWord
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.toxicity import RELATED
from trialdomain.values.given.plural import how_many
from trialdomain.values.given.text import either

_SHOWN = 6
"""The most numbers of evaluable participants that are told; ``trialdomain design table`` has them all."""
_WORDS = {
    TableWord.ESCALATE: "go up",
    TableWord.STAY: "stay at the level",
    TableWord.DE_ESCALATE: "go down",
    TableWord.ELIMINATE: "close the level and all above it",
}
_PEOPLE = "people take each decision: it may be more cautious than the rule, with a reason, and never less"


def going(protocol: TrialProtocol) -> Iterator[str]:
    """Yield clauses about the way up and down."""
    if protocol.design is None:
        yield "the protocol has no escalation design: people decide every step"
        return
    design = design_of(protocol.design)
    yield f"the design is {protocol.design.known_as} (revision {protocol.design.revision} of its rules)"
    table = design.table(MOST_IN_INTERVAL)
    if table is not None:
        yield from _table(table)
    yield from design.in_words().going
    yield _PEOPLE


def _table(table: DecisionTable) -> Iterator[str]:
    for n in table.whole[:_SHOWN]:
        words = sorted((row for row in table.rows if row.n == n), key=lambda row: row.dlt)
        runs = [(word, list(run)) for word, run in groupby(words, key=lambda row: row.decision)]
        told = "; ".join(f"{_counts(run)}, {_WORDS[word]}" for word, run in runs)
        yield f"with {n} evaluable at the level: {told}"
    if len(table.whole) > _SHOWN:
        yield f"the table goes on to {table.whole[-1]} evaluable at a level"
    yield from table.findings


def _counts(run: Sequence[TableRow]) -> str:
    """Name a run of numbers of DLTs: "0 DLTs", "2 or 3 DLTs", "4 to 6 DLTs"."""
    first, last = run[0].dlt, run[-1].dlt
    if first == last:
        return how_many(first, "DLT")
    return f"{first} {'or' if last == first + 1 else 'to'} {last} DLTs"


def ending(protocol: TrialProtocol) -> Iterator[str]:
    """Yield clauses about what ends or suspends the trial."""
    if protocol.design is not None:
        yield from (f"the rule ends when {end}" for end in design_of(protocol.design).in_words().ends)
        yield "people declare the MTD, or that there is none"
        yield "people may recommend a dose, never one above what the rule tolerates"
    if protocol.max_infused is not None:
        infused = how_many(protocol.max_infused, "participant is", "participants are")
        yield f"enrollment is refused once {infused} infused, or enrolled to be infused"
    related = RELATED if protocol.dlt is None else protocol.dlt.related
    yield (
        f"a death that is judged {either(one.value for one in related)} related to the infusion, at any time, suspends "
        f"recruitment and infusions until people resume them"
        if protocol.stopping.related_grade_5
        else "no adverse event suspends the trial"
    )
