"""The report of a what-if: what would differ under another protocol, from when, and by which entries."""

from collections.abc import Iterator, Mapping
from datetime import tzinfo

from trialdomain.history.difference_report import change_json
from trialdomain.history.since import Since
from trialdomain.history.what_if import MemberOtherwise, TallyOtherwise, ValueOtherwise, WhatIf
from trialdomain.projections.dlt_counts import Member
from trialdomain.projections.endpoints.value import Value
from trialdomain.projections.escalation import Escalation
from trialdomain.projections.other_protocol import DecisionOtherwise
from trialdomain.reports.endpoints.as_json import value_json
from trialdomain.reports.endpoints.report import summary_words, value_words
from trialdomain.reports.endpoints.summaries import Summary
from trialdomain.reports.escalation.decision import decision_lines, doses_of
from trialdomain.reports.escalation.decisions import (
    member_words,
    placed_member_json,
    state_json,
    state_words,
    taken_json,
    taken_words,
)
from trialdomain.reports.escalation.state import dlt_words, tally_json
from trialdomain.reports.facts import fact_words
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Column, Table
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason
from trialdomain.values.clinical.level import listed_levels
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many

_MOST_SHOWN = 30
"""The number of rows in the text of a table that grows with the trial; the JSON has all of them."""
_WHAT_IT_IS = (
    "Nothing is written. The participants, their doses and what was decided are those of the log; only the rules are "
    "others."
)


def what_if_report(found: WhatIf, zone: tzinfo, *, fields: bool = False) -> Report:
    """Report what would differ under another protocol.

    Args:
        found: the comparison.
        zone: the time zone of the site, for the times in the text.
        fields: whether to show every row of every table.
    """
    most = None if fields else _MOST_SHOWN

    def blocks() -> Iterator[Block]:
        yield Lines([_WHAT_IT_IS, ""])
        yield from _parameters(found, most)
        yield from _participants(found, zone, most)
        yield from _levels(found)
        yield from _decisions(found)
        yield from _endpoints(found, most)
        yield Lines(_last_lines(found))

    title = f"Trial {found.trial} under another protocol, as known at position {found.position}, judged for {found.on}"
    return Report(title=title, blocks=blocks, json=lambda: _json(found))


def _parameters(found: WhatIf, most: int | None) -> Iterator[Block]:
    several = len(found.versions) > 1
    rows = [
        (f"{version.recorded.version} (entry {version.position})", change.field, _text(change.old), _text(change.new))
        for version in found.versions
        for change in version.parameters
    ]
    columns = (
        Column("version"),
        Column("parameter", least=20),
        Column("recorded", least=12),
        Column("what if", least=12),
    )
    shown = tuple(row if several else row[1:] for row in rows[:most])
    if rows:
        yield Table(title="Parameters that differ", columns=columns if several else columns[1:], rows=shown)
        yield from _left_out(len(rows), most, "parameter")


def _text(value: object) -> str:
    return "not set" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _left_out(number: int, most: int | None, what: str) -> Iterator[Lines]:
    if most is not None and number > most:
        yield Lines([f"... and {how_many(number - most, f'further {what}')}: use --fields or --json to see all", ""])


def _participants(found: WhatIf, zone: tzinfo, most: int | None) -> Iterator[Block]:
    if not found.participants:
        return
    yield Table(
        title="Participants who would be evaluated otherwise",
        columns=(
            *("participant", Column("recorded", least=20, keep=1), Column("what if", least=20, keep=1)),
            *("since", Column("by entries", least=10)),
        ),
        rows=tuple(
            (
                one.subject,
                _member_words(one.recorded),
                _member_words(one.other),
                _since_words(one.since),
                ", ".join(map(str, one.evidence)),
            )
            for one in found.participants[:most]
        ),
    )
    yield from _left_out(len(found.participants), most, "participant")
    yield Table(
        title="These entries",
        columns=("position", Column("recorded at the site", keep=1), Column("about", keep=1), Column("what", least=24)),
        rows=tuple(
            (
                str(entry.position),
                entry.meta.recorded_at.astimezone(zone).isoformat(sep=" ", timespec="minutes"),
                entry.stream.rpartition("/")[2],
                fact_words(entry.fact),
            )
            for entry in found.entries[:most]
        ),
    )
    yield from _left_out(len(found.entries), most, "entry")


def _member_words(member: Member | None) -> str:
    dlt = "" if member is None or member.dlt is None else f": {dlt_words(member.dlt)}"
    return member_words(member) + dlt


