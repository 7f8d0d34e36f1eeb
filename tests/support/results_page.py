"""The names of results, the specimens that are read, and the possible values, generated from the code.

Run this file to write ``docs/reference/results.md``; a test compares the page with it.
"""

from collections.abc import Iterator
from pathlib import Path

from trialdomain.values.clinical import analyte, ranges

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "results.md"
_HEAD = """# Results and terms: what is read, and what can be

This page says how to record results and adverse events from files of your own.

```pycon
>>> import csv
>>> from trialdomain import Comparator, lab
>>> file = ["test,result,unit,taken", "Neutrophils,<0.1,10^9/L,2026-03-10T08:30", "777-3,14,K/uL,2026-03-10T08:30"]
>>> def result(row):
...     number = row["result"].lstrip("<>=")
...     sign = row["result"].removesuffix(number)
...     bound = Comparator(sign) if sign else None
...     return lab(row["test"], number, row["unit"], collected_at=row["taken"], comparator=bound)
>>> found = [result(row) for row in csv.DictReader(file)]
>>> [(one.analyte, one.comparator, str(one.value), one.unit) for one in found]
[('Neutrophils', <Comparator.BELOW: '<'>, '0.1', '10*9/L'), ('777-3', None, '14', '10*3/uL')]

```

`desk.record_labs(subject, found)` records them all in one commit.

## Names of laboratory tests

Endpoints and criteria read a test by any of these names, whatever the capitals, blanks and underscores. An entry keeps
the name that was given. Sources: CDISC LBTESTCD, LOINC, and the usual names and abbreviations.

| read as | names |
|---|---|
"""
_SPECIMENS = """
Other known tests (ALT, creatinine, potassium, ...) may be recorded, and no endpoint reads them. A name that is not
known is the finding `unread-result`, which gives the nearest known name.

## Specimens

`specimen` is in the words of SDTM's LBSPEC. Blood, serum and plasma are read; without a specimen a result is one of
them. A result of another specimen counts for nothing. A blood count of a specimen that is not known is a finding.

| | specimens |
|---|---|
"""
_RANGES = """
## What can be

A value that cannot be is refused: at the desk, in a correction, and where a log is read; an import lists its row. Other
units are converted exactly first. A bound is judged like a value: "< -1" cannot be, and neither can "< 0".

A value that can be, and is outside what is usual, is recorded. It is the finding `improbable-value`.

| | can be | is usual |
|---|---|---|
"""
_TERMS = """
Of laboratory tests no concentration, count or ratio is below 0, and no part of a whole (hematocrit, neutrophils per
leukocytes, ...) is above 100 %. Only differences, such as a base excess, may be below 0.

## Terms of adverse events

A term is compared with the part of CTCAE v5.0 that this library has, whatever its capitals and blanks. A term outside
that part, which CTCAE itself may well have (`Nausea` is one), is recorded with any grade from 1 to 5, and marked
`unchecked`. It is the finding `unchecked-term`, which gives the nearest terms, and stands in the safety review under
what is not assessed. It belongs to no group of an endpoint.
The table is asked of events on the scale CTCAE 5.0, and of an imported SDTM severity: of those of
[another scale](../explanation/grading-scales.md) it says nothing.
"""


def page() -> str:
    """Write the page."""
    return "".join((_HEAD, *_names(), _SPECIMENS, *_specimens(), _RANGES, *_ranges(), _TERMS))


def _names() -> Iterator[str]:
    for what, names in analyte.names().items():
        yield f"| {what} | {', '.join(f'`{name}`' for name in names)} |\n"


def _specimens() -> Iterator[str]:
    blood, others = analyte.specimens()
    yield f"| read | {', '.join(blood)} |\n"
    yield f"| known, and not read | {', '.join(others)} |\n"


def _ranges() -> Iterator[str]:
    for sign, limits in ranges.VITAL_SIGNS.items():
        yield f"| {sign} | {limits.possible} | {limits.usual} |\n"
    yield f"| body surface | {ranges.BODY_SURFACE.possible} | {ranges.BODY_SURFACE.usual} |\n"
    for what, usual in ranges.usual_results():
        yield f"| {what} | at least 0 | {' or '.join(map(str, usual))} |\n"
    for name, possible in ranges.ANSWERS.items():
        yield f"| answer `{name}` | {possible} | |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
