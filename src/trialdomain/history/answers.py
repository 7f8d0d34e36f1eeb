"""All answers about a trial in one object, and their report."""

from collections.abc import Iterator

import attrs

from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.projections.escalation import Escalation
from trialdomain.projections.flow import Flow
from trialdomain.projections.safety import Safety
from trialdomain.reports.endpoints.report import endpoints_report
from trialdomain.reports.endpoints.summaries import Endpoints
from trialdomain.reports.escalation.state import dlt_report, escalation_report
from trialdomain.reports.flow import flow_report
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Report
from trialdomain.reports.safety import safety_report
from trialdomain.values.given.in_short import in_short


@attrs.frozen(kw_only=True)
class Answers:
    """All answers about a trial, as known at one moment, with windows judged for one day."""

    __repr__ = in_short

    escalation: Escalation | None
    """None if the protocol has no escalation design."""
    dlt_counts: DltCounts
    """Without dose levels if the protocol has no DLT rule."""
    flow: Flow
    safety: Safety
    endpoints: Endpoints
    """The endpoints of the protocol: the values of all participants, and their summaries."""


def answers_report(answers: Answers) -> Report:
    """Report all answers, one section each."""
    escalation, dlt = escalation_report(answers.escalation), dlt_report(answers.dlt_counts)
    flow, safety = flow_report(answers.flow), safety_report(answers.safety)
    endpoints = endpoints_report(answers.endpoints)

    def blocks() -> Iterator[Block]:
        yield flow
        if answers.escalation is None:  # the escalation section has the same table of participants
            yield dlt
        yield from (escalation, endpoints, safety)

    def json() -> dict[str, Json]:
        return {
            "escalation": escalation.json,
            "dlt": dlt.json,
            **(endpoints.json or {}),
            "safety": safety.json,
            "flow": flow.json,
        }

    return Report(title="Every answer", blocks=blocks, json=json)
