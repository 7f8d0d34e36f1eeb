"""The files of a study, their columns, and the information that is missing without each of them.

Source: CDISC SDTMIG 3.4. Only the subject's column is required: without it, rows cannot be assigned to subjects.
"""

from collections.abc import Mapping

import attrs

SUBJECT = "USUBJID"
"""The one column that every file must have."""
_KEYS = {"STUDYID": "the study that the rows are of", "DOMAIN": ""}


@attrs.frozen(kw_only=True, eq=False)
class Domain:
    """One SDTM domain, which is one file."""

    code: str
    sequence: str | None
    """The column that numbers its rows within a subject."""
    unknown_without: str
    """The information that is missing without the file."""
    columns: Mapping[str, str]
    """The columns that are read, each with the information that is missing without it; empty for no message."""
    strict: tuple[str, ...]
    """The columns that a strict import requires."""
    instead: Mapping[str, tuple[str, ...]] = attrs.Factory(dict[str, tuple[str, ...]])
    """By column: other columns that can replace it."""

    @property
    def name(self) -> str:
        """The name in lower case, as in the file name."""
        return self.code.lower()

    def absent(self, columns: tuple[str, ...]) -> list[tuple[str, str]]:
        """Return the missing columns of a file, each with the information that is missing without it."""
        return [
            (column, unknown)
            for column, unknown in self.columns.items()
            if unknown and column not in columns and not {*self.instead.get(column, ())} & {*columns}
        ]

    def without_field(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        """Return the columns of a file that are not read."""
        return tuple(dict.fromkeys(name for name in columns if name and not self.reads(name)))

    def reads(self, column: str) -> bool:
        """Return whether a column is read."""
        return column == SUBJECT or column in self.columns


DM = Domain(
    code="DM",
    sequence=None,
    unknown_without="",
    columns=_KEYS
    | {
        "ARM": "the arms, and so the dose levels",
        "ARMCD": "",
        "ACTARM": "",
        "ACTARMCD": "",
        "ARMNRS": "",
        "DMDTC": "the days of screening",
        "AGE": "the ages",
        "AGEU": "",
        "RFICDTC": "the days of consent",
        "RFPENDTC": "",
        "SITEID": "",
        "DTHFL": "",
        "DTHDTC": "",
    },
    strict=("STUDYID", "DOMAIN", SUBJECT, "ARM", "DMDTC"),
    instead={"ARM": ("ARMCD", "ACTARM", "ACTARMCD")},
)
DS = Domain(
    code="DS",
    sequence="DSSEQ",
    unknown_without="enrollments, departures and completions",
    columns=_KEYS
    | {
        "DSSEQ": "the numbers of the rows, for which the lines stand",
        "DSDECOD": "the dispositions",
        "DSSTDTC": "the days of disposition",
        "DSTERM": "",
        "DSCAT": "",
        "DSSCAT": "",
        "EPOCH": "",
    },
    strict=("STUDYID", "DOMAIN", SUBJECT, "DSSEQ", "DSDECOD", "DSSTDTC"),
)
EX = Domain(
    code="EX",
    sequence="EXSEQ",
    unknown_without="the administrations",
    columns=_KEYS
    | {
        "EXSEQ": "the numbers of the rows, for which the lines stand",
        "EXDOSE": "the amounts",
        "EXDOSU": "the units of the amounts",
        "EXSTDTC": "the days of administration",
        "EXENDTC": "the ends of administrations",
        "EXROUTE": "the routes",
    },
    strict=("STUDYID", "DOMAIN", SUBJECT, "EXSEQ", "EXDOSE", "EXDOSU", "EXSTDTC"),
)
AE = Domain(
    code="AE",
    sequence="AESEQ",
    unknown_without="the adverse events",
    columns=_KEYS
    | {
        "AESEQ": "the numbers of the rows, for which the lines stand",
        "AEDECOD": "the terms of the events",
        "AETOXGR": "",
        "AESEV": "the grades of the events",
        "AESER": "the seriousness of the events",
        "AEREL": "the relatedness of the events",
        "AESTDTC": "the days on which events began",
        "AEENDTC": "the days on which events ended",
        "AEOUT": "the outcomes of the events",
        "AESPID": "",
        **dict.fromkeys(("AESCAN", "AESCONG", "AESDISAB", "AESDTH", "AESHOSP", "AESLIFE", "AESOD", "AESMIE"), ""),
    },
    strict=("STUDYID", "DOMAIN", SUBJECT, "AESEQ", "AEDECOD", "AESEV", "AESER", "AEREL", "AESTDTC"),
    instead={"AESEV": ("AETOXGR",)},
)
LB = Domain(
    code="LB",
    sequence="LBSEQ",
    unknown_without="the laboratory results",
    columns=_KEYS
    | {
        "LBSEQ": "the numbers of the rows, for which the lines stand",
        "LBTESTCD": "the tests",
        "LBORRES": "the results",
        "LBORRESU": "the units of the results, which then count for nothing",
        "LBDTC": "the days of the samples",
        "LBORNRLO": "",
        "LBORNRHI": "",
        "LBSPEC": "",
        "LBNAM": "",
    },
    strict=("STUDYID", "DOMAIN", SUBJECT, "LBSEQ", "LBTESTCD", "LBORRES", "LBORRESU", "LBDTC"),
)
VS = Domain(
    code="VS",
    sequence="VSSEQ",
    unknown_without="the vital signs",
    columns=_KEYS
    | {
        "VSSEQ": "the numbers of the rows, for which the lines stand",
        "VSTESTCD": "the tests",
        "VSORRES": "the results",
        "VSORRESU": "the units of the results",
        "VSDTC": "the days of the measurements",
        "VSLOC": "",
    },
    strict=("STUDYID", "DOMAIN", SUBJECT, "VSSEQ", "VSTESTCD", "VSORRES", "VSORRESU", "VSDTC"),
)
DOMAINS = (DM, DS, EX, AE, LB, VS)
"""All domains, in the order in which the rows of a subject are recorded."""