def _since_words(since: Since) -> str:
    return f"{since.on}" + ("" if since.entry is None else f", entry {since.entry.position}")


def _levels(found: WhatIf) -> Iterator[Block]:
    if found.tallies:
        yield Table(
            title="Dose levels that would be counted otherwise",
            columns=("level", Column("recorded", least=20), Column("what if", least=20), "because of"),
            rows=tuple(
                (
                    str(one.level),
                    _tally_words(one.recorded),
                    _tally_words(one.other),
                    ", ".join(member.subject for member in one.participants),
                )
                for one in found.tallies
            ),
        )


def _tally_words(tally: Tally | None) -> str:
    if tally is None:
        return "not counted"
    parts = [f"{how_many(tally.dlts, 'DLT')} in {tally.evaluable} evaluable"]
    rest = (("pending", tally.pending), ("not evaluable", tally.not_evaluable), ("not infused yet", tally.enrolled))
    return ", ".join([*parts, *(f"{number} {what}" for what, number in rest if number)])


def _decisions(found: WhatIf) -> Iterator[Block]:
    differing = [one for one in found.decisions if one.differs]
    if differing:
        yield Table(
            title="Recorded decisions at which the design would have answered otherwise, from what was known then",
            columns=(
                *("position", Column("on", keep=1), Column("decided", least=16, keep=1)),
                *(Column("recommended", least=20, keep=2), Column("what if", least=20, keep=2)),
                Column("because of", keep=-1),
            ),
            rows=tuple(
                (
                    str(one.entry.position),
                    one.entry.fact.basis.on.isoformat(),
                    taken_words(one.entry.fact),
                    _state_words(one.recorded),
                    _state_words(one.other),
                    ", ".join(member.subject for member in one.participants),
                )
                for one in differing
            ),
        )


def _state_words(state: Escalation | None) -> str:
    """Describe the recommendation in a state, the closed levels, and why it waits."""
    words = state_words(state)
    if state is None:
        return words
    if state.decision.closed_levels:
        words += f"; {listed_levels(state.decision.closed_levels)} closed"
    if state.decision.action is Action.WAIT and state.decision.because is not None:
        words += f"; {state.decision.because.text}"
    return words


def _endpoints(found: WhatIf, most: int | None) -> Iterator[Block]:
    rows = tuple(_summaries(found))
    if rows:
        yield Table(
            title="Endpoints that would differ",
            columns=("endpoint", "", "of", Column("recorded", least=14), Column("what if", least=14)),
            rows=rows[:most],
        )
        yield from _left_out(len(rows), most, "summary")
    if found.values:
        yield Table(
            title="Endpoints of participants that would differ",
            columns=(
                *("endpoint", "participant", Column("recorded", least=14, keep=1), Column("what if", least=14, keep=1)),
                *("since", Column("by entries", least=10, keep=-1)),
            ),
            rows=tuple(
                (
                    one.endpoint,
                    one.subject,
                    _value_words(one.recorded, one.other),
                    _value_words(one.other, one.recorded),
                    _since_words(one.since),
                    ", ".join(map(str, one.evidence)),
                )
                for one in found.values[:most]
            ),
        )
        yield from _left_out(len(found.values), most, "value")


def _value_words(value: Value | None, beside: Value | None) -> str:
    """Describe a value; where the words are those of the value beside it, also the details that differ."""
    if value is None:
        return "not derived"
    words = value_words(value)
    if beside is None or value_words(beside) != words:
        return words
    others = [f"from {value.on}"] if value.on != beside.on else []
    others += [
        f"{name.replace('_', ' ')} {'none' if detail is None else detail}"
        for name, detail in value.details.items()
        if detail != beside.details.get(name)
    ]
    others += [flag.value.replace("-", " ") for flag in value.flags if flag not in beside.flags]
    return f"{words} ({', '.join(others)})" if others else words


def _summaries(found: WhatIf) -> Iterator[tuple[str, ...]]:
    before, after = (answers.endpoints.summaries for answers in found.answers)
    for code in dict.fromkeys((*before, *after)):
        old, new = (
            {} if one is None else {_named(group, level): summary for group, level, summary in one.groups()}
            for one in (before.get(code), after.get(code))
        )
        title = (after.get(code) or before[code]).endpoint.title
        for group in dict.fromkeys((*old, *new)):
            one, other = (_summary_words(summaries, group) for summaries in (old, new))
            if one != other:
                yield code, title, group, one, other


