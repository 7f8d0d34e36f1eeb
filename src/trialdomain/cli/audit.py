"""``trialdomain audit``: what an inspector would ask about a log."""

import argparse
import json

from trialdomain.cli.asking import add_known_at, add_log, asked_history
from trialdomain.cli.output import print_lines, print_table, progress_bar, require_tables
from trialdomain.cli.parser import Parser
from trialdomain.history import History
from trialdomain.projections.decisions import DecisionAudit
from trialdomain.reports.decisions import changing_table, decision_audit_json, decision_audit_lines

_FINDINGS = 1


def add_audit(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "audit",
        help="look for what an inspector would ask about",
        description="Look again at every decision about the dose: the state as known then, whether the decision "
        "follows from it, and whether it would be taken today. The exit status is 1 when something is found.",
    )
    add_log(parser)
    add_known_at(parser)
    parser.add_argument("--decisions", action="store_true", help="every decision about the dose, one by one")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if not arguments.json:
        require_tables()
    with asked_history(arguments) as history:
        with progress_bar() as progress:
            audits = list(history.decisions(progress=lambda done, total: progress("decisions", done, total)))
        if arguments.json:
            answer = {"trial": history.trial, "known_at": history.position, "zone": str(history.zone)}
            decisions = [decision_audit_json(audit, history.zone) for audit in audits]
            print(json.dumps({**answer, "ok": _ok(audits), "decisions": decisions}))
        else:
            _print(audits, history)
    return 0 if _ok(audits) else _FINDINGS


def _ok(audits: list[DecisionAudit]) -> bool:
    return all(audit.ok for audit in audits if audit.superseded_by is None)


def _print(audits: list[DecisionAudit], history: History) -> None:
    print_lines([f"Trial {history.trial}, as known at position {history.position}: {len(audits)} decisions"])
    for audit in audits:
        print_lines(decision_audit_lines(audit, history.zone))
        if audit.changing:
            print_table(changing_table(audit, history.zone))
    standing = [audit for audit in audits if audit.superseded_by is None]
    broken, otherwise = sum(not one.follows for one in standing), sum(bool(one.differences) for one in standing)
    print_lines(
        [
            f"{broken} do not follow from what was known, {otherwise} have another basis than the log",
            f"{sum(not one.same_answer for one in standing)} rest on an answer that is another today",
        ]
    )
