"""``trialdomain audit``: what an inspector would ask about a log."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from trialdomain.checks.check import AuditFinding, Check, Severity
from trialdomain.checks.run import CHECKS, Findings, by_severity, findings, findings_json, read_checks
from trialdomain.cli.asking import add_log, add_moment, asked_history
from trialdomain.cli.commands.verify import wrong_words
from trialdomain.cli.output import print_lines, print_table, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.errors import InputInvalid
from trialdomain.history import History
from trialdomain.projections.decisions import DecisionAudit
from trialdomain.reports.decisions import changing_table, decision_audit_json, decision_audit_lines
from trialdomain.reports.table import Column, Table
from trialdomain.values.given.filename import named
from trialdomain.values.given.plural import how_many
from trialdomain.values.progress import counted
from trialdomain.verification.verify import Verified, verify

_FINDINGS = 1
_MOST_SHOWN = 10
"""Findings of one check that people are shown; programs get them all."""


def add_audit(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "audit",
        help="look for what an inspector would ask about",
        description="Look for what an inspector would ask about; or, with --decisions, look again at every decision "
        "about the dose: the state as known then, whether the decision follows from it, and whether it would be taken "
        "today. The exit status is 1 when something is found that is worse than a note, or the log was altered; an "
        "altered export is not read, and the status is 2.",
    )
    add_log(parser)
    add_moment(parser)
    parser.add_argument("--decisions", action="store_true", help="every decision about the dose, one by one")
    parser.add_argument(
        "--severity",
        metavar="S",
        choices=[severity.value for severity in Severity],
        help="the lowest severity that is shown and counts: critical, major, minor or note; by default all are shown, "
        "and notes do not count",
    )
    parser.add_argument("--only", metavar="ID", action="append", default=[], help="this check alone; may be repeated")
    parser.add_argument(
        "--checks",
        metavar="FILE",
        type=named,
        action="append",
        default=[],
        help="a Python file with a list CHECKS of checks of your own, which is run",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    others = (arguments.only, arguments.checks, arguments.on, arguments.severity)
    if arguments.decisions and any(others):
        raise InputInvalid(
            "--decisions looks at decisions alone, each for its own day: leave --only, --checks, --severity and --on"
        )
    checks = _chosen([*CHECKS, *(check for file in arguments.checks for check in read_checks(file))], arguments.only)
    verified = _verified(arguments.log)
    with asked_history(arguments) as history:
        if not verified.ok and not arguments.json:
            print_lines([_altered(verified), ""])
        if arguments.decisions:
            ok = _decisions(history, verified, arguments)
        else:
            ok = _findings(history, checks, verified, arguments)
    if not verified.ok:
        print(f"trialdomain: {_altered(verified)}", file=sys.stderr)
    return 0 if ok else _FINDINGS


def _altered(verified: Verified) -> str:
    wrong = wrong_words(verified)
    return f"{wrong} with the log itself, and this rests on it as it stands: ask 'trialdomain verify'"


def _verified(log: Path) -> Verified:
    """Verify the log: what is answered about one that was altered is of no use. No key is asked for here."""
    with progress_bar() as progress:
        return verify(log, progress=progress)


def _chosen(checks: Sequence[type[Check]], only: Sequence[str]) -> list[type[Check]]:
    known = {check.id for check in checks}
    for name in only:
        if name not in known:
            raise InputInvalid(f"there is no check {name[:40]!r}; there are {', '.join(sorted(known))}")
    return [check for check in checks if not only or check.id in only]


def _findings(
    history: History, checks: Sequence[type[Check]], verified: Verified, arguments: argparse.Namespace
) -> bool:
    least = Severity(arguments.severity or Severity.NOTE.value)
    with progress_bar() as progress:
        found = findings(
            history,
            on=arguments.on,
            checks=checks,
            least=least,
            progress=counted(progress, "replaying", history.position),
        )
    ok = verified.ok and (not found.found if arguments.severity else found.ok)
    if arguments.json:
        print(json.dumps({**findings_json(found), "ok": ok, "defects": verified.total}))
    else:
        _print_findings(found, altered=not verified.ok)
    return ok


def _print_findings(found: Findings, *, altered: bool) -> None:
    checks = how_many(len(found.checks), "check")
    print_lines([f"Trial {found.trial}, as known at position {found.known_at}, on {found.on}: {checks}"])
    told = Counter(one.check for one in found.found)
    for check in found.checks:
        alike = [one for one in found.found if one.check == check.id]
        if alike:
            print_table(_table(check, alike))
            if told[check.id] > _MOST_SHOWN:
                print_lines([f"  ... and {told[check.id] - _MOST_SHOWN} more: ask for --json", ""])
    severities = ", ".join(_severity_words(number, severity) for severity, number in by_severity(found.found))
    many = how_many(len(found.found), "finding")
    nothing = "The checks found nothing else." if altered else "Nothing was found."
    print_lines([f"{many}: {severities}" if found.found else nothing])


def _severity_words(number: int, severity: Severity) -> str:
    return how_many(number, "note") if severity is Severity.NOTE else f"{number} {severity.value}"


def _table(check: type[Check], found: Sequence[AuditFinding]) -> Table:
    return Table(
        title=f"{check.id}: {check.title} ({found[0].requirement})",
        columns=("severity", "subject", Column("what", least=30, keep=1), Column("entries", least=12, keep=-1)),
        rows=tuple(
            (one.severity.value, one.subject or "", one.sentence, _positions(one.evidence))
            for one in found[:_MOST_SHOWN]
        ),
    )


def _positions(evidence: Sequence[int]) -> str:
    shown = ", ".join(map(str, evidence[:_MOST_SHOWN]))
    return shown if len(evidence) <= _MOST_SHOWN else f"{shown}, ... ({len(evidence)})"


def _decisions(history: History, verified: Verified, arguments: argparse.Namespace) -> bool:
    with progress_bar() as progress:
        audits = list(history.decisions(progress=lambda done, total: progress("decisions", done, total)))
    standing = [audit for audit in audits if audit.superseded_by is None]
    ok = verified.ok and all(audit.ok for audit in standing)
    if arguments.json:
        answer = {"trial": history.trial, "known_at": history.position, "zone": str(history.zone), "ok": ok}
        answer["defects"] = verified.total
        decisions = [decision_audit_json(audit, history.zone) for audit in audits]
        print(json.dumps({**answer, "decisions": decisions}))
    else:
        _print_decisions(audits, standing, history)
    return ok


def _print_decisions(audits: Sequence[DecisionAudit], standing: Sequence[DecisionAudit], history: History) -> None:
    many = how_many(len(audits), "decision")
    print_lines([f"Trial {history.trial}, as known at position {history.position}: {many}"])
    for audit in audits:
        print_lines(decision_audit_lines(audit, history.zone))
        if audit.changing:
            print_table(changing_table(audit, history.zone))
    if not standing:
        print_lines(["Nothing was decided."])
        return
    broken, otherwise = sum(not one.follows for one in standing), sum(bool(one.differences) for one in standing)
    overtaken = sum(not one.same_answer for one in standing)
    told = (
        how_many(broken, "does not follow from what was known", "do not follow from what was known"),
        how_many(otherwise, "has another basis than the log", "have another basis than the log"),
        how_many(overtaken, "rests on an answer that is another today", "rest on an answer that is another today"),
    )
    print_lines([f"Of {how_many(len(standing), 'that stands', 'that stand')}, {', '.join(told)}."])