def _summary_words(summaries: Mapping[str, Summary], group: str) -> str:
    """Describe the summary of a group, if there is one."""
    if group in summaries:
        return summary_words(summaries[group]) or "none"
    return "nobody" if summaries else "not derived"


def _named(group: str, level: object) -> str:
    return f"level {level}" if group == "level" else "no level" if group == "unassigned" else "all"


def _last_lines(found: WhatIf) -> Iterator[str]:
    before, after = (answers.escalation for answers in found.answers)
    if found.recommendations:
        yield f"Recommended now, by the recorded protocol: {_state_words(before)}"
        if after is None:
            yield "By the other protocol: no design"
        else:
            doses = doses_of(after.counts.tallies)
            yield "By the other protocol:"
            yield from (f"  {line}" for line in decision_lines(after.decision, doses, forecasts=False))
    unassessed = [one.subject for one in found.participants if _waits_for_assessment(one)]
    if unassessed:
        would = "would be pending: no assessment that the other protocol counts was recorded of the window"
        instead = "with evaluable.requires_assessment=false, the end of the window is enough"
        yield f"{', '.join(unassessed)} {would}; {instead}."
    differing = sum(one.differs for one in found.decisions)
    if not any(version.parameters for version in found.versions):
        yield "The other protocol is the recorded one: nothing differs."
        return
    parts = (
        how_many(len(found.participants), "participant"),
        how_many(len(found.tallies), "dose level"),
        f"{differing} of {how_many(len(found.decisions), 'decision')}",
        how_many(len(list(_summaries(found))), "summary of an endpoint", "summaries of endpoints"),
    )
    values = how_many(len(found.values), "endpoint of a participant", "endpoints of participants")
    yield f"{', '.join(parts)} and {values} would differ."


def _waits_for_assessment(one: MemberOtherwise) -> bool:
    if one.other is None or (one.recorded is not None and one.recorded.standing == one.other.standing):
        return False
    standing = one.other.standing
    return standing.evaluation is Evaluation.PENDING and standing.reason is EvaluationReason.NOT_ASSESSED


def _json(found: WhatIf) -> dict[str, Json]:
    before, after = (answers.escalation for answers in found.answers)
    return {
        "trial": found.trial,
        "position": found.position,
        "on": found.on.isoformat(),
        "parameters": [
            {"version": version.recorded.version, "parameter": one.field, "recorded": one.old, "what_if": one.new}
            for version in found.versions
            for one in version.parameters
        ],
        "participants": [_member_json(one) for one in found.participants],
        "levels": [_tally_json(one) for one in found.tallies],
        "decisions": [_decision_json(one) for one in found.decisions],
        "recommendation": {"recorded": state_json(before), "what_if": state_json(after)},
        "endpoints": [_value_json(one) for one in found.values],
        "changed": [change_json(change) for change in found.changed],
    }


def _member_json(one: MemberOtherwise) -> Json:
    return {
        "subject": one.subject,
        "recorded": placed_member_json(one.recorded),
        "what_if": placed_member_json(one.other),
        "since": _since_json(one.since),
        "entries": list(one.evidence),
    }


def _since_json(since: Since) -> Json:
    entry = None if since.entry is None else since.entry.position
    return {"on": since.on.isoformat(), "position": since.position, "entry": entry}


def _tally_json(one: TallyOtherwise) -> Json:
    return {
        "level": one.level,
        "recorded": None if one.recorded is None else tally_json(one.recorded),
        "what_if": None if one.other is None else tally_json(one.other),
        "participants": [member.subject for member in one.participants],
    }


def _decision_json(one: DecisionOtherwise) -> Json:
    return {
        "position": one.entry.position,
        "on": one.entry.fact.basis.on.isoformat(),
        "superseded_by": one.superseded_by,
        "decided": taken_json(one.entry.fact),
        "recorded": state_json(one.recorded),
        "what_if": state_json(one.other),
        "differs": one.differs,
        "participants": [
            {
                "subject": member.subject,
                "recorded": placed_member_json(member.then),
                "what_if": placed_member_json(member.today),
            }
            for member in one.participants
        ],
    }


def _value_json(one: ValueOtherwise) -> Json:
    return {
        "endpoint": one.endpoint,
        "subject": one.subject,
        "recorded": None if one.recorded is None else value_json(one.recorded),
        "what_if": None if one.other is None else value_json(one.other),
        "since": _since_json(one.since),
        "entries": list(one.evidence),
    }
