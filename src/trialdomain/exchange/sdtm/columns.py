"""Which files a study has, which columns they must have, and which of them have a field."""

import attrs


@attrs.frozen(kw_only=True)
class Domain:
    """One file, named as SDTM names it."""

    code: str
    sequence: str | None
    """The column that numbers its rows within a subject."""
    required: tuple[str, ...]
    """The columns that it must have."""
    used: tuple[str, ...] = ()
    """Further columns that have a field."""

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.code.lower()}.csv"


_KEYS = ("STUDYID", "DOMAIN", "USUBJID")

DM = Domain(code="DM", sequence=None, required=(*_KEYS, "ARM", "DMDTC"), used=("AGE", "AGEU", "RFPENDTC"))
DS = Domain(
    code="DS", sequence="DSSEQ", required=(*_KEYS, "DSSEQ", "DSDECOD", "DSSTDTC"), used=("DSTERM", "DSCAT", "EPOCH")
)
EX = Domain(
    code="EX", sequence="EXSEQ", required=(*_KEYS, "EXSEQ", "EXDOSE", "EXDOSU", "EXSTDTC"), used=("EXENDTC", "EXROUTE")
)
AE = Domain(
    code="AE",
    sequence="AESEQ",
    required=(*_KEYS, "AESEQ", "AEDECOD", "AESEV", "AESER", "AEREL", "AESTDTC"),
    used=(
        *("AESPID", "AEOUT", "AEENDTC"),
        *("AESCAN", "AESCONG", "AESDISAB", "AESDTH", "AESHOSP", "AESLIFE", "AESOD", "AESMIE"),
    ),
)
LB = Domain(
    code="LB",
    sequence="LBSEQ",
    required=(*_KEYS, "LBSEQ", "LBTESTCD", "LBORRES", "LBORRESU", "LBDTC"),
    used=("LBORNRLO", "LBORNRHI", "LBNAM"),
)
VS = Domain(
    code="VS", sequence="VSSEQ", required=(*_KEYS, "VSSEQ", "VSTESTCD", "VSORRES", "VSORRESU", "VSDTC"), used=("VSLOC",)
)
DOMAINS = (DM, DS, EX, AE, LB, VS)
"""In the order in which the rows of a subject are recorded."""


def without_field(domain: Domain, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Name the columns of a file that no field takes."""
    return tuple(name for name in columns if name not in (*domain.required, *domain.used))
