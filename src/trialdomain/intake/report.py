"""The report of an import: rows by file, rows that were not recorded, and remarks."""

from collections.abc import Iterator

from trialdomain.intake.sdtm import Imported
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Table
from trialdomain.values.given.plural import how_many, n_entries, singular_or


def import_report(imported: Imported) -> Report:
    """Report how many rows of a study were read, recorded or listed, and why."""

    def blocks() -> Iterator[Block]:
        yield _files(imported)
        yield Lines(_lines(imported))

    return Report(title=f"Import of trial {imported.trial}", blocks=blocks, json=lambda: _json(imported))


def _json(imported: Imported) -> dict[str, Json]:
    return {
        "trial": imported.trial,
        "log": str(imported.log),
        "entries": imported.entries,
        "files": [
            {"file": file.file, "read": file.read, "recorded": file.recorded, "listed": file.listed}
            for file in imported.files
        ],
        "read": imported.read,
        "recorded": imported.recorded,
        "listed": imported.listed,
        "unrecorded": None if imported.unrecorded is None else str(imported.unrecorded),
        "reasons": dict(imported.reasons),
        "words": {column: dict(words) for column, words in imported.words.items()},
        "absent": list(imported.absent),
        "arms": dict(imported.arms),
        "remarked": None if imported.remarked is None else str(imported.remarked),
        "remarks": dict(imported.remarks),
        "findings": dict(imported.findings),
        "columns_without_field": {file.file: list(file.columns_without_field) for file in imported.files},
        "deviations": dict(imported.deviations),
    }


def _files(imported: Imported) -> Table:
    return Table(
        title=f"Trial {imported.trial}: rows",
        columns=("file", "read", "recorded", "listed"),
        rows=(
            *((file.file, *map(str, (file.read, file.recorded, file.listed))) for file in imported.files),
            ("all", *map(str, (imported.read, imported.recorded, imported.listed))),
        ),
    )


def _lines(imported: Imported) -> Iterator[str]:
    are = singular_or(imported.entries, "is", "are")
    yield f"{n_entries(imported.entries)} {are} in {imported.log}"
    for arm, level in imported.arms.items():
        yield f"Arm {arm} is level {level}"
    yield from imported.absent
    for reason, rows in imported.reasons.items():
        yield f"Not recorded: {how_many(rows, 'row')}, {reason}"
    if imported.unrecorded is not None:
        yield f"Those rows are listed in {imported.unrecorded}"
    yield from _remarks(imported)
    for file in imported.files:
        if file.columns_without_field:
            yield f"Columns of {file.file} without a field in the log: {', '.join(file.columns_without_field)}"
    for rule, entries in imported.deviations.items():
        many = how_many(entries, "entry breaks", "entries break")
        yield f"Deviations: {many} a rule of conduct ({rule})"


def _remarks(imported: Imported) -> Iterator[str]:
    """Yield sentences about words without a meaning, findings and remarks."""
    for column, words in imported.words.items():
        shown = ", ".join(f"{word!r} ({rows})" for word, rows in words.items())
        yield f"Words of {column} without a meaning: {shown}; say what they mean with --terms"
    for finding, rows in imported.findings.items():
        yield f"Found: {how_many(rows, 'row')}, {finding}"
    for remark, rows in imported.remarks.items():
        yield f"Remarked: {how_many(rows, 'row')}, {remark}"
    if imported.remarked is not None:
        yield f"The rows with a remark or a finding are listed in {imported.remarked}"
