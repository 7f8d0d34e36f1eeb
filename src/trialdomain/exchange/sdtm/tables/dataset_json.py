"""CDISC Dataset-JSON version 1.1, as one object and as lines (NDJSON).

Source: CDISC Dataset-JSON v1.1: ``columns`` names the columns in their order, and each of ``rows`` is a list of as many
values; numbers are numbers, what is missing is null.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from trialdomain.exchange.sdtm.tables.table import Line, RowMalformed, StudyUnusable, counted

_TOKENS = re.compile(rb'(?P<text>"(?:[^"\\]|\\.)*(?:(?P<closed>")|\\?\Z))|(?P<open>[\[{])|(?P<close>[\]}])', re.DOTALL)
"""The structural tokens of JSON; a string that continues in the next chunk of the file is unterminated."""
_WITHIN_LIST, _WITHIN_ROW = 2, 3
"""The depth of brackets within the list of rows, and within a row."""
_CHUNK = 64 * 1024
_LARGEST_PART = 16 * 1024 * 1024
"""The most bytes of the text around the rows, and of one row."""
_ROW = msgspec.json.Decoder(Any, float_hook=str)


class _Column(msgspec.Struct):
    """The description of a column; only the name is needed."""

    name: str


class _Header(msgspec.Struct):
    """The members of the object other than the rows."""

    columns: list[_Column]
    version: str = msgspec.field(name="datasetJSONVersion", default="1.1")


_HEADER = msgspec.json.Decoder(_Header)


class DatasetJson:
    """A Dataset-JSON file as one object; the rows are decoded one by one."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        header = bytearray()
        for _ in _rows(file, name, header):
            pass  # read to the end: the columns may come after the rows
        self.columns = _columns(bytes(header), name)
        file.seek(0)

    def lines(self) -> Iterator[Line]:
        """Yield the rows."""
        for number, row in enumerate(_rows(self._file, self._name, bytearray()), start=1):
            yield _line(number, row, self.columns, self._name)


class DatasetNdjson:
    """A Dataset-JSON file as lines: an object with the columns in the first line, then one row a line."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self.columns = _columns(file.readline(_LARGEST_PART), name)

    def lines(self) -> Iterator[Line]:
        """Yield the rows."""
        number = 1
        while text := self._file.readline(_LARGEST_PART):
            number += 1
            if text.strip():
                yield _line(number, text, self.columns, self._name)


def _columns(text: bytes, name: str) -> tuple[str, ...]:
    try:
        header = _HEADER.decode(text.removeprefix(BOM_UTF8))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise StudyUnusable(f"{name} is not Dataset-JSON: {error}; export it as Dataset-JSON 1.1") from None
    if not header.version.startswith("1.1"):
        raise StudyUnusable(f"{name} is Dataset-JSON {header.version[:20]}: export it as Dataset-JSON 1.1")
    return tuple(column.name for column in header.columns)


def _line(number: int, text: bytes, columns: tuple[str, ...], name: str) -> Line:
    try:
        values = _ROW.decode(text)
    except UnicodeDecodeError:
        raise RowMalformed(file=name, line=number, why="it is not UTF-8 text") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Line(number, (text[:1000].decode(errors="replace"),), f"it is not JSON: {error}")
    if not isinstance(values, list) or any(isinstance(value, list | dict) for value in values):
        return Line(number, (text[:1000].decode(errors="replace"),), "it is not a list of texts and numbers")
    return counted(number, [_cell(value) for value in values], columns)


def _cell(value: object) -> str:
    """Return a value as text; a number with a fraction is kept as it was written."""
    if isinstance(value, bool):
        return "Y" if value else "N"
    return "" if value is None else str(value)


def _rows(file: BinaryIO, name: str, header: bytearray) -> Iterator[bytes]:
    """Yield the text of every row; append the text around the rows to ``header``.

    Raises:
        StudyUnusable: the file ends before its object does, or one part of it is too large.
    """
    scan = _Scan(header)
    while chunk := file.read(_CHUNK):
        yield from scan.feed(chunk)
        if len(header) + len(scan.rest) > _LARGEST_PART:
            raise StudyUnusable(f"{name} is not Dataset-JSON: a part of it has more than {_LARGEST_PART} bytes")
    if scan.depth or scan.rest:
        raise StudyUnusable(f"{name} is cut off: its object does not end; export it again")


class _Scan:
    """Finds the rows in the text of one object by counting brackets, so that memory holds one row at a time."""

    def __init__(self, header: bytearray) -> None:
        self.depth = 0
        self.rest = b""
        """The text that is not processed yet: a row or a string that continues in the next chunk."""
        self._header = header
        self._key = b""
        """The string that was read last outside of any value: the name of a member."""
        self._inside = False
        """Whether the scanner is within the list of rows."""
        self._done, self._begin = 0, -1
        """The offset up to which the current text was processed, and the offset where the current row begins."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Process the next chunk of the file; yield the rows that end in it."""
        text, self.rest = self.rest + chunk, b""
        self._done, self._begin = 0, -1
        for token in _TOKENS.finditer(text):
            if token["open"] is not None:
                yield from self._opened(token, text)
            elif token["close"] is not None:
                yield from self._closed(token, text)
            elif token["closed"] is None:
                self.rest = text[token.start() :]
            elif self.depth == 1:
                self._key = token["text"]
        if self._begin >= 0:
            self.rest, self.depth = text[self._begin :], _WITHIN_LIST  # its brackets are counted again
        elif self._inside:
            self.rest = text[self._done :]
        else:
            self._header += text[self._done : len(text) - len(self.rest)]

    def _opened(self, token: re.Match[bytes], text: bytes) -> Iterator[bytes]:
        self.depth += 1
        if self._inside and self.depth == _WITHIN_ROW:
            yield from _between(text[self._done : token.start()])
            self._begin = token.start()
        elif self.depth == _WITHIN_LIST and (self._key, token["open"]) == (b'"rows"', b"["):
            self._header += text[self._done : token.end()]
            self._inside, self._done = True, token.end()

    def _closed(self, token: re.Match[bytes], text: bytes) -> Iterator[bytes]:
        self.depth -= 1
        if self._inside and self.depth == _WITHIN_LIST:
            yield text[self._begin : token.end()]
            self._done, self._begin = token.end(), -1
        elif self._inside and self.depth < _WITHIN_LIST:
            yield from _between(text[self._done : token.start()])
            self._inside, self._done = False, token.start()


def _between(text: bytes) -> Iterator[bytes]:
    """Yield the values between two rows that are not lists."""
    if other := text.strip(b", \t\r\n"):
        yield other
