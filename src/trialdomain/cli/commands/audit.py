"""``trialdomain audit``: checks of the recorded trial, and the audit of decisions."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from trialdomain.checks.check import Check, Severity
from trialdomain.checks.report import findings_report
from trialdomain.checks.run import CHECKS, findings, read_checks
from trialdomain.cli.asking import add_log, add_moment, asked_history, heading
from trialdomain.cli.output import print_lines, print_report, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.errors import InputInvalid
from trialdomain.history import History
from trialdomain.reports.escalation.decisions import decisions_report
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.values.given.filename import named
from trialdomain.values.given.plural import how_many
from trialdomain.values.progress import counted
from trialdomain.verification.report import wrong_words
from trialdomain.verification.verify import Verified, verify

_FINDINGS = 1


def add_audit(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "audit",
        help="check a trial for findings, as an inspector would",
        description="Check a trial for findings, as an inspector would. With --decisions, audit every decision about "
        "the dose: the state as known then, whether the decision follows from it, and whether it would be taken "
        "today. The exit status is 1 if a finding is worse than a note, or if the log was altered. An altered export "
        "is not read; the exit status is then 2.",
    )
    add_log(parser)
    add_moment(parser)
    parser.add_argument("--decisions", action="store_true", help="audit every decision about the dose, one by one")
    parser.add_argument(
        "--severity",
        metavar="S",
        choices=[severity.value for severity in Severity],
        help="the lowest severity to show and count: critical, major, minor or note; by default all are shown, and "
        "notes do not change the exit status",
    )
    parser.add_argument(
        "--only", metavar="ID", action="append", default=[], help="run only this check; may be repeated"
    )
    parser.add_argument(
        "--checks",
        metavar="FILE",
        type=named,
        action="append",
        default=[],
        help="a Python file with your own checks in a list CHECKS; the file is executed; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    not_with_decisions = (arguments.only, arguments.checks, arguments.on, arguments.severity)
    if arguments.decisions and any(not_with_decisions):
        raise InputInvalid(
            "--decisions audits only decisions, each for its own day: leave out --only, --checks, --severity and --on"
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
    return f"{wrong} with the log itself, so these results may be wrong: use 'trialdomain verify' to see what"


def _verified(log: Path | PostgresAddress) -> Verified:
    """Verify the log without keys, because the results of an altered log cannot be trusted."""
    with progress_bar() as progress:
        return verify(log if isinstance(log, Path) else log.conninfo, progress=progress)


def _chosen(checks: Sequence[type[Check]], only: Sequence[str]) -> list[type[Check]]:
    known = {check.id for check in checks}
    for name in only:
        if name not in known:
            raise InputInvalid(f"there is no check {name[:40]!r}: name one of {', '.join(sorted(known))}")
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
    print_report(findings_report(found, ok=ok, defects=verified.total), as_json=arguments.json, headed=True)
    return ok


def _decisions(history: History, verified: Verified, arguments: argparse.Namespace) -> bool:
    with progress_bar() as progress:
        audits = list(history.decisions(progress=lambda done, total: progress("decisions", done, total)))
    standing = [audit for audit in audits if audit.superseded_by is None]
    ok = verified.ok and all(audit.ok for audit in standing)
    report = decisions_report(audits, history.zone).under(
        f"{heading(history)}: {how_many(len(audits), 'decision')}",
        trial=history.trial,
        known_at=history.position,
        zone=str(history.zone),
        ok=ok,
        defects=verified.total,
    )
    print_report(report, as_json=arguments.json, headed=True)
    return ok
