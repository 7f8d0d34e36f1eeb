"""Every answer about a trial at once."""

import attrs

from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.projections.escalation import Escalation
from trialdomain.projections.flow import Flow
from trialdomain.projections.safety import Safety
from trialdomain.reports.endpoints_json import endpoints_json
from trialdomain.reports.escalation import dlt_json, escalation_json
from trialdomain.reports.flow import flow_json
from trialdomain.reports.json import Json
from trialdomain.reports.safety import safety_json
from trialdomain.reports.summaries import Endpoints
from trialdomain.values.given.in_short import in_short


@attrs.frozen(kw_only=True)
class Answers:
    """Every answer about a trial, as it was known at one moment, for one day."""

    __repr__ = in_short

    escalation: Escalation | None
    """None where the protocol has no design."""
    dlt_counts: DltCounts
    """Without levels where the protocol has no DLT rule."""
    flow: Flow
    safety: Safety
    endpoints: Endpoints
    """The endpoints of the protocol, with the values of everybody and their summaries."""


def answers_json(answers: Answers) -> dict[str, Json]:
    """Give every answer to programs."""
    return {
        "escalation": escalation_json(answers.escalation),
        "dlt": dlt_json(answers.dlt_counts),
        "endpoints": endpoints_json(answers.endpoints),
        "note": answers.endpoints.note,
        "safety": safety_json(answers.safety),
        "flow": flow_json(answers.flow),
    }
