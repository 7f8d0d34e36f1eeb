"""The files of a study as tables, read line by line: CSV, Dataset-JSON 1.1 and SAS transport files (XPT) version 5."""

from trialdomain.exchange.sdtm.tables.formats import FORMATS, open_table
from trialdomain.exchange.sdtm.tables.table import Line, RowMalformed, StudyUnusable, Table

__all__ = ["FORMATS", "Line", "RowMalformed", "StudyUnusable", "Table", "open_table"]
