"""The report of findings: a table for each check that found something."""

from collections.abc import Iterable, Iterator, Sequence

from trialdomain.checks.check import AuditFinding, Check, Severity
from trialdomain.checks.run import Findings
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Column, Table
from trialdomain.values.given.plural import how_many

_MOST_SHOWN = 10
"""Findings of one check, and positions of one finding, that people are shown; the JSON has all of them."""


def findings_report(found: Findings, *, ok: bool | None = None, defects: int | None = None) -> Report:
    """Report what the checks found.

    Args:
        found: the findings.
        ok: whether nothing counts against the trial; by default as the findings say.
        defects: how many things verification found wrong with the log itself; None where nobody asked it.
    """

    def json() -> dict[str, Json]:
        verified: dict[str, Json] = {} if defects is None else {"defects": defects}
        return {**_json(found, ok=found.ok if ok is None else ok), **verified}

    def blocks() -> Iterator[Block]:
        for check in found.checks:
            alike = [one for one in found.found if one.check == check.id]
            if alike:
                yield _table(check, alike)
            if len(alike) > _MOST_SHOWN:
                yield Lines([f"  ... and {len(alike) - _MOST_SHOWN} more: ask for --json", ""])
        yield Lines([_result(found.found, altered=bool(defects))])

    return Report(
        title=f"Trial {found.trial}, as known at position {found.known_at}, on {found.on}: "
        f"{how_many(len(found.checks), 'check')}",
        blocks=blocks,
        json=json,
    )


def _json(found: Findings, *, ok: bool) -> dict[str, Json]:
    told = [one.check for one in found.found]
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
                "findings": told.count(check.id),
            }
            for check in found.checks
        ],
        "findings": [
            {
                "check": one.check,
                "severity": one.severity.value,
                "subject": one.subject,
                "sentence": one.sentence,
                "evidence": list(one.evidence),
                "requirement": one.requirement,
            }
            for one in found.found
        ],
    }


def _result(found: Sequence[AuditFinding], *, altered: bool) -> str:
    if not found:
        return "The checks found nothing else." if altered else "Nothing was found."
    severities = ", ".join(_severity_words(number, severity) for severity, number in _by_severity(found))
    return f"{how_many(len(found), 'finding')}: {severities}"


def _by_severity(found: Iterable[AuditFinding]) -> Iterator[tuple[Severity, int]]:
    """Count findings by severity, the gravest first."""
    told = [one.severity for one in found]
    return ((severity, told.count(severity)) for severity in Severity if severity in told)


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
