"""Select the reader of a file by its extension."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from trialdomain.errors import LogUnusable
from trialdomain.exchange.sdtm.tables.csv_table import CsvTable
from trialdomain.exchange.sdtm.tables.dataset_json import DatasetJson, DatasetNdjson
from trialdomain.exchange.sdtm.tables.table import Table
from trialdomain.exchange.sdtm.tables.xpt import Xpt
from trialdomain.storage.plain_files import open_plain
from trialdomain.values.given.filename import unread

FORMATS: Mapping[str, Callable[[BinaryIO, str], Table]] = {
    ".csv": CsvTable,
    ".json": DatasetJson,
    ".ndjson": DatasetNdjson,
    ".xpt": Xpt,
}
"""By extension in lower case: the reader, a function of the open file and its name."""


@contextmanager
def open_table(path: Path) -> Iterator[tuple[Table, BinaryIO]]:
    """Open a file as a table; also return the file, whose offset shows the progress.

    Raises:
        StudyUnusable: the file does not have the format of its extension.
        LogUnusable: the file cannot be read.
    """
    try:
        with open_plain(path) as file:
            yield FORMATS[path.suffix.lower()](file, path.name), file
    except OSError as error:
        raise LogUnusable(unread(path, error)) from None
