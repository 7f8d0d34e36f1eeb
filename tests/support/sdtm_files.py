"""A small study in SDTM files for tests: two arms, four people, and the changes that a test makes."""

import csv
from collections.abc import Mapping
from pathlib import Path

COLUMNS = {
    "dm": ["STUDYID", "DOMAIN", "USUBJID", "AGE", "AGEU", "ARM", "DMDTC", "RFPENDTC", "SEX"],
    "ds": ["STUDYID", "DOMAIN", "USUBJID", "DSSEQ", "DSTERM", "DSDECOD", "DSCAT", "EPOCH", "DSSTDTC"],
    "ex": ["STUDYID", "DOMAIN", "USUBJID", "EXSEQ", "EXDOSE", "EXDOSU", "EXROUTE", "EXSTDTC", "EXENDTC"],
    "ae": [
        *("STUDYID", "DOMAIN", "USUBJID", "AESEQ", "AESPID", "AEDECOD", "AESEV", "AESER", "AEREL", "AEOUT"),
        *("AESCAN", "AESDTH", "AESHOSP", "AESLIFE", "AESTDTC", "AEENDTC"),
    ],
    "lb": [
        *("STUDYID", "DOMAIN", "USUBJID", "LBSEQ", "LBTESTCD", "LBORRES", "LBORRESU", "LBORNRLO", "LBORNRHI"),
        "LBDTC",
    ],
    "vs": ["STUDYID", "DOMAIN", "USUBJID", "VSSEQ", "VSTESTCD", "VSORRES", "VSORRESU", "VSLOC", "VSDTC"],
}
KEYS = {"dm": "USUBJID"} | {domain: f"{domain.upper()}SEQ" for domain in ("ds", "ex", "ae", "lb", "vs")}
Rows = dict[str, list[dict[str, str]]]


def row(domain: str, subject: str, **cells: str) -> dict[str, str]:
    given = {"STUDYID": "STUDY1", "DOMAIN": domain.upper(), "USUBJID": subject} | cells
    return {column: given.get(column, "") for column in COLUMNS[domain]}


def event(subject: str, number: int, **cells: str) -> dict[str, str]:
    usual = {"AEDECOD": "HEADACHE", "AESEV": "MILD", "AESER": "N", "AEREL": "POSSIBLE", "AESTDTC": "2013-03-05"}
    return row("ae", subject, AESEQ=str(number), **(usual | cells))


def lab(subject: str, number: int, **cells: str) -> dict[str, str]:
    usual = {"LBTESTCD": "WBC", "LBORRES": "4.1", "LBORRESU": "THOU/uL", "LBDTC": "2013-03-04T08:30"}
    return row("lb", subject, LBSEQ=str(number), **(usual | cells))


def study() -> Rows:
    """Two people at 5 mg, one at 0 mg, and one who failed screening; a file is in no order of subjects."""
    rows: Rows = {domain: [] for domain in COLUMNS}
    arms = {"P-1": "Active", "P-2": "Placebo", "P-3": "Screen Failure", "P-4": "Active"}
    for subject, arm in arms.items():
        rows["dm"].append(row("dm", subject, AGE="61.0", AGEU="YEARS", ARM=arm, DMDTC="2013-02-20", SEX="F"))
    for subject in ("P-1", "P-2", "P-4"):
        rows["ds"].append(row("ds", subject, DSSEQ="1", DSDECOD="RANDOMIZED", DSSTDTC="2013-03-01"))
    rows["ds"].append(
        row("ds", "P-3", DSSEQ="1", DSTERM="SCREEN FAILURE", DSDECOD="SCREEN FAILURE", DSSTDTC="2013-02-25")
    )
    for subject, amount in (("P-4", "5"), ("P-1", "2.5"), ("P-2", "0")):
        rows["ex"].append(
            row("ex", subject, EXSEQ="1.0", EXDOSE=amount, EXDOSU="mg", EXROUTE="ORAL", EXSTDTC="2013-03-01")
        )
    rows["ae"] += [event("P-1", 1), event("P-2", 1, AESTDTC="2013-02")]
    rows["lb"] += [lab("P-2", 1), lab("P-1", 1), lab("P-2", 2, LBTESTCD="COLOR", LBORRES="N", LBORRESU="NO UNITS")]
    rows["vs"].append(
        row("vs", "P-1", VSSEQ="1", VSTESTCD="TEMP", VSORRES="98.6", VSORRESU="F", VSLOC="EAR", VSDTC="2013-03-02")
    )
    return rows


def write(folder: Path, rows: Rows, *, line_end: str = "\n", encoding: str = "utf-8") -> Path:
    """Write the files; give their folder."""
    folder.mkdir(exist_ok=True)
    for domain, of_domain in rows.items():
        columns = list(of_domain[0]) if of_domain else COLUMNS[domain]
        with (folder / f"{domain}.csv").open("w", newline="", encoding=encoding) as file:
            writer = csv.DictWriter(file, columns, lineterminator=line_end)
            writer.writeheader()
            writer.writerows(of_domain)
    return folder


def changed(domain: str, number: int, **cells: str) -> Rows:
    """Give the study with some cells of one row changed."""
    rows = study()
    rows[domain][number] |= cells
    return rows


def with_row(domain: str, more: Mapping[str, str]) -> Rows:
    """Give the study with one more row."""
    rows = study()
    rows[domain].append(dict(more))
    return rows


def columns(rows: Rows, domain: str, **by_row: tuple[str, ...]) -> Rows:
    """Give a study with further columns in one file: for each the cells from the first row on, then blanks."""
    for column, cells in by_row.items():
        for number, one in enumerate(rows[domain]):
            one[column] = cells[number] if number < len(cells) else ""
    return rows
