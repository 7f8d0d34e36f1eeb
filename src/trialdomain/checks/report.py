"""The report of findings: one table for each check with findings."""

from collections.abc import Iterable, Iterator, Sequence

from trialdomain.checks.check import AuditFinding, Check, Severity
from trialdomain.checks.run import Findings
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Column, Table
from trialdomain.values.given.plural import how_many

_MOST_SHOWN = 10
"""The number of findings of a check, and of positions of a finding, in the text; the JSON has all of them."""


def findings_report(found: Findings, *, ok: bool | None = None, defects: int | None = None) -> Report:
    """Report the findings of the checks.

    Args:
        found: the findings.
        ok: whether the audit passed; by default as the findings say.
        defects: the number of defects that verification found in the log; None if the log was not verified.
    """

    def json() -> dict[str, Json]:
        verified: dict[str, Json] = {} if defects is None else {"defects": defects}
        return {**_json(found, ok=found.ok if ok is None else ok), **verified}

    def blocks() -> Iterator[Block]:
        for check in found.checks:
            of_check = [finding for finding in found.found if finding.check == check.id]
            if of_check:
                yield _table(check, of_check)
            if len(of_check) > _MOST_SHOWN:
                yield Lines([f"  ... and {len(of_check) - _MOST_SHOWN} more: use --json to see all", ""])
        yield Lines([_result(found.found, altered=bool(defects))])

    return Report(
        title=f"Trial {found.trial}, as known at position {found.known_at}, on {found.on}: "
        f"{how_many(len(found.checks), 'check')}",
        blocks=blocks,
        json=json,
    )


def _json(found: Findings, *, ok: bool) -> dict[str, Json]:
    checks = [finding.check for finding in found.found]
    return {
        "trial": found.trial,
        "known_at": found.known_at,
        "on": found.on.isoformat(),
        "ok": ok,
        "checks": [
            {
                "id": check.id,
                "title": check.title,
                "severity": check.severity.value,
                "requirement": check.required_by(found.source),
                "findings": checks.count(check.id),
            }
            for check in found.checks
        ],
        "findings": [
            {
                "check": finding.check,
                "severity": finding.severity.value,
                "subject": finding.subject,
                "sentence": finding.sentence,
                "evidence": list(finding.evidence),
                "requirement": finding.requirement,
            }
            for finding in found.found
        ],
    }


def _result(found: Sequence[AuditFinding], *, altered: bool) -> str:
    if not found:
        return "The checks found nothing else." if altered else "Nothing was found."
    severities = ", ".join(_severity_text(number, severity) for severity, number in _by_severity(found))
    return f"{how_many(len(found), 'finding')}: {severities}"


def _by_severity(found: Iterable[AuditFinding]) -> Iterator[tuple[Severity, int]]:
    """Count findings by severity, the most severe first."""
    severities = [finding.severity for finding in found]
    return ((severity, severities.count(severity)) for severity in Severity if severity in severities)


def _severity_text(number: int, severity: Severity) -> str:
    return how_many(number, "note") if severity is Severity.NOTE else f"{number} {severity.value}"


def _table(check: type[Check], found: Sequence[AuditFinding]) -> Table:
    return Table(
        title=f"{check.id}: {check.title} ({found[0].requirement})",
        columns=("severity", "subject", Column("what", least=30, keep=1), Column("entries", least=12, keep=-1)),
        rows=tuple(
            (finding.severity.value, finding.subject or "", finding.sentence, _positions(finding.evidence))
            for finding in found[:_MOST_SHOWN]
        ),
    )


def _positions(evidence: Sequence[int]) -> str:
    first = ", ".join(map(str, evidence[:_MOST_SHOWN]))
    return first if len(evidence) <= _MOST_SHOWN else f"{first}, ... ({len(evidence)})"
