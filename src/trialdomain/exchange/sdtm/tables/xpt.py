"""SAS transport files (XPT) of version 5, the format that authorities accept.

Source: SAS Institute, TS-140, "The Record Layout of a Data Set in SAS Transport (XPORT) Format": records of 80 bytes;
headers; one NAMESTR of 140 bytes for each column; then rows without separators. Numbers are IBM mainframe floating
point: a sign, an exponent of 16 with a bias of 64, and up to 56 bits of a fraction.
"""

import struct
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import BinaryIO

import attrs

from trialdomain.exchange.sdtm.tables.table import Line, RowMalformed, StudyUnusable

_RECORD = 80
_NAMESTR = struct.Struct(">hhhh8s40s8shhh2s8shhl52s")
"""A column: its type (1 number, 2 text), a hash, its length, its number, its name, ..., and its offset."""
_NUMBER = 1
_LIBRARY = b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!"
_MEMBER = b"HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!"
_DESCRIPTOR = b"HEADER RECORD*******DSCRPTR HEADER RECORD!!!!!!!"
_NAMESTRS = b"HEADER RECORD*******NAMESTR HEADER RECORD!!!!!!!"
_ROWS = b"HEADER RECORD*******OBS     HEADER RECORD!!!!!!!"
_MOST_COLUMNS = 9_999
"""The most columns: the header has 4 digits for their number."""
_LONGEST_NUMBER = 8
_MISSING = b"._ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The first bytes of missing numbers; all their other bytes are zero."""


@attrs.frozen
class _Column:
    name: str
    is_number: bool
    length: int
    position: int


class Xpt:
    """A transport file with one data set."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self._expect(_LIBRARY)
        self._skip(2)  # who made the file, and when
        member = self._expect(_MEMBER)
        self._expect(_DESCRIPTOR)
        self._skip(2)  # the name of the data set, and its label
        count = _digits(self._expect(_NAMESTRS)[54:58])
        size = _digits(member[75:78])
        if size != _NAMESTR.size or not 0 < count <= _MOST_COLUMNS:
            raise self._unusable(f"{count} columns of {size} bytes each are described")
        text = self._read(-(-count * size // _RECORD) * _RECORD)
        self._columns = [self._column(text[at * size : (at + 1) * size]) for at in range(count)]
        self.columns = tuple(column.name for column in self._columns)
        self._length = max(column.position + column.length for column in self._columns)
        if self._length != sum(column.length for column in self._columns):
            raise self._unusable("its columns overlap, or leave a gap")
        self._expect(_ROWS)

    def lines(self) -> Iterator[Line]:
        """Yield the rows; the blanks that pad the last record are skipped."""
        blank = b" " * self._length
        number, held_back, before_it = 0, 0, b""
        while (row := self._file.read(self._length)) == blank or len(row) == self._length:
            number += 1
            if row == blank:
                held_back += 1
                continue
            for before in range(number - held_back, number):
                yield Line(before, [""] * len(self._columns))
            held_back = 0
            if _MEMBER[:26] in before_it + row:
                raise self._unusable("it holds a second data set: export each into a file of its own")
            before_it = row[-26:]
            yield self._line(number, row)
        if row.strip():
            raise self._unusable("its last row is cut off, or followed by something else")

    def _line(self, number: int, row: bytes) -> Line:
        cells = []
        for column in self._columns:
            part = row[column.position : column.position + column.length]
            if column.is_number:
                cells.append(number_of(part))
                continue
            try:
                cells.append(part.rstrip(b" \0").decode())
            except UnicodeDecodeError:
                raise RowMalformed(file=self._name, line=number, why=f"{column.name} is not UTF-8 text") from None
        return Line(number, cells)

    def _column(self, text: bytes) -> _Column:
        kind, _, length, _, name, *_, position, _ = _NAMESTR.unpack(text)
        told = _Column(name.decode("ascii", errors="replace").strip(), kind == _NUMBER, length, position)
        longest = _LONGEST_NUMBER if told.is_number else 200
        if kind not in {1, 2} or not told.name or position < 0 or not 0 < length <= longest:
            raise self._unusable(f"column {told.name[:8]!r} is of type {kind}, {length} bytes from byte {position}")
        return told

    def _expect(self, header: bytes) -> bytes:
        record = self._read(_RECORD)
        if not record.startswith(header):
            raise self._unusable(f"{header[20:28].decode().strip()} was expected, but the file has {record[:40]!r}")
        return record

    def _skip(self, records: int) -> None:
        self._read(records * _RECORD)

    def _read(self, size: int) -> bytes:
        found = self._file.read(size)
        if len(found) != size:
            raise self._unusable("it is cut off")
        return found

    def _unusable(self, why: str) -> StudyUnusable:
        return StudyUnusable(f"{self._name} is not a SAS transport file of version 5: {why}; export it again")


def _digits(text: bytes) -> int:
    return int(text) if text.strip().isdigit() else 0


def number_of(stored: bytes) -> str:
    """Return a stored number as text with the fewest digits that identify it; empty if it is missing.

    The format stores up to 56 bits of a fraction, but programs that write such files use 53, so the number is rounded.

    >>> number_of(bytes.fromhex("4110000000000000")), number_of(bytes.fromhex("c276a00000000000")), number_of(b".")
    ('1', '-118.625', '')
    """
    whole = stored.ljust(_LONGEST_NUMBER, b"\0")
    first, fraction = whole[0], int.from_bytes(whole[1:])
    if not fraction:
        return "" if first and first in _MISSING else "0"
    value = Fraction(fraction) * Fraction(16) ** ((first & 0x7F) - 64 - 14)
    shortest = Decimal(repr(float(value)))
    text = format(shortest, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"-{text}" if first & 0x80 else text
